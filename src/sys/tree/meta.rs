//! What the kernel says about inodes.

use rustix::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// A point in time as the kernel stamps inodes: seconds since 1970, possibly before, and nanoseconds after that second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Stamp {
    /// Whole seconds, rounded down.
    pub sec: i64,
    /// 0–999,999,999.
    pub nsec: u32,
}

impl Stamp {
    /// Nanoseconds since 1970.
    pub fn nanos(self) -> i128 {
        i128::from(self.sec) * 1_000_000_000 + i128::from(self.nsec)
    }

    /// The stamp this many nanoseconds after 1970; saturates at the ends of time.
    pub fn from_nanos(nanos: i128) -> Self {
        let sec = nanos.div_euclid(1_000_000_000);
        let nsec = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
        Self { sec: i64::try_from(sec).unwrap_or(if sec < 0 { i64::MIN } else { i64::MAX }), nsec }
    }
}

/// What an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A socket.
    Socket,
}

/// What `lstat` says about an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Device it lies on.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, 0–0o7777.
    pub mode: u32,
    /// Number of names.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor number of a device node.
    pub rdev: (u32, u32),
    /// Size in bytes.
    pub size: u64,
    /// Bytes allocated on disk.
    pub allocated: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Last change of anything.
    pub ctime: Stamp,
}

impl Meta {
    /// Device and inode number: the same for all names of a file.
    pub fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }
}

// the widths of `struct stat` differ between architectures
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
pub(super) fn meta(st: &fs::Stat) -> Meta {
    let stamp = |sec, nsec| Stamp { sec, nsec: u32::try_from(nsec).unwrap_or(0) };
    let kind = match fs::FileType::from_raw_mode(st.st_mode) {
        fs::FileType::RegularFile => Kind::File,
        fs::FileType::Directory => Kind::Dir,
        fs::FileType::Symlink => Kind::Symlink,
        fs::FileType::Fifo => Kind::Fifo,
        fs::FileType::CharacterDevice => Kind::Char,
        fs::FileType::BlockDevice => Kind::Block,
        fs::FileType::Socket | fs::FileType::Unknown => Kind::Socket,
    };
    Meta {
        dev: st.st_dev,
        ino: st.st_ino,
        kind,
        mode: st.st_mode & 0o7777,
        nlink: u64::from(st.st_nlink),
        uid: st.st_uid,
        gid: st.st_gid,
        rdev: (fs::major(st.st_rdev), fs::minor(st.st_rdev)),
        size: u64::try_from(st.st_size).unwrap_or(0),
        allocated: u64::try_from(st.st_blocks).unwrap_or(0).saturating_mul(512),
        mtime: stamp(st.st_mtime, st.st_mtime_nsec),
        ctime: stamp(st.st_ctime, st.st_ctime_nsec),
    }
}

/// What the kernel says about an open file.
pub fn meta_of(fd: impl AsFd) -> io::Result<Meta> {
    Ok(meta(&fs::fstat(fd)?))
}

/// What a path leads to, symbolic links followed.
pub fn meta_at(path: &Path) -> io::Result<Meta> {
    Ok(meta(&fs::stat(path)?))
}
