//! The addresses to listen on.

use crate::error::{Doing, Error, Kind, Result};
use crate::sys::sockets;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};

/// An open door.
pub struct Door {
    /// Where it is.
    pub address: SocketAddr,
    /// The socket.
    pub listener: TcpListener,
}

/// Listens on all addresses of all hosts. An address that was written must be there; of a name's addresses one is enough,
/// because `localhost` also means `::1` where there is no IPv6. Fails with the first address that cannot be had.
pub fn open(hosts: &[String], port: u16) -> Result<Vec<Door>> {
    let mut doors: Vec<Door> = Vec::new();
    for host in hosts {
        let doing = || format!("looking up `{host}` of web.host");
        let addresses: Vec<SocketAddr> = (host.as_str(), port).to_socket_addrs().doing(doing)?.collect();
        let is_name = host.parse::<IpAddr>().is_err();
        let mut missing = None;
        let mut count = 0;
        for address in addresses {
            if doors.iter().any(|door| door.address == address) {
                count += 1;
                continue;
            }
            match sockets::listen(address) {
                Ok(listener) => {
                    doors.push(Door { address, listener });
                    count += 1;
                }
                Err(error) if is_name && is_not_here(&error) => missing = Some((address, error)),
                Err(error) => return Err(refused(address, error)),
            }
        }
        match missing {
            Some((address, error)) if count == 0 => return Err(refused(address, error)),
            None if count == 0 => return Err(Error::new(Kind::Failed, format!("`{host}` of web.host has no address"))),
            _ => {}
        }
    }
    Ok(doors)
}

/// Whether this machine has no such address, or no IPv6 at all.
fn is_not_here(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn refused(address: SocketAddr, error: std::io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => ": another program listens there",
        ErrorKind::PermissionDenied => ": ports below 1024 need root",
        ErrorKind::AddrNotAvailable => ": no network interface has this address",
        _ => "",
    };
    let doing = format!("listening on {address}{hint}");
    match Err::<(), _>(error).doing(|| doing) {
        Err(error) => error,
        Ok(()) => Error::new(Kind::Failed, "listening"),
    }
}
