//! What is there: backup sets found on disk, ours and KB17's.

pub mod owner;
mod scan;

use crate::error::Result;
use crate::patterns::Patterns;
use crate::store::manifest::Manifest;
pub use crate::store::naming::Family;
use crate::store::naming::{Known, Parts, Scheme};
pub use scan::{ListAlone, Scan, scan};
use std::path::{Path, PathBuf};
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

impl Source {
    /// The directories this source writes into, each once.
    pub fn dirs(&self) -> Vec<&Path> {
        let mut dirs: Vec<&Path> = Vec::new();
        for folder in &self.folders {
            if !dirs.contains(&folder.dir.as_path()) {
                dirs.push(&folder.dir);
            }
        }
        dirs
    }

    /// What is known before one of its names is recognised.
    pub fn known(&self) -> Known<'_> {
        Known { basename: &self.basename, extensions: &self.extensions }
    }

    /// The names of everything that may stand beside the main file `main`; the manifest last.
    pub fn companions(&self, main: &str) -> Vec<String> {
        let mut names = self.scheme.beside(self.family, main, &self.known(), &self.list_extension);
        names.push(format!("{main}.{VERIFIED}"));
        names.push(Manifest::name_for(main));
        names
    }
}

/// Extension of the file that says when a set was last proven.
pub const VERIFIED: &str = "verified";

/// Who wrote a set.
#[derive(Clone, PartialEq, Debug)]
pub enum Origin {
    /// This program; the manifest was readable. Its `blocks` are left out: [`Manifest::read`] has them.
    Ours(Box<Manifest>),
    /// A main file without a manifest.
    Kb17,
    /// There is a manifest but it cannot be used, or the main file is not what it says: why.
    Damaged(String),
}

/// All files one action wrote in one run for one source.
#[derive(Clone, Debug)]
pub struct Set {
    /// The archive or dump: its presence commits the set.
    pub main: PathBuf,
    /// Every file of the set that exists, main file first, the manifest last.
    pub files: Vec<PathBuf>,
    /// What the name says, completed by the directory (level) and the manifest (level, database).
    pub parts: Parts,
    /// Run time, local wall clock: from the manifest, else the name, else the main file's mtime.
    pub time: PrimitiveDateTime,
    /// Who wrote it.
    pub origin: Origin,
    /// Bytes on disk, all files together.
    pub size: u64,
    /// Whether another action with a shorter base name could have written it too, and no manifest says which: such a set
    /// is never deleted.
    pub disputed: bool,
}

/// The committed sets of a source, oldest first. A directory that does not exist holds none.
pub fn find(source: &Source) -> Result<Vec<Set>> {
    Ok(scan(source)?.sets)
}

#[cfg(test)]
mod tests;
