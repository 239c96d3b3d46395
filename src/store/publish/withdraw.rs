//! Removing a set as a whole: publishing backwards.

use crate::error::{Error, Result};
use crate::store::naming::part_name;
use crate::store::publish::drafts::{Entry, lock_entry};
use crate::store::sets::Set;
use crate::sys::files::Dir;
use std::ffi::OsStr;

/// What came of removing a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Withdrawn {
    /// It is gone.
    Removed,
    /// Somebody is reading or writing it: it stays.
    InUse,
}

/// Removes a set: its main file goes back to its temporary name, which ends the set and marks the rest as leftovers, then
/// the companions go, then the main file itself. A crash in between leaves only what a sweep removes.
///
/// Fails with the first path that cannot be removed.
pub fn withdraw(set: &Set) -> Result<Withdrawn> {
    let not_a_set = || Error::failed(format!("{} is not the main file of a set", set.main.display()));
    let (Some(parent), Some(main)) = (set.main.parent(), set.main.file_name().and_then(OsStr::to_str)) else {
        return Err(not_a_set());
    };
    let dir = Dir::open(parent)?;
    let part = part_name(main);
    let entry = lock_entry(&dir, main)?; // holds the lock to the end
    match &entry {
        Entry::Alive => return Ok(Withdrawn::InUse),
        Entry::Gone => return Ok(Withdrawn::Removed),
        Entry::Dead(None) => return Err(not_a_set()),
        Entry::Dead(Some(_)) | Entry::Unknown => {}
    }
    dir.rename_new(main, &part)?;
    dir.sync()?;
    for file in set.files.iter().skip(1) {
        let name = file.strip_prefix(parent).ok().and_then(|name| name.to_str());
        dir.remove(name.filter(|name| !name.contains('/')).ok_or_else(not_a_set)?)?;
    }
    dir.sync()?;
    dir.remove_tree(&part)?;
    dir.sync()?;
    Ok(Withdrawn::Removed)
}
