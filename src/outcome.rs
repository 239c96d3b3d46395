//! How an action or a run ended: exactly one of five, ordered by severity.

use crate::error::Exit;
use serde::{Deserialize, Serialize};

/// How an action ended; the run's outcome is the worst of its actions'.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Did not run because something before it failed.
    Skipped,
    /// Done, nothing to report.
    Ok,
    /// Done, but something is incomplete.
    Warning,
    /// Not done in time.
    Timeout,
    /// Not done.
    Failed,
}

impl Outcome {
    /// The word in journal, `list` and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
        }
    }

    /// The exit code of a run that ended like this.
    pub fn exit(self) -> Exit {
        match self {
            Self::Skipped | Self::Ok => Exit::Done,
            Self::Warning => Exit::Warning,
            Self::Timeout | Self::Failed => Exit::Failed,
        }
    }

    /// The word in the trigger file.
    pub fn trigger(self) -> &'static str {
        match self {
            Self::Skipped | Self::Ok => "SUCCESS",
            Self::Warning => "WARNING",
            Self::Timeout | Self::Failed => "ERROR",
        }
    }
}
