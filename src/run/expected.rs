//! What is expected of the tasks of a configuration: which are in the crontab, since when, and how each stands.

use crate::config::{Config, Task};
use crate::cron::crontab as table;
use crate::cron::expression::{Dialect, Expression};
use crate::error::{Error, Result};
use crate::run::crontab::Owner;
use crate::run::due::{Due, Watch, counting_from};
use crate::run::enabled::{self, Since};
use crate::run::places::Places;
use crate::store::journal::Record;
use crate::sys::clock;
use serde::Serialize;
use time::OffsetDateTime;

/// How far it is known which tasks are in the crontab.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Crontab {
    /// It was read just now.
    Read,
    /// It cannot be read (`crontab` is missing, or it is another user's), but `enable` recorded what it wrote.
    Recorded,
    /// Nothing is known.
    Unknown,
}

/// What the crontab says about the tasks.
pub struct Expected {
    /// Tasks with a line; none when the crontab cannot be read.
    enabled: Option<Vec<String>>,
    crontab: Crontab,
    /// Since when each has been there, where that is recorded.
    since: Since,
    config_changed: OffsetDateTime,
}

impl Expected {
    /// Looks at the crontab (through `crontab -l`) and at what `enable` recorded. Changes nothing.
    pub fn of(config: &Config) -> Self {
        let owners = Owner::all(config);
        let tables: Option<Vec<String>> = owners.iter().map(|owner| owner.peek().ok()).collect();
        let tables = tables.filter(|tables| !tables.is_empty());
        let mut since = enabled::read(&Places { logs: config.logging.logs_path.clone(), group: None });
        for owner in &owners {
            since.extend(enabled::read(&owner.places(config)));
        }
        let changed = std::fs::metadata(&config.path).and_then(|meta| meta.modified()).ok();
        let crontab = match &tables {
            Some(_) => Crontab::Read,
            None if since.is_empty() => Crontab::Unknown,
            None => Crontab::Recorded,
        };
        let recorded = (crontab == Crontab::Recorded).then(|| since.keys().cloned().collect());
        Self {
            enabled: tables
                .map(|tables| tables.iter().flat_map(|text| table::tasks(text.as_bytes())).collect())
                .or(recorded),
            crontab,
            since,
            config_changed: changed.map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from),
        }
    }

    /// How far it is known which tasks are in it.
    pub fn crontab(&self) -> Crontab {
        self.crontab
    }

    /// Whether the task has a line in the crontab; none when that cannot be read.
    pub fn is_enabled(&self, task: &str) -> Option<bool> {
        self.enabled.as_ref().map(|names| names.iter().any(|name| name == task))
    }

    /// How a task stands with its schedule; none when nothing is expected of it.
    pub fn due(&self, task: &Task, records: &[Record], now: OffsetDateTime) -> Option<Due> {
        if self.is_enabled(&task.name) != Some(true) {
            return None;
        }
        let expression = expression(task).ok()?;
        let enabled = self.since.get(&task.name).copied();
        let from = counting_from(enabled, self.config_changed, (records, &task.name));
        let offset_at = |instant| clock::local(instant).offset();
        let watch = Watch { task: &task.name, expression: &expression, from, now, offset_at: &offset_at };
        Some(watch.judge(records))
    }
}

/// When a task comes next by its times, whether or not it is in the crontab.
pub fn next_run(task: &Task, now: OffsetDateTime) -> Option<OffsetDateTime> {
    expression(task).ok()?.next_local(now, &|instant| clock::local(instant).offset())
}

/// The times of a task, `all_fields_match` applied. Fails (kind `Usage`) when it has no `cron` or a wrong one.
pub fn expression(task: &Task) -> Result<Expression> {
    let wrong = |message: String| Error::usage(format!("task `{}`: {message}", task.name));
    let cron = task.cron.as_deref().ok_or_else(|| Error::usage(format!("task `{}` has no `cron`", task.name)))?;
    let expression = Expression::parse(cron, Dialect::Crontab).map_err(wrong)?;
    // cron itself takes a day when either of the two day fields matches
    Ok(if task.all_fields_match { expression.on_days_matching_both() } else { expression })
}
