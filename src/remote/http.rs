//! A GET over HTTP/1.1 with one deadline for all of it: finding the address, connecting, asking, and reading the answer.

use crate::error::{Doing, Error, Kind, Result};
use crate::remote::response::{self, Body, Head};
use crate::remote::url::Url;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Bytes that are read at once.
const BUFFER: usize = 8 << 10;

/// The resolver keeps whole answers of name servers on its stack.
const RESOLVER_STACK: usize = 128 << 10;

/// What is asked of whom.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The webapi.
    pub url: &'a Url,
    /// The path as plain text, beginning with a slash.
    pub path: &'a str,
    /// Sent as `Authorization: Bearer`; never shown.
    pub token: Option<&'a str>,
    /// When the last byte of the answer must have come.
    pub deadline: Instant,
    /// Most bytes a body may have.
    pub cap: u64,
}

/// What came back, whatever its code; redirects are not followed.
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// `Content-Type`, empty when not given.
    pub content_type: String,
    /// `Date`: the server's clock.
    pub date: Option<OffsetDateTime>,
    /// When the question left.
    pub asked: Instant,
    /// When the head of the answer was here.
    pub answered: Instant,
    /// The body, read under the same deadline and cap. Its errors name no address.
    pub body: Body<BufReader<Connection>>,
}

impl Answer {
    /// The whole body.
    pub fn bytes(mut self, ask: &Ask<'_>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes).map_err(|error| reason(&error)).doing(|| asking(ask))?;
        Ok(bytes)
    }
}

/// Asks. The error says `asking URL: reason`; the reason alone is its source.
pub fn get(ask: &Ask<'_>) -> Result<Answer> {
    exchange(ask).doing(|| asking(ask))
}

fn asking(ask: &Ask<'_>) -> String {
    format!("asking {}{}", ask.url, ask.path.escape_debug())
}

fn exchange(ask: &Ask<'_>) -> Result<Answer> {
    let stream = connect(&resolve(ask.url, ask.deadline)?, ask.deadline)?;
    let mut connection = Connection { stream, deadline: ask.deadline };
    let asked = Instant::now();
    connection.write_all(request(ask)?.as_bytes()).map_err(|error| reason(&error))?;
    let mut reader = BufReader::with_capacity(BUFFER, connection);
    let Head { code, content_type, date, framing } = response::head(&mut reader).map_err(|error| reason(&error))?;
    let answered = Instant::now();
    let body = Body::new(reader, framing, ask.cap).map_err(|error| reason(&error))?;
    Ok(Answer { code, content_type, date, asked, answered, body })
}

fn request(ask: &Ask<'_>) -> Result<String> {
    let token = match ask.token {
        None => String::new(),
        Some(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("Authorization: Bearer {token}\r\n")
        }
        Some(_) => return Err(Error::usage("the token must be one word of ASCII letters, digits and signs")),
    };
    Ok(format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: krista-backup/{}\r\nAccept-Encoding: identity\r\n{token}Connection: \
         close\r\n\r\n",
        ask.url.target(ask.path),
        ask.url.authority(),
        env!("CARGO_PKG_VERSION")
    ))
}

/// The addresses of a host. The system's resolver has no deadline, so a thread asks it that can be left behind.
fn resolve(url: &Url, deadline: Instant) -> Result<Vec<SocketAddr>> {
    if let Ok(address) = url.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, url.port())]);
    }
    let (sender, answer) = mpsc::sync_channel(1);
    let name = (url.host().to_owned(), url.port());
    let ask = move || {
        let found = (name.0.as_str(), name.1).to_socket_addrs();
        // nobody listens any more when this comes too late
        let _ = sender.send(found.map(Iterator::collect::<Vec<_>>));
    };
    let thread = thread::Builder::new().name("resolve".into()).stack_size(RESOLVER_STACK);
    thread.spawn(ask).doing(|| "starting a thread".into())?;
    match answer.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(found)) if !found.is_empty() => Ok(found),
        Ok(_) | Err(RecvTimeoutError::Disconnected) => Err(Error::failed("no such host name is known")),
        Err(RecvTimeoutError::Timeout) => Err(Error::new(Kind::TimedOut, "no answer in time")),
    }
}

/// Connects to the first address that lets us. Those that do not answer share the time evenly.
fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream> {
    let mut last = late();
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        if share.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(reason(&last))
}

/// A connection on which nothing takes longer than the deadline.
pub struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(late()) } else { Ok(left) }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(late());
                }
                other => return other,
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        match self.stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(late()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn late() -> io::Error {
    ErrorKind::TimedOut.into()
}

/// An error of the network in words that fit a table.
pub(super) fn reason(error: &io::Error) -> Error {
    let words = match error.kind() {
        ErrorKind::TimedOut => return Error::new(Kind::TimedOut, "no answer in time"),
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => "connection broken off",
        ErrorKind::UnexpectedEof => "the answer broke off",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        _ => return Error::failed(error.to_string()),
    };
    Error::failed(words)
}

#[cfg(test)]
mod tests;
