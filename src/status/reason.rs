//! What is not as it should be, and how bad that is.

use serde::Serialize;

/// How well something is, ordered by severity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing to do.
    Ok,
    /// Somebody should look at it soon.
    Warning,
    /// Backups are missing.
    Error,
}

impl State {
    /// The word in documents and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// A task cannot run, or the configuration has errors elsewhere.
    Config,
    /// The last run failed or took too long.
    Failed,
    /// The last run was cut off.
    Interrupted,
    /// A run was due, was tried, and did not end well.
    Overdue,
    /// A run was due, and nothing ran.
    Missed,
    /// The last run ended with warnings.
    Warnings,
    /// The newest set is damaged.
    Backup,
    /// A destination does not answer.
    Destination,
    /// It is not known which tasks are in the crontab.
    Crontab,
    /// It is not known what ran.
    Journal,
    /// The trigger file says something worse than all of this, or nothing that can be understood.
    Trigger,
}

impl Trouble {
    fn severity(self) -> State {
        match self {
            Self::Config
            | Self::Failed
            | Self::Interrupted
            | Self::Overdue
            | Self::Missed
            | Self::Backup
            | Self::Journal => State::Error,
            Self::Warnings | Self::Destination | Self::Crontab | Self::Trigger => State::Warning,
        }
    }

    /// Whether it is about a run that did not happen, rather than one that went wrong.
    pub fn is_late(self) -> bool {
        matches!(self, Self::Overdue | Self::Missed)
    }
}

/// One thing that is not as it should be.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Reason {
    /// How bad it is.
    pub severity: State,
    /// What kind of thing it is.
    pub kind: Trouble,
    /// The task it is about, if it is about one.
    pub task: Option<String>,
    /// One line for people.
    pub text: String,
}

impl Reason {
    pub(super) fn of(task: &str, kind: Trouble, text: &str) -> Self {
        Self { severity: kind.severity(), kind, task: Some(task.to_owned()), text: one_line(text) }
    }

    pub(super) fn general(kind: Trouble, text: &str) -> Self {
        Self { severity: kind.severity(), kind, task: None, text: one_line(text) }
    }

    /// The line with what it is about.
    pub fn line(&self) -> String {
        self.task.as_ref().map_or_else(|| self.text.clone(), |task| format!("{task}: {}", self.text))
    }
}

/// `1 error`, `2 errors`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}
