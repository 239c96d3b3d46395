//! Conditions on paths that are checked right before they are read or written (P21, P23).
//!
//! | key | meaning |
//! |---|---|
//! | `require_mounted` | `true`: the destination must lie on a mounted file system; a list: each of these must be a mount point |
//! | `require_file` | a file that must be there, such as one that only the mounted disk has |
//! | `min_files` | so many files, at least, must be in the source |
//! | `allow_empty` | an empty source is fine although its last set was not empty |
//! | `min_free` | so much must be free at the destination, and enough for another set: else it is an error |
//! | `check_space` | `no`: do not compare the free space with the size of the last set |
//! | `group` | a group that may read what is written |

mod mounted;
#[cfg(test)]
mod tests;

use crate::actions::Context;
use crate::actions::answering;
use crate::actions::properties::{Properties, Severity};
use crate::error::{Doing, Error, Result};
use crate::store::sets::{Origin, Set};
use crate::sys::space;
use crate::units::{Amount, show_bytes};
use crate::value::Value;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What must be mounted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Required {
    #[default]
    Nothing,
    /// The destination must lie on a file system that is mounted somewhere else than at the root.
    Destination,
    /// Each of these must be a mount point itself.
    Points(Vec<PathBuf>),
}

/// The conditions of one action.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    mounted: Required,
    file: Option<PathBuf>,
    min_free: Option<Amount>,
    min_files: u64,
    empty: Empty,
    space: SpaceCheck,
    group: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Empty {
    #[default]
    Suspicious,
    Allowed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum SpaceCheck {
    #[default]
    Compare,
    Off,
}

/// What the last set says about the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Last {
    /// Bytes on disk of the newest set of the same level.
    pub size: u64,
    /// Whether any full set (or dump) that is still there held anything besides the source directory itself. Not only the
    /// newest: a set that was empty by mistake must not make the next mistake look right.
    pub held_something: bool,
}

impl Last {
    /// From the sets of an action, oldest first, for a set of this level; none when there is none yet.
    pub fn of(sets: &[Set], level: Option<u8>) -> Option<Self> {
        let full = sets.iter().rev().find(|set| set.parts.level.unwrap_or(0) == 0);
        let same = sets.iter().rev().find(|set| set.parts.level == level);
        let mut fulls = sets.iter().rev().filter(|set| set.parts.level.unwrap_or(0) == 0);
        let held_something = fulls.any(held_something);
        let size = same.or(full)?.size;
        Some(Self { size, held_something })
    }
}

/// KB17 counted nothing, and a manifest can be lost: then the list says it, and without a list the size. An archive of an
/// empty directory has up to some 150 bytes, whatever packed it.
fn held_something(set: &Set) -> bool {
    const EMPTY: u64 = 200;
    let list = || set.files.iter().find_map(|file| entries_in_list(file));
    match &set.origin {
        Origin::Ours(manifest) => manifest.entries > 1,
        Origin::Kb17 | Origin::Damaged(_) => {
            list().map_or_else(|| fs::metadata(&set.main).is_ok_and(|main| main.len() > EMPTY), |entries| entries > 0)
        }
    }
}

/// How many entries a list names besides the source itself, as far as its first 64 KiB tell; none when it is no list: those
/// begin with the path of their archive.
fn entries_in_list(path: &Path) -> Option<usize> {
    let mut head = Vec::new();
    fs::File::open(path).ok()?.take(64 << 10).read_to_end(&mut head).ok()?;
    let mut lines = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.next().filter(|line| line.starts_with(b"/"))?;
    let is_entry = |line: &&[u8]| !line.starts_with(b"#") && !line.ends_with(b",.");
    Some(lines.filter(is_entry).count())
}

/// A destination that was checked, for checking it again once it is open.
#[derive(Clone, Debug)]
pub struct Checked {
    dir: PathBuf,
    /// Device number of the file system it must lie on, when one is required.
    device: Option<u64>,
}

impl Checked {
    /// Fails when the directory that was opened lies on another file system than the one that was checked: it was
    /// mounted or unmounted in between. An open descriptor keeps the file system, so after this nothing can slip.
    pub fn recheck(&self, dir: impl AsFd) -> Result<()> {
        let found = rustix::fs::fstat(dir).doing(|| format!("looking at {}", self.dir.display()))?.st_dev;
        match self.device {
            Some(device) if device != found => Err(Error::failed(format!(
                "{} does not lie on the file system any more that was mounted there a moment ago",
                self.dir.display()
            ))),
            _ => Ok(()),
        }
    }
}

impl Guards {
    /// Reads the keys.
    pub fn read(p: &mut Properties<'_>) -> Self {
        Self {
            mounted: required(p),
            file: p.path("require_file"),
            min_free: p.amount("min_free"),
            min_files: u64::try_from(p.number_or("min_files", 0..=i64::MAX, 0)).unwrap_or(0),
            empty: if p.flag("allow_empty", false) { Empty::Allowed } else { Empty::Suspicious },
            space: if p.flag("check_space", true) { SpaceCheck::Compare } else { SpaceCheck::Off },
            group: p.group("group"),
        }
    }

    /// Fails when the source must not be read now: a mount or file that must be there is not, or it holds less than it
    /// must (`last` is the last set, if there was one).
    pub fn check_source(&self, cx: &Context<'_>, path: &Path, last: Option<Last>) -> Result<()> {
        self.require_answers(cx, path)?;
        self.check_surroundings()?;
        let meta = fs::metadata(path).doing(|| format!("looking at the source {}", path.display()))?;
        if meta.is_dir() && self.empty == Empty::Suspicious && last.is_some_and(|last| last.held_something) {
            let entries = fs::read_dir(path).doing(|| format!("reading the source {}", path.display()))?;
            if entries.flatten().all(|entry| entry.file_name() == "lost+found") {
                let path = path.display();
                return Err(Error::failed(format!(
                    "the source {path} is empty although its last backup was not: is it mounted? (`allow_empty: yes` if \
                     this is meant)"
                )));
            }
        }
        if self.min_files > 0 {
            let found = if meta.is_dir() { count_files(path, self.min_files, cx)? } else { 1 };
            if found < self.min_files {
                let (path, min) = (path.display(), self.min_files);
                return Err(Error::failed(format!(
                    "the source {path} holds {found} files, fewer than `min_files` {min}"
                )));
            }
        }
        Ok(())
    }

    /// Fails when `dir` must not be written to now; it need not exist yet, and nothing is created. Too little space for
    /// another set like the last (plus a tenth) is a warning, with `min_free` an error.
    pub fn check_destination(&self, cx: &Context<'_>, dir: &Path, last: Option<Last>) -> Result<Checked> {
        self.require_answers(cx, dir)?;
        self.check_surroundings()?;
        let (existing, full) = existing_part(dir)?;
        if self.mounted == Required::Destination {
            mounted::check_lies_on_one(&existing, &full)?;
        }
        self.check_space(cx, &existing, last)?;
        let device = match self.mounted {
            Required::Nothing => None,
            _ => Some(device_of(&existing)?),
        };
        Ok(Checked { dir: dir.to_owned(), device })
    }

    /// Whether an empty source is fine.
    pub fn allows_empty(&self) -> bool {
        self.empty == Empty::Allowed
    }

    /// The id of the group that may read what is written.
    pub fn group(&self) -> Option<u32> {
        self.group
    }

    /// Fails when the path, or what must be there besides, lies on a file system that hangs.
    fn require_answers(&self, cx: &Context<'_>, path: &Path) -> Result<()> {
        cx.limits.check()?;
        answering::require(&std::iter::once(path).chain(self.file.as_deref()).collect::<Vec<_>>(), cx)
    }

    fn check_surroundings(&self) -> Result<()> {
        if let Required::Points(points) = &self.mounted {
            points.iter().try_for_each(|point| mounted::check_is_one(point))?;
        }
        let Some(file) = &self.file else { return Ok(()) };
        fs::metadata(file).doing(|| format!("`require_file` {}", file.display())).map(drop)
    }

    fn check_space(&self, cx: &Context<'_>, dir: &Path, last: Option<Last>) -> Result<()> {
        let size = last.filter(|_| self.space == SpaceCheck::Compare).map(|last| last.size);
        if self.min_free.is_none() && size.is_none() {
            return Ok(());
        }
        let space = space::of(dir)?;
        let (free, shown) = (space.free, dir.display());
        if let Some(min) = self.min_free.filter(|min| free < min.of(space.total)) {
            let free = show_bytes(free);
            return Err(Error::failed(format!("{shown}: only {free} free, less than `min_free` {min}")));
        }
        if let Some(size) = size.filter(|size| free < size.saturating_add(size / 10)) {
            let (free, size) = (show_bytes(free), show_bytes(size));
            let message = format!("{shown}: only {free} free, and the last backup took {size}");
            match self.min_free {
                Some(_) => return Err(Error::failed(message)),
                None => cx.warn(message),
            }
        }
        Ok(())
    }
}

/// `require_mounted`: a boolean, a path or a list of paths.
fn required(p: &mut Properties<'_>) -> Required {
    match p.value("require_mounted", "boolean or list of paths") {
        None | Some(Value::Null) => return Required::Nothing,
        Some(Value::Scalar(scalar)) if scalar.flag().is_some() => {
            let wanted = p.flag("require_mounted", false);
            return if wanted { Required::Destination } else { Required::Nothing };
        }
        Some(Value::Map(_)) => {
            p.problem(Severity::Error, "require_mounted", "`require_mounted` must be yes, no or a list of paths");
            return Required::Nothing;
        }
        Some(_) => {}
    }
    let points: Vec<_> = p.list("require_mounted").unwrap_or_default();
    Required::Points(points.iter().map(|point| p.absolute(point)).collect())
}

/// The part of a path that is there, without links, and the whole path as it will be below it.
fn existing_part(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    for ancestor in dir.ancestors() {
        match fs::canonicalize(ancestor) {
            Ok(existing) => {
                let missing = dir.strip_prefix(ancestor).unwrap_or(Path::new(""));
                let full = existing.join(missing).components().collect();
                return Ok((existing, full));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e).doing(|| format!("looking at {}", ancestor.display())),
        }
    }
    Err(Error::failed(format!("{} is not an absolute path", dir.display())))
}

fn device_of(path: &Path) -> Result<u64> {
    let stat = rustix::fs::stat(path).doing(|| format!("looking at {}", path.display()))?;
    Ok(stat.st_dev)
}

/// Files (everything but directories) below `dir`, counted up to `enough`. What cannot be read does not count.
fn count_files(dir: &Path, enough: u64, cx: &Context<'_>) -> Result<u64> {
    let mut found = 0;
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        cx.limits.check()?;
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                _ => found += 1,
            }
            if found >= enough {
                return Ok(found);
            }
        }
    }
    Ok(found)
}
