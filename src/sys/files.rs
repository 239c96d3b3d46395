//! Files and directories as the promises need them: created exclusively and never through a planted link, renamed without
//! replacing, flushed to the disk, locked. Everything happens relative to an open directory, so that nobody can swap the
//! directory between two steps.

use crate::error::{Doing, Error, Result};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many links placed by root (or by us) may lead one after the other to a directory.
const MAX_LINKS: usize = 16;

/// How deep [`Dir::remove_tree`] goes; a directory dump is one level deep.
const MAX_DEPTH: usize = 64;

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

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    file: File,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory. A link in its last component is followed only when root or we ourselves placed it: anybody who
    /// may write into the parent could otherwise send our files elsewhere.
    pub fn open(path: &Path) -> Result<Self> {
        let file = open_trusted(path).doing(|| format!("opening directory {}", path.display()))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Opens a directory, creating it and its missing parents for `readers` only.
    pub fn create(path: &Path, readers: Readers) -> Result<Self> {
        match Self::open(path) {
            Err(error) if is(&error, std::io::ErrorKind::NotFound) => Self::create_missing(path, readers),
            other => other,
        }
    }

    fn create_missing(path: &Path, readers: Readers) -> Result<Self> {
        let doing = || format!("creating directory {}", path.display());
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::failed("no such directory")).doing(doing);
        };
        let parent = Self::create(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, readers)?;
        match rustix::fs::mkdirat(&parent.file, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => {
                let dir = Self::open(path)?;
                readers.apply_to_dir(&dir.file).doing(doing)?;
                sync_dir(&dir.file).doing(doing)?;
                parent.sync()?;
                Ok(dir)
            }
            Err(Errno::EXIST) => Self::open(path),
            Err(error) => Err(error).doing(doing),
        }
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The descriptor.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The descriptor alone.
    pub fn into_file(self) -> File {
        self.file
    }

    /// The path of an entry.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates a regular file that nobody had before, open for reading and writing, mode 0600.
    pub fn create_file(&self, name: &str) -> Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.file, name, flags, Mode::from_raw_mode(0o600));
        fd.map(File::from).doing(|| format!("creating {}", self.join(name).display()))
    }

    /// Creates a directory that nobody had before, mode 0700, and opens it.
    pub fn create_dir(&self, name: &str) -> Result<Self> {
        let doing = || format!("creating directory {}", self.join(name).display());
        rustix::fs::mkdirat(&self.file, name, Mode::from_raw_mode(0o700)).doing(doing)?;
        self.open_dir(name)
    }

    /// Opens a directory in this one, never through a link.
    pub fn open_dir(&self, name: &str) -> Result<Self> {
        let path = self.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.file, name, flags, Mode::empty());
        let fd = fd.doing(|| format!("opening directory {}", path.display()))?;
        Ok(Self { file: fd.into(), path })
    }

    /// Opens a regular file for reading, never through a link, and without hanging on a FIFO.
    pub fn open_file(&self, name: &str) -> Result<File> {
        self.open_regular(name, OFlags::RDONLY)
    }

    /// Opens a regular file so that it can be locked exclusively on every file system.
    pub fn open_for_lock(&self, name: &str) -> Result<File> {
        self.open_regular(name, OFlags::RDWR)
    }

    fn open_regular(&self, name: &str, access: OFlags) -> Result<File> {
        let doing = || format!("opening {}", self.join(name).display());
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&self.file, name, flags, Mode::empty()).doing(doing)?.into();
        match facts(&file).doing(doing)?.kind {
            EntryKind::File => Ok(file),
            _ => Err(Error::failed("not a regular file")).doing(doing),
        }
    }

    /// The facts about an entry; none when there is no such entry.
    pub fn facts(&self, name: &str) -> Result<Option<Facts>> {
        match rustix::fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(st) => Ok(Some(from_stat(&st))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error).doing(|| format!("looking at {}", self.join(name).display())),
        }
    }

    /// Whether there is an entry of this name.
    pub fn has(&self, name: &str) -> Result<bool> {
        Ok(self.facts(name)?.is_some())
    }

    /// Whether `name` still is the file that is open here.
    pub fn is_same(&self, name: &str, file: &File) -> Result<bool> {
        let open = facts(file).doing(|| format!("looking at {}", self.join(name).display()))?;
        Ok(self.facts(name)?.is_some_and(|entry| entry.identity == open.identity))
    }

    /// The names in this directory, in no order, without `.` and `..` and without names that are not UTF-8.
    pub fn names(&self) -> Result<Vec<String>> {
        let doing = || format!("reading directory {}", self.path.display());
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.file).doing(doing)? {
            let entry = entry.doing(doing)?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    /// As [`Dir::names`], but a name that is not UTF-8 is an error.
    pub fn strict_names(&self) -> Result<Vec<String>> {
        let doing = || format!("reading directory {}", self.path.display());
        let names = self.all_names().doing(doing)?.into_iter();
        let strict = names.map(|name| name.into_string().map_err(|name| format!("{} is not UTF-8", name.display())));
        strict.collect::<std::result::Result<_, _>>().doing(doing)
    }

    /// Renames an entry without replacing anything: fails with `AlreadyExists` when `to` is there.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<()> {
        let doing = || format!("renaming {} to {to}", self.join(from).display());
        match rustix::fs::renameat_with(&self.file, from, &self.file, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.link_or_check(from, to).doing(doing),
            other => other.doing(doing),
        }
    }

    /// Old kernels and file systems without `RENAME_NOREPLACE`: a hard link refuses to replace as well; where there are no
    /// hard links (or for a directory) a look beforehand has to do, under the lock that the caller's unit holds.
    fn link_or_check(&self, from: &str, to: &str) -> rustix::io::Result<()> {
        match rustix::fs::linkat(&self.file, from, &self.file, to, AtFlags::empty()) {
            Ok(()) => rustix::fs::unlinkat(&self.file, from, AtFlags::empty()),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK | Errno::INVAL) => {
                match rustix::fs::statat(&self.file, to, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(_) => Err(Errno::EXIST),
                    Err(Errno::NOENT) => rustix::fs::renameat(&self.file, from, &self.file, to),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Renames a file over another one, atomically.
    pub fn rename_over(&self, from: &str, to: &str) -> Result<()> {
        let doing = || format!("renaming {} over {to}", self.join(from).display());
        rustix::fs::renameat(&self.file, from, &self.file, to).doing(doing)
    }

    /// Swaps two entries atomically; `false` when the kernel or the file system cannot.
    pub fn swap(&self, one: &str, other: &str) -> Result<bool> {
        match rustix::fs::renameat_with(&self.file, one, &self.file, other, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(true),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error).doing(|| format!("swapping {} and {other}", self.join(one).display())),
        }
    }

    /// Removes a file (a link itself, not what it points to). That it is gone already is fine.
    pub fn remove(&self, name: &str) -> Result<()> {
        match rustix::fs::unlinkat(&self.file, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error).doing(|| format!("removing {}", self.join(name).display())),
        }
    }

    /// Removes a file, or a directory with everything in it, never through a link or into another file system.
    pub fn remove_tree(&self, name: &str) -> Result<()> {
        self.remove_below(name, MAX_DEPTH)
    }

    fn remove_below(&self, name: &str, depth: usize) -> Result<()> {
        let doing = || format!("removing {}", self.join(name).display());
        let Some(entry) = self.facts(name)? else { return Ok(()) };
        if entry.kind != EntryKind::Dir {
            return self.remove(name);
        }
        if depth == 0 {
            return Err(Error::failed("too many directories in each other")).doing(doing);
        }
        let own = facts(&self.file).doing(doing)?;
        if entry.identity.0 != own.identity.0 {
            return Err(Error::failed("it is on another file system")).doing(doing);
        }
        let dir = self.open_dir(name)?;
        for child in dir.all_names().doing(doing)? {
            dir.remove_child(&child, depth - 1)?;
        }
        match rustix::fs::unlinkat(&self.file, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error).doing(doing),
        }
    }

    fn remove_child(&self, child: &OsStr, depth: usize) -> Result<()> {
        if let Some(name) = child.to_str() {
            return self.remove_below(name, depth);
        }
        let gone = rustix::fs::unlinkat(&self.file, child, AtFlags::empty());
        gone.doing(|| format!("removing {}", self.path.join(child).display()))
    }

    fn all_names(&self) -> std::io::Result<Vec<std::ffi::OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.file)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Flushes the directory, so that the names in it survive a power cut.
    pub fn sync(&self) -> Result<Synced> {
        sync_dir(&self.file).doing(|| format!("flushing directory {}", self.path.display()))
    }
}

/// Opens the directory at `path`, following a link in the last component only when root or we placed it.
fn open_trusted(path: &Path) -> std::io::Result<File> {
    let own = rustix::process::geteuid().as_raw();
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let look = rustix::fs::open(&path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let st = rustix::fs::fstat(&look)?;
        match FileType::from_raw_mode(st.st_mode) {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                return Ok(rustix::fs::openat(&look, ".", flags, Mode::empty())?.into());
            }
            FileType::Symlink if st.st_uid == 0 || st.st_uid == own => {
                // an empty name means the link that is open, so what was checked is what is read
                let target = rustix::fs::readlinkat(look.as_fd(), "", Vec::new())?;
                let target = Path::new(OsStr::from_bytes(target.as_bytes()));
                path = path.parent().unwrap_or(Path::new(".")).join(target);
            }
            FileType::Symlink => return Err(std::io::Error::other("it is a link that belongs to another user")),
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    Err(Errno::LOOP.into())
}

/// Replaces a small file atomically and durably: a temporary file in the same directory gets `mode`, is flushed and renamed
/// over it. A link at `path` is replaced itself. The directory must exist.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let doing = || format!("writing {}", path.display());
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return Err(Error::failed("not the name of a file")).doing(doing);
    };
    let dir = Dir::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).doing(doing)?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}-{number}.tmp", std::process::id());
    dir.remove(&temporary)?; // a dead process may have had our number
    let written = write_new(&dir, &temporary, bytes, mode).and_then(|()| dir.rename_over(&temporary, name));
    if let Err(error) = written {
        // the first error is the one to report
        let _ = dir.remove(&temporary);
        return Err(error).doing(doing);
    }
    dir.sync().map(|_| ()).doing(doing)
}

fn write_new(dir: &Dir, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let mut file = dir.create_file(name)?;
    let doing = || format!("writing {}", dir.join(name).display());
    file.write_all(bytes).doing(doing)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).doing(doing)?;
    file.sync_all().doing(doing)
}

/// Whether the operating system's error behind `error` is of this kind.
pub fn is(error: &Error, kind: std::io::ErrorKind) -> bool {
    error.io().is_some_and(|io| io.kind() == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("kb-files-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn p24_new_files_and_directories_are_private_and_never_go_through_a_link() {
        let scratch = Scratch::new("p24");
        let victim = scratch.0.join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let dir = Dir::create(&scratch.0.join("a/b"), Readers::Owner).unwrap();
        assert_eq!((mode(&scratch.0.join("a")), mode(dir.path())), (0o700, 0o700));
        symlink(&victim, dir.join("planted")).unwrap();
        let error = dir.create_file("planted").unwrap_err();
        assert!(is(&error, ErrorKind::AlreadyExists), "{error}");
        assert!(dir.open_file("planted").is_err());
        drop(dir.create_file("new").unwrap());
        assert_eq!(mode(&dir.join("new")), 0o600);
        dir.remove("planted").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn p24_a_group_that_may_read() {
        let scratch = Scratch::new("group");
        let gid = rustix::process::getegid().as_raw();
        let dir = Dir::create(&scratch.0.join("g"), Readers::Group(gid)).unwrap();
        let file = dir.create_file("f").unwrap();
        Readers::Group(gid).apply_to_file(&file).unwrap();
        assert_eq!((mode(dir.path()), mode(&dir.join("f"))), (0o750, 0o640));
        assert_eq!(std::fs::metadata(dir.join("f")).unwrap().gid(), gid);
    }

    #[test]
    fn p24_only_our_own_links_lead_to_a_directory() {
        let scratch = Scratch::new("links");
        std::fs::create_dir(scratch.0.join("real")).unwrap();
        symlink("real", scratch.0.join("ours")).unwrap();
        symlink("loop", scratch.0.join("loop")).unwrap();
        assert!(Dir::open(&scratch.0.join("ours")).is_ok());
        assert!(Dir::open(&scratch.0.join("loop")).is_err());
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(scratch.0.join("ours"), Some(65534), None).unwrap();
            let error = Dir::open(&scratch.0.join("ours")).unwrap_err();
            assert!(error.to_string().contains("belongs to another user"), "{error}");
        }
    }

    #[test]
    fn p1_renaming_refuses_to_replace_with_and_without_kernel_help() {
        let scratch = Scratch::new("rename");
        let dir = Dir::open(&scratch.0).unwrap();
        for name in ["new", "old"] {
            std::fs::write(dir.join(name), name).unwrap();
        }
        assert!(is(&dir.rename_new("new", "old").unwrap_err(), ErrorKind::AlreadyExists));
        assert_eq!(dir.link_or_check("new", "old"), Err(Errno::EXIST));
        assert_eq!(std::fs::read_to_string(dir.join("old")).unwrap(), "old");
        dir.rename_new("new", "fresh").unwrap();
        dir.link_or_check("fresh", "fallback").unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("fallback")).unwrap(), "new");
        assert!(!dir.has("fresh").unwrap());
        // directories have no hard links
        std::fs::create_dir(dir.join("d")).unwrap();
        assert_eq!(dir.link_or_check("d", "old"), Err(Errno::EXIST));
        dir.link_or_check("d", "e").unwrap();
        assert_eq!(dir.facts("e").unwrap().unwrap().kind, EntryKind::Dir);
    }

    #[test]
    fn p22_a_lock_lives_as_long_as_its_descriptor() {
        let scratch = Scratch::new("lock");
        let dir = Dir::open(&scratch.0).unwrap();
        let file = dir.create_file("f").unwrap();
        assert_eq!(try_lock(&file).unwrap(), Locked::Yes);
        let other = dir.open_for_lock("f").unwrap();
        assert_eq!(try_lock(&other).unwrap(), Locked::Busy);
        let copy = file.try_clone().unwrap();
        drop(file);
        assert_eq!(try_lock(&other).unwrap(), Locked::Busy);
        drop(copy);
        assert_eq!(try_lock(&other).unwrap(), Locked::Yes);
        let sub = dir.create_dir("d").unwrap();
        assert_eq!(try_lock(sub.file()).unwrap(), Locked::Yes);
        assert_eq!(try_lock(dir.open_dir("d").unwrap().file()).unwrap(), Locked::Busy);
    }

    #[test]
    fn a_tree_is_removed_without_following_links() {
        let scratch = Scratch::new("tree");
        let dir = Dir::open(&scratch.0).unwrap();
        std::fs::create_dir_all(dir.join("t/sub")).unwrap();
        std::fs::create_dir(dir.join("keep")).unwrap();
        std::fs::write(dir.join("keep/f"), "").unwrap();
        std::fs::write(dir.join("t/sub").join(OsStr::from_bytes(b"\xff")), "").unwrap();
        symlink("../keep", dir.join("t/link")).unwrap();
        dir.remove_tree("t").unwrap();
        assert!(!dir.has("t").unwrap() && dir.join("keep/f").exists());
        dir.remove_tree("t").unwrap();
    }

    #[test]
    fn p24_a_small_file_is_replaced_not_written_through() {
        let scratch = Scratch::new("replace");
        let path = scratch.0.join("trigger");
        std::fs::write(scratch.0.join("victim"), "precious").unwrap();
        symlink("victim", &path).unwrap();
        replace_file(&path, b"ERROR", 0o644).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("ERROR", 0o644));
        replace_file(&path, b"SUCCESS", 0o640).unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("SUCCESS", 0o640));
        assert_eq!(std::fs::read_to_string(scratch.0.join("victim")).unwrap(), "precious");
        assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 2);
        let error = replace_file(&scratch.0.join("missing/x"), b"", 0o644).unwrap_err();
        assert!(is(&error, ErrorKind::NotFound), "{error}");
    }

    #[test]
    fn opening_does_not_hang_on_a_fifo() {
        let scratch = Scratch::new("fifo");
        let dir = Dir::open(&scratch.0).unwrap();
        rustix::fs::mknodat(dir.file(), "fifo", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(dir.open_file("fifo").unwrap_err().to_string().ends_with("not a regular file"));
    }
}
