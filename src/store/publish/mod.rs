//! Temporary → durable → named: the only way a backup file gets its name (P1, P2, P4, P5, P24).
//!
//! A set is written under temporary names, `.NAME.part` in the directory where it will stay. Committing makes every file
//! durable, then names the companions and flushes the directory, then names the main file and flushes the directory again.
//! So a crash leaves either no main file, and then the temporary name of the main file still tells a sweep which set was not
//! finished, or the whole set.
//!
//! Replacing a set of the same name goes the other way round. New companions beside the old main file would describe a file
//! that they do not belong to. So the old companions go first: the old main file alone is a complete set, only without its
//! manifest. Then the new main file takes the name in one step: again a complete set. Then its companions are named. At every
//! point a complete main file has the name, and nothing beside it is about another one.

mod beside;
mod copied;
mod drafts;
mod replace;
mod sweep;
mod withdraw;

use crate::error::{Doing, Error, Result};
use crate::store::manifest::Manifest;
use crate::store::naming::{self, part_name};
use crate::sys::files::{self, Dir, EntryKind, Readers, Synced};
use crate::sys::users::User;
pub use beside::put_beside;
pub use copied::{Copied, Copying, ReadBack};
use drafts::{Content, Held};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
pub use sweep::sweep;
pub use withdraw::{Withdrawn, withdraw};

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
    dir: Dir,
    existing: Existing,
    readers: Readers,
    drafts: Vec<Held>,
    /// Final names given so far; the main file's stands last.
    named: Vec<String>,
    /// Names that may stand beside an older set of the same name.
    obsolete: Vec<String>,
    /// Names of files that later sets take over: no manifest vouches for them.
    shared: Vec<String>,
    durable: Synced,
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
        let readers = Readers::from(group);
        let dir = Dir::create(dir, readers)?;
        let durable = dir.sync()?;
        Ok(Self { dir, existing, readers, drafts: vec![], named: vec![], obsolete: vec![], shared: vec![], durable })
    }

    /// The directory the set is written into, for checks right before writing.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// What the administrator should know about the directory, for one line in the log.
    pub fn note(&self) -> Option<String> {
        let note = || format!("{}: the file system cannot flush directories", self.dir.path().display());
        (self.durable == Synced::Unsupported).then(note)
    }

    /// Names what may stand beside an older set that this one replaces (`Source::companions`), so that a checksum file is
    /// not left beside a dump that it does not belong to. Manifest and the names of this set's own files are known anyway.
    pub fn replaces(&mut self, companions: Vec<String>) {
        self.obsolete = companions;
    }

    /// Says that the next set will take over the file of this name, so that the manifest must not describe it.
    pub fn shares(&mut self, name: String) {
        self.shared.push(name);
    }

    /// Creates the temporary file that will be called `name`. The first file created is the main file of the set.
    pub fn create(&mut self, name: &str) -> Result<Draft> {
        self.check(name)?;
        let held = Held::file(&self.dir, name)?;
        let path = self.dir.join(&part_name(name));
        let copy = match &held.content {
            Content::File(file) => file.try_clone().doing(|| format!("opening {}", path.display())),
            Content::Dir(_) => Err(Error::failed(format!("{} is a directory", path.display()))),
        };
        self.drafts.push(held);
        Ok(Draft { file: copy?, path })
    }

    /// Creates the temporary directory that will be called `name` (a directory dump), owned by `owner` until `commit`.
    pub fn create_dir(&mut self, name: &str, owner: Option<&User>) -> Result<PathBuf> {
        self.check(name)?;
        let held = Held::dir(&self.dir, name)?;
        let path = self.dir.join(&part_name(name));
        let given = match (&held.content, owner) {
            (Content::Dir(dir), Some(user)) => std::os::unix::fs::fchown(dir.file(), Some(user.uid), Some(user.gid))
                .doing(|| format!("giving {} to {}", path.display(), user.name)),
            _ => Ok(()),
        };
        self.drafts.push(held);
        given.map(|()| path)
    }

    /// A file without a name, for what has to be kept until the set is complete; it goes with the process. Only after the
    /// main file was created.
    pub fn scratch(&self) -> Result<File> {
        let main = self.drafts.first().ok_or_else(|| Error::failed("a set without files"))?;
        // a name that a sweep knows, should the process end before it is taken away again
        let held = Held::file(&self.dir, &Manifest::name_for(&main.name))?;
        self.dir.remove(&part_name(&held.name))?;
        match held.content {
            Content::File(file) => Ok(file),
            Content::Dir(_) => Err(Error::failed(format!("{} is a directory", held.name))),
        }
    }

    fn check(&self, name: &str) -> Result<()> {
        if self.drafts.is_empty() {
            naming::check_length(name).map_err(Error::failed)?;
        }
        let temporary = part_name(name);
        if name.is_empty() || name.contains(['/', '\0']) || temporary.len() > 255 {
            return Err(Error::failed(format!("`{}` cannot be a file name", name.escape_default())));
        }
        if self.drafts.is_empty() && self.existing == Existing::Refuse && self.dir.has(name)? {
            return Err(Error::failed(format!("{} exists", self.dir.join(name).display())));
        }
        Ok(())
    }

    /// Makes everything durable and names it: manifest and companions first, the main file last. Returns the final paths,
    /// main file first. On any error nothing has a final name and the temporary files are gone. (Only when an older set of
    /// the same name was already replaced by the time of the error does the new main file stay: it is complete, and there
    /// is nothing else left.)
    pub fn commit(mut self, manifest: &Manifest) -> Result<Vec<PathBuf>> {
        match self.publish(manifest) {
            Ok(paths) => Ok(paths),
            Err(error) => {
                // the first error is the one to report; what could not be removed is left to the next sweep
                let _ = self.retract();
                Err(error)
            }
        }
    }

    fn publish(&mut self, manifest: &Manifest) -> Result<Vec<PathBuf>> {
        let main = self.drafts.first().ok_or_else(|| Error::failed("a set without files"))?.name.clone();
        self.check_described(manifest)?;
        self.write_manifest(&Manifest::name_for(&main), manifest)?;
        for draft in &self.drafts {
            draft.finish(self.readers)?;
        }
        self.name_all(&main)
    }

    /// Gives everything its name; all of it is durable.
    fn name_all(&mut self, main: &str) -> Result<Vec<PathBuf>> {
        // the temporary name of the main file must not be lost while companions have their names: it marks them as leftovers
        self.dir.sync()?;
        if self.existing == Existing::Replace && self.dir.has(main)? {
            self.replace(main)?;
        } else {
            self.name_companions()?;
            self.dir.sync()?;
            self.dir.rename_new(&part_name(main), main)?;
            self.named.push(main.to_owned());
        }
        self.dir.sync()?;
        Ok(self.drafts.iter().map(|draft| self.dir.join(&draft.name)).collect())
    }

    fn write_manifest(&mut self, name: &str, manifest: &Manifest) -> Result<()> {
        let mut draft = self.create(name)?;
        draft.file.write_all(&manifest.to_json()?).doing(|| format!("writing {}", draft.path.display()))
    }

    /// A manifest that does not fit its own files would make a damaged set of a good one.
    fn check_described(&self, manifest: &Manifest) -> Result<()> {
        for draft in self.drafts.iter().filter(|draft| !self.shared.contains(&draft.name)) {
            let recorded = match &draft.content {
                Content::File(file) => {
                    let size = files::facts(file).doing(|| format!("looking at {}", draft.name))?.size;
                    manifest.files.iter().any(|file| file.name == draft.name && file.size == size)
                }
                Content::Dir(_) => {
                    let prefix = format!("{}/", draft.name);
                    manifest.files.iter().any(|file| file.name.starts_with(&prefix))
                }
            };
            if !recorded {
                return Err(Error::failed(format!("the manifest does not describe {} as it is", draft.name)));
            }
        }
        Ok(())
    }

    /// Names everything but the main file.
    fn name_companions(&mut self) -> Result<()> {
        for draft in self.drafts.iter().skip(1) {
            self.clear_for(&draft.name)?;
            self.dir.rename_new(&part_name(&draft.name), &draft.name)?;
            self.named.push(draft.name.clone());
        }
        Ok(())
    }

    /// Removes a companion that stands under this name without its main file, unless its writer lives.
    fn clear_for(&self, name: &str) -> Result<()> {
        let Some(facts) = self.dir.facts(name)? else { return Ok(()) };
        if facts.kind != EntryKind::File {
            return Err(Error::failed(format!("{} is in the way", self.dir.join(name).display())));
        }
        match drafts::lock_entry(&self.dir, name)? {
            drafts::Entry::Gone => Ok(()),
            drafts::Entry::Dead(_lock) => self.dir.remove(name),
            drafts::Entry::Alive | drafts::Entry::Unknown => {
                Err(Error::failed(format!("{} is being written by another run", self.dir.join(name).display())))
            }
        }
    }

    /// Takes back what was named and removes the temporary files.
    fn retract(&self) -> Result<()> {
        let main = self.drafts.first().map(|draft| &draft.name);
        // the main file first, so that its companions never stand for a set that is going
        for name in self.named.iter().rev() {
            if Some(name) == main {
                self.dir.rename_new(name, &part_name(name))?;
            } else {
                self.dir.remove(name)?;
            }
        }
        self.remove_drafts()
    }

    fn remove_drafts(&self) -> Result<()> {
        // the main file's temporary name last: it marks the rest as leftovers
        for draft in self.drafts.iter().rev() {
            self.dir.remove_tree(&part_name(&draft.name))?;
        }
        self.dir.sync().map(|_| ())
    }

    /// Removes the temporary files.
    pub fn discard(self) -> Result<()> {
        self.remove_drafts()
    }
}

#[cfg(test)]
mod tests;
