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

#[cfg(test)]
mod tests {
    use super::*;

    const SCAN: Stamp = Stamp { sec: 1_700_000_000, nsec: 500_000_000 };

    fn before(nanos: i128) -> Stamp {
        Stamp::from_nanos(SCAN.nanos() - nanos)
    }

    fn meta() -> Meta {
        let (mtime, ctime) = (Stamp { sec: 1_600_000_000, nsec: 7 }, before(1_000_000_000));
        let (mode, nlink, uid, gid, rdev) = (0o644, 1, 0, 0, (0, 0));
        Meta { dev: 1, ino: 2, kind: Kind::File, mode, nlink, uid, gid, rdev, size: 3, allocated: 512, mtime, ctime }
    }

    fn exact(meta: &Meta) -> Facts {
        Facts::Exact { kind: meta.kind, size: meta.size, mtime: meta.mtime, ctime: meta.ctime, ino: meta.ino }
    }

    /// P11: each of them by itself makes an entry another one.
    #[test]
    fn p11_kind_size_times_and_inode_all_count() {
        let base = meta();
        assert!(same(&exact(&base), &base, SCAN), "untouched");
        let later = |stamp: Stamp| Stamp { nsec: stamp.nsec + 1, ..stamp };
        for (what, now) in [
            ("kind", Meta { kind: Kind::Fifo, ..base }),
            ("size", Meta { size: 4, ..base }),
            ("mtime by a nanosecond", Meta { mtime: later(base.mtime), ..base }),
            ("ctime by a nanosecond", Meta { ctime: later(base.ctime), ..base }),
            ("inode", Meta { ino: 3, ..base }),
        ] {
            assert!(!same(&exact(&base), &now, SCAN), "{what} alone was not noticed");
        }
        let dir = Meta { kind: Kind::Dir, ..base };
        assert!(same(&exact(&dir), &Meta { size: 4096, ..dir }, SCAN), "the size of a directory says nothing");
        assert!(!same(&Facts::Nothing, &base, SCAN));
    }

    /// P11: what was stamped at or after the scan's start is taken again, and so is what may have been stamped by the same
    /// tick of the kernel's clock, or by one that counts whole seconds.
    #[test]
    fn p11_what_changed_about_when_the_scan_began_is_taken_again() {
        for (ctime, settled) in [
            (before(1_000_000_000), true),
            (before(CLOCK_STEP + 1), true),
            (before(CLOCK_STEP), false),
            (before(4_000_000), false),
            (SCAN, false),
            (before(-1), false),
            (Stamp { sec: SCAN.sec, nsec: 0 }, false),
            (Stamp { sec: SCAN.sec - 1, nsec: 0 }, false),
            (Stamp { sec: SCAN.sec - 2, nsec: 0 }, true),
        ] {
            let meta = Meta { ctime, ..meta() };
            assert_eq!(same(&exact(&meta), &meta, SCAN), settled, "{ctime:?}");
            // KB17 knew no ctime
            let meta = Meta { mtime: ctime, ..meta };
            let rough = Facts::Rough { mtime: list::seconds(meta.mtime), size: meta.size };
            assert_eq!(same(&rough, &meta, SCAN), settled, "KB17: {ctime:?}");
        }
        let link = Meta { kind: Kind::Symlink, ..meta() };
        let rough = Facts::Rough { mtime: list::seconds(link.mtime), size: link.size };
        assert!(!same(&rough, &link, SCAN), "KB17 looked at what a link points to");
    }

    /// What is recorded as deleted, with a base that has these paths. `b!` in the walk is a directory that could not be read.
    fn deleted(base: &str, walk: &[&str]) -> Vec<String> {
        let text = format!("/archive\n{base}");
        let known = read_kb17(text.as_bytes(), &Style::default()).unwrap();
        let base = Base { entries: Entries::Kb17(known.into_iter()), scan: SCAN, style: Style::default() };
        let mut changes = Changes::new(base).unwrap();
        let mut found = Vec::new();
        let gone = &mut |path: &[u8]| {
            found.push(String::from_utf8_lossy(path).into_owned());
            Ok(())
        };
        for path in walk {
            let path = path.strip_suffix('!').inspect(|path| changes.unknown(path.as_bytes().to_vec())).unwrap_or(path);
            changes.judge(path.as_bytes(), &meta(), gone).unwrap();
        }
        changes.finish(gone).unwrap();
        found
    }

    /// P11: deletions are recorded; what could not be read, and a name that a list tells only in part, are not deletions.
    #[test]
    fn p11_only_what_is_surely_gone_is_deleted() {
        let base = "1.5,3,a\n1.5,3,b\n1.5,3,b/x\n1.5,3,b/y\n1.5,3,c\n1.5,3,z\n";
        assert_eq!(deleted(base, &["a", "b", "b/x", "c"]), ["b/y", "z"]);
        assert_eq!(deleted(base, &[]), ["a", "b", "b/x", "b/y", "c", "z"]);
        assert_eq!(deleted(base, &["a", "b!", "c"]), ["z"]);
        assert_eq!(deleted(base, &["!"]), [""; 0], "all of the source could not be read");
        // a name with a line break, and one that is there twice
        assert_eq!(deleted("1.5,3,new\nline\n1.5,3,twice\n1.5,3,twice\n1.5,3,z\n", &[]), ["z"]);
    }
}
