//! Runs a unit: its actions in order, its `finally` always, and an outcome that tells the truth.

mod watch;

use crate::actions::common::FailureLevel;
use crate::actions::context::Run;
use crate::config::{Step, Unit};
use crate::error::{Error, Kind, Result};
use crate::outcome::Outcome;
use crate::run::logfile::ROOT;
use crate::store::journal::ActionEnd;
use crate::sys::signals::{Cancel, Deadline, Limits};
use crate::units::show_duration;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watch::{Came, Work};

/// What `finally` actions without a timeout of their own get once the run itself was stopped: long enough for an unmount,
/// short enough for a shutdown.
const LAST_WORDS: Duration = Duration::from_secs(600);

/// What a run came to.
#[derive(Debug)]
pub struct Done {
    /// The worst of the actions' outcomes.
    pub outcome: Outcome,
    /// The signal that stopped it.
    pub signal: Option<i32>,
    /// The first thing that went wrong, in one line.
    pub message: String,
    /// Per action, in the order they ran; skipped ones included.
    pub actions: Vec<ActionEnd>,
}

/// Runs the unit to its end.
pub fn run(unit: Unit, facts: Run, cancel: &Cancel) -> Done {
    let deadline = unit.timeout.and_then(|timeout| Deadline::after(timeout, "the timeout of the task"));
    let limits = Limits { cancel: cancel.clone(), deadline };
    let mut progress = Progress { facts: Arc::new(facts), done: Done::nothing(), halted: None };
    for step in unit.steps {
        progress.step(&Arc::new(step), &limits);
    }
    if let Err(stop) = limits.check() {
        progress.stopped(&stop);
    }
    let last = last_limits(&limits);
    progress.halted = None;
    for step in unit.finally {
        progress.carry_out(&Arc::new(step), &last);
    }
    progress.done
}

/// Bounds of the `finally` actions.
fn last_limits(limits: &Limits) -> Limits {
    limits.for_cleanup(limits.check().is_err().then(|| Deadline::after(LAST_WORDS, "the time for `finally`")).flatten())
}

struct Progress {
    facts: Arc<Run>,
    done: Done,
    /// Why the actions that follow are skipped.
    halted: Option<String>,
}

impl Done {
    fn nothing() -> Self {
        Self { outcome: Outcome::Ok, signal: None, message: String::new(), actions: Vec::new() }
    }

    /// Something beside the actions went wrong: at least a warning, whatever they came to.
    pub fn warn(&mut self, message: &str) {
        self.worsen(Outcome::Warning, message);
    }

    fn worsen(&mut self, outcome: Outcome, message: &str) {
        if outcome > self.outcome || self.message.is_empty() {
            message.clone_into(&mut self.message);
        }
        self.outcome = self.outcome.max(outcome);
    }
}

impl Progress {
    fn step(&mut self, step: &Arc<Step>, limits: &Limits) {
        if self.halted.is_none()
            && let Err(stop) = limits.check()
        {
            self.stopped(&stop);
        }
        if let Some(reason) = &self.halted {
            log::info!(target: ROOT, "skipping {}: {reason}", step.name);
            self.done.actions.push(skipped(step, reason));
            return;
        }
        let end = self.carry_out(step, limits);
        if failed(end) && !step.common.continue_on_error {
            self.halted =
                Some(format!("{} has {}", step.name, if end == Outcome::Timeout { "timed out" } else { "failed" }));
        }
    }

    /// A signal or the unit's own timeout ended the run.
    fn stopped(&mut self, stop: &Error) {
        let (outcome, reason) = match stop.kind() {
            Kind::Interrupted(signal) => {
                self.done.signal = Some(signal);
                (Outcome::Failed, format!("the run was stopped by signal {signal}"))
            }
            _ => (Outcome::Timeout, stop.to_string()),
        };
        if self.done.outcome < outcome || self.halted.is_none() {
            log::error!(target: ROOT, "{reason}");
            (self.facts.alarm)(outcome);
        }
        self.done.worsen(outcome, &reason);
        self.halted.get_or_insert(reason);
    }

    fn carry_out(&mut self, step: &Arc<Step>, limits: &Limits) -> Outcome {
        let name = if step.dry { format!("{}_DRYRUN", step.name) } else { step.name.clone() };
        let own = step.common.timeout.and_then(|timeout| Deadline::after(timeout, "the timeout of the action"));
        let deadline = [own, limits.deadline].into_iter().flatten().min();
        log::info!(target: ROOT, "starting {name} ({})", step.kind);
        let begun = Instant::now();
        let limits = Limits { cancel: limits.cancel.clone(), deadline };
        let work = Work { step: Arc::clone(step), facts: Arc::clone(&self.facts), name: name.clone(), limits };
        let Came { report, result, warnings } = watch::to_end(&work);
        let (outcome, message) = self.judge(&name, result, warnings);
        let took = begun.elapsed();
        log::info!(target: ROOT, "finished {name}: {} in {}", outcome.word(), show_duration(took));
        self.account(step, outcome, &message);
        self.done.actions.push(ActionEnd {
            name: step.name.clone(),
            kind: step.kind.to_owned(),
            dry: step.dry,
            outcome,
            message,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            bytes: report.bytes,
            files: report.files,
            warnings,
            sets: report.sets,
            removed: report.removed,
        });
        outcome
    }

    /// How the action ended; an error is logged here and nowhere else.
    fn judge(&mut self, name: &str, ended: Result<()>, warnings: u64) -> (Outcome, String) {
        let Err(error) = ended else {
            return match warnings {
                0 => (Outcome::Ok, String::new()),
                1 => (Outcome::Warning, "1 warning, see the log".to_owned()),
                n => (Outcome::Warning, format!("{n} warnings, see the log")),
            };
        };
        if let Kind::Interrupted(signal) = error.kind() {
            self.done.signal.get_or_insert(signal);
        }
        let message = error.to_string();
        log::error!(target: name, "{message}");
        (if error.kind() == Kind::TimedOut { Outcome::Timeout } else { Outcome::Failed }, message)
    }

    fn account(&mut self, step: &Step, outcome: Outcome, message: &str) {
        if failed(outcome)
            && let Ok(mut names) = self.facts.failed.lock()
        {
            names.insert(step.name.clone());
        }
        let counts = match step.common.failure_level {
            FailureLevel::Warning if failed(outcome) && self.done.signal.is_none() => Outcome::Warning,
            _ => outcome,
        };
        if counts >= Outcome::Warning {
            (self.facts.alarm)(counts);
            self.done.worsen(counts, &format!("{}: {message}", step.name));
        }
    }
}

fn failed(outcome: Outcome) -> bool {
    outcome >= Outcome::Timeout
}

fn skipped(step: &Step, reason: &str) -> ActionEnd {
    ActionEnd {
        name: step.name.clone(),
        kind: step.kind.to_owned(),
        dry: step.dry,
        outcome: Outcome::Skipped,
        message: reason.to_owned(),
        duration_ms: 0,
        bytes: 0,
        files: 0,
        warnings: 0,
        sets: Vec::new(),
        removed: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
