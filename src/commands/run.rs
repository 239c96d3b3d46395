//! `run UNIT`: locks, the run itself, exit code.

mod record; // what is written down of it

use crate::config::{Config, Unit};
use crate::error::{Error, Exit, Kind, Result};
use crate::outcome::Outcome;
use crate::output::{self, Colour, Target};
use crate::run::lock::{self, Asking, Held, Holder};
use crate::run::logfile::Console;
use crate::run::trigger;
use crate::status::Status;
use crate::store::journal::End;
use crate::sys::clock;
use crate::sys::signals::{self, Cancel};
use crate::units::{show_bytes, show_duration};
use crate::webapi;
use record::Desk;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
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
    let console = desk.console();
    let done = desk.carry_out(&config, unit, &cancel, trouble);
    show(request, console, &done)?;
    Ok(done.signal.map_or(done.outcome.exit(), Exit::Signal))
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

fn show(request: &Request, console: Console, end: &End) -> Result<()> {
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
    // where everything is shown the log's own last line says it
    if console == Console::Troubles && (terminal || end.outcome >= Outcome::Warning) {
        output::note(&output::coloured(Target::Stderr, colour, &summary(end)));
    }
    Ok(())
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
