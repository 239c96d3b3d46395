//! What an action is given when it runs: the run's facts, its own log, its limits.

use crate::outcome::Outcome;
use crate::sys::signals::Limits;
use log::Level;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use time::OffsetDateTime;

/// What all actions of one run share.
pub struct Run {
    /// Task or action named on the command line.
    pub unit: String,
    /// Run time: local wall clock with its offset, whole seconds; every file name of the run carries it.
    pub now: OffsetDateTime,
    /// `<region>-<project>-<server_name>`.
    pub full_name: String,
    /// Where state that outlives a run is kept (`<logs_path>/.state`).
    pub state_dir: PathBuf,
    /// Names of the actions that failed (or timed out) earlier in this run.
    pub failed: Mutex<BTreeSet<String>>,
    /// Told at once when something goes wrong.
    pub alarm: Box<dyn Fn(Outcome) + Send + Sync>,
    /// How far the action at work is, when somebody watches.
    pub pulse: Option<Pulse>,
}

/// How far an action is. It counts what it can.
#[derive(Debug, Default)]
pub struct Pulse {
    entries: AtomicU64,
    bytes: AtomicU64,
    /// Bytes to come in all; 0 when that is not known.
    total: AtomicU64,
}

impl Pulse {
    /// Another action begins.
    pub fn restart(&self) {
        for count in [&self.entries, &self.bytes, &self.total] {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Entries, bytes, and bytes to come in all, 0 when that is not known.
    pub fn counts(&self) -> (u64, u64, u64) {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (now(&self.entries), now(&self.bytes), now(&self.total))
    }
}

impl Run {
    /// Whether this action failed earlier in the same run, so that nothing it wrote before may be rotated away.
    pub fn has_failed(&self, action: &str) -> bool {
        self.failed.lock().is_ok_and(|failed| failed.contains(action))
    }
}

/// What one action sees while it works.
pub struct Context<'a> {
    /// The run it belongs to.
    pub run: &'a Run,
    /// Name in the log: the action's, with `_DRYRUN` on a dry run.
    pub name: &'a str,
    /// Until when, and unless told otherwise.
    pub limits: Limits,
    warnings: AtomicU64,
}

impl<'a> Context<'a> {
    /// A context for the action logged as `name`.
    pub fn new(run: &'a Run, name: &'a str, limits: Limits) -> Self {
        Self { run, name, limits, warnings: AtomicU64::new(0) }
    }

    /// To the debug log only.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.log(Level::Debug, message.as_ref());
    }

    /// To both logs.
    pub fn info(&self, message: impl AsRef<str>) {
        self.log(Level::Info, message.as_ref());
    }

    /// To both logs; the action ends as `warning` at best.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.log(Level::Warn, message.as_ref());
    }

    /// To both logs, for a part that failed; the action ends as `warning` at best. An action that fails as a whole returns
    /// an error instead of logging it.
    pub fn error(&self, message: impl AsRef<str>) {
        self.log(Level::Error, message.as_ref());
    }

    /// Logs at a level chosen by the caller; WARNING and ERROR count and raise the alarm.
    pub fn log(&self, level: Level, message: &str) {
        if level <= Level::Warn {
            self.warnings.fetch_add(1, Ordering::SeqCst);
            (self.run.alarm)(Outcome::Warning);
        }
        log::log!(target: self.name, level, "{message}");
    }

    /// So many more entries and bytes are done.
    pub fn passed(&self, entries: u64, bytes: u64) {
        if let Some(pulse) = &self.run.pulse {
            pulse.entries.fetch_add(entries, Ordering::Relaxed);
            pulse.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// So many bytes will be done in all.
    pub fn expect(&self, bytes: u64) {
        if let Some(pulse) = &self.run.pulse {
            pulse.total.store(bytes, Ordering::Relaxed);
        }
    }

    /// How many WARNING and ERROR lines there were so far.
    pub fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::SeqCst)
    }
}

/// What an action would do: one line per step.
pub type Plan = Vec<String>;

/// What an action achieved.
#[derive(Debug, Default)]
pub struct Report {
    /// Main files of the sets it published.
    pub sets: Vec<PathBuf>,
    /// Bytes it wrote.
    pub bytes: u64,
    /// Files (archive entries, dumps) it dealt with.
    pub files: u64,
    /// Sets it removed.
    pub removed: Vec<PathBuf>,
}
