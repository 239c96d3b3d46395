//! Files and directories as the promises need them: created exclusively and never through a planted link, renamed without
//! replacing, flushed to the disk, locked. Everything happens relative to an open directory, so that nobody can swap the
//! directory between two steps.

mod dir;

use crate::error::{Doing, Error, Result};
pub use dir::Dir;
use rustix::fs::{FileType, FlockOperation, Mode, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Who besides the owner may read what we create.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Readers {
    /// Nobody: files 0600, directories 0700.
    #[default]
    Owner,
    /// The group with this id: files 0640, directories 0750.
    Group(u32),
}

impl From<Option<u32>> for Readers {
    fn from(group: Option<u32>) -> Self {
        group.map_or(Self::Owner, Self::Group)
    }
}

impl Readers {
    fn file_mode(self) -> Mode {
        Mode::from_raw_mode(if self == Self::Owner { 0o600 } else { 0o640 })
    }

    fn dir_mode(self) -> Mode {
        Mode::from_raw_mode(if self == Self::Owner { 0o700 } else { 0o750 })
    }

    /// Gives an open file its group and mode.
    pub fn apply_to_file(self, file: &File) -> std::io::Result<()> {
        self.apply(file, self.file_mode())
    }

    /// Gives an open directory its group and mode.
    pub fn apply_to_dir(self, dir: &File) -> std::io::Result<()> {
        self.apply(dir, self.dir_mode())
    }

    fn apply(self, file: &File, mode: Mode) -> std::io::Result<()> {
        if let Self::Group(gid) = self {
            rustix::fs::fchown(file, None, Some(rustix::fs::Gid::from_raw(gid)))?;
        }
        Ok(rustix::fs::fchmod(file, mode)?)
    }
}

/// Whether a directory could be flushed to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Synced {
    /// What was renamed in it survives a power cut.
    Durable,
    /// The file system does not offer it (`EINVAL`, `ENOTSUP`): to be reported once.
    Unsupported,
}

/// What came of trying to lock a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Locked {
    /// It is ours until the last copy of the descriptor is closed.
    Yes,
    /// A living process holds it.
    Busy,
    /// The file system has no locks: nothing is known.
    Unsupported,
}

/// Tries to take the exclusive `flock` of an open file or directory, without waiting.
pub fn try_lock(file: &File) -> Result<Locked> {
    lock(file, FlockOperation::NonBlockingLockExclusive)
}

/// Tries to take the shared `flock`, which keeps a cleaner away while a set is read.
pub fn try_lock_shared(file: &File) -> Result<Locked> {
    lock(file, FlockOperation::NonBlockingLockShared)
}

fn lock(file: &File, operation: FlockOperation) -> Result<Locked> {
    loop {
        return match rustix::fs::flock(file, operation) {
            Ok(()) => Ok(Locked::Yes),
            Err(Errno::WOULDBLOCK) => Ok(Locked::Busy),
            Err(Errno::INTR) => continue,
            // NFS wants a descriptor open for writing (EBADF, EISDIR on a directory); others know no flock at all
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL | Errno::BADF | Errno::ISDIR | Errno::NOLCK) => {
                Ok(Locked::Unsupported)
            }
            Err(error) => Err(error).doing(|| "locking a file".into()),
        };
    }
}

/// Opens a lock file, made if need be, and waits for its exclusive lock, at most this long: none when it cannot be had. For what
/// has to be done with or without it.
pub fn lock_within(path: &Path, patience: Duration) -> Option<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path).ok()?;
    let begun = Instant::now();
    loop {
        match try_lock(&file).ok()? {
            Locked::Yes => return Some(file),
            Locked::Busy if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(10)),
            Locked::Busy | Locked::Unsupported => return None,
        }
    }
}

/// A file for reading and writing in memory, 0600. Fails where the kernel knows no such thing (before 3.17).
pub fn in_memory() -> std::io::Result<File> {
    let file = rustix::fs::memfd_create("krista-backup", rustix::fs::MemfdFlags::CLOEXEC)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o600))?;
    Ok(file.into())
}

/// Makes the user we run as the owner of an open file.
pub fn take_over(file: &File) -> std::io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    Ok(rustix::fs::fchown(file, Some(uid), Some(gid))?)
}

/// Flushes a directory; a file system that cannot do that is not an error.
pub fn sync_dir(dir: &File) -> std::io::Result<Synced> {
    match rustix::fs::fsync(dir) {
        Ok(()) => Ok(Synced::Durable),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Synced::Unsupported),
        Err(error) => Err(error.into()),
    }
}

/// What a directory entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// Anything else: links, devices, sockets.
    Other,
}

/// The facts about a directory entry, the entry itself and not what it points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes.
    pub size: u64,
    /// Device and inode: two names with the same identity are the same file.
    pub identity: (u64, u64),
    /// How many names it has; 0 when the last one was removed.
    pub links: u64,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
}

/// The facts about an open file.
pub fn facts(file: &File) -> std::io::Result<Facts> {
    Ok(from_stat(&rustix::fs::fstat(file)?))
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless)] // the fields' types differ between architectures
fn from_stat(st: &Stat) -> Facts {
    let kind = match FileType::from_raw_mode(st.st_mode) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Dir,
        _ => EntryKind::Other,
    };
    let size = u64::try_from(st.st_size).unwrap_or(0);
    let identity = (st.st_dev as u64, st.st_ino as u64);
    Facts { kind, size, identity, links: st.st_nlink as u64, mtime: st.st_mtime as i64 }
}

/// Replaces a small file atomically and durably: a temporary file in the same directory gets `mode`, is flushed and renamed
/// over it. A link at `path` is replaced itself. The directory must exist.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let dir = replace(path, bytes, mode, File::sync_all)?;
    dir.sync().map(|_| ()).doing(|| format!("writing {}", path.display()))
}

/// The same without waiting for the disk: atomic for other processes, but a power cut may lose it. For what only informs.
pub fn replace_note(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    replace(path, bytes, mode, |_| Ok(())).map(drop)
}

fn replace(path: &Path, bytes: &[u8], mode: u32, flush: fn(&File) -> std::io::Result<()>) -> Result<Dir> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let doing = || format!("writing {}", path.display());
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return Err(Error::failed("not the name of a file")).doing(doing);
    };
    let dir = Dir::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).doing(doing)?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}-{number}.tmp", std::process::id());
    let _ = dir.remove(&temporary); // a dead process may have had our number; what is in the way is an error right below
    let written = write_new(&dir, &temporary, bytes, mode).and_then(|file| {
        flush(&file).doing(|| format!("flushing {}", dir.join(&temporary).display()))?;
        dir.rename_over(&temporary, name)
    });
    if let Err(error) = written {
        // the first error is the one to report
        let _ = dir.remove(&temporary);
        return Err(error).doing(doing);
    }
    Ok(dir)
}

fn write_new(dir: &Dir, name: &str, bytes: &[u8], mode: u32) -> Result<File> {
    let mut file = dir.create_file(name)?;
    let doing = || format!("writing {}", dir.join(name).display());
    file.write_all(bytes).doing(doing)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).doing(doing)?;
    Ok(file)
}

/// Reads a small file that anybody may have put there: nothing but a regular file is opened, no link is followed, and more than
/// 1 MiB is an error.
pub fn read_note(path: &Path) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    // without O_NONBLOCK a FIFO would hold us up for ever
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > MOST {
        return Err(std::io::Error::new(ErrorKind::InvalidData, "it is not a small regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether the operating system's error behind `error` is of this kind.
pub fn is(error: &Error, kind: std::io::ErrorKind) -> bool {
    error.io().is_some_and(|io| io.kind() == kind)
}

#[cfg(test)]
mod tests;
