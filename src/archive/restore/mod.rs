//! Members → a tree, in one pass, by one writer. Nothing outside the target can be reached: names are checked, directories
//! are entered one by one and never through a link, every entry is created anew (P29).

mod deletions;
mod make;
pub mod metadata;
mod recent;
pub mod select;
pub mod superseded;
pub mod tally;
mod target;

use crate::archive::notes::show;
use crate::archive::open::Members;
use crate::archive::read::{Member, Type};
use crate::archive::restore::metadata::{Dresser, Privileges};
use crate::archive::restore::recent::Recent;
use crate::archive::restore::select::{Choice, Selection};
use crate::archive::restore::superseded::Superseded;
use crate::archive::restore::tally::{Named, Tally};
use crate::archive::restore::target::Target;
use crate::error::{Doing, Error, Result};
use crate::sys::tree::Dir;
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io;

/// How a restore ends.
pub type Ending = std::result::Result<(), Failure>;

type Tried<T> = std::result::Result<T, Trouble>;

/// Names of a link's target that are waited for, because the target itself was not asked for.
type Orphans = HashMap<Vec<u8>, Vec<Vec<u8>>>;

/// Whether an archive comes first or goes over what an earlier one brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// A full archive.
    Base,
    /// A differential: what it has replaces whatever stands there.
    Over,
}

/// Why a restore could not go on.
#[derive(Debug)]
pub enum Failure {
    /// The archive is damaged or cannot be read.
    Archive(Error),
    /// The target takes no more, or somebody asked us to stop.
    Stopped(Error),
}

/// Who is told how far a restore is, and may stop it.
pub trait Watch {
    /// So many more entries and bytes are done. `Err` ends the restore.
    fn passed(&self, entries: u64, bytes: u64) -> Result<()>;
}

/// Where a restore works.
pub enum Place {
    /// In this directory itself. Everything gets this name before it takes the place of what stands there.
    Straight(Dir, CString),
    /// In a new directory of this name in it; everything moves up at the end, when it is complete.
    Aside(Dir, CString),
}

/// What a restore may do and for whom.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Whether device nodes and the like are made.
    pub privileges: Privileges,
    /// Which members are wanted.
    pub selection: &'a Selection,
    /// What of a full archive a differential will replace or delete.
    pub superseded: &'a Superseded,
    /// Who looks on.
    pub watch: &'a dyn Watch,
}

/// What became of one member.
enum Done {
    Yes,
    /// It was left out on purpose and counted.
    HeldBack,
}

/// What went wrong with one member.
enum Trouble {
    /// Only this one.
    Here(String),
    /// The target takes no more.
    Full(io::Error),
    /// Everything.
    Fatal(Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        // no other member will fare better
        let hopeless = [
            libc::ENOSPC,
            libc::EDQUOT,
            libc::EROFS,
            libc::EIO,
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::ESTALE,
        ];
        if error.raw_os_error().is_some_and(|code| hopeless.contains(&code)) {
            return Self::Full(error);
        }
        Self::Here(error.to_string())
    }
}

/// Restores archives into one target.
pub struct Restorer<'a> {
    target: Target,
    dresser: Dresser,
    selection: &'a Selection,
    superseded: &'a Superseded,
    watch: &'a dyn Watch,
    layer: Layer,
    /// What became of it so far.
    pub tally: Tally,
    orphans: Orphans,
    /// Directories that are to be removed once what is below them is.
    leaving: Vec<Vec<u8>>,
    /// Names that did not come back: what stands there, if anything, is something else.
    failed: HashSet<Vec<u8>>,
    recent: Recent,
}

impl<'a> Restorer<'a> {
    /// Begins in an open directory. Modes come out exactly only where the process has no umask (`sys::tree::no_umask`), which is
    /// for the program to set: it holds for all threads.
    pub fn new(place: Place, rules: &Rules<'a>) -> Result<Self> {
        let dresser = Dresser::new(rules.privileges);
        let target = match place {
            Place::Straight(top, draft) => Target::live(top, draft, dresser),
            Place::Aside(dir, name) => Target::aside(dir, &name, dresser),
        };
        let target = target.doing(|| "starting in the target".to_owned())?;
        let Rules { selection, superseded, watch, .. } = *rules;
        let (tally, orphans) = (Tally::default(), Orphans::new());
        let (leaving, failed, recent) = (Vec::new(), HashSet::new(), Recent::default());
        let layer = Layer::Base;
        Ok(Self { target, dresser, selection, superseded, watch, layer, tally, orphans, leaving, failed, recent })
    }

    /// Restores an archive. `tally.seen` counts the members that are done with, whatever became of them.
    pub fn archive(&mut self, members: &mut dyn Members, layer: Layer) -> Ending {
        self.layer = layer;
        self.recent = Recent::default();
        let mut holders: Vec<Member> = Vec::new();
        while let Some(member) = members.member().map_err(Failure::Archive)? {
            holders.retain(|holder| select::is_below(&member.path, &holder.path));
            match self.selection.choice(&member.path) {
                Choice::Wanted => {
                    for holder in std::mem::take(&mut holders) {
                        self.one(holder, members)?;
                    }
                    self.one(member, members)?;
                }
                // what is wanted may lie below
                Choice::Unwanted if member.kind == Type::Dir => holders.push(member),
                Choice::Unwanted => _ = members.pass_over(),
            }
            self.tally.seen += 1;
        }
        members.finish().map_err(Failure::Archive)
    }

    /// The files whose content came right before the end of what could be read of the last archive.
    pub fn recent(&self) -> Named {
        self.recent.named()
    }

    /// Whether there are links whose content was not asked for: then the archive has to be read once more by
    /// [`Restorer::adopt`].
    pub fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// Brings back the content of links whose first name was not asked for, under the first name that was.
    pub fn adopt(&mut self, members: &mut dyn Members) -> Ending {
        let mut orphans = std::mem::take(&mut self.orphans);
        while let Some(mut member) = members.member().map_err(Failure::Archive)? {
            let Some(found) = orphans.remove(trimmed(&member.path)) else { continue };
            let mut wanted = found.into_iter();
            let Some(first) = wanted.next() else { continue };
            member.path.clone_from(&first);
            self.one(member.clone(), members)?;
            for path in wanted {
                let link = Member { kind: Type::Link, path, target: first.clone(), extents: None, ..member.clone() };
                self.one(link, members)?;
            }
            if orphans.is_empty() {
                return Ok(());
            }
        }
        for path in orphans.into_values().flatten() {
            self.tally.missing.add(&path, "it is a link, and what it leads to is not in the archive");
        }
        Ok(())
    }

    /// Gives the last directories their times, waits until everything is on the disk and puts it in its place.
    pub fn finish(mut self) -> Result<Tally> {
        self.flush()?;
        let Self { target, mut tally, .. } = self;
        target.settle(&mut tally).doing(|| "putting what was restored in its place".to_owned())?;
        Ok(tally)
    }

    /// The same, but what was restored aside stays there.
    pub fn leave(mut self) -> Result<Tally> {
        self.flush()?;
        Ok(self.tally)
    }

    fn flush(&mut self) -> Result<()> {
        self.target.flush(&mut self.tally).doing(|| "flushing what was restored to the disk".to_owned())
    }

    fn one(&mut self, member: Member, members: &mut dyn Members) -> Ending {
        let (path, is_link) = (member.path.clone(), member.kind == Type::Link);
        let size = if member.kind == Type::File { member.size } else { 0 };
        let stays = self.layer == Layer::Over || !self.superseded.holds(&path);
        let bytes = self.tally.bytes;
        let made = self.make(member, members);
        if !stays || !matches!(made, Ok(Done::Yes)) {
            self.tally.bytes = bytes;
        }
        if matches!(made, Ok(Done::Yes)) {
            self.recent.add(&path, size);
            self.failed.remove(trimmed(&path));
        } else if !is_link {
            self.failed.insert(trimmed(&path).to_vec());
        }
        match made {
            Ok(Done::Yes) => self.tally.restored += u64::from(stays),
            Err(Trouble::Here(what)) if stays => self.tally.missing.add(&path, &what),
            Ok(Done::HeldBack) | Err(Trouble::Here(_)) => {}
            Err(Trouble::Full(error)) => return full(error, "writing", &path),
            Err(Trouble::Fatal(failure)) => {
                self.tally.missing.add(&path, "");
                return Err(failure);
            }
        }
        self.watch.passed(1, 0).map_err(Failure::Stopped)
    }
}

/// The end of a restore whose target takes no more.
fn full(error: io::Error, doing: &str, path: &[u8]) -> Ending {
    Err(error).doing(|| format!("{doing} {}", show(path))).map_err(Failure::Stopped)
}

/// Without what a member's name may have around it.
fn trimmed(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.strip_prefix(b"./").unwrap_or(path)
}

#[cfg(test)]
mod tests;
