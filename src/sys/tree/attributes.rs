//! Extended attributes.

use rustix::fs;
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;

/// An extended attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Name with its namespace, such as `user.note`.
    pub name: CString,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// The extended attributes of an open file or directory.
pub fn attributes_of(fd: impl AsFd) -> io::Result<Vec<Attribute>> {
    collect(
        |room| fs::flistxattr(&fd, rustix::buffer::spare_capacity(room)),
        |name, room| fs::fgetxattr(&fd, name, rustix::buffer::spare_capacity(room)),
    )
}

/// Lists, then reads each. File systems without attributes have none; one that vanishes in between is left out.
pub(super) fn collect(
    mut list: impl FnMut(&mut Vec<u8>) -> rustix::io::Result<usize>,
    mut get: impl FnMut(&CStr, &mut Vec<u8>) -> rustix::io::Result<usize>,
) -> io::Result<Vec<Attribute>> {
    let mut room = Vec::with_capacity(256);
    match growing(&mut room, &mut list) {
        Ok(()) if room.is_empty() => return Ok(Vec::new()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        other => other?,
    }
    let mut found = Vec::new();
    for name in room.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let mut value = Vec::with_capacity(256);
        match growing(&mut value, |room| get(name, room)) {
            Ok(()) => found.push(Attribute { name: name.to_owned(), value }),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Asks with more and more room; the kernel's own limit on a list or a value is 64 KiB.
fn growing(
    room: &mut Vec<u8>,
    mut ask: impl FnMut(&mut Vec<u8>) -> rustix::io::Result<usize>,
) -> rustix::io::Result<()> {
    loop {
        room.clear();
        match ask(room) {
            Err(Errno::RANGE) if room.capacity() < 1 << 20 => room.reserve(room.capacity() * 4),
            other => return other.map(|_| ()),
        }
    }
}
