//! Walks a tree depth first, every directory's names in byte order, and decides what belongs into the archive.
//!
//! Sorted like this, paths compare component by component: `a`, `a/x`, `a.b`. Memory holds the names of the directories on
//! the way from the top to the current one, nothing else.

mod select; // what is left out

use crate::archive::notes::{Notes, show};
use crate::error::{Doing, Result};
use crate::sys::tree::{self, Dir, Kind, Listing, Meta, Names};
pub use select::{Excluded, Mounts, Select};
use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How many directories of the current path are kept open; the others are opened again on the way up.
const OPEN_DIRECTORIES: usize = 64;

/// One step of a walk: what the kernel said about an entry that belongs into the archive. Its path, name and directories
/// belong to the walk and are valid until the next step.
pub type Found = Meta;

/// A directory on the way to the current entry.
pub struct Holder<'a> {
    /// Its path; empty for the source itself.
    pub path: &'a [u8],
    /// The directory.
    pub dir: &'a Dir,
    /// What the kernel said about it when it was entered.
    pub meta: &'a Meta,
}

struct Level {
    dir: Option<Dir>,
    meta: Meta,
    wanted: bool,
    /// How many directories were entered before it.
    serial: u64,
    names: Names,
    next: usize,
    /// Length of the path of this directory.
    path_len: usize,
}

/// A walk in progress.
pub struct Walk<'a> {
    select: &'a Select,
    notes: &'a dyn Notes,
    levels: Vec<Level>,
    path: Vec<u8>,
    name: CString,
    /// Whether the last step entered the directory it found, which is then the deepest level.
    entered: bool,
    top: Option<Found>,
    unknown: Vec<Vec<u8>>,
    top_dev: u64,
    /// How many directories below the top were entered.
    directories: u64,
    room: Listing,
}

impl<'a> Walk<'a> {
    /// Prepares to walk `source`, a directory or a single file; a link at the very top is followed. The first step of a
    /// directory is the directory itself, with an empty path.
    pub fn start(source: &Path, select: &'a Select, notes: &'a dyn Notes) -> Result<Self> {
        let doing = || format!("opening the source {}", source.display());
        let source = source.canonicalize().doing(doing)?;
        let meta = tree::meta_at(&source).doing(doing)?;
        let mut walk = Self {
            select,
            notes,
            levels: Vec::new(),
            path: Vec::new(),
            name: CString::default(),
            entered: false,
            top: None,
            unknown: Vec::new(),
            top_dev: meta.dev,
            directories: 0,
            room: Listing::default(),
        };
        if meta.kind == Kind::Dir {
            let dir = Dir::open(&source).doing(doing)?;
            let meta = dir.meta().doing(doing)?;
            let (names, end) = dir.names(&mut walk.room);
            end.doing(|| format!("reading the directory {}", source.display()))?;
            walk.top = Some(meta);
            walk.levels.push(Level { dir: Some(dir), meta, wanted: true, serial: 0, names, next: 0, path_len: 0 });
        } else {
            let parent = source.parent().unwrap_or(Path::new("/"));
            let name = CString::new(source.file_name().unwrap_or_default().as_bytes()).doing(doing)?;
            let dir = Dir::open(parent).doing(doing)?;
            let meta = dir.meta().doing(doing)?;
            let names = Names::one(&name);
            walk.levels.push(Level { dir: Some(dir), meta, wanted: false, serial: 0, names, next: 0, path_len: 0 });
        }
        Ok(walk)
    }

    /// Path of the current entry relative to the source; empty for the source itself.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Name of the current entry in its directory.
    pub fn name(&self) -> &CStr {
        &self.name
    }

    /// The directory that holds the current entry; none for the source itself.
    pub fn holder(&self) -> Option<&Dir> {
        let up = if self.entered { 2 } else { 1 };
        self.levels.get(self.levels.len().checked_sub(up)?)?.dir.as_ref()
    }

    /// The directories the current entry lies in that belong into the archive and are open, from the top on.
    pub fn holders(&self) -> impl Iterator<Item = Holder<'_>> {
        let count = self.levels.len().saturating_sub(usize::from(self.entered));
        let levels = self.levels.iter().take(count).filter(|level| level.wanted);
        levels.filter_map(|level| {
            let path = self.path.get(..level.path_len)?;
            Some(Holder { path, dir: level.dir.as_ref()?, meta: &level.meta })
        })
    }

    /// Where the walk is: which directory it was that it entered, counted from the top, and how many of its names are done.
    pub fn place(&self) -> (u64, usize) {
        self.levels.last().map_or((0, 0), |level| (level.serial, level.next))
    }

    /// Names in the directory of [`Walk::place`], those of `range` in its order, that nothing leaves out.
    pub fn upcoming(&self, range: Range<usize>) -> Vec<CString> {
        let Some(level) = self.levels.last() else { return Vec::new() };
        let mut path = self.path.get(..level.path_len).unwrap_or_default().to_vec();
        let wanted = |name: &&CStr| {
            path.truncate(level.path_len);
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name.to_bytes());
            self.select.judge(&path).0
        };
        range.map_while(|index| level.names.get(index)).filter(wanted).map(CStr::to_owned).collect()
    }

    /// The current entry itself, if it is a directory that was entered.
    pub fn entered(&self) -> Option<&Dir> {
        self.levels.last().filter(|_| self.entered)?.dir.as_ref()
    }

    /// Paths met since the last call that could not be read, so that nobody takes what is there for deleted.
    pub fn take_unknown(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.unknown)
    }

    /// The next entry; none at the end. What cannot be read is noted and left out; `Err` only when asked to stop.
    pub fn step(&mut self) -> Result<Option<Found>> {
        if let Some(top) = self.top.take() {
            self.entered = true;
            return Ok(Some(top));
        }
        self.entered = false;
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            self.path.truncate(level.path_len);
            let Some(name) = level.names.get(level.next) else {
                self.leave();
                continue;
            };
            level.next += 1;
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            self.name = name.to_owned();
            self.notes.check()?;
            let found = self.look();
            if found.is_some() {
                return Ok(found);
            }
            self.entered = false;
        }
    }

    /// Looks at the entry that `path` and `name` tell; none when it does not belong into the archive.
    fn look(&mut self) -> Option<Found> {
        let (wanted, looks_below) = self.select.judge(&self.path);
        if !wanted {
            self.tell("excluded");
            if !looks_below {
                return None;
            }
        }
        let meta = match self.levels.last()?.dir.as_ref()?.lstat(&self.name) {
            Ok(meta) => meta,
            Err(error) => {
                self.lost(&vanished_or(&error, "cannot be looked at"), &error);
                return None;
            }
        };
        if meta.kind == Kind::Dir {
            return self.look_at_directory(meta, wanted, looks_below).filter(|_| wanted);
        }
        if self.select.own_files.contains(&meta.id()) {
            self.tell("left out: written by this action");
            return None;
        }
        if self.select.mounts == Mounts::Stay && meta.dev != self.top_dev {
            self.notes.info(&format!("left out {}: it is on another file system", show(&self.path)));
            return None;
        }
        Some(meta).filter(|_| wanted)
    }

    /// Enters the directory unless something speaks against it; none when it is not there or never stored.
    fn look_at_directory(&mut self, meta: Meta, wanted: bool, looks_below: bool) -> Option<Found> {
        if self.select.own_dirs.contains(&meta.id()) {
            self.notes.info(&format!("left out {}: it is a destination of this action", show(&self.path)));
            return None;
        }
        let other_mount = self.levels.last().is_some_and(|level| level.meta.dev != meta.dev);
        if other_mount && self.select.mounts == Mounts::Stay && meta.dev != self.top_dev {
            self.notes.info(&format!("not entered {}: it is on another file system", show(&self.path)));
            return Some(meta);
        }
        if !looks_below {
            if self.notes.wants_entries() {
                self.notes.entry(&[&self.path, &b"/*"[..]].concat(), "excluded");
            }
            return Some(meta);
        }
        match self.enter(wanted, other_mount) {
            Ok(meta) => Some(meta),
            Err(error) => {
                self.lost(&vanished_or(&error, "cannot be entered"), &error);
                Some(meta).filter(|_| error.kind() != io::ErrorKind::NotFound)
            }
        }
    }

    /// Opens the directory of the current path and makes it the deepest level.
    fn enter(&mut self, wanted: bool, other_mount: bool) -> io::Result<Meta> {
        let level = self.levels.last().ok_or(io::ErrorKind::NotFound)?;
        let dir = level.dir.as_ref().ok_or(io::ErrorKind::NotFound)?.child(&self.name)?;
        // the directory that was opened counts, not the one lstat saw: both are inside the source
        let meta = dir.meta()?;
        if other_mount && tree::made_up_by_kernel(&dir) {
            self.notes.info(&format!("not entered {}: the kernel makes up what is there", show(&self.path)));
            return Ok(meta);
        }
        let (names, end) = dir.names(&mut self.room);
        if let Err(error) = end {
            self.lost(&format!("cannot be read completely: {error}"), &error);
        }
        // the top always stays open: it is the way back in when a directory was moved away
        let far = self.levels.len().checked_sub(OPEN_DIRECTORIES).filter(|far| *far > 0);
        if let Some(level) = far.and_then(|far| self.levels.get_mut(far)) {
            level.dir = None;
        }
        self.directories += 1;
        let (serial, path_len) = (self.directories, self.path.len());
        self.levels.push(Level { dir: Some(dir), meta, wanted, serial, names, next: 0, path_len });
        self.entered = true;
        Ok(meta)
    }

    /// Goes back to the directory above; when it was closed it is opened again, and given up with a note if that fails.
    fn leave(&mut self) {
        let Some(left) = self.levels.pop() else { return };
        let Some(level) = self.levels.last() else { return };
        if level.dir.is_some() {
            return;
        }
        let wanted = level.meta.id();
        let same = |dir: &Dir| dir.meta().is_ok_and(|meta| meta.id() == wanted);
        let dir = left.dir.and_then(|dir| dir.parent().ok()).filter(same);
        let dir = dir.or_else(|| self.reach_from_top().filter(same));
        let Some(level) = self.levels.last_mut() else { return };
        if dir.is_none() {
            level.next = level.names.len();
            self.path.truncate(level.path_len);
            self.lost("was moved while it was read: the rest of it is missing", &io::ErrorKind::Other.into());
        }
        if let Some(level) = self.levels.last_mut() {
            level.dir = dir;
        }
    }

    /// Notes that the current path could not be read; unless it is simply gone, what is there stays unknown.
    fn lost(&mut self, what: &str, error: &io::Error) {
        self.notes.trouble(&self.path, what);
        if error.kind() != io::ErrorKind::NotFound {
            self.unknown.push(self.path.clone());
        }
    }

    /// Opens the deepest level's directory by its path from the top.
    fn reach_from_top(&self) -> Option<Dir> {
        let depth = self.levels.last()?.path_len;
        let mut components = self.path.get(..depth)?.split(|byte| *byte == b'/');
        let first = CString::new(components.next()?).ok()?;
        let mut dir = self.levels.first()?.dir.as_ref()?.child(&first).ok()?;
        for component in components {
            dir = dir.child(&CString::new(component).ok()?).ok()?;
        }
        Some(dir)
    }

    fn tell(&self, what: &str) {
        if self.notes.wants_entries() {
            self.notes.entry(&self.path, what);
        }
    }
}

/// Words for an entry that could not be read.
pub fn vanished_or(error: &io::Error, otherwise: &str) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "vanished before it was read".to_owned()
    } else {
        format!("{otherwise}: {error}")
    }
}

/// The order of a walk: component by component, so that `/` sorts below every other byte.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let low = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    match (a.get(same), b.get(same)) {
        (Some(x), Some(y)) => low(x).cmp(&low(y)),
        (x, y) => x.is_some().cmp(&y.is_some()),
    }
}
