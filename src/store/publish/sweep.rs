//! Removing what dead runs left unfinished.
//!
//! The temporary name of a main file is the mark of an unfinished set, whether it was being published or withdrawn: what
//! stands beside it under final names, without the main file, goes with it. Companions without such a mark are left alone:
//! their archive may have been moved away on purpose, and its list still serves as base.

use crate::error::Result;
use crate::store::manifest::EXTENSION;
use crate::store::naming::{final_name, part_name};
use crate::store::publish::drafts::{Entry, lock_entry};
use crate::store::publish::replace::aside_name;
use crate::store::sets::owner::{Claim, Role, judge};
use crate::store::sets::{Source, VERIFIED};
use crate::sys::files::{self, Dir, EntryKind};
use std::path::PathBuf;

/// Removes what dead runs of this source left unfinished in its directories; returns the removed paths. What another
/// living run is writing is left alone, and so is everything on a file system that has no locks to tell.
pub fn sweep(source: &Source) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for path in source.dirs() {
        match Dir::open(path) {
            Ok(dir) => sweep_dir(source, &dir, &mut removed)?,
            Err(error) if files::is(&error, std::io::ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

/// What a leftover is.
enum Leftover {
    /// An unfinished main file.
    Main(String),
    /// An unfinished companion.
    Companion(String),
    /// An old dump that was put aside for the new one of this name.
    Aside(String),
}

fn sweep_dir(source: &Source, dir: &Dir, removed: &mut Vec<PathBuf>) -> Result<()> {
    let mut names = dir.names()?;
    names.sort();
    for name in names {
        match leftover(source, dir, &name) {
            Some(Leftover::Main(main)) => sweep_main(source, dir, &main, removed)?,
            Some(Leftover::Companion(part)) => sweep_one(dir, &part, removed)?,
            Some(Leftover::Aside(main)) => put_back(dir, &main, removed)?,
            None => {}
        }
    }
    Ok(())
}

/// Recognises a temporary name of this source. A rival's that fits ours just as well is a leftover of ours too: nothing that
/// never got its name is worth an argument.
fn leftover(source: &Source, dir: &Dir, name: &str) -> Option<Leftover> {
    let ours = |name: &str, role: Role| {
        judge(source, dir.path(), name, role).is_some_and(|(_, claim)| !matches!(claim, Claim::Theirs(_)))
    };
    if let Some(main) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".old")) {
        return ours(main, Role::Main).then(|| Leftover::Aside(main.to_owned()));
    }
    let target = final_name(name)?;
    if ours(target, Role::Main) {
        return Some(Leftover::Main(target.to_owned()));
    }
    let beside = [EXTENSION, VERIFIED].iter().find_map(|ext| target.strip_suffix(ext)?.strip_suffix('.'));
    let companion =
        beside.is_some_and(|main| ours(main, Role::Main)) || ours(target, Role::List) || ours(target, Role::Hash);
    companion.then(|| Leftover::Companion(name.to_owned()))
}

fn sweep_main(source: &Source, dir: &Dir, main: &str, removed: &mut Vec<PathBuf>) -> Result<()> {
    let part = part_name(main);
    let Entry::Dead(_lock) = lock_entry(dir, &part)? else { return Ok(()) };
    // looked at under the lock: a writer that was alive a moment ago may have finished the set since the listing
    if !dir.has(main)? {
        for companion in source.companions(main) {
            if is_shared(source, dir, main, &companion)? {
                continue;
            }
            sweep_one(dir, &companion, removed)?;
            if dir.facts(&companion)?.is_some_and(|facts| facts.kind == EntryKind::File) {
                return Ok(()); // in use: the mark has to stay as long as it does
            }
        }
        dir.sync()?;
    }
    dir.remove_tree(&part)?;
    removed.push(dir.join(&part));
    Ok(())
}

/// Whether another archive that differs only in its extension stands here, so that list and checksum may be its.
fn is_shared(source: &Source, dir: &Dir, main: &str, companion: &str) -> Result<bool> {
    let template = source.scheme.main(source.family);
    let Some(reading) = template.read(main, &source.known()) else { return Ok(true) };
    for ext in &source.extensions {
        let other = template.rewrite(&reading, &source.known(), ext);
        let Some(other) = other.filter(|other| other != main) else { continue };
        if source.companions(&other).iter().any(|name| name == companion) && dir.has(&other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes one file, unless somebody holds it.
fn sweep_one(dir: &Dir, name: &str, removed: &mut Vec<PathBuf>) -> Result<()> {
    if dir.facts(name)?.is_none_or(|facts| facts.kind == EntryKind::Dir) {
        return Ok(());
    }
    if let Entry::Dead(_lock) = lock_entry(dir, name)? {
        dir.remove(name)?;
        removed.push(dir.join(name));
    }
    Ok(())
}

/// A dump that was put aside gets its name back when the new one never took it.
fn put_back(dir: &Dir, main: &str, removed: &mut Vec<PathBuf>) -> Result<()> {
    let aside = aside_name(main);
    let Entry::Dead(_lock) = lock_entry(dir, &aside)? else { return Ok(()) };
    if dir.has(main)? {
        dir.remove_tree(&aside)?;
        removed.push(dir.join(&aside));
        return Ok(());
    }
    dir.rename_new(&aside, main)?;
    dir.sync().map(|_| ())
}
