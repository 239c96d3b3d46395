//! The configuration: text → checked [`Config`].

pub mod locate;
pub mod yaml;

use crate::actions::properties::{Problem, Severity};
use crate::actions::{Action, Common};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A problem with its place in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What and how bad.
    pub problem: Problem,
}

/// `logging:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logging {
    /// `logs_path`.
    pub logs_path: PathBuf,
    /// `trigger_filepath`.
    pub trigger: Option<PathBuf>,
    /// `use_console`: as if `-v`.
    pub use_console: bool,
    /// `group`: id of the group that may read logs and journal.
    pub group: Option<u32>,
    /// `keep_days`: age in days after which logs are removed.
    pub keep_days: Option<u32>,
}

/// `web:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Web {
    /// Address to listen on.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// An entry under `schedule:`.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// `descr`.
    pub descr: String,
    /// `cron`, as written; checked.
    pub cron: Option<String>,
    /// `all_fields_match`.
    pub all_fields_match: bool,
    /// Names under `actions`, with `--dry` where given.
    pub actions: Vec<(String, bool)>,
    /// Names under `finally`.
    pub finally: Vec<(String, bool)>,
}

/// An entry under `actions:`, for showing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its type, own or inherited; none for a pure template.
    pub kind: Option<String>,
    /// `descr`.
    pub descr: String,
}

/// A checked configuration. It can be built from a file with errors in it: [`Config::unit`] refuses what they touch.
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// `naming.server_name`, empty when missing (then nothing runs).
    pub server_name: String,
    /// `naming.project`.
    pub project: Option<String>,
    /// `naming.region`.
    pub region: Option<String>,
    /// `cron.cron_user`.
    pub cron_user: Option<String>,
    /// `logging:` with defaults.
    pub logging: Logging,
    /// `web:` with defaults.
    pub web: Web,
    /// `allow_parallel`.
    pub allow_parallel: bool,
    /// Tasks in the order of the file.
    pub tasks: Vec<Task>,
    /// Actions in the order of the file.
    pub actions: Vec<Entry>,
    /// Every problem of the whole file, in the order of the file.
    pub problems: Vec<Located>,
}

/// What `run UNIT` runs.
pub struct Unit {
    /// Task or action name.
    pub name: String,
    /// `<region>-<project>-<server_name>`, a task's own `naming` applied.
    pub full_name: String,
    /// In order.
    pub steps: Vec<Step>,
    /// Always, at the end.
    pub finally: Vec<Step>,
    /// Bound on the run.
    pub timeout: Option<Duration>,
    /// How long to wait for a lock.
    pub lock_wait: Option<Duration>,
}

/// One action of a unit, built.
pub struct Step {
    /// Name of the action.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// Properties every action has.
    pub common: Common,
    /// Only preview it.
    pub dry: bool,
    /// The action.
    pub action: Box<dyn Action>,
}

/// Why a unit cannot be run: every problem that it reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// One line.
    pub summary: String,
    /// The errors.
    pub problems: Vec<Located>,
}

impl Config {
    /// The file to read: `explicit`, `$KRISTA_BACKUP_CONFIG`, `config.yaml` beside the real executable,
    /// `/etc/krista-backup/config.yaml`, `/opt/KristaBackup/config.yaml`. Never the current directory.
    pub fn find(explicit: Option<&Path>) -> Result<PathBuf> {
        explicit.map(Path::to_owned).ok_or_else(|| Error::usage("no configuration found"))
    }

    /// Reads and checks a file. `Err` (kind `Usage`) only when it cannot be read at all, may not be trusted, or is no YAML.
    pub fn load(path: &Path) -> Result<Self> {
        Err(Error::usage(format!("{}: not implemented yet", path.display())))
    }

    /// Builds the unit of this name: a task, else an action; only an action when `as_action`.
    pub fn unit(&self, name: &str, as_action: bool) -> std::result::Result<Unit, Refusal> {
        let _ = as_action;
        Err(Refusal { summary: format!("there is no task or action `{name}`"), problems: Vec::new() })
    }

    /// The worst severity found in the file.
    pub fn worst(&self) -> Option<Severity> {
        self.problems.iter().map(|located| located.problem.severity).max()
    }
}
