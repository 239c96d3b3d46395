//! Runs a unit: its actions in order, its `finally` always, and an outcome that tells the truth.

use crate::actions::common::FailureLevel;
use crate::actions::context::{Context, Report, Run};
use crate::config::{Step, Unit};
use crate::error::{Error, Kind};
use crate::outcome::Outcome;
use crate::run::logfile::ROOT;
use crate::store::journal::ActionEnd;
use crate::sys::signals::{Cancel, Limits};
use crate::units::show_duration;
use std::time::{Duration, Instant};

/// What `finally` actions without a timeout of their own get once the run itself was stopped: long enough for an unmount,
/// short enough for a shutdown.
const LAST_WORDS: Duration = Duration::from_secs(600);

/// `timeout(1)`, systemd and terminals signal the process and its group: the second signal of one such volley must not end
/// the clean-up that the first one started.
const VOLLEY: Duration = Duration::from_millis(500);

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
pub fn run(unit: &Unit, facts: &Run, cancel: &Cancel) -> Done {
    let limits = Limits { cancel: cancel.clone(), deadline: unit.timeout.and_then(|t| Instant::now().checked_add(t)) };
    let mut progress = Progress { facts, done: Done::nothing(), halted: None };
    for step in &unit.steps {
        progress.step(step, &limits);
    }
    if let Err(stop) = limits.check() {
        progress.stopped(&stop);
    }
    let last = last_limits(&limits);
    progress.halted = None;
    for step in &unit.finally {
        progress.finally(step, &last);
    }
    progress.done
}

/// Bounds of the `finally` actions: what stopped the run does not stop them, a second signal does.
fn last_limits(limits: &Limits) -> Limits {
    if limits.cancel.signal().is_some() {
        std::thread::sleep(VOLLEY);
    }
    let deadline = limits.check().is_err().then(|| Instant::now().checked_add(LAST_WORDS)).flatten();
    Limits { cancel: limits.cancel.shielded(), deadline }
}

struct Progress<'a> {
    facts: &'a Run,
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

impl Progress<'_> {
    fn step(&mut self, step: &Step, limits: &Limits) {
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

    fn finally(&mut self, step: &Step, limits: &Limits) {
        self.carry_out(step, limits);
    }

    /// A signal or the unit's own timeout ended the run.
    fn stopped(&mut self, stop: &Error) {
        let (outcome, reason) = match stop.kind() {
            Kind::Interrupted(signal) => {
                self.done.signal = Some(signal);
                (Outcome::Failed, format!("the run was stopped by signal {signal}"))
            }
            _ => (Outcome::Timeout, "the timeout of the run passed".to_owned()),
        };
        if self.done.outcome < outcome || self.halted.is_none() {
            log::error!(target: ROOT, "{reason}");
            (self.facts.alarm)(outcome);
        }
        self.done.worsen(outcome, &reason);
        self.halted.get_or_insert(reason);
    }

    fn carry_out(&mut self, step: &Step, limits: &Limits) -> Outcome {
        let name = if step.dry { format!("{}_DRYRUN", step.name) } else { step.name.clone() };
        let own = step.common.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let deadline = [own, limits.deadline].into_iter().flatten().min();
        let cx = Context::new(self.facts, &name, Limits { cancel: limits.cancel.clone(), deadline });
        log::info!(target: ROOT, "starting {name} ({})", step.kind);
        let begun = Instant::now();
        let mut report = Report::default();
        let ended = if step.dry {
            step.action.preview(&cx).map(|plan| plan.iter().for_each(|line| cx.info(line)))
        } else {
            step.action.run(&cx, &mut report)
        };
        let (outcome, message) = self.judge(&cx, ended);
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
            warnings: cx.warnings(),
            sets: report.sets,
            removed: report.removed,
        });
        outcome
    }

    /// How the action ended; an error is logged here and nowhere else.
    fn judge(&mut self, cx: &Context<'_>, ended: crate::error::Result<()>) -> (Outcome, String) {
        let Err(error) = ended else {
            return match cx.warnings() {
                0 => (Outcome::Ok, String::new()),
                1 => (Outcome::Warning, "1 warning, see the log".to_owned()),
                n => (Outcome::Warning, format!("{n} warnings, see the log")),
            };
        };
        if let Kind::Interrupted(signal) = error.kind() {
            self.done.signal.get_or_insert(signal);
        }
        let message = error.to_string();
        log::error!(target: cx.name, "{message}");
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
