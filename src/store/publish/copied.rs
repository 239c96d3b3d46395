//! A set copied whole into another directory (P20): read once without following links, compared with its manifest on the way,
//! written like any other set, and read back before it gets its name.

use crate::error::{Doing, Error, Result};
use crate::store::manifest::{Manifest, hex};
use crate::store::publish::Staging;
use crate::store::publish::drafts::{Content, Held};
use crate::store::sets::{Origin, Set, VERIFIED};
use crate::sys::files::{self, Dir, EntryKind, Locked, Readers};
use rustix::fs::{Advice, Mode, Timespec, Timestamps};
use rustix::io::Errno;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

const BUFFER: usize = 256 * 1024;

/// Whether a copy is read back before it gets its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadBack {
    /// It is.
    #[default]
    Yes,
    /// It is not (`verify: false`).
    No,
}

/// A set to be copied.
pub struct Copying<'a> {
    /// The set.
    pub set: &'a Set,
    /// Whether the copy is read back.
    pub read_back: ReadBack,
    /// Called with the number of bytes read since the last call; an error ends the work.
    pub tick: &'a mut dyn FnMut(u64) -> Result<()>,
}

/// A copied set.
#[derive(Debug)]
pub struct Copied {
    /// The final paths, main file first.
    pub files: Vec<PathBuf>,
    /// Bytes written.
    pub bytes: u64,
    /// Whether the file system over there cannot keep modes or owners.
    pub lost_modes: bool,
}

impl Staging {
    /// Copies a set into this directory under its own names, with its modes, group and modification times, its manifest as it
    /// is. Fails, and leaves nothing, when a file is not what the manifest says (for a set of KB17: what its checksum file
    /// says), changes while it is read, or cannot be read.
    pub fn copy(mut self, copying: Copying<'_>) -> Result<Copied> {
        match self.copy_all(copying) {
            Ok(copied) => Ok(copied),
            Err(error) => {
                // the first error is the one to report; what could not be removed is left to the next sweep
                let _ = self.retract();
                Err(error)
            }
        }
    }

    fn copy_all(&mut self, copying: Copying<'_>) -> Result<Copied> {
        let Copying { set, read_back, tick } = copying;
        let doing = || format!("copying {}", set.main.display());
        let parent = set.main.parent().ok_or_else(|| Error::failed("not a main file")).doing(doing)?;
        let dir = Dir::open(parent)?;
        let names = names_of(set).doing(doing)?;
        let main = names.first().cloned().ok_or_else(|| Error::failed("not a main file")).doing(doing)?;
        // as long as it is held, no rotation removes the set
        let _lock = lock(&dir, &main)?;
        let mut work = Work {
            buffer: vec![0; BUFFER],
            readers: self.readers,
            read_back,
            tick,
            read: BTreeMap::new(),
            bytes: 0,
            lost_modes: false,
        };
        for name in &names {
            match dir.facts(name)?.map(|facts| facts.kind) {
                Some(EntryKind::Dir) => work.directory(self, &dir, name)?,
                _ => work.file(self, &dir, name)?,
            }
        }
        work.check(set, &dir, &main).doing(doing)?;
        let files = self.name_all(&main)?;
        Ok(Copied { files, bytes: work.bytes, lost_modes: work.lost_modes })
    }
}

/// The names of what belongs to a set in its directory, main file first: what the manifest lists and the manifest itself; for
/// KB17's sets what stands beside the main file. When it was last proven is not copied: that was about other bytes.
fn names_of(set: &Set) -> Result<Vec<String>> {
    let name = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let main = name(&set.main).ok_or_else(|| Error::failed("not a main file"))?;
    let mut names = vec![main.clone()];
    let mut add = |name: String| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    match &set.origin {
        Origin::Damaged(reason) => return Err(Error::failed(format!("it is damaged: {reason}"))),
        Origin::Ours(manifest) => {
            for record in &manifest.files {
                // what is in a directory dump comes with its directory
                let top = record.name.split('/').next().unwrap_or_default();
                if top.is_empty() || top == "." || top == ".." {
                    return Err(Error::failed(format!("its manifest names `{}`", record.name.escape_default())));
                }
                add(top.to_owned());
            }
            add(Manifest::name_for(&main));
        }
        Origin::Kb17 => {
            let verified = format!("{main}.{VERIFIED}");
            set.files.iter().filter_map(name).filter(|name| *name != verified).for_each(add);
        }
    }
    Ok(names)
}

fn lock(dir: &Dir, main: &str) -> Result<File> {
    let file = match dir.facts(main)?.map(|facts| facts.kind) {
        Some(EntryKind::Dir) => dir.open_dir(main)?.into_file(),
        _ => dir.open_file(main)?,
    };
    if files::try_lock_shared(&file)? == Locked::Busy || !dir.is_same(main, &file)? {
        return Err(Error::failed(format!("{} is being written or removed", dir.join(main).display())));
    }
    Ok(file)
}

/// What a file turned out to hold.
struct Sum {
    size: u64,
    sha256: String,
    sha1: String,
}

struct Work<'a> {
    buffer: Vec<u8>,
    readers: Readers,
    read_back: ReadBack,
    tick: &'a mut dyn FnMut(u64) -> Result<()>,
    /// By name as a manifest spells it.
    read: BTreeMap<String, Sum>,
    bytes: u64,
    lost_modes: bool,
}

impl Work<'_> {
    fn file(&mut self, staging: &mut Staging, dir: &Dir, name: &str) -> Result<()> {
        let from = dir.open_file(name)?;
        let draft = staging.create(name)?;
        let sum = self.transfer(&from, &draft.file).doing(|| format!("copying {}", dir.join(name).display()))?;
        self.read.insert(name.to_owned(), sum);
        Ok(())
    }

    /// A directory dump: regular files only, one level deep.
    fn directory(&mut self, staging: &mut Staging, dir: &Dir, name: &str) -> Result<()> {
        let from = dir.open_dir(name)?;
        staging.create_dir(name, None)?;
        let Some(Held { content: Content::Dir(to), .. }) = staging.drafts.last() else {
            return Err(Error::failed(format!("{name} is no directory")));
        };
        for child in from.strict_names()? {
            let source = from.open_file(&child)?;
            let copy = to.create_file(&child)?;
            let doing = || format!("copying {}", from.join(&child).display());
            let sum = self.transfer(&source, &copy).doing(doing)?;
            self.read.insert(format!("{name}/{child}"), sum);
        }
        let doing = || format!("flushing {}", to.path().display());
        self.attributes(from.file(), to.file()).doing(doing)?;
        to.sync().map(|_| ())
    }

    /// Copies content and attributes, makes them durable, and reads the copy back.
    fn transfer(&mut self, from: &File, to: &File) -> Result<Sum> {
        let before = from.metadata().doing(|| "looking at it".into())?;
        let (mut sha256, mut sha1, mut size) = (Sha256::new(), Sha1::new(), 0_u64);
        let (mut source, mut copy) = (from, to);
        loop {
            let length = source.read(&mut self.buffer).doing(|| "reading".into())?;
            let Some(bytes) = self.buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            sha256.update(bytes);
            sha1.update(bytes);
            copy.write_all(bytes).doing(|| "writing the copy".into())?;
            size += length as u64;
            (self.tick)(length as u64)?;
        }
        let after = from.metadata().doing(|| "looking at it".into())?;
        let state = |meta: &std::fs::Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
        if state(&before) != state(&after) || size != after.len() {
            return Err(Error::failed("it changed while it was copied"));
        }
        self.attributes(from, to).doing(|| "keeping mode and time".into())?;
        to.sync_all().doing(|| "flushing the copy".into())?;
        let sum = Sum { size, sha256: hex(&sha256.finalize()), sha1: hex(&sha1.finalize()) };
        if self.read_back == ReadBack::Yes {
            self.prove(to, &sum)?;
        }
        self.bytes += size;
        Ok(sum)
    }

    /// Reads the copy from the disk, as far as the kernel lets go of what it remembers.
    fn prove(&mut self, copy: &File, sum: &Sum) -> Result<()> {
        // advice: a kernel that does not take it reads from memory
        let _ = rustix::fs::fadvise(copy, 0, None, Advice::DontNeed);
        let (mut sha256, mut at) = (Sha256::new(), 0_u64);
        loop {
            let length = copy.read_at(&mut self.buffer, at).doing(|| "reading the copy back".into())?;
            let Some(bytes) = self.buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            sha256.update(bytes);
            at += length as u64;
            (self.tick)(0)?;
        }
        if at != sum.size || hex(&sha256.finalize()) != sum.sha256 {
            return Err(Error::failed("the copy does not read back as it was written"));
        }
        Ok(())
    }

    /// Mode (without set-id bits), group and modification time, as far as the file system over there has them. A group that
    /// was asked for takes the place of the original's.
    fn attributes(&mut self, from: &File, to: &File) -> std::io::Result<()> {
        let meta = from.metadata()?;
        let (group, for_group) = match self.readers {
            Readers::Owner => (meta.gid(), meta.mode() & 0o070),
            Readers::Group(group) => (group, if meta.is_dir() { 0o050 } else { 0o040 }),
        };
        let given = rustix::fs::fchown(to, None, Some(rustix::fs::Gid::from_raw(group)));
        // a mode that lets a group read must not let another one
        let mode = meta.mode() & 0o707 | if given.is_ok() { for_group } else { 0 };
        let moded = rustix::fs::fchmod(to, Mode::from_raw_mode(mode));
        for result in [given, moded] {
            match result {
                Ok(()) => {}
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => self.lost_modes = true,
                Err(error) => return Err(error.into()),
            }
        }
        let modified = Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() };
        Ok(rustix::fs::futimens(to, &Timestamps { last_access: modified, last_modification: modified })?)
    }

    /// Fails when what was read is not the set that its manifest, or KB17's checksum file, describes.
    fn check(&self, set: &Set, dir: &Dir, main: &str) -> Result<()> {
        match &set.origin {
            Origin::Ours(manifest) => {
                for record in &manifest.files {
                    let shown = record.name.escape_default();
                    let sum =
                        self.read.get(&record.name).ok_or_else(|| Error::failed(format!("{shown} is missing")))?;
                    if sum.size != record.size || !sum.sha256.eq_ignore_ascii_case(&record.sha256) {
                        return Err(Error::failed(format!("it is damaged: {shown} is not what the manifest says")));
                    }
                }
                Ok(())
            }
            Origin::Kb17 => match (kb17_checksum(set, dir), self.read.get(main)) {
                (Some(wanted), Some(sum)) if wanted != sum.sha1 => {
                    Err(Error::failed("it is damaged: its SHA-1 is not what its checksum file says"))
                }
                _ => Ok(()),
            },
            Origin::Damaged(reason) => Err(Error::failed(format!("it is damaged: {reason}"))),
        }
    }
}

/// The 40 hex digits in KB17's checksum file, if there is one.
fn kb17_checksum(set: &Set, dir: &Dir) -> Option<String> {
    let names = set.files.iter().skip(1).filter_map(|path| path.file_name()?.to_str());
    names.into_iter().find_map(|name| {
        let mut text = String::new();
        dir.open_file(name).ok()?.take(64).read_to_string(&mut text).ok()?;
        let text = text.trim().to_ascii_lowercase();
        (text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
    })
}
