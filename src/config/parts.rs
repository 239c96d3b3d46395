//! What a configuration is made of, once it is read and checked.

use crate::actions::properties::Problem;
use crate::actions::{Action, Common};
use crate::config::network::Network;
use crate::config::schemes;
use crate::config::secret::Secret;
use crate::value::Value;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// A problem with its place in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What and how bad.
    pub problem: Problem,
}

/// `3:5: error: actions.tar0.level: message`.
impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { severity, path, message } = &self.problem;
        write!(f, "{}:{}: {severity}: ", self.line, self.column)?;
        let text = if path.is_empty() { message.clone() } else { format!("{}: {message}", path.join(".")) };
        // names and values may hold anything, and this is one line on somebody's terminal
        text.chars()
            .try_for_each(|c| if c.is_control() { write!(f, "{}", c.escape_default()) } else { f.write_char(c) })
    }
}

/// Parts of the names of logs, at the top level or of a task.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Naming {
    /// `server_name`.
    pub server_name: Option<String>,
    /// `project`.
    pub project: Option<String>,
    /// `region`.
    pub region: Option<String>,
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
    /// `status_file`: the status document, written at the end of each run.
    pub status_file: Option<PathBuf>,
    /// `metrics_file`: the same for Prometheus' textfile collector.
    pub metrics_file: Option<PathBuf>,
}

/// `web:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Web {
    /// Addresses or names to listen on.
    pub hosts: Vec<String>,
    /// Port.
    pub port: u16,
    /// The user to become after listening has begun.
    pub user: Option<String>,
    /// Networks of clients that are answered; empty for all.
    pub allow: Vec<Network>,
    /// What clients must send as `Authorization: Bearer`.
    pub token: Option<Secret>,
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
    /// Its own `naming`, which overrides the top level's.
    pub naming: Naming,
    /// `timeout` of a whole run.
    pub timeout: Option<Duration>,
    /// `lock_wait`.
    pub lock_wait: Option<Duration>,
    /// As written, merges applied.
    pub raw: Value,
}

impl Task {
    /// Every action it names, `finally` included.
    pub fn steps(&self) -> impl Iterator<Item = &(String, bool)> {
        self.actions.iter().chain(&self.finally)
    }

    /// Whether it has a naming scheme of its own.
    pub(super) fn names_scheme(&self) -> bool {
        schemes::get(&self.raw, "naming").is_some_and(|naming| schemes::get(naming, schemes::KEY).is_some())
    }
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
    /// Whether it has no type, own or inherited: it is there to be inherited from.
    pub is_template: bool,
    /// As written, not inherited, merges applied.
    pub raw: Value,
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
