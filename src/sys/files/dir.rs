//! An open directory: everything is done relative to it, so that nobody can swap it between two steps.

use crate::error::{Doing, Error, Result};
use crate::sys::files::{EntryKind, Facts, Readers, Synced, facts, from_stat, is, sync_dir};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How many links placed by root (or by us) may lead one after the other to a directory.
const MAX_LINKS: usize = 16;

/// How deep [`Dir::remove_tree`] goes; a directory dump is one level deep.
const MAX_DEPTH: usize = 64;

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
    pub(super) fn link_or_check(&self, from: &str, to: &str) -> rustix::io::Result<()> {
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

    /// Whether anything is in this directory besides entries of these names.
    pub fn holds_anything_but(&self, names: &[&str]) -> Result<bool> {
        let found = self.all_names().doing(|| format!("reading directory {}", self.path.display()))?;
        Ok(found.iter().any(|name| !names.iter().any(|known| *known == name)))
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
