//! Temporary → durable → named: the only way a backup file gets its name (P1, P2, P4, P5, P24).

use crate::error::{Error, Result};
use crate::store::manifest::Manifest;
use crate::store::sets::Source;
use crate::sys::users::User;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What to do when a file of the final name exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    /// It is an error.
    Refuse,
    /// The whole set takes its place.
    Replace,
}

/// A set that is being written into one directory. Dropping it without `commit` leaves only what the next sweep removes;
/// call [`Staging::discard`] to remove it now.
#[derive(Debug)]
pub struct Staging {
    dir: PathBuf,
    existing: Existing,
}

/// A file of a set that has no name yet: created 0600, exclusively, never through a link, and locked so that a sweep by
/// another run can tell that it is alive.
#[derive(Debug)]
pub struct Draft {
    /// Open for reading and writing.
    pub file: File,
    /// Where it is until it gets its name.
    pub path: PathBuf,
}

impl Staging {
    /// Starts a set in `dir`, which is created 0700 when missing. `group` is the id of a group that may read the set.
    pub fn begin(dir: &Path, existing: Existing, group: Option<u32>) -> Result<Self> {
        let _ = group;
        Ok(Self { dir: dir.to_owned(), existing })
    }

    /// Creates the temporary file that will be called `name`. The first file created is the main file of the set.
    pub fn create(&mut self, name: &str) -> Result<Draft> {
        let _ = (name, &self.dir, self.existing);
        Err(Error::failed("not implemented yet: staging"))
    }

    /// Creates the temporary directory that will be called `name` (a directory dump), owned by `owner` until `commit`.
    pub fn create_dir(&mut self, name: &str, owner: Option<&User>) -> Result<PathBuf> {
        let _ = (name, owner);
        Err(Error::failed("not implemented yet: staging"))
    }

    /// Makes everything durable and names it: manifest and companions first, the main file last. Returns the final paths,
    /// main file first. On any error nothing has a final name and the temporary files are gone.
    pub fn commit(self, manifest: &Manifest) -> Result<Vec<PathBuf>> {
        let _ = manifest;
        Err(Error::failed("not implemented yet: staging"))
    }

    /// Removes the temporary files.
    pub fn discard(self) -> Result<()> {
        Ok(())
    }
}

/// Removes what dead runs of this source left unfinished in its directories; returns the removed paths. What another
/// living run is writing is left alone.
pub fn sweep(source: &Source) -> Result<Vec<PathBuf>> {
    let _ = source;
    Ok(Vec::new())
}
