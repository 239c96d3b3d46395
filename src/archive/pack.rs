//! The recipe: a source → an archive and its list, read back before anyone gets to see them.

#[cfg(test)]
mod tests;

use crate::archive::archiver::{Archiver, Stored};
use crate::archive::blocks::{self, Checksums, Codec, Target, Written};
use crate::archive::changes::{Base, Changes};
use crate::archive::list::{self, Head, ListSum, State, Style};
use crate::archive::notes::Notes;
use crate::archive::proof::{self, Counts};
use crate::archive::tar::Packer;
use crate::archive::walk::{Select, Walk};
use crate::archive::warm::Warmer;
use crate::archive::zip::{self, Compression};
use crate::error::Result;
use crate::sys::tree::{Kind, Meta};
use std::fs::File;
use std::path::Path;

/// Whether the archive is read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadBack {
    /// Every byte.
    Whole,
    /// Not at all.
    Skip,
}

/// What kind of archive.
#[derive(Clone, Copy)]
pub enum Format<'a> {
    /// tar in one compressed stream.
    Tar(&'a dyn Codec),
    /// zip. The file is room for its directory, which stands at the end and is known only then.
    Zip(Compression, &'a File),
}

/// What to pack and how.
pub struct Plan<'a> {
    /// A directory or one file.
    pub source: &'a Path,
    /// What is left out.
    pub select: &'a Select,
    /// What kind of archive.
    pub format: Format<'a>,
    /// Compressing threads.
    pub threads: usize,
    /// Most bytes to read per second.
    pub read_limit: Option<u64>,
    /// Checksums of the archive.
    pub checksums: Checksums,
    /// Whether it is proven before anybody uses it.
    pub read_back: ReadBack,
    /// What the list begins with.
    pub head: Head,
}

/// Where to: files open for reading and writing, still empty.
pub struct Files<'a> {
    /// The archive.
    pub archive: &'a File,
    /// Its final path, for the list and for messages.
    pub archive_name: &'a str,
    /// The list.
    pub list: &'a File,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Packed {
    /// The archive file.
    pub archive: Written,
    /// The list file.
    pub list: ListSum,
    /// What the archive holds.
    pub counts: Counts,
    /// What the walk met and wanted, changed or not.
    pub seen: u64,
    /// Paths the base has and the source has not.
    pub deleted: u64,
    /// Entries of the base.
    pub base_entries: u64,
}

/// Packs everything, or with a base what changed since.
pub fn pack(plan: &Plan<'_>, files: &Files<'_>, base: Option<Base>, notes: &dyn Notes) -> Result<Packed> {
    let target = Target { file: files.archive, name: files.archive_name, checksums: plan.checksums };
    let limit = plan.read_limit;
    let read_back = plan.read_back == ReadBack::Whole;
    match plan.format {
        Format::Tar(codec) => {
            let (packed, written) = blocks::write(&target, codec, plan.threads, |sink| {
                store(plan, files, Box::new(Packer::new(sink, notes, limit)), base, notes)
            })?;
            if read_back {
                proof::prove(files.archive, codec, plan.threads, (&written, packed.counts), notes)?;
            }
            Ok(Packed { archive: written, ..packed })
        }
        Format::Zip(compression, directory) => {
            let (packed, written) = zip::write(&target, directory, (compression, plan.threads), |sink| {
                store(plan, files, Box::new(zip::Packer::new(sink, notes, limit)), base, notes)
            })?;
            if read_back {
                zip::prove(files.archive, plan.threads, (&written, packed.counts), notes)?;
            }
            Ok(Packed { archive: written, ..packed })
        }
    }
}

/// Walks the source and stores what belongs into the archive.
fn store(
    plan: &Plan<'_>,
    files: &Files<'_>,
    archiver: Box<dyn Archiver + '_>,
    base: Option<Base>,
    notes: &dyn Notes,
) -> Result<Packed> {
    let list = list::Writer::begin(files.list, files.archive_name, &plan.head)?;
    let mut work = Work {
        style: &plan.head.style,
        archiver,
        list,
        changes: base.map(Changes::new).transpose()?,
        notes,
        packed: Packed::default(),
        stored_dirs: Vec::new(),
    };
    // a differential reads little, and a limit is a wish to be slow
    let mut warmer = (work.changes.is_none() && plan.read_limit.is_none()).then(Warmer::default);
    let mut walk = Walk::start(plan.source, plan.select, notes)?;
    while let Some(meta) = walk.step()? {
        if let Some(warmer) = &mut warmer {
            warmer.look(&walk, &meta);
        }
        work.entry(&mut walk, &meta)?;
    }
    work.finish(&mut walk)
}

/// Counts what [`pack`] would store, writing nothing.
pub fn preview(source: &Path, select: &Select, base: Option<Base>, notes: &dyn Notes) -> Result<Packed> {
    let mut changes = base.map(Changes::new).transpose()?;
    let mut walk = Walk::start(source, select, notes)?;
    let mut packed = Packed::default();
    while let Some(meta) = walk.step()? {
        packed.seen += 1;
        notes.passed(1, 0);
        if let Some(changes) = &mut changes {
            walk.take_unknown().into_iter().for_each(|path| changes.unknown(path));
            let gone = &mut |_: &[u8]| {
                packed.deleted += 1;
                Ok(())
            };
            if !changes.judge(walk.path(), &meta, gone)? {
                continue;
            }
        }
        if notes.wants_entries() {
            notes.entry(walk.path(), "would be added");
        }
        packed.counts.entries += 1;
        packed.counts.bytes += if meta.kind == Kind::File { meta.size } else { 0 };
    }
    if let Some(changes) = &mut changes {
        walk.take_unknown().into_iter().for_each(|path| changes.unknown(path));
        changes.finish(&mut |_| {
            packed.deleted += 1;
            Ok(())
        })?;
    }
    Ok(packed)
}

/// Everything that is carried from entry to entry.
struct Work<'a> {
    style: &'a Style,
    archiver: Box<dyn Archiver + 'a>,
    list: list::Writer<'a>,
    changes: Option<Changes>,
    notes: &'a dyn Notes,
    packed: Packed,
    /// Directories stored so far that the current path lies in.
    stored_dirs: Vec<Vec<u8>>,
}

impl Work<'_> {
    fn entry(&mut self, walk: &mut Walk<'_>, meta: &Meta) -> Result<()> {
        self.packed.seen += 1;
        self.notes.passed(1, 0);
        if let Some(changes) = &mut self.changes {
            walk.take_unknown().into_iter().for_each(|path| changes.unknown(path));
            let (list, deleted) = (&mut self.list, &mut self.packed.deleted);
            let gone = &mut |path: &[u8]| {
                *deleted += 1;
                list.deleted(path)
            };
            if !changes.judge(walk.path(), meta, gone)? {
                return Ok(());
            }
            self.holders(walk)?;
        }
        let (meta, state) = match self.archiver.add(walk, meta, &self.style.member(walk.path()))? {
            Stored::Whole(meta) => (meta, State::Whole),
            Stored::Damaged(meta) => (meta, State::Damaged),
            Stored::Link(meta, state) => {
                // its content was counted with its first name
                self.record(walk.path(), &meta, state)?;
                return Ok(());
            }
            Stored::Not => return Ok(()),
        };
        if meta.kind == Kind::File {
            self.packed.counts.bytes += meta.size;
        }
        if meta.kind == Kind::Dir {
            self.stored_dirs.push(walk.path().to_vec());
        }
        self.record(walk.path(), &meta, state)
    }

    /// Stores the directories around a changed entry that are not stored yet: a plain `tar` that replaces what is in a
    /// directory gives it its times back only when the directory is a member, too, and members stay in walk order only when
    /// all of them are there.
    fn holders(&mut self, walk: &Walk<'_>) -> Result<()> {
        let below = |dir: &[u8]| dir.is_empty() || walk.path().strip_prefix(dir).is_some_and(starts_component);
        self.stored_dirs.retain(|dir| below(dir));
        for holder in walk.holders() {
            if self.stored_dirs.iter().any(|dir| dir.len() == holder.path.len()) {
                continue;
            }
            self.archiver.add_holder(&holder, &self.style.member(holder.path))?;
            self.stored_dirs.push(holder.path.to_vec());
            self.record(holder.path, holder.meta, State::Whole)?;
        }
        Ok(())
    }

    fn record(&mut self, path: &[u8], meta: &Meta, state: State) -> Result<()> {
        self.packed.counts.entries += 1;
        if self.notes.wants_entries() {
            self.notes.entry(path, "added");
        }
        self.list.entry(path, meta, state)
    }

    fn finish(mut self, walk: &mut Walk<'_>) -> Result<Packed> {
        if let Some(mut changes) = self.changes.take() {
            walk.take_unknown().into_iter().for_each(|path| changes.unknown(path));
            changes.finish(&mut |path| {
                self.packed.deleted += 1;
                self.list.deleted(path)
            })?;
            self.packed.base_entries = changes.known;
        }
        self.archiver.finish()?;
        self.packed.list = self.list.finish()?;
        Ok(self.packed)
    }
}

/// Whether what is left of a path after a directory's name begins a new component.
fn starts_component(rest: &[u8]) -> bool {
    rest.is_empty() || rest.starts_with(b"/")
}
