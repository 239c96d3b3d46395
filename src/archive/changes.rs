//! What changed since a full archive: its list and the walk are both in the same order, so one pass over both tells, and
//! memory does not grow with them.

mod ahead;

use crate::archive::list::{self, Style};
use crate::archive::walk::compare;
use crate::error::{Doing, Error, Result};
use crate::sys::tree::{Kind, Meta, Stamp};
use ahead::Ahead;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The kernel stamps inodes with a clock that moves every few milliseconds.
const CLOCK_STEP: i128 = 20_000_000;
/// Some file systems keep whole or even seconds only.
const COARSE_STEP: i128 = 2_000_000_000;

/// What a base knows of an entry.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Facts {
    /// Ours.
    Exact { kind: Kind, size: u64, mtime: Stamp, ctime: Stamp, ino: u64 },
    /// KB17's: time as Python's float, of what a link points to.
    Rough { mtime: f64, size: u64 },
    /// Nothing that could be relied on.
    Nothing,
}

#[derive(Clone, PartialEq, Debug)]
struct Known {
    path: Vec<u8>,
    facts: Facts,
    /// Whether it is sure that the base has this path, so that its absence means it was deleted.
    sure: bool,
}

enum Entries {
    Ours(Ahead),
    Kb17(std::vec::IntoIter<Known>),
}

/// A full archive's list, ready to be compared with a walk.
pub struct Base {
    entries: Entries,
    /// Anything stamped at or after this may have changed after it was read.
    scan: Stamp,
    style: Style,
}

impl Base {
    /// Opens a list of ours; none when it is KB17's.
    pub fn ours(file: File) -> Result<Option<Self>> {
        let Some(reader) = list::Reader::open(file)? else { return Ok(None) };
        let (scan, style) = (reader.head.scan, reader.head.style.clone());
        Ok(Some(Self { entries: Entries::Ours(Ahead::of(reader)?), scan, style }))
    }

    /// Reads KB17's list: unsorted, paths unescaped, so it is held in memory. `started` is the run time of the set.
    pub fn kb17(file: File, started: Stamp, style: &Style) -> Result<Self> {
        let known = read_kb17(BufReader::new(file), style)?;
        Ok(Self { entries: Entries::Kb17(known.into_iter()), scan: started, style: style.clone() })
    }

    /// How the paths in it are written.
    pub fn style(&self) -> &Style {
        &self.style
    }

    fn next(&mut self) -> Result<Option<Known>> {
        match &mut self.entries {
            Entries::Kb17(known) => Ok(known.next()),
            Entries::Ours(ahead) => ahead.next(),
        }
    }
}

/// Compares a walk with a base.
pub struct Changes {
    base: Base,
    next: Option<Known>,
    unknown: Vec<Vec<u8>>,
    /// Entries of the base met so far.
    pub known: u64,
}

impl Changes {
    /// Starts at the beginning of both.
    pub fn new(mut base: Base) -> Result<Self> {
        let next = base.next()?;
        Ok(Self { base, next, unknown: Vec::new(), known: 0 })
    }

    /// Says that a path could not be read: what the base has there is not deleted.
    pub fn unknown(&mut self, path: Vec<u8>) {
        self.unknown.push(path);
    }

    /// Whether an entry of the walk is new or changed. Paths must come in walk order; `gone` gets what the base has before it
    /// and the source has not.
    pub fn judge(&mut self, path: &[u8], meta: &Meta, gone: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        let mut changed = true;
        loop {
            let order = self.next.as_ref().map(|known| compare(&known.path, path));
            match order {
                Some(Ordering::Less) => self.report(gone)?,
                Some(Ordering::Equal) => {
                    changed = !self.next.as_ref().is_some_and(|known| same(&known.facts, meta, self.base.scan));
                    self.advance()?;
                }
                Some(Ordering::Greater) | None => break,
            }
        }
        // everything below a path comes right after it: what is behind us cannot matter any more
        self.unknown.retain(|unknown| is_below(path, unknown));
        Ok(changed)
    }

    /// Reports what the base has after the end of the walk.
    pub fn finish(&mut self, gone: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while self.next.is_some() {
            self.report(gone)?;
        }
        Ok(())
    }

    fn report(&mut self, gone: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if let Some(known) = &self.next {
            let unread = self.unknown.iter().any(|unknown| is_below(&known.path, unknown));
            if known.sure && !unread {
                gone(&known.path)?;
            }
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<()> {
        self.known += 1;
        self.next = self.base.next()?;
        Ok(())
    }
}

/// Whether `path` is `top` or lies below it.
fn is_below(path: &[u8], top: &[u8]) -> bool {
    top.is_empty() || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Whether an entry is as the base knows it (P11). An entry that was stamped about when the base was made, or later, is
/// never the same: it may have changed after it was read without its stamp showing that.
fn same(facts: &Facts, meta: &Meta, scan: Stamp) -> bool {
    match *facts {
        Facts::Nothing => false,
        Facts::Exact { kind, size, mtime, ctime, ino } => {
            let alike = (kind, mtime, ctime, ino) == (meta.kind, meta.mtime, meta.ctime, meta.ino);
            // the size of a directory says nothing that its times do not say
            alike && (size == meta.size || kind == Kind::Dir) && settled(ctime, scan)
        }
        Facts::Rough { mtime, size } => {
            // KB17 followed links, so what it says of one is about something else
            let comparable = matches!(meta.kind, Kind::File | Kind::Dir);
            let alike = mtime.to_bits() == list::seconds(meta.mtime).to_bits() && size == meta.size;
            comparable && alike && settled(meta.mtime, scan)
        }
    }
}

/// Whether a stamp is so much older than the scan that a change after it would have got a different one. Only `ctime` is
/// asked where there is one: it cannot be set by programs, and every change of content moves it.
fn settled(stamp: Stamp, scan: Stamp) -> bool {
    let step = if stamp.nsec == 0 { COARSE_STEP } else { CLOCK_STEP };
    stamp.nanos() < scan.nanos() - step
}

/// KB17's list, sorted. Where a line cannot be trusted (a name with a line break, the same name twice), the entry is taken
/// for changed and never for deleted.
fn read_kb17(mut input: impl BufRead, style: &Style) -> Result<Vec<Known>> {
    let mut known: Vec<Known> = Vec::new();
    let mut line = Vec::new();
    let mut strangers = 0;
    let reading = || "reading the list".to_owned();
    input.read_until(b'\n', &mut line).doing(reading)?;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).doing(reading)? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        match parse_kb17(text) {
            Some((facts, listed)) => {
                match style.walked(listed).filter(|_| listed.starts_with(b"/") != style.prefix.is_empty()) {
                    Some(path) => known.push(Known { path, facts, sure: true }),
                    None => strangers += 1,
                }
            }
            None => {
                // the rest of a name that holds a line break: the name before it is not what it seems
                if let Some(last) = known.last_mut() {
                    (last.facts, last.sure) = (Facts::Nothing, false);
                }
            }
        }
    }
    if strangers > known.len() {
        return Err(Error::failed("the list is of another source, or writes its paths in another way"));
    }
    known.sort_by(|a, b| compare(&a.path, &b.path));
    known.dedup_by(|later, first| {
        let twice = later.path == first.path;
        if twice {
            (first.facts, first.sure) = (Facts::Nothing, false);
        }
        twice
    });
    Ok(known)
}

fn parse_kb17(line: &[u8]) -> Option<(Facts, &[u8])> {
    let (mtime, size, path) = list::split(line)?;
    let mtime = std::str::from_utf8(mtime).ok()?.parse().ok()?;
    let size = std::str::from_utf8(size).ok()?.parse().ok()?;
    (!path.is_empty()).then_some((Facts::Rough { mtime, size }, path))
}
