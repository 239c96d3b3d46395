//! What an archive says about a member, whatever its format.

use crate::sys::tree::{Extent, Stamp};

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// A regular file.
    File,
    /// Another name of an earlier member.
    Link,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A directory.
    Dir,
    /// A named pipe.
    Fifo,
}

/// A member of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Name, any bytes, a directory's with its final slash.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Type,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Name of the owner, may be empty.
    pub user: Vec<u8>,
    /// Name of the group, may be empty.
    pub group: Vec<u8>,
    /// Size of the file once restored.
    pub size: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Target of a link, any bytes.
    pub target: Vec<u8>,
    /// Device numbers.
    pub device: (u64, u64),
    /// Extended attributes: name with its namespace, value.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Access ACL as text.
    pub acl: Option<Vec<u8>>,
    /// Default ACL of a directory as text.
    pub default_acl: Option<Vec<u8>>,
    /// The parts of a sparse file that hold data, whose bytes follow each other in the content; none for an ordinary file.
    pub extents: Option<Vec<Extent>>,
}
