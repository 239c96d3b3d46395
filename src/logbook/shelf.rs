//! One directory of logs as it was last seen, brought up to date with as few questions to the kernel as possible.

use crate::error::{Doing, Result};
use crate::logbook::mask::Secrets;
use crate::logbook::names;
use crate::logbook::verdict::{Reading, Verdict};
use crate::run::moment::stamp;
use crate::sys::clock;
use crate::sys::files::{self, Dir, EntryKind, Facts};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Logs of one directory that are listed; the newest.
const LIMIT: usize = 20_000;

/// Newest logs that are looked at every time: a run may be writing one of them.
const LIVELY: usize = 200;

/// How long the others may go unlooked at. Nobody writes to a log of an earlier run; whoever does it all the same is noticed.
const SWEEP: Duration = Duration::from_secs(60);

/// Age in seconds from which on the time of a directory's change is relied on: a younger one may hide a change of the same
/// tick of the clock.
const SETTLED: i64 = 2;

/// A log with what it says.
#[derive(Debug)]
pub struct Listed {
    /// Name of the file.
    pub name: Box<str>,
    /// Whether there is a debug log of the same run.
    pub has_debug: bool,
    /// In short.
    pub verdict: Verdict,
    /// TIME of its run, else of the last change, as one number: what newest means.
    time: u64,
    /// By which it is known again; nothing of a log that was not read yet.
    read: Option<Identity>,
    found: Identity,
}

/// Size, time of change, device and inode.
type Identity = (u64, i64, (u64, u64));

/// A directory of logs.
#[derive(Debug)]
pub struct Shelf {
    /// Name of the directory under `logs_path`.
    pub dir: String,
    /// Its logs, newest first.
    pub logs: Vec<Listed>,
    /// Why they cannot be listed, or not all be judged.
    pub trouble: Option<String>,
    open: Option<Dir>,
    state: Option<State>,
    swept: Option<Instant>,
    debugs: u64,
}

/// Inode and time of change of a directory.
type State = (u64, i64, i64);

/// How a directory stands; none when that cannot be told for sure.
fn state(dir: &Dir) -> Option<State> {
    let meta = dir.file().metadata().ok()?;
    let settled = clock::file_stamp().sec.checked_sub(meta.mtime())? >= SETTLED;
    settled.then(|| (meta.ino(), meta.mtime(), meta.mtime_nsec()))
}

/// The debug logs there are: hashes of their names, because there are many, and all that hangs on them is a hint.
#[derive(Default)]
pub(super) struct Debugs {
    hasher: RandomState,
    names: Vec<u64>,
    state: Option<State>,
    revision: u64,
}

impl Debugs {
    /// Without them nothing but the hint that they exist is missing.
    pub(super) fn refresh(&mut self, root: &Dir) {
        let dir = root.open_dir(names::DEBUG).ok();
        let state = dir.as_ref().and_then(state);
        if state.is_some() && state == self.state {
            return;
        }
        let names = dir.and_then(|dir| dir.names().ok()).unwrap_or_default();
        let mut names: Vec<u64> = names.iter().map(|name| self.hasher.hash_one(name.as_str())).collect();
        names.sort_unstable();
        self.state = state;
        if names != self.names {
            self.names = names;
            self.revision += 1;
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.binary_search(&self.hasher.hash_one(name)).is_ok()
    }
}

impl Shelf {
    /// One that was not looked at yet.
    pub(super) fn new(dir: String) -> Self {
        Self { dir, logs: Vec::new(), trouble: None, open: None, state: None, swept: None, debugs: u64::MAX }
    }

    /// Finds out which logs there are now; whether that is something else than before.
    pub(super) fn refresh(&mut self, root: &Dir, debugs: &Debugs) -> bool {
        let (before, had_trouble) = (self.logs.len(), self.trouble.take());
        let listed = self.list(root);
        let mut changed = match listed {
            Ok(changed) => changed || had_trouble.is_some(),
            Err(error) => {
                (self.state, self.swept) = (None, None);
                self.logs.clear();
                self.trouble = Some(error.to_string());
                before > 0 || self.trouble != had_trouble
            }
        };
        if changed || self.debugs != debugs.revision {
            self.debugs = debugs.revision;
            for log in &mut self.logs {
                let debug = names::debug_name(&self.dir, &log.name);
                let has_debug = debug.is_empty() || debugs.has(&debug);
                changed |= std::mem::replace(&mut log.has_debug, has_debug) != has_debug;
            }
        }
        changed
    }

    fn list(&mut self, root: &Dir) -> Result<bool> {
        let dir = root.open_dir(&self.dir)?;
        let state = state(&dir);
        let is_known = state.is_some() && state == self.state;
        let is_swept = self.swept.is_some_and(|at| at.elapsed() < SWEEP);
        let seen = if is_known && is_swept { self.look_again(&dir) } else { None };
        let changed = if let Some(changed) = seen {
            changed
        } else {
            (self.state, self.swept) = (state, Some(Instant::now()));
            self.list_anew(&dir)?
        };
        self.open = Some(dir);
        Ok(changed)
    }

    /// Looks at the lively ones only; none when that is not enough.
    fn look_again(&mut self, dir: &Dir) -> Option<bool> {
        let mut changed = false;
        for log in self.logs.iter_mut().take(LIVELY) {
            let found = dir.facts(&log.name).ok()??;
            if found.identity != log.found.2 || found.size < log.found.0 {
                return None;
            }
            let found = identity(&found);
            changed |= std::mem::replace(&mut log.found, found) != found;
        }
        Some(changed)
    }

    fn list_anew(&mut self, dir: &Dir) -> Result<bool> {
        let mut found = Vec::with_capacity(self.logs.len());
        for name in dir.names()?.into_iter().filter(|name| names::is_log(name)) {
            // what is gone meanwhile is not there
            if let Some(facts) = dir.facts(&name)?.filter(|facts| facts.kind == EntryKind::File) {
                found.push(Listed::new(name, &facts));
            }
        }
        found.sort_unstable_by(|a, b| b.place().cmp(&a.place()));
        found.truncate(LIMIT);
        let mut changed = found.len() != self.logs.len();
        for log in &mut found {
            let known = self.logs.binary_search_by(|old| log.place().cmp(&old.place())).ok();
            let Some(old) = known.and_then(|at| self.logs.get_mut(at)) else {
                changed = true;
                continue;
            };
            changed |= old.found != log.found;
            // a shorter one was written anew
            if old.found.2 == log.found.2 && old.found.0 <= log.found.0 {
                (log.verdict, log.read, log.has_debug) = (std::mem::take(&mut old.verdict), old.read, old.has_debug);
            }
        }
        self.logs = found;
        Ok(changed)
    }

    /// Brings the verdicts up to date; whether one was not.
    pub(super) fn read(&mut self, secrets: &Secrets, room: &mut Vec<u8>, deadline: Option<Instant>) -> bool {
        let Some(dir) = self.open.take() else { return false };
        let mut desk = Desk { dir: &dir, secrets, room, deadline };
        let mut unread = 0;
        let mut changed = false;
        for log in self.logs.iter_mut().filter(|log| log.read != Some(log.found)) {
            changed = true;
            unread += usize::from(!desk.read(log));
        }
        if unread > 0 {
            self.trouble = Some(format!("{unread} logs in {} are still being read", dir.path().display()));
        }
        changed
    }
}

impl Listed {
    fn new(name: String, facts: &Facts) -> Self {
        let time = names::run_of(&name).map_or_else(|| digits(&changed(facts.mtime)), |(_, time)| digits(time));
        Self {
            name: name.into(),
            has_debug: false,
            verdict: Verdict::default(),
            time,
            read: None,
            found: identity(facts),
        }
    }

    fn place(&self) -> (u64, &str) {
        (self.time, &self.name)
    }
}

/// What logs are read with.
struct Desk<'a> {
    dir: &'a Dir,
    secrets: &'a Secrets,
    room: &'a mut Vec<u8>,
    deadline: Option<Instant>,
}

impl Desk<'_> {
    /// Reads what was added to a log; false when there was no time for it.
    fn read(&mut self, log: &mut Listed) -> bool {
        if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return false;
        }
        if log.verdict.is_unreadable() {
            log.verdict = Verdict::default();
        }
        let doing = || format!("reading {}", log.name);
        let opened = self.dir.open_file(&log.name).and_then(|file| Ok((files::facts(&file).doing(doing)?, file)));
        let (facts, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                log.verdict = Verdict::unreadable(&error);
                return true;
            }
        };
        let is_same = |known: Identity| known.2 == facts.identity && known.0 < facts.size;
        if facts.identity != log.found.2 || log.read.is_some_and(|known| !is_same(known)) {
            // another file, or as long as before and so written anew
            log.verdict = Verdict::default();
        }
        let (secrets, deadline) = (self.secrets, self.deadline);
        let mut reading = Reading { file: &file, name: &log.name, secrets, room: self.room, deadline };
        match reading.go_on(&mut log.verdict, facts.size) {
            Ok(true) => log.read = Some(identity(&facts)),
            Ok(false) => return false,
            Err(error) => log.verdict = Verdict::unreadable(&error),
        }
        true
    }
}

fn identity(facts: &Facts) -> Identity {
    (facts.size, facts.mtime, facts.identity)
}

/// The time of a change in the form of a TIME.
fn changed(mtime: i64) -> String {
    OffsetDateTime::from_unix_timestamp(mtime).map_or_else(|_| String::new(), |at| stamp(clock::local(at)))
}

fn digits(time: &str) -> u64 {
    time.bytes().filter(u8::is_ascii_digit).fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
