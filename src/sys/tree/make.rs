//! Building a tree by directory descriptors: every entry is new, none is reached through a link, none lies elsewhere than
//! in the directory that is open. What gets its owner, mode and times later is created for us alone.

use super::{Attribute, Dir, Kind, Stamp};
use rustix::fs::{self, AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How deep [`Dir::remove_all`] goes; each level holds a descriptor.
const MAX_DEPTH: usize = 512;

impl Dir {
    /// Creates a file that nobody had before, open for writing, mode 0600.
    pub fn create(&self, name: &CStr) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(self, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Creates a directory that nobody had before, mode 0700.
    pub fn make_dir(&self, name: &CStr) -> io::Result<()> {
        Ok(fs::mkdirat(self, name, Mode::from_raw_mode(0o700))?)
    }

    /// Creates a symbolic link.
    pub fn make_symlink(&self, name: &CStr, target: &CStr) -> io::Result<()> {
        Ok(fs::symlinkat(target, self, name)?)
    }

    /// Gives the entry `old` of another directory one more name here; a symbolic link there is not followed.
    pub fn make_link(&self, name: &CStr, from: &Self, old: &CStr) -> io::Result<()> {
        Ok(fs::linkat(from, old, self, name, AtFlags::empty())?)
    }

    /// Creates a named pipe or a device node, mode 0600.
    pub fn make_node(&self, name: &CStr, kind: Kind, device: (u32, u32)) -> io::Result<()> {
        let file_type = match kind {
            Kind::Fifo => FileType::Fifo,
            Kind::Char => FileType::CharacterDevice,
            Kind::Block => FileType::BlockDevice,
            _ => return Err(Errno::INVAL.into()),
        };
        let device = fs::makedev(device.0, device.1);
        Ok(fs::mknodat(self, name, file_type, Mode::from_raw_mode(0o600), device)?)
    }

    /// Removes anything but a directory; a link itself, not what it points to.
    pub fn remove(&self, name: &CStr) -> io::Result<()> {
        Ok(fs::unlinkat(self, name, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &CStr) -> io::Result<()> {
        Ok(fs::unlinkat(self, name, AtFlags::REMOVEDIR)?)
    }

    /// Gives an entry another name in this directory; fails when the name is taken by a directory. A second name of the same
    /// file changes nothing: both stay.
    pub fn rename(&self, old: &CStr, new: &CStr) -> io::Result<()> {
        Ok(fs::renameat(self, old, self, new)?)
    }

    /// Waits until everything on the file system it lies on is on the disk. A kernel before 5.8 does not report what could not be
    /// written.
    pub fn sync_file_system(&self) -> io::Result<()> {
        match fs::syncfs(self) {
            // an old kernel, or a container that does not let us
            Err(Errno::NOSYS | Errno::PERM) => fs::sync(),
            other => other?,
        }
        Ok(())
    }

    /// Waits until its names are on the disk; a file system that cannot do that is not an error.
    pub fn sync(&self) -> io::Result<()> {
        match fs::fsync(self) {
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Moves an entry of another directory here; fails when the name is taken by a directory with something in it.
    pub fn take(&self, from: &Self, name: &CStr) -> io::Result<()> {
        Ok(fs::renameat(from, name, self, name)?)
    }

    /// Removes a directory with everything in it, never through a link and never on another file system.
    pub fn remove_all(&self, name: &CStr) -> io::Result<()> {
        let own = self.meta()?.dev;
        self.remove_below(name, (own, MAX_DEPTH))
    }

    fn remove_below(&self, name: &CStr, (device, depth): (u64, usize)) -> io::Result<()> {
        let dir = self.child(name)?;
        if dir.meta()?.dev != device {
            return Err(Errno::XDEV.into());
        }
        let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
        let (names, end) = dir.names(&mut super::Listing::default());
        end?;
        for child in (0..names.len()).filter_map(|index| names.get(index)) {
            match dir.remove(child) {
                Err(error) if is_directory(&error) => dir.remove_below(child, (device, depth))?,
                other => other?,
            }
        }
        self.remove_dir(name)
    }

    /// A name in this directory, whatever it is, held so that its metadata can be set; a link itself, not what it points to.
    pub fn hold<'a>(&'a self, name: &'a CStr) -> io::Result<Handle<'a>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(self, name, flags, Mode::empty())?;
        Ok(match FileType::from_raw_mode(fs::fstat(&fd)?.st_mode) {
            // the kernel offers no other way to a link itself
            FileType::Symlink => Handle::Link(self, name),
            _ => Handle::Held(fd),
        })
    }
}

/// Whether unlinking failed because it was a directory (Linux says EISDIR, POSIX EPERM).
pub fn is_directory(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EISDIR | libc::EPERM))
}

/// Something whose metadata is to be set.
#[derive(Debug)]
pub enum Handle<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// Anything that must not be opened for reading or writing: pipes, devices.
    Held(OwnedFd),
    /// A symbolic link.
    Link(&'a Dir, &'a CStr),
}

impl Handle<'_> {
    /// Sets owner and group.
    pub fn set_owner(&self, uid: u32, gid: u32) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let done: std::result::Result<(), rustix::io::Errno> = match self {
            Self::Open(fd) => fs::fchown(fd, uid, gid),
            Self::Held(fd) => fs::chownat(fd, c"", uid, gid, AtFlags::EMPTY_PATH),
            Self::Link(dir, name) => fs::chownat(dir, *name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
        };
        Ok(done?)
    }

    /// Sets the permission bits; a link has none.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        let done: std::result::Result<(), rustix::io::Errno> = match self {
            Self::Open(fd) => fs::fchmod(fd, mode),
            Self::Held(fd) => fs::chmod(by_number(fd).as_c_str(), mode),
            Self::Link(..) => Ok(()),
        };
        Ok(done?)
    }

    /// Sets the time of the last change of content; that of the last access stays.
    pub fn set_times(&self, mtime: Stamp) -> io::Result<()> {
        let omit = Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT };
        let mtime = Timespec { tv_sec: mtime.sec, tv_nsec: mtime.nsec.into() };
        let times = Timestamps { last_access: omit, last_modification: mtime };
        let done: std::result::Result<(), rustix::io::Errno> = match self {
            Self::Open(fd) => fs::futimens(fd, &times),
            Self::Held(fd) => fs::utimensat(CWD, by_number(fd).as_c_str(), &times, AtFlags::empty()),
            Self::Link(dir, name) => fs::utimensat(dir, *name, &times, AtFlags::SYMLINK_NOFOLLOW),
        };
        Ok(done?)
    }

    /// Sets an extended attribute. Needs `/proc` for anything that is not open.
    pub fn set_attribute(&self, name: &CStr, value: &[u8]) -> io::Result<()> {
        let flags = XattrFlags::empty();
        let done: std::result::Result<(), rustix::io::Errno> = match self {
            Self::Open(fd) => fs::fsetxattr(fd, name, value, flags),
            Self::Held(fd) => fs::setxattr(by_number(fd).as_c_str(), name, value, flags),
            Self::Link(dir, link) => fs::lsetxattr(by_name(dir, link)?.as_c_str(), name, value, flags),
        };
        Ok(done?)
    }

    /// Removes an extended attribute.
    pub fn remove_attribute(&self, name: &CStr) -> io::Result<()> {
        let done: std::result::Result<(), rustix::io::Errno> = match self {
            Self::Open(fd) => fs::fremovexattr(fd, name),
            Self::Held(fd) => fs::removexattr(by_number(fd).as_c_str(), name),
            Self::Link(dir, link) => fs::lremovexattr(by_name(dir, link)?.as_c_str(), name),
        };
        Ok(done?)
    }

    /// The extended attributes of something that is open; nothing else has any that we did not set.
    pub fn attributes(&self) -> io::Result<Vec<Attribute>> {
        match self {
            Self::Open(fd) => super::attributes_of(fd),
            Self::Held(_) => Ok(Vec::new()),
            Self::Link(dir, name) => dir.attributes_at(name),
        }
    }
}

/// Whether an open directory gives what is created in it an ACL of its own.
pub fn has_default_acl(dir: &Dir) -> bool {
    fs::fgetxattr(dir, c"system.posix_acl_default", &mut [0_u8; 0][..]).is_ok_and(|len| len > 0)
}

/// Lets modes be exactly what is asked for.
pub fn no_umask() {
    rustix::process::umask(Mode::empty());
}

/// Takes from the umask what would lock us out of what we make ourselves; who else may read it stays the caller's business.
pub fn keep_own_access() {
    let inherited = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    rustix::process::umask(inherited & (Mode::RWXG | Mode::RWXO));
}

/// A descriptor as a path that leads to exactly what it holds.
fn by_number(fd: &impl AsRawFd) -> CString {
    CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

fn by_name(dir: &Dir, name: &CStr) -> io::Result<CString> {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    Ok(CString::new(path)?)
}
