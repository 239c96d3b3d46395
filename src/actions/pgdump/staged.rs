//! A dump under its temporary name: one file or a directory.

use super::digest::{self, Digested};
use crate::error::{Doing, Result};
use crate::store::publish::Draft;
use std::fs::File;
use std::io::Seek;
use std::path::PathBuf;

/// A dump under its temporary name.
pub enum Body {
    /// Custom and plain dumps.
    File(Draft),
    /// Directory dumps.
    Folder(PathBuf),
}

/// The file for a child, at the place where it stands now.
pub fn duplicate(draft: &Draft) -> Result<File> {
    draft.file.try_clone().doing(|| format!("passing {} on", draft.path.display()))
}

/// The file for a reader, from its start.
pub fn rewound(draft: &mut Draft) -> Result<File> {
    draft.file.rewind().doing(|| format!("reading {} back", draft.path.display()))?;
    duplicate(draft)
}

/// Sizes and checksums of what was written; its files are called by the name the dump will get.
pub fn read_back(body: &mut Body, name: &str) -> Result<Vec<Digested>> {
    match body {
        Body::File(draft) => Ok(vec![digest::file(rewound(draft)?, name)?]),
        Body::Folder(dir) => digest::folder(dir, name),
    }
}
