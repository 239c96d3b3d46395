//! `restore UNIT`: the right full backup and differential, merged into a directory; or a dump into a new database.

mod at;
mod dump;
mod lineage;
mod listing;
mod place;
mod report;
mod tree;

use crate::config::Config;
use crate::error::{Error, Exit, Result};
use crate::store::naming::Family;
use crate::sys::clock;
use crate::sys::signals::{self, Limits};
use lineage::Lineage;
use std::path::{Path, PathBuf};
use time::PrimitiveDateTime;

/// What was asked for on the command line.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub struct Request {
    /// Action, or task with one family of backups; a `move_bkp_period` for those in its vault.
    pub unit: String,
    /// Directory to restore to.
    pub to: Option<PathBuf>,
    /// As of when.
    pub at: Option<String>,
    /// Patterns of what is wanted; none means everything.
    pub only: Vec<String>,
    /// Only show what there is.
    pub list: bool,
    /// Into a directory that is not empty, over a database that exists.
    pub force: bool,
    /// Device nodes, setuid bits, security attributes too.
    pub privileged: bool,
    /// What can be read of a damaged archive.
    pub keep_going: bool,
    /// Database whose dump is wanted.
    pub db: Option<String>,
    /// New database to restore it into.
    pub to_db: Option<String>,
}

/// How far ahead of now a set may be dated by honest means: a clock set back for winter, runs that follow each other within a second.
const AHEAD: time::Duration = time::Duration::hours(2);

/// Restores.
pub fn restore(config_file: Option<&Path>, request: &Request) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let mut lineage = Lineage::of_unit(&config, &request.unit)?;
    let at = request.at.as_deref().map(at::parse).transpose()?;
    lineage.horizon = at.is_none().then(|| {
        let latest = clock::now() + AHEAD;
        PrimitiveDateTime::new(latest.date(), latest.time())
    });
    signals::install()?;
    let limits = Limits { cancel: signals::process_cancel(), deadline: None };
    let job = Job { config: &config, lineage: &lineage, request, at, limits };
    match lineage.family() {
        Family::Dumps => dump::restore(&job),
        Family::Files if request.db.is_some() || request.to_db.is_some() => {
            Err(Error::usage(format!("`{}` backs up files: --db and --to-db are for databases", request.unit)))
        }
        Family::Files if request.list => listing::print(&job),
        Family::Files => tree::restore(&job),
    }
}

/// What every way of restoring needs.
struct Job<'a> {
    config: &'a Config,
    lineage: &'a Lineage,
    request: &'a Request,
    at: Option<PrimitiveDateTime>,
    limits: Limits,
}

impl Job<'_> {
    fn target(&self) -> Result<&Path> {
        let missing = || Error::usage("restore needs --to DIR, or --list to see what there is");
        self.request.to.as_deref().filter(|to| !to.as_os_str().is_empty()).ok_or_else(missing)
    }
}
