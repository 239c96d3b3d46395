//! Where a run keeps its logs and its state, and who may read them.

use crate::error::{Doing, Result};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// The log directory of a configuration.
#[derive(Clone, Debug)]
pub struct Places {
    /// `logging.logs_path`.
    pub logs: PathBuf,
    /// Id of the group that may read logs and journal.
    pub group: Option<u32>,
}

impl Places {
    /// Locks and what else outlives a run; never shown by the API.
    pub fn state(&self) -> PathBuf {
        self.logs.join(".state")
    }

    /// Log of everything that happens outside a run.
    pub fn program_log(&self) -> PathBuf {
        self.logs.join("krista_backup").join("krista_backup.log")
    }

    /// Permission bits of the files here.
    pub fn file_mode(&self) -> u32 {
        if self.group.is_some() { 0o640 } else { 0o600 }
    }

    /// Creates a directory here with its parents, 0700, or 0750 for the reading group; one that exists is left as it is.
    pub fn create_dir(&self, dir: &Path) -> Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        if let Some(parent) = dir.parent() {
            self.create_dir(parent)?;
        }
        let doing = || format!("creating the directory {}", dir.display());
        match DirBuilder::new().mode(0o700).create(dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            Err(error) => Err(error).doing(doing),
            Ok(()) if self.group.is_some() => {
                std::os::unix::fs::chown(dir, None, self.group).doing(doing)?;
                std::fs::set_permissions(dir, Permissions::from_mode(0o750)).doing(doing)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Opens a log for appending; a new one gets the mode and group of this place. Never follows a link.
    pub fn open_log(&self, path: &Path, new: New) -> Result<File> {
        if let Some(parent) = path.parent() {
            self.create_dir(parent)?;
        }
        let doing = || format!("opening the log {}", path.display());
        let mut options = OpenOptions::new();
        options.append(true).mode(self.file_mode()).custom_flags(libc::O_NOFOLLOW);
        let fresh = new == New::Must || !path.exists();
        match new {
            New::Must => options.create_new(true),
            New::May => options.create(true),
        };
        let file = options.open(path).doing(doing)?;
        if fresh {
            file.set_permissions(Permissions::from_mode(self.file_mode())).doing(doing)?;
            if self.group.is_some() {
                fchown(&file, None, self.group).doing(doing)?;
            }
        }
        Ok(file)
    }
}

/// Whether a log may be there already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum New {
    /// It must not: its name belongs to one run.
    Must,
    /// It may: it is appended to.
    May,
}
