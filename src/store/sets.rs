//! What is there: backup sets found on disk, ours and KB17's.

use crate::error::Result;
use crate::patterns::Patterns;
use crate::store::manifest::Manifest;
pub use crate::store::naming::Family;
use crate::store::naming::{Parts, Scheme};
use std::path::PathBuf;
use time::PrimitiveDateTime;

/// A directory a source writes into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folder {
    /// The level written here; none for dumps.
    pub level: Option<u8>,
    /// Absolute path.
    pub dir: PathBuf,
}

/// An action as the store sees it: where its sets are and how they are named.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the action.
    pub action: String,
    /// Which templates apply.
    pub family: Family,
    /// `basename` of the action.
    pub basename: String,
    /// The scheme in force.
    pub scheme: Scheme,
    /// Where each level goes (levels 0 and 1), or the one place of dumps. Sets of all levels of the same basename and
    /// destination are one family, so that no level 0 is removed that a level 1 needs.
    pub folders: Vec<Folder>,
    /// The level this action writes; rotation counts sets of this level only.
    pub level: Option<u8>,
    /// Extensions of main files, the one written now first, then those of older versions (`xz` for `tar.xz`).
    pub extensions: Vec<String>,
    /// Extension of the list file.
    pub list_extension: String,
    /// Databases whose sets are never touched.
    pub shield: Patterns,
    /// Other sources that write into one of the same directories: a file that one of them owns, or might, is not ours.
    pub rivals: Vec<Source>,
}

/// Who wrote a set.
#[derive(Clone, PartialEq, Debug)]
pub enum Origin {
    /// This program; the manifest was readable.
    Ours(Box<Manifest>),
    /// A main file without a manifest.
    Kb17,
    /// There is a manifest but it cannot be used: why.
    Damaged(String),
}

/// All files one action wrote in one run for one source.
#[derive(Clone, Debug)]
pub struct Set {
    /// The archive or dump: its presence commits the set.
    pub main: PathBuf,
    /// Every file of the set that exists, main file first, manifest included.
    pub files: Vec<PathBuf>,
    /// What the name says.
    pub parts: Parts,
    /// Run time, local wall clock: from the manifest, else the name, else the main file's mtime.
    pub time: PrimitiveDateTime,
    /// Who wrote it.
    pub origin: Origin,
    /// Bytes on disk, all files together.
    pub size: u64,
}

/// The committed sets of a source, oldest first. A directory that does not exist holds none.
pub fn find(source: &Source) -> Result<Vec<Set>> {
    let _ = source;
    Ok(Vec::new())
}
