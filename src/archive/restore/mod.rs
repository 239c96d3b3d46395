//! Members → a tree, in one pass, by one writer. Nothing outside the target can be reached: names are checked, directories
//! are entered one by one and never through a link, every entry is created anew (P29).

pub mod metadata;
pub mod select;
pub mod tally;
mod target;

use crate::archive::open::Members;
use crate::archive::read::{Member, Type};
use crate::archive::restore::metadata::{Dresser, Privileges};
use crate::archive::restore::select::{Choice, Selection};
use crate::archive::restore::tally::Tally;
use crate::archive::restore::target::{Missing, Target, Whole, c_name, clear, names};
use crate::error::{Doing, Error, Result};
use crate::sys::tree::{self, Dir, Handle, Kind};
use std::collections::HashMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

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
    /// In this directory itself.
    Straight(Dir),
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
            let stopped = Err::<(), _>(error).doing(|| "writing".to_owned());
            return Self::Fatal(Failure::Stopped(stopped.err().unwrap_or_else(|| Error::failed("writing"))));
        }
        Self::Here(error.to_string())
    }
}

/// Restores archives into one target.
pub struct Restorer<'a> {
    target: Target,
    dresser: Dresser,
    selection: &'a Selection,
    watch: &'a dyn Watch,
    layer: Layer,
    /// What became of it so far.
    pub tally: Tally,
    orphans: Orphans,
    /// Directories that are to be removed once what is below them is.
    leaving: Vec<Vec<u8>>,
}

impl<'a> Restorer<'a> {
    /// Begins in an open directory.
    pub fn new(place: Place, rules: &Rules<'a>) -> Result<Self> {
        tree::no_umask();
        let dresser = Dresser::new(rules.privileges);
        let target = match place {
            Place::Straight(top) => Target::new(top, dresser),
            Place::Aside(dir, name) => Target::aside(dir, &name, dresser),
        };
        let target = target.doing(|| "starting in the target".to_owned())?;
        let Rules { selection, watch, .. } = *rules;
        let (tally, orphans) = (Tally::default(), Orphans::new());
        Ok(Self { target, dresser, selection, watch, layer: Layer::Base, tally, orphans, leaving: Vec::new() })
    }

    /// Restores an archive. `tally.seen` counts the members that are done with, whatever became of them.
    pub fn archive(&mut self, members: &mut dyn Members, layer: Layer) -> Ending {
        self.layer = layer;
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
                Choice::Unwanted => {}
            }
            self.tally.seen += 1;
        }
        members.finish().map_err(Failure::Archive)
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

    /// Removes a path that the base brought and the differential says is gone. Paths come in walk order.
    pub fn delete(&mut self, path: &[u8]) -> Ending {
        if self.selection.choice(path) == Choice::Unwanted {
            return Ok(());
        }
        while self.leaving.last().is_some_and(|dir| !select::is_below(path, dir)) {
            self.remove_left();
        }
        match self.remove(path) {
            Ok(()) => Ok(()),
            Err(Trouble::Fatal(failure)) => Err(failure),
            Err(Trouble::Here(what)) => {
                self.tally.bare.add(path, &format!("is deleted, but cannot be removed: {what}"));
                Ok(())
            }
        }
    }

    /// Ends the deletions.
    pub fn deleted(&mut self) {
        while !self.leaving.is_empty() {
            self.remove_left();
        }
    }

    /// Gives the last directories their times and puts everything in its place. Without it, what was restored aside stays there.
    pub fn finish(self) -> Result<Tally> {
        let Self { target, mut tally, .. } = self;
        target.finish(&mut tally).doing(|| "putting what was restored in its place".to_owned())?;
        Ok(tally)
    }

    fn remove(&mut self, path: &[u8]) -> Tried<()> {
        let names = names(path).map_err(|why| Trouble::Here(why.to_owned()))?;
        let Some((name, holders)) = names.split_last() else { return Ok(()) };
        let Ok(true) = self.target.enter(holders, Missing::GiveUp, &mut self.tally) else { return Ok(()) };
        self.target.touch();
        match self.target.here()?.remove(&c_name(name)?) {
            Ok(()) => self.tally.deleted += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if tree::is_directory(&error) => self.leaving.push(path.to_vec()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Removes the innermost directory that is to go, unless something in it stays.
    fn remove_left(&mut self) {
        let Some(path) = self.leaving.pop() else { return };
        let Some((name, holders)) =
            names(&path).ok().and_then(|names| names.split_last().map(|(n, h)| (n.to_vec(), h.to_vec())))
        else {
            return;
        };
        let entered = self.target.enter(&holders, Missing::GiveUp, &mut self.tally);
        let removed = entered.and_then(|_| self.target.here()?.remove_dir(&c_name(&name)?));
        if removed.is_ok() {
            self.tally.deleted += 1;
        }
    }

    fn one(&mut self, member: Member, members: &mut dyn Members) -> Ending {
        let path = member.path.clone();
        match self.make(member, members) {
            Ok(Done::Yes) => self.tally.restored += 1,
            Ok(Done::HeldBack) => {}
            Err(Trouble::Here(what)) => self.tally.missing.add(&path, &what),
            Err(Trouble::Fatal(failure)) => {
                self.tally.missing.add(&path, "");
                return Err(failure);
            }
        }
        self.watch.passed(1, 0).map_err(Failure::Stopped)
    }

    fn make(&mut self, member: Member, members: &mut dyn Members) -> Tried<Done> {
        let path = member.path.clone();
        let names = names(&path).map_err(|why| Trouble::Here(format!("refused: {why}")))?;
        let Some((name, holders)) = names.split_last() else {
            if member.kind != Type::Dir {
                return Err(Trouble::Here("refused: it would replace the target itself".to_owned()));
            }
            self.target.enter(&[], Missing::GiveUp, &mut self.tally)?;
            self.target.set_member(member);
            return Ok(Done::Yes);
        };
        if matches!(member.kind, Type::Char | Type::Block) && self.dresser.privileges() == Privileges::Plain {
            self.tally.devices += 1;
            return Ok(Done::HeldBack);
        }
        if member.kind == Type::Link {
            return self.link(&member, &names);
        }
        if member.kind == Type::Dir {
            return self.dir(member, &names);
        }
        self.target.enter(holders, Missing::Create, &mut self.tally)?;
        self.target.touch();
        let name = c_name(name)?;
        match member.kind {
            Type::File => self.file(&member, &name, members)?,
            Type::Symlink => {
                let target = CString::new(member.target.as_slice()).map_err(io::Error::from)?;
                self.fresh(&name, |here, name| here.make_symlink(name, &target))?;
                self.dress(&member, &name)?;
            }
            Type::Fifo => self.node(&member, &name, Kind::Fifo)?,
            Type::Char => self.node(&member, &name, Kind::Char)?,
            Type::Block => self.node(&member, &name, Kind::Block)?,
            Type::Dir | Type::Link => {}
        }
        Ok(Done::Yes)
    }

    /// Makes something that is not there yet; what stands in the way goes.
    fn fresh<T>(&self, name: &CString, mut make: impl FnMut(&Dir, &CString) -> io::Result<T>) -> io::Result<T> {
        let here = self.target.here()?;
        match make(here, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let whole = if self.layer == Layer::Over { Whole::Too } else { Whole::Never };
                clear(here, name, whole)?;
                make(here, name)
            }
            other => other,
        }
    }

    fn dress(&mut self, member: &Member, name: &CString) -> io::Result<()> {
        let found = self.target.found_here();
        let handle = self.target.here()?.hold(name)?;
        self.dresser.dress(&handle, member, found, &mut self.tally);
        Ok(())
    }

    fn node(&mut self, member: &Member, name: &CString, kind: Kind) -> Tried<()> {
        let number =
            |number: u64| u32::try_from(number).map_err(|_| Trouble::Here("its device number is too large".into()));
        let device = (number(member.device.0)?, number(member.device.1)?);
        self.fresh(name, |here, name| here.make_node(name, kind, device))?;
        Ok(self.dress(member, name)?)
    }

    fn dir(&mut self, member: Member, names: &[&[u8]]) -> Tried<Done> {
        if let Some((name, holders)) = names.split_last() {
            self.target.enter(holders, Missing::Create, &mut self.tally)?;
            let name = c_name(name)?;
            let stands = self.target.here()?.lstat(&name);
            // anything but a directory has to go; a directory keeps what is in it
            if stands.is_ok_and(|meta| meta.kind != Kind::Dir) {
                self.target.touch();
                clear(self.target.here()?, &name, Whole::Never)?;
            }
        }
        self.target.enter(names, Missing::Create, &mut self.tally)?;
        self.target.set_member(member);
        Ok(Done::Yes)
    }

    fn link(&mut self, member: &Member, own: &[&[u8]]) -> Tried<Done> {
        let refused = |why: &str| Trouble::Here(format!("refused: the name it links to is none in here: {why}"));
        let old = names(&member.target).map_err(refused)?;
        let (Some((name, holders)), Some((old_name, old_holders))) = (own.split_last(), old.split_last()) else {
            return Err(refused("it is the target itself"));
        };
        if own == old {
            return Err(refused("it is its own"));
        }
        if self.selection.choice(&member.target) == Choice::Unwanted {
            self.orphans.entry(trimmed(&member.target).to_vec()).or_default().push(member.path.clone());
            return Ok(Done::HeldBack);
        }
        let nothing = || Trouble::Here("what it links to is not there".to_owned());
        let (name, old_name) = (c_name(name)?, c_name(old_name)?);
        if !self.target.enter(old_holders, Missing::GiveUp, &mut self.tally)? {
            return Err(nothing());
        }
        let from = self.target.here()?.child(c".")?;
        let meta = from.lstat(&old_name).map_err(|_| nothing())?;
        if meta.kind == Kind::Dir {
            return Err(refused("a directory stands there"));
        }
        self.target.enter(holders, Missing::Create, &mut self.tally)?;
        self.target.touch();
        self.fresh(&name, |here, name| here.make_link(name, &from, &old_name))?;
        Ok(Done::Yes)
    }

    fn file(&mut self, member: &Member, name: &CString, members: &mut dyn Members) -> Tried<()> {
        let file = self.fresh(name, |here, name| here.create(name))?;
        if let Err(trouble) = self.fill(&file, member, members) {
            // half a file must not look like one; the first error is the one to report
            let _ = self.target.here().and_then(|here| here.remove(name));
            return Err(trouble);
        }
        let found = self.target.found_here();
        self.dresser.dress(&Handle::Open(file.as_fd()), member, found, &mut self.tally);
        Ok(())
    }

    fn fill(&mut self, file: &File, member: &Member, members: &mut dyn Members) -> Tried<()> {
        let content = members.content();
        match &member.extents {
            None => self.pour(content, &mut |bytes, _| (&*file).write_all(bytes), u64::MAX),
            Some(extents) => {
                for extent in extents {
                    let put = &mut |bytes: &[u8], at: u64| file.write_all_at(bytes, extent.start + at);
                    self.pour(content, put, extent.len)?;
                }
                Ok(file.set_len(member.size)?)
            }
        }
    }

    /// Copies so many bytes, or all there are. `put` gets where they stand among them.
    fn pour(
        &mut self,
        content: &mut dyn BufRead,
        put: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
        limit: u64,
    ) -> Tried<()> {
        let mut done = 0;
        while done < limit {
            let bytes = content.fill_buf().doing(|| "reading the archive".to_owned());
            let bytes = bytes.map_err(|error| Trouble::Fatal(Failure::Archive(error)))?;
            let len = bytes.len().min(usize::try_from(limit - done).unwrap_or(usize::MAX));
            let Some(bytes) = bytes.get(..len).filter(|bytes| !bytes.is_empty()) else { break };
            put(bytes, done)?;
            content.consume(len);
            done += len as u64;
            self.tally.bytes += len as u64;
            self.watch.passed(0, len as u64).map_err(|error| Trouble::Fatal(Failure::Stopped(error)))?;
        }
        Ok(())
    }
}

fn trimmed(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.strip_prefix(b"./").unwrap_or(path)
}
