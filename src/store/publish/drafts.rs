//! Files and directories that have no final name yet: created under their temporary name, locked as long as their writer
//! lives.

use crate::error::{Doing, Error, Result};
use crate::store::naming::part_name;
use crate::sys::files::{self, Dir, EntryKind, Locked, Readers};
use std::fs::File;
use std::io::ErrorKind;
use std::time::Duration;

/// How often a name is tried while a sweep of another run holds what lies there.
const TRIES: usize = 50;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Something under its temporary name, locked by us.
#[derive(Debug)]
pub(super) struct Held {
    /// The name it will get.
    pub name: String,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    File(File),
    Dir(Dir),
}

impl Held {
    /// Creates the file that will be called `name`.
    pub fn file(dir: &Dir, name: &str) -> Result<Self> {
        let create = |part: &str| {
            let file = dir.create_file(part)?;
            Ok(own(&file)?.then_some(Content::File(file)))
        };
        Self::create(dir, name, &create)
    }

    /// Creates the directory that will be called `name`.
    pub fn dir(dir: &Dir, name: &str) -> Result<Self> {
        let create = |part: &str| {
            let made = dir.create_dir(part)?;
            Ok(own(made.file())?.then_some(Content::Dir(made)))
        };
        Self::create(dir, name, &create)
    }

    fn create(dir: &Dir, name: &str, create: &dyn Fn(&str) -> Result<Option<Content>>) -> Result<Self> {
        let part = part_name(name);
        for _ in 0..TRIES {
            match create(&part) {
                Ok(Some(content)) => return Ok(Self { name: name.to_owned(), content }),
                // a sweep saw it before it was locked and is removing it
                Ok(None) => std::thread::sleep(PAUSE),
                Err(error) if files::is(&error, ErrorKind::AlreadyExists) => remove_dead(dir, &part)?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::failed(format!("cannot get hold of {}", dir.join(&part).display())))
    }

    /// Makes the content durable and readable for `readers` only.
    pub fn finish(&self, readers: Readers) -> Result<()> {
        match &self.content {
            Content::File(file) => {
                let doing = || format!("flushing {}", self.name);
                readers.apply_to_file(file).doing(doing)?;
                file.sync_all().doing(doing)
            }
            Content::Dir(dir) => finish_dir(dir, readers),
        }
    }
}

/// Locks what was just created; `false` when a sweep was faster.
fn own(file: &File) -> Result<bool> {
    match files::try_lock(file)? {
        Locked::Busy => Ok(false),
        Locked::Yes | Locked::Unsupported => {
            // a directory that was removed has no links either
            let facts = files::facts(file).doing(|| "looking at a new file".into())?;
            Ok(facts.links > 0)
        }
    }
}

/// Removes what a dead run left under a temporary name that is needed now.
fn remove_dead(dir: &Dir, part: &str) -> Result<()> {
    let in_the_way = || format!("{} is being written by another run", dir.join(part).display());
    match lock_entry(dir, part)? {
        Entry::Gone => Ok(()),
        Entry::Dead(_lock) => dir.remove_tree(part),
        Entry::Alive => Err(Error::failed(in_the_way())),
        Entry::Unknown => {
            Err(Error::failed(format!("{}, or its file system has no locks: remove it by hand", in_the_way())))
        }
    }
}

/// What lies under a name, as far as locks tell.
pub(super) enum Entry {
    /// Nothing.
    Gone,
    /// Nobody's: now locked by us, until this is dropped.
    Dead(#[allow(dead_code)] Option<File>),
    /// A living process holds it.
    Alive,
    /// The file system has no locks.
    Unknown,
}

/// Locks an entry, and makes sure that what was locked is what still has the name.
pub(super) fn lock_entry(dir: &Dir, name: &str) -> Result<Entry> {
    let opened = match dir.facts(name)?.map(|facts| facts.kind) {
        None => return Ok(Entry::Gone),
        Some(EntryKind::File) => dir.open_for_lock(name),
        Some(EntryKind::Dir) => dir.open_dir(name).map(Dir::into_file),
        // a planted link or the like: nothing of ours can be alive in it
        Some(EntryKind::Other) => return Ok(Entry::Dead(None)),
    };
    let file = match opened {
        Ok(file) => file,
        Err(error) if files::is(&error, ErrorKind::NotFound) => return Ok(Entry::Gone),
        Err(error) => return Err(error),
    };
    match files::try_lock(&file)? {
        Locked::Busy => Ok(Entry::Alive),
        Locked::Unsupported => Ok(Entry::Unknown),
        Locked::Yes if dir.is_same(name, &file)? => Ok(Entry::Dead(Some(file))),
        Locked::Yes => Ok(Entry::Gone),
    }
}

/// A directory dump is taken from the user who wrote it, then every file in it is made durable. Only regular files with
/// one name may be in it: the user who dumped could have linked something else into it.
fn finish_dir(dir: &Dir, readers: Readers) -> Result<()> {
    let doing = || format!("flushing {}", dir.path().display());
    files::take_over(dir.file()).doing(doing)?;
    readers.apply_to_dir(dir.file()).doing(doing)?;
    for name in dir.strict_names()? {
        let doing = || format!("flushing {}", dir.join(&name).display());
        let file = dir.open_file(&name)?;
        if files::facts(&file).doing(doing)?.links != 1 {
            return Err(Error::failed("it has a second name elsewhere")).doing(doing);
        }
        files::take_over(&file).doing(doing)?;
        readers.apply_to_file(&file).doing(doing)?;
        file.sync_all().doing(doing)?;
    }
    dir.sync().map(|_| ())
}
