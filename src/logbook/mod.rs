//! The logs on disk, ours and KB17's: what is there, what each says, and their lines without secrets.

pub mod lines;
pub mod mask;
pub mod names;
pub mod origin;
pub mod verdict;

use crate::error::{Doing, Result};
use crate::run::moment::stamp;
use crate::sys::clock;
use crate::sys::files::{self, Dir, EntryKind};
use lines::Log;
use mask::Secrets;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use verdict::{Reading, Verdict};

/// Logs of one directory that are listed; the newest.
const SHELF_LIMIT: usize = 20_000;

/// A directory of logs.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Name of the directory under `logs_path`.
    pub dir: String,
    /// Its logs, newest first.
    pub logs: Vec<Listed>,
    /// Why they cannot be listed.
    pub trouble: Option<String>,
}

/// A log with what it says.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Name of the file.
    pub name: String,
    /// Whether there is a debug log of the same run.
    pub has_debug: bool,
    /// In short.
    pub verdict: Verdict,
    /// TIME of its run, else of the last change: what newest means.
    time: String,
    /// By which it is known again.
    size: u64,
    mtime: i64,
    identity: (u64, u64),
}

/// All logs, remembered from one look to the next: asking again costs one `readdir` per directory and one `stat` per log.
pub struct Logbook {
    root: PathBuf,
    secrets: Secrets,
    shelves: Vec<Shelf>,
    room: Vec<u8>,
}

impl Logbook {
    /// The logs under this directory. `secrets` must not be shown.
    pub fn new(root: &Path, secrets: Secrets) -> Self {
        Self { root: root.to_owned(), secrets, shelves: Vec::new(), room: Vec::new() }
    }

    /// Goes on with this directory and these secrets; everything is forgotten when they are others than before.
    pub fn be(&mut self, root: &Path, secrets: &Secrets) {
        if self.root != root || self.secrets != *secrets {
            *self = Self::new(root, secrets.clone());
        }
    }

    /// What is there now: directories in reverse alphabetical order without `debug`, logs newest first. Fails when the
    /// directory itself cannot be read.
    pub fn look(&mut self) -> Result<&[Shelf]> {
        let root = Dir::open(&self.root)?;
        let mut dirs = shelves(&root)?;
        // without them nothing but the hint that they exist is missing
        let debug = root.open_dir(names::DEBUG).and_then(|dir| dir.names()).unwrap_or_default();
        let debug: HashSet<String> = debug.into_iter().collect();
        dirs.retain(|dir| dir != names::DEBUG);
        dirs.sort_unstable_by(|a, b| b.cmp(a));
        let mut known = std::mem::take(&mut self.shelves);
        for dir in dirs {
            let old = known.iter_mut().find(|shelf| shelf.dir == dir).map(|shelf| std::mem::take(&mut shelf.logs));
            let shelf = match self.shelf(&root, &dir, old.unwrap_or_default(), &debug) {
                Ok(logs) => Shelf { dir, logs, trouble: None },
                Err(error) => Shelf { dir, logs: Vec::new(), trouble: Some(error.to_string()) },
            };
            self.shelves.push(shelf);
        }
        self.room = Vec::new();
        Ok(&self.shelves)
    }

    fn shelf(&mut self, root: &Dir, name: &str, old: Vec<Listed>, debug: &HashSet<String>) -> Result<Vec<Listed>> {
        let dir = root.open_dir(name)?;
        let mut old: HashMap<String, Listed> = old.into_iter().map(|log| (log.name.clone(), log)).collect();
        let mut logs = Vec::with_capacity(old.len());
        for file in dir.names()?.into_iter().filter(|file| names::is_log(file)) {
            let Some(facts) = dir.facts(&file)?.filter(|facts| facts.kind == EntryKind::File) else { continue };
            let known = old.remove(&file).filter(|log| log.identity == facts.identity && log.size <= facts.size);
            let debug_name = names::debug_name(name, &file);
            let has_debug = debug_name.is_empty() || debug.contains(&debug_name);
            let mut log = known.unwrap_or_else(|| Listed {
                time: names::run_of(&file).map_or_else(|| changed(facts.mtime), |(_, time)| time.to_owned()),
                name: file,
                has_debug,
                verdict: Verdict::default(),
                size: 0,
                mtime: i64::MIN,
                identity: facts.identity,
            });
            log.has_debug = has_debug;
            logs.push((log, facts));
        }
        logs.sort_unstable_by(|(a, _), (b, _)| (&b.time, &b.name).cmp(&(&a.time, &a.name)));
        logs.truncate(SHELF_LIMIT);
        for (log, facts) in &mut logs {
            if (log.size, log.mtime) != (facts.size, facts.mtime) {
                self.read(&dir, log);
            }
        }
        Ok(logs.into_iter().map(|(log, _)| log).collect())
    }

    /// Brings the verdict up to date. A log that cannot be read says nothing, and is tried again next time.
    fn read(&mut self, dir: &Dir, log: &mut Listed) {
        let Ok(file) = dir.open_file(&log.name) else { return };
        let Ok(facts) = files::facts(&file) else { return };
        if facts.identity != log.identity || facts.size == log.size {
            // another file, or the same size written anew
            log.verdict = Verdict::default();
        }
        let mut reading = Reading { file: &file, name: &log.name, secrets: &self.secrets, room: &mut self.room };
        if reading.go_on(&mut log.verdict, facts.size).is_ok() {
            (log.size, log.mtime, log.identity) = (facts.size, facts.mtime, facts.identity);
        }
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

/// The time of a change in the form of a TIME.
fn changed(mtime: i64) -> String {
    OffsetDateTime::from_unix_timestamp(mtime).map_or_else(|_| String::new(), |at| stamp(clock::local(at)))
}

#[cfg(test)]
mod tests;
