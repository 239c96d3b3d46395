//! Adding a small file to a set that is already there.

use crate::error::{Doing, Error, Result};
use crate::store::naming::part_name;
use crate::store::publish::drafts::{Content, Held};
use crate::sys::files::{self, Dir, EntryKind, Locked, Readers};
use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;

/// Writes `<main file>.<extension>` atomically and durably, in place of an older one. Fails when the set is not there or is
/// being removed: what is written must not outlive it.
pub fn put_beside(main: &Path, extension: &str, bytes: &[u8]) -> Result<()> {
    let doing = || format!("writing {}.{extension}", main.display());
    let (Some(parent), Some(name)) = (main.parent(), main.file_name().and_then(OsStr::to_str)) else {
        return Err(Error::failed("not a main file")).doing(doing);
    };
    let dir = Dir::open(parent)?;
    let lock = match dir.facts(name)?.map(|facts| facts.kind) {
        Some(EntryKind::Dir) => dir.open_dir(name)?.into_file(),
        _ => dir.open_file(name)?,
    };
    if files::try_lock_shared(&lock)? == Locked::Busy || !dir.is_same(name, &lock)? {
        return Err(Error::failed("the set is being written or removed")).doing(doing);
    }
    let beside = format!("{name}.{extension}");
    let held = Held::file(&dir, &beside)?;
    let written = write(&held, bytes).and_then(|()| dir.rename_over(&part_name(&beside), &beside));
    if let Err(error) = written {
        // the first error is the one to report; the next sweep finds what stays
        let _ = dir.remove(&part_name(&beside));
        return Err(error).doing(doing);
    }
    dir.sync().map(|_| ())
}

fn write(held: &Held, bytes: &[u8]) -> Result<()> {
    if let Content::File(file) = &held.content {
        let mut file = file;
        file.write_all(bytes).doing(|| format!("writing {}", held.name))?;
    }
    held.finish(Readers::Owner)
}
