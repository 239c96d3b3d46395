//! Whether a set is in a vault already.

use crate::error::{Doing, Result};
use crate::store::sets::{Origin, Set};
use crate::sys::files::Dir;
use std::ffi::OsStr;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// What a vault holds under the name of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Present {
    /// Nothing.
    No,
    /// The set itself.
    Same,
    /// An older set of the same name: the naming scheme has no date, or a coarse one. It makes room.
    Older,
    /// Something that is neither. It stays: it may be somebody else's only copy.
    Other(PathBuf),
}

impl Present {
    /// Looks for `set` among the sets of a vault.
    pub fn of(set: &Set, vault: &[Set]) -> Result<Self> {
        let Some(there) = vault.iter().find(|other| other.main.file_name() == set.main.file_name()) else {
            return Ok(Self::No);
        };
        if is_same(set, there)? {
            return Ok(Self::Same);
        }
        let undated = set.parts.time.is_none();
        Ok(if undated && there.time <= set.time { Self::Older } else { Self::Other(there.main.clone()) })
    }
}

/// Two manifests that say the same, each true of its main file as far as a look tells, are about the same set. Without
/// manifests the bytes are compared.
fn is_same(one: &Set, other: &Set) -> Result<bool> {
    match (&one.origin, &other.origin) {
        (Origin::Ours(one), Origin::Ours(other)) => Ok(one == other),
        (Origin::Kb17, Origin::Kb17) => is_same_content(&one.main, &other.main),
        _ => Ok(false),
    }
}

fn is_same_content(one: &Path, other: &Path) -> Result<bool> {
    let doing = || format!("comparing {} with {}", one.display(), other.display());
    if one.symlink_metadata().doing(doing)?.is_dir() {
        return is_same_dir(one, other);
    }
    let (one, other) = (open(one)?, open(other)?);
    if one.metadata().doing(doing)?.len() != other.metadata().doing(doing)?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut left, mut right) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let length = one.read(&mut left).doing(doing)?;
        let (Some(left), Some(right)) = (left.get(..length), right.get_mut(..length)) else { return Ok(false) };
        if left.is_empty() {
            return Ok(true);
        }
        other.read_exact(right).doing(doing)?;
        if left != right {
            return Ok(false);
        }
    }
}

fn is_same_dir(one: &Path, other: &Path) -> Result<bool> {
    let names = |dir: &Path| -> Result<Vec<String>> {
        let mut names = Dir::open(dir)?.strict_names()?;
        names.sort();
        Ok(names)
    };
    let found = names(one)?;
    if !other.is_dir() || found != names(other)? {
        return Ok(false);
    }
    for name in found {
        if !is_same_content(&one.join(&name), &other.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn open(path: &Path) -> Result<std::fs::File> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    Dir::open(path.parent().unwrap_or(Path::new("/")))?.open_file(name)
}
