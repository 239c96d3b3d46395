//! The logs on disk, ours and KB17's: what is there, what each says, and their lines without secrets.

pub mod lines;
pub mod mask;
pub mod names;
pub mod origin;
mod shelf;
pub mod verdict;

use crate::error::{Doing, Result};
use crate::sys::files::{self, Dir, EntryKind};
use lines::Log;
use mask::Secrets;
use shelf::Debugs;
pub use shelf::{Listed, Shelf};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// All logs, remembered from one look to the next. Asking again costs a `stat` of every directory and of its newest logs;
/// now and then of all.
pub struct Logbook {
    root: PathBuf,
    secrets: Secrets,
    debugs: Debugs,
    shelves: Vec<Shelf>,
    revision: u64,
}

impl Logbook {
    /// The logs under this directory. `secrets` must not be shown.
    pub fn new(root: &Path, secrets: Secrets) -> Self {
        Self { root: root.to_owned(), secrets, debugs: Debugs::default(), shelves: Vec::new(), revision: 0 }
    }

    /// Goes on with this directory and these secrets; everything is forgotten when they are others than before.
    pub fn be(&mut self, root: &Path, secrets: &Secrets) {
        if self.root != root || self.secrets != *secrets {
            *self = Self { revision: self.revision + 1, ..Self::new(root, secrets.clone()) };
        }
    }

    /// Goes up whenever a look finds something else than the one before.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What is there now: directories in reverse alphabetical order without `debug`, logs newest first. Fails when the
    /// directory itself cannot be read. What could not be read until the deadline is read next time.
    pub fn look(&mut self, deadline: Option<Instant>) -> Result<&[Shelf]> {
        let (root, mut dirs) = self.open().inspect_err(|_| {
            self.revision += 1;
            self.shelves.clear();
        })?;
        dirs.retain(|dir| dir != names::DEBUG);
        dirs.sort_unstable_by(|a, b| b.cmp(a));
        self.debugs.refresh(&root);
        let mut known = std::mem::take(&mut self.shelves);
        let mut changed = known.len() != dirs.len();
        let mut block = Vec::new();
        for dir in dirs {
            let mut found = match known.iter().position(|shelf| shelf.dir == dir) {
                Some(at) => known.swap_remove(at),
                None => Shelf::new(dir),
            };
            changed |= found.refresh(&root, &self.debugs);
            changed |= found.read(&self.secrets, &mut block, deadline);
            self.shelves.push(found);
        }
        self.revision += u64::from(changed);
        Ok(&self.shelves)
    }

    /// What the last look found; nothing when it failed.
    pub fn shelves(&self) -> &[Shelf] {
        &self.shelves
    }

    fn open(&self) -> Result<(Dir, Vec<String>)> {
        let root = Dir::open(&self.root)?;
        let dirs = shelves(&root)?;
        Ok((root, dirs))
    }
}

/// Opens a log: a regular file that the directory lists under this name, in a directory that `root` lists, no link anywhere
/// (P28). None when there is no such log.
pub fn open(root: &Path, dir: &str, name: &str) -> Result<Option<Log>> {
    let root = Dir::open(root)?;
    if !names::is_log(name) || !shelves(&root)?.iter().any(|known| known == dir) {
        return Ok(None);
    }
    let dir = root.open_dir(dir)?;
    let is_file = |name: &str| Ok(dir.facts(name)?.is_some_and(|facts| facts.kind == EntryKind::File));
    if !dir.names()?.iter().any(|known| known == name) || !is_file(name)? {
        return Ok(None);
    }
    let file = dir.open_file(name)?;
    let size = files::facts(&file).doing(|| format!("looking at {}", dir.join(name).display()))?.size;
    Ok(Some(Log { file, name: name.to_owned(), size }))
}

/// The log of the run at this TIME in a directory, as directory and name. No two runs share a TIME.
pub fn find(root: &Path, dir: &str, time: &str) -> Result<Option<(String, String)>> {
    let root = Dir::open(root)?;
    if !shelves(&root)?.iter().any(|known| known == dir) {
        return Ok(None);
    }
    let files = root.open_dir(dir)?.names()?.into_iter();
    let found = files.filter(|name| names::run_of(name).is_some_and(|(_, of)| of == time)).min();
    Ok(found.map(|name| (dir.to_owned(), name)))
}

/// The directories that hold logs, in no order.
fn shelves(root: &Dir) -> Result<Vec<String>> {
    let mut dirs = Vec::new();
    for name in root.names()?.into_iter().filter(|name| names::is_shelf(name)) {
        if root.facts(&name)?.is_some_and(|facts| facts.kind == EntryKind::Dir) {
            dirs.push(name);
        }
    }
    Ok(dirs)
}

#[cfg(test)]
mod tests;
