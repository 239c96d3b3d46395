//! `run UNIT`: locks, logs, the run itself, journal, trigger, exit code.

use crate::actions::context::Run;
use crate::config::{Config, Logging, Refusal, Unit};
use crate::error::{Error, Exit, Kind, Result};
use crate::outcome::Outcome;
use crate::output::{self, Colour, Target};
use crate::run::lock::{self, Asking, Held, Holder};
use crate::run::logfile::{self, Console, ROOT};
use crate::run::mishap;
use crate::run::moment;
use crate::run::places::Places;
use crate::run::runner::{self, Done};
use crate::run::trigger::{self, Trigger};
use crate::status::{Status, written};
use crate::store::journal::{End, Journal, Process, Record, Start};
use crate::sys::clock;
use crate::sys::signals::{self, Cancel};
use crate::units::{show_bytes, show_duration};
use crate::webapi;
use log::Level;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What was asked for on the command line.
#[derive(Clone, Debug)]
pub struct Request {
    /// Task or action.
    pub unit: String,
    /// Preview an action only.
    pub dry: bool,
    /// Everything to the terminal.
    pub verbose: bool,
    /// One JSON document on stdout.
    pub json: bool,
    /// Weekdays (0 = Sunday … 6) on which to run; none means every day.
    pub weekdays: Option<BTreeSet<u8>>,
}

/// Runs a unit and returns the exit code of the program.
pub fn run(config_file: Option<&Path>, request: &Request) -> Result<Exit> {
    let now = clock::now();
    if request.weekdays.as_ref().is_some_and(|days| !days.contains(&now.weekday().number_days_from_sunday())) {
        return Ok(Exit::Done);
    }
    let path = Config::find(config_file)?;
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => return Err(refuse_unreadable(&path, request, error, now)),
    };
    let desk = Desk::new(&config.logging, request, now);
    let unit = match config.unit(&request.unit, request.dry) {
        Ok(unit) => unit,
        Err(refusal) => {
            let error = desk.refuse_config(&config, &refusal);
            desk.announce_refusal(|| webapi::status(&config, now));
            return Err(error);
        }
    };
    signals::install()?;
    let cancel = signals::process_cancel();
    let (_locks, trouble) = match take_locks(&config, &unit, &desk, &cancel) {
        Ok(taken) => taken,
        Err(error) => {
            let error = desk.refuse_locked(error);
            desk.announce_refusal(|| webapi::status(&config, now));
            return Err(error);
        }
    };
    let done = desk.carry_out(&config, unit, &cancel, trouble);
    show(request, &done)?;
    Ok(done.signal.map_or(exit_of(&done), Exit::Signal))
}

fn exit_of(end: &End) -> Exit {
    end.outcome.exit()
}

/// A file that is no YAML or may not be trusted: what can still be made out of it decides where the alarm goes.
fn refuse_unreadable(path: &Path, request: &Request, error: Error, now: OffsetDateTime) -> Error {
    if let Some(logging) = Config::salvage(path) {
        let desk = Desk::new(&logging, request, now);
        let error = desk.refused(error, Outcome::Failed);
        desk.announce_refusal(|| Status::without_config(now));
        return error;
    }
    if let Some(trigger) = Config::salvage_trigger(path).filter(|_| !request.dry)
        && let Err(trouble) = trigger::overrule(&trigger, Outcome::Failed)
    {
        output::note(&trouble.to_string());
    }
    error
}

/// The locks of a run. Where lock files cannot be made (a full or read-only log disk must not stop a backup, P7) the
/// configuration itself is locked, and the trouble is handed back.
fn take_locks(config: &Config, unit: &Unit, desk: &Desk, cancel: &Cancel) -> Result<(Vec<Held>, Option<String>)> {
    let state = desk.places.state();
    let config_path = std::fs::canonicalize(&config.path).unwrap_or_else(|_| config.path.clone());
    let holder = Holder { pid: std::process::id(), unit: unit.name.clone(), since: rfc3339(desk.now) };
    let asking = Asking { holder, deadline: desk.begun + unit.lock_wait.unwrap_or(Duration::ZERO), cancel };
    let mut paths = vec![lock::unit_lock(&state, &config_path, &unit.name)];
    if !config.allow_parallel {
        paths.push(lock::config_lock(&state, &config_path));
    }
    let take_all = || paths.iter().map(|path| lock::take(path, &asking)).collect::<Result<Vec<_>>>();
    match desk.places.create_dir(&state).and_then(|()| take_all()) {
        Ok(held) => Ok((held, None)),
        Err(error) if error.kind() == Kind::Failed => {
            Ok((vec![lock::take_existing(&config_path, &asking)?], Some(error.to_string())))
        }
        Err(error) => Err(error),
    }
}

/// Where one request is recorded: logs, journal, trigger.
struct Desk {
    request: Request,
    places: Places,
    journal: Journal,
    trigger: Trigger,
    logging: Logging,
    now: OffsetDateTime,
    begun: Instant,
}

impl Desk {
    fn new(logging: &Logging, request: &Request, now: OffsetDateTime) -> Self {
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

    fn refuse_config(&self, config: &Config, refusal: &Refusal) -> Error {
        let file = config.path.display();
        let mut lines: Vec<_> = refusal.problems.iter().map(|p| format!("{file}:{p}")).collect();
        lines.push(format!("{}; nothing was started", refusal.summary.escape_debug()));
        self.record_refusal(&lines.join("; "), Outcome::Failed, Exit::Usage);
        Error::usage(lines.join("\n"))
    }

    fn refuse_locked(&self, error: Error) -> Error {
        let outcome = if error.kind() == Kind::Locked { Outcome::Skipped } else { Outcome::Failed };
        self.refused(error, outcome)
    }

    fn refused(&self, error: Error, outcome: Outcome) -> Error {
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
        let shown = if self.request.json { show(&self.request, &end) } else { Ok(()) };
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
    fn carry_out(mut self, config: &Config, unit: Unit, cancel: &Cancel, trouble: Option<String>) -> End {
        let mut troubles: Vec<String> = trouble.into_iter().collect();
        let whole = self.now - Duration::from_nanos(self.now.nanosecond().into());
        let moment = moment::claim(&self.places, self.now).unwrap_or_else(|error| {
            troubles.push(error.to_string());
            whole
        });
        self.now = moment;
        // whoever asks what would be done wants to be told
        let verbose = self.request.verbose || self.request.dry || self.logging.use_console;
        let console = if verbose { Console::Everything } else { Console::Troubles };
        troubles.extend(logfile::start(&self.places, &unit.full_name, moment, console));
        for trouble in &troubles {
            log::error!(target: ROOT, "{trouble}");
        }
        for located in &config.problems {
            log::debug!(target: ROOT, "{}:{located}", config.path.display());
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
    fn announce_refusal(&self, status: impl FnOnce() -> Status) {
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

fn show(request: &Request, end: &End) -> Result<()> {
    if request.json {
        let document = serde_json::to_value(end).unwrap_or_default();
        return output::json(&document);
    }
    let colour = match end.outcome {
        Outcome::Skipped | Outcome::Ok => Colour::Green,
        Outcome::Warning => Colour::Yellow,
        Outcome::Timeout | Outcome::Failed => Colour::Red,
    };
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // with -v the log's own last line says it
    if !request.verbose && (terminal || end.outcome >= Outcome::Warning) {
        output::note(&output::coloured(Target::Stderr, colour, &summary(end)));
    }
    Ok(())
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

/// Version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

fn summary(end: &End) -> String {
    let took = show_duration(Duration::from_millis(end.duration_ms));
    let word = end.signal.map_or(end.outcome.word(), |_| "interrupted");
    let what = if end.bytes > 0 { format!(", {} written", show_bytes(end.bytes)) } else { String::new() };
    format!("{}: {word} in {took}{what}", end.unit)
}

/// RFC 3339; only a year beyond 9999 cannot be written so.
pub fn rfc3339(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}
