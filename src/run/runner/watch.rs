//! Runs an action on a thread of its own, so that the run ends even where the action never comes back: a system call on a
//! file system whose server is gone may hang in the kernel, where no limit and no signal reaches it.
//!
//! The action's limits end all that can be ended. What has not come back [`PATIENCE`] after they passed is left behind: the
//! run goes on and is settled without it. At the exit of the process the kernel ends the thread, at the latest when the
//! system call returns; what it had begun is a leftover, as after any other sudden end.

use crate::actions::context::{Context, Report, Run};
use crate::config::Step;
use crate::error::{Error, Result};
use crate::output;
use crate::sys::process::GRACE;
use crate::sys::signals::Limits;
use crate::units::show_progress;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long an action may take to end after its limits passed: its child gets [`GRACE`] after SIGTERM and once more after
/// SIGKILL, and there is something to clean up.
const PATIENCE: Duration = Duration::from_secs(2 * GRACE.as_secs() + 5);

/// How often we look whether the limits have passed.
const NAP: Duration = Duration::from_millis(100);

/// No line on the terminal for what takes less.
const QUIET: Duration = Duration::from_secs(1);

/// An action that is to be carried out.
#[derive(Clone)]
pub struct Work {
    /// The action.
    pub step: Arc<Step>,
    /// The run it belongs to.
    pub facts: Arc<Run>,
    /// Its name in the log.
    pub name: String,
    /// Its bounds.
    pub limits: Limits,
}

/// What came of it.
pub struct Came {
    /// How it ended.
    pub result: Result<()>,
    /// What it achieved.
    pub report: Report,
    /// How many WARNING and ERROR lines there were.
    pub warnings: u64,
}

/// Carries out an action, to its end or to the end of our patience.
pub fn to_end(work: &Work) -> Came {
    let (sender, came) = mpsc::sync_channel(1);
    let theirs = work.clone();
    let on_thread = move || {
        // nobody listens any more when it comes too late
        let _ = sender.send(theirs.carry_out());
    };
    match std::thread::Builder::new().name("action".into()).spawn(on_thread) {
        Ok(_) => {
            let result = wait_for(&came, work);
            output::transient("");
            result
        }
        // better unwatched than not at all
        Err(_) => work.carry_out(),
    }
}

fn wait_for(came: &mpsc::Receiver<Came>, work: &Work) -> Came {
    let begun = Instant::now();
    let mut late_since = None;
    if let Some(pulse) = &work.facts.pulse {
        pulse.restart();
    }
    loop {
        match came.recv_timeout(NAP) {
            Ok(came) => return came,
            Err(RecvTimeoutError::Disconnected) => {
                return Came::to_nothing(Error::failed("the action ended without a word"));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        work.show(begun.elapsed());
        let Err(stop) = work.limits.check() else { continue };
        if late_since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
            let message = format!(
                "{stop}; the action hangs in the kernel (in a file system that does not answer?) and is left behind"
            );
            return Came::to_nothing(Error::new(stop.kind(), message));
        }
    }
}

impl Work {
    /// Shows whoever watches how far it is.
    fn show(&self, passed: Duration) {
        if let Some(pulse) = self.facts.pulse.as_ref().filter(|_| passed >= QUIET) {
            let (entries, bytes, total) = pulse.counts();
            output::transient(&format!("{}: {}", self.name, show_progress(entries, bytes, total, passed)));
        }
    }

    fn carry_out(&self) -> Came {
        let cx = Context::new(&self.facts, &self.name, self.limits.clone());
        let mut report = Report::default();
        let result = if self.step.dry {
            self.step.action.preview(&cx).map(|plan| plan.iter().for_each(|line| cx.info(line)))
        } else {
            self.step.action.run(&cx, &mut report)
        };
        Came { result, report, warnings: cx.warnings() }
    }
}

impl Came {
    fn to_nothing(error: Error) -> Self {
        Self { result: Err(error), report: Report::default(), warnings: 0 }
    }
}
