//! The configuration as it stands in its file now. A new one that cannot be read does not end the webapi: the old one stays,
//! and the problem is shown with every answer.

use crate::config::Config;
use crate::config::secret::Secret;
use crate::error::{Doing, Result};
use crate::logbook::mask::{self, Secrets};
use crate::webapi::properties;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// By what a change of a file is noticed; none when there is no such file.
pub type Stamp = Option<(u64, u64, [i64; 4])>;

/// The stamp of a file. A link is followed.
pub fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.ino(), meta.size(), [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()]))
}

/// A configuration with what is derived from it.
#[derive(Clone)]
pub struct Current {
    /// The configuration, the last that could be read.
    pub config: Arc<Config>,
    /// What logs must not show.
    pub secrets: Secrets,
    /// Why the file as it stands now is not that.
    pub problem: Option<Arc<str>>,
    /// Goes up with every change of the file.
    pub generation: u64,
}

/// The file and what was last read from it.
pub struct Live {
    path: PathBuf,
    kept: Mutex<(Stamp, Current)>,
}

impl Live {
    /// Reads it. Fails as [`Config::load`] does.
    pub fn new(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).doing(|| format!("finding {}", path.display()))?;
        let stamp = stamp(&path);
        let config = Config::load(&path)?;
        let current = Current { secrets: secrets(&config), config: Arc::new(config), problem: None, generation: 0 };
        Ok(Self { path, kept: Mutex::new((stamp, current)) })
    }

    /// What holds now.
    pub fn current(&self) -> Current {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // before it is read: what is written meanwhile is read next time
        let stamp = stamp(&self.path);
        if kept.0 != stamp {
            let (old, current) = &mut *kept;
            *old = stamp;
            current.generation += 1;
            match read(&self.path) {
                Ok(config) => {
                    current.secrets = secrets(&config);
                    current.config = Arc::new(config);
                    current.problem = None;
                }
                Err(problem) => current.problem = Some(problem.into()),
            }
        }
        kept.1.clone()
    }
}

/// What the file says now, or why not. What is wrong in it is not told to strangers: it may quote what stands there.
fn read(path: &Path) -> std::result::Result<Config, String> {
    let shown = path.display();
    match Config::examine(path) {
        // without a name nothing can run, and nobody would know who answers
        Ok(Ok(config)) if config.server_name.is_empty() => Err(format!("{shown}: there is no `server_name` any more")),
        Ok(Ok(config)) => Ok(config),
        Ok(Err(located)) => {
            Err(format!("{shown}:{}:{}: this is no YAML any more, see `check`", located.line, located.column))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What must be in no text that strangers see.
pub fn secrets(config: &Config) -> Secrets {
    mask::known(
        config.actions.iter().flat_map(properties::secrets).chain(config.web.token.iter().map(Secret::to_be_masked)),
    )
}
