//! How this server stands, as one versioned document: for `status`, the webapi, `status_file` and metrics.

pub mod disks;
pub mod metrics;
pub mod moment;
pub mod probe;
mod reason;
pub mod sets;
pub mod stock;
pub mod tasks;
pub mod written;

use crate::actions::properties::Severity;
use crate::config::Config;
use crate::run::expected::{Crontab, Expected};
use crate::run::trigger;
use crate::store::journal;
use disks::{Backups, Destination};
use moment::Moment;
use reason::count;
pub use reason::{Reason, State, Trouble};
use serde::Serialize;
use std::path::Path;
use tasks::{Running, TaskStatus, View};
use time::OffsetDateTime;

/// Version of the document's shape: readers refuse a higher one. It goes up when a key changes its meaning or goes away, not
/// when one is added.
pub const SCHEMA: u32 = 1;

/// How a server stands. `docs/api.md` describes every key.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `server_name`.
    pub server: String,
    /// `<region>-<project>-<server_name>`, which log names begin with; none when a part is not given for all tasks.
    pub full_name: Option<String>,
    /// Version of this program.
    pub version: &'static str,
    /// The server's clock.
    pub clock: Moment,
    /// The worst of [`Self::reasons`].
    pub state: State,
    /// What is not as it should be, the worst first; empty when all is well.
    pub reasons: Vec<Reason>,
    /// The word in the trigger file; none without one.
    pub trigger: Option<String>,
    /// How many problems `check` finds.
    pub config: Problems,
    /// How far it is known which tasks are in the crontab.
    pub crontab: Crontab,
    /// Everything that is at work, actions by themselves included.
    pub running: Vec<Running>,
    /// In the order of the configuration.
    pub tasks: Vec<TaskStatus>,
    /// Sets on disk, in the order of the configuration.
    pub backups: Vec<Backups>,
    /// Directories that backups are written to, in the order of the configuration.
    pub destinations: Vec<Destination>,
}

/// How many problems `check` finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Problems {
    /// What stops a task or an action.
    pub errors: usize,
    /// What is most likely a mistake.
    pub warnings: usize,
}

impl Status {
    /// Looks at the journal, the crontab and the destinations. What cannot be read is said in the document, and nothing takes
    /// longer than some seconds. It costs a child process (`crontab -l`) and a look at every set: who is asked often keeps
    /// the answer for a while.
    pub fn of(config: &Config, now: OffsetDateTime) -> Self {
        let records = journal::read(&config.logging.logs_path.join(journal::FILE_NAME));
        let expected = Expected::of(config);
        let (records, unread) = match records {
            Ok(records) => (Some(records), None),
            Err(error) => (None, Some(error)),
        };
        let view = View { config, records: records.as_deref(), expected: &expected, now };
        let (backups, destinations) = disks::look(config);
        let (tasks, of_tasks): (Vec<_>, Vec<_>) = config.tasks.iter().map(|task| view.task(task)).unzip();
        let mut status = Self {
            full_name: full_name(config),
            trigger: config.logging.trigger.as_deref().and_then(trigger_word),
            config: problems(config),
            crontab: expected.crontab(),
            running: records.as_deref().map(tasks::running).unwrap_or_default(),
            tasks,
            backups,
            destinations,
            ..Self::empty(&config.server_name, now)
        };
        let mut reasons: Vec<_> = of_tasks.into_iter().flatten().collect();
        reasons.extend(config.logging.trigger.as_deref().and_then(odd_trigger));
        reasons.extend(unread.map(|error| Reason::general(Trouble::Journal, &error.to_string())));
        reasons.extend(status.elsewhere());
        status.settle(reasons);
        status
    }

    /// The same with one thing more that is wrong, which only the caller knows.
    #[must_use]
    pub fn noting(mut self, kind: Trouble, text: &str) -> Self {
        let mut reasons = std::mem::take(&mut self.reasons);
        reasons.push(Reason::general(kind, text));
        self.config.errors += usize::from(kind == Trouble::Config);
        self.settle(reasons);
        self
    }

    /// What can be said when the configuration cannot be read. Why not may quote it, and this document is seen by many.
    pub fn without_config(now: OffsetDateTime) -> Self {
        let mut status = Self { config: Problems { errors: 1, warnings: 0 }, ..Self::empty("", now) };
        status.settle(vec![Reason::general(Trouble::Config, "the configuration cannot be read, see `check`")]);
        status
    }

    fn empty(server: &str, now: OffsetDateTime) -> Self {
        Self {
            schema: SCHEMA,
            server: server.to_owned(),
            full_name: None,
            version: env!("CARGO_PKG_VERSION"),
            clock: Moment(now),
            state: State::Ok,
            reasons: Vec::new(),
            trigger: None,
            config: Problems { errors: 0, warnings: 0 },
            crontab: Crontab::Unknown,
            running: Vec::new(),
            tasks: Vec::new(),
            backups: Vec::new(),
            destinations: Vec::new(),
        }
    }

    /// What is wrong besides the tasks themselves.
    fn elsewhere(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for backups in &self.backups {
            let damage = backups.newest.as_ref().and_then(|newest| newest.damage.as_ref());
            let text = |why: &String| format!("the newest backup of {} is damaged: {why}", backups.actions.join(", "));
            reasons.extend(damage.map(|why| Reason::general(Trouble::Backup, &text(why))));
        }
        for destination in &self.destinations {
            let text = |why: &String| format!("{}: {why}", destination.path);
            reasons.extend(destination.problem.as_ref().map(|why| Reason::general(Trouble::Destination, &text(why))));
        }
        if self.crontab == Crontab::Unknown && self.tasks.iter().any(|task| task.cron.is_some()) {
            let text = "the crontab cannot be read: nobody knows which tasks are enabled";
            reasons.push(Reason::general(Trouble::Crontab, text));
        }
        if self.config.errors > 0 {
            let text = format!("{} in the configuration, see `check`", count(self.config.errors, "error"));
            reasons.push(Reason { severity: State::Warning, ..Reason::general(Trouble::Config, &text) });
        }
        reasons
    }

    /// Puts the reasons in order and takes the worst.
    fn settle(&mut self, mut reasons: Vec<Reason>) {
        let worst = |reasons: &[Reason]| reasons.iter().map(|reason| reason.severity).max().unwrap_or(State::Ok);
        // a failure of an action that was run by itself, for example
        if let Some(word) = self.trigger.as_deref().filter(|word| meant(word) > worst(&reasons)) {
            reasons.push(Reason::general(Trouble::Trigger, &format!("the trigger file says {word}")));
        }
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.severity));
        self.state = worst(&reasons);
        self.reasons = reasons;
    }

    /// The document as JSON text, one line without its end.
    pub fn document(&self) -> String {
        // nothing in it can fail to become JSON
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The state that a trigger word stands for.
fn meant(word: &str) -> State {
    match word {
        "ERROR" => State::Error,
        "WARNING" => State::Warning,
        _ => State::Ok,
    }
}

/// What is wrong with a trigger file that is there and holds none of the three words: monitoring that reads it sees nothing.
fn odd_trigger(path: &Path) -> Option<Reason> {
    let is_odd = path.symlink_metadata().is_ok() && trigger_word(path).is_none();
    let text = || format!("the trigger file {} holds none of SUCCESS, WARNING and ERROR", path.display());
    is_odd.then(|| Reason::general(Trouble::Trigger, &text()))
}

fn trigger_word(path: &Path) -> Option<String> {
    trigger::shown(path).map(|outcome| outcome.trigger().to_owned())
}

fn full_name(config: &Config) -> Option<String> {
    let (region, project) = (config.region.as_ref()?, config.project.as_ref()?);
    Some(format!("{region}-{project}-{}", config.server_name))
}

fn problems(config: &Config) -> Problems {
    let count = |severity| config.problems.iter().filter(|located| located.problem.severity == severity).count();
    Problems { errors: count(Severity::Error), warnings: count(Severity::Warning) }
}
