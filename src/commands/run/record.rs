//! What is written down of a run: logs, journal, trigger, the document for monitoring.

use crate::actions::context::{Pulse, Run};
use crate::actions::properties::Severity;
use crate::commands::run::{Request, VERSION, rfc3339, show, summary};
use crate::config::{Config, Logging, Refusal, Unit};
use crate::error::{Error, Exit, Kind, Result};
use crate::outcome::Outcome;
use crate::output;
use crate::run::logfile::{self, Console, ROOT};
use crate::run::mishap;
use crate::run::moment;
use crate::run::places::Places;
use crate::run::runner::{self, Done};
use crate::run::trigger::Trigger;
use crate::status::{Status, written};
use crate::store::journal::{End, Journal, Process, Record, Start};
use crate::sys::clock;
use crate::sys::signals::Cancel;
use crate::webapi;
use log::Level;
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Where one request is recorded: logs, journal, trigger.
pub(super) struct Desk {
    request: Request,
    pub(super) places: Places,
    journal: Journal,
    trigger: Trigger,
    logging: Logging,
    pub(super) now: OffsetDateTime,
    pub(super) begun: Instant,
}

impl Desk {
    pub(super) fn new(logging: &Logging, request: &Request, now: OffsetDateTime) -> Self {
        let places = Places { logs: logging.logs_path.clone(), group: logging.group };
        let journal = Journal::new(&places.logs, &places.state(), places.file_mode()).of_group(places.group);
        // a dry run changes nothing outside the log directory
        let path = logging.trigger.clone().filter(|_| !request.dry);
        let trigger = Trigger { path, state: places.state(), unit: request.unit.clone() };
        Self {
            request: request.clone(),
            places,
            journal,
            trigger,
            logging: logging.clone(),
            now,
            begun: Instant::now(),
        }
    }

    pub(super) fn refuse_config(&self, config: &Config, refusal: &Refusal) -> Error {
        let file = config.path.display();
        let mut lines: Vec<_> = refusal.problems.iter().map(|p| format!("{file}:{p}")).collect();
        lines.push(format!("{}; nothing was started", refusal.summary.escape_debug()));
        self.record_refusal(&lines.join("; "), Outcome::Failed, Exit::Usage);
        Error::usage(lines.join("\n"))
    }

    pub(super) fn refuse_locked(&self, error: Error) -> Error {
        let outcome = if error.kind() == Kind::Locked { Outcome::Skipped } else { Outcome::Failed };
        self.refused(error, outcome)
    }

    pub(super) fn refused(&self, error: Error, outcome: Outcome) -> Error {
        self.record_refusal(&error.to_string(), outcome, error.kind().exit());
        error
    }

    /// Records a run that was not started: program log, journal, trigger. What cannot be recorded is said on stderr.
    fn record_refusal(&self, message: &str, outcome: Outcome, exit: Exit) {
        let (level, word) = match outcome {
            Outcome::Skipped => (Level::Warn, Outcome::Warning),
            _ => (Level::Error, Outcome::Failed),
        };
        let done = Done { outcome, signal: None, message: message.to_owned(), actions: Vec::new() };
        let end = self.end_record(String::new(), &done, exit);
        let line = format!("run {}: {message}", self.request.unit);
        let shown = if self.request.json { show(&self.request, self.console(), &end) } else { Ok(()) };
        let results = [
            shown,
            self.places.create_dir(&self.places.state()),
            logfile::program(&self.places, level, &line),
            self.journal.append(&Record::End(end)),
            self.trigger.settle(word, self.now),
        ];
        results.into_iter().filter_map(Result::err).for_each(|error| output::note(&error.to_string()));
    }

    /// The run itself, from the first log line to the last.
    pub(super) fn carry_out(mut self, config: &Config, unit: Unit, cancel: &Cancel, trouble: Option<String>) -> End {
        let mut troubles: Vec<String> = trouble.into_iter().collect();
        let whole = self.now - Duration::from_nanos(self.now.nanosecond().into());
        let moment = moment::claim(&self.places, self.now).unwrap_or_else(|error| {
            troubles.push(error.to_string());
            whole
        });
        self.now = moment;
        let console = self.console();
        troubles.extend(logfile::start(&self.places, &unit.full_name, moment, console));
        for trouble in &troubles {
            log::error!(target: ROOT, "{trouble}");
        }
        for located in &config.problems {
            // an error that this unit reached would have refused it
            let level = if located.problem.severity == Severity::Error { Level::Info } else { Level::Debug };
            log::log!(target: ROOT, level, "note: {}:{located}", config.path.display());
        }
        let run = format!("{}-{}", moment::stamp(moment), std::process::id());
        let started = Start {
            run: run.clone(),
            unit: unit.name.clone(),
            time: rfc3339(moment),
            dry: self.request.dry,
            process: Process::this(),
            version: VERSION.to_owned(),
        };
        troubles.extend(report(self.journal.append(&Record::Start(started))));
        log::info!(target: ROOT, "run of {} by krista-backup {VERSION}, config {}", unit.name, config.path.display());
        let broken = Done { outcome: Outcome::Failed, signal: None, message: String::new(), actions: Vec::new() };
        let aborted = Exit::Signal(libc::SIGABRT);
        mishap::record(self.trigger.clone(), self.journal.clone(), self.end_record(run.clone(), &broken, aborted));
        let done = self.work(unit, moment, cancel);
        let end = self.settle(run, done, troubles);
        self.announce(config, end)
    }

    /// What the terminal shows of the run. Whoever asks what would be done wants to be told.
    pub fn console(&self) -> Console {
        let everything = self.request.verbose || self.request.dry || self.logging.use_console;
        if everything { Console::Everything } else { Console::Troubles }
    }

    fn work(&self, mut unit: Unit, moment: OffsetDateTime, cancel: &Cancel) -> Done {
        if self.request.dry {
            unit.steps.iter_mut().chain(&mut unit.finally).for_each(|step| step.dry = true);
        }
        let trigger = self.trigger.clone();
        let shown = AtomicU8::new(0);
        let alarm = move |outcome: Outcome| {
            // only what is worse than what this run has shown already
            if shown.fetch_max(outcome as u8, Ordering::SeqCst) < outcome as u8
                && let Err(error) = trigger.raise(outcome, clock::now())
            {
                log::error!(target: ROOT, "{error}");
            }
        };
        let facts = Run {
            unit: unit.name.clone(),
            now: moment,
            full_name: unit.full_name.clone(),
            state_dir: self.places.state(),
            failed: Mutex::new(BTreeSet::new()),
            alarm: Box::new(alarm),
            // a document is for programs
            pulse: (!self.request.json && std::io::stderr().is_terminal()).then(Pulse::default),
        };
        runner::run(unit, facts, cancel)
    }

    /// Everything that has to be written down after the work. What fails here makes a warning of a success.
    fn settle(&self, run: String, mut done: Done, troubles: Vec<String>) -> End {
        if let Some(days) = self.logging.keep_days {
            let removed = logfile::prune(&self.places, days, self.now);
            log::debug!(target: ROOT, "removed {removed} logs older than {days} days");
        }
        if let Some(trouble) = troubles.into_iter().next() {
            done.warn(&trouble);
        }
        if logfile::lost_lines() {
            done.warn(&format!("lines are missing from the logs under {}", self.places.logs.display()));
        }
        if let Some(trouble) = report(self.trigger.settle(done.outcome, clock::now())) {
            done.warn(&trouble);
        }
        let exit = done.signal.map_or(done.outcome.exit(), Exit::Signal);
        let end = self.end_record(run, &done, exit);
        log::info!(target: ROOT, "{}", summary(&end));
        if let Some(trouble) = report(self.journal.append(&Record::End(end.clone()))) {
            done.warn(&trouble);
            let _ = report(self.trigger.settle(done.outcome, clock::now()));
            return End { outcome: done.outcome, exit: done.outcome.exit().code(), message: done.message, ..end };
        }
        end
    }

    /// The document for monitoring, once everything it is made of is written. What fails here makes a warning of a success.
    fn announce(&self, config: &Config, end: End) -> End {
        let troubles = self.publish(|| webapi::status(config, clock::now()));
        for error in &troubles {
            log::error!(target: ROOT, "{error}");
        }
        match troubles.first() {
            Some(trouble) if end.outcome < Outcome::Warning => {
                let _ = report(self.trigger.settle(Outcome::Warning, clock::now()));
                let exit = end.signal.map_or(Outcome::Warning.exit(), Exit::Signal).code();
                End { outcome: Outcome::Warning, exit, message: trouble.to_string(), ..end }
            }
            _ => end,
        }
    }

    /// The same for a run that was refused. What does not work is said on stderr.
    pub(super) fn announce_refusal(&self, status: impl FnOnce() -> Status) {
        self.publish(status).iter().for_each(|error| output::note(&error.to_string()));
    }

    /// Writes `status_file` and `metrics_file`, and hands back what did not work. A dry run changes nothing outside the log
    /// directory.
    fn publish(&self, status: impl FnOnce() -> Status) -> Vec<Error> {
        if self.request.dry {
            return Vec::new();
        }
        written::write(&self.logging, status).into_iter().filter_map(Result::err).collect()
    }

    fn end_record(&self, run: String, done: &Done, exit: Exit) -> End {
        let sum = |field: fn(&crate::store::journal::ActionEnd) -> u64| done.actions.iter().map(field).sum();
        End {
            run,
            unit: self.request.unit.clone(),
            started: rfc3339(self.now),
            time: rfc3339(clock::now().max(self.now)),
            dry: self.request.dry,
            outcome: done.outcome,
            exit: exit.code(),
            signal: done.signal,
            message: done.message.chars().take(2000).collect(),
            duration_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes: sum(|action| action.bytes),
            files: sum(|action| action.files),
            warnings: sum(|action| action.warnings),
            actions: done.actions.clone(),
            version: VERSION.to_owned(),
        }
    }
}

/// Logs an error of the bookkeeping, the same one once, and hands its text on.
fn report(result: Result<()>) -> Option<String> {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let error = result.err()?.to_string();
    if SAID.lock().is_ok_and(|mut said| said.insert(error.clone())) {
        log::error!(target: ROOT, "{error}");
    }
    Some(error)
}
