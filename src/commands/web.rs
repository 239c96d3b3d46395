//! `web`: the webapi in the foreground, and the end of one that runs.

use crate::actions::properties::Severity;
use crate::config::Config;
use crate::error::{Doing, Error, Exit, Kind, Result};
use crate::output;
use crate::run::lock::{self, Keeper};
use crate::run::places::Places;
use crate::sys::clock;
use crate::sys::signals;
use crate::webapi;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long the one that is told to stop may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until SIGTERM or SIGINT, as `user` instead of `web.user` when given.
pub fn start(config_file: Option<&Path>, user: Option<String>) -> Result<Exit> {
    signals::install()?;
    let mut config = Config::load(&Config::find(config_file)?)?;
    let concerns = |path: &[String]| path.first().is_none_or(|key| key == "web" || key == "logging");
    let wrong = config.problems.iter().find(|l| l.problem.severity == Severity::Error && concerns(&l.problem.path));
    if let Some(located) = wrong {
        return Err(Error::usage(format!("{}:{located}", config.path.display())));
    }
    config.web.user = user.or(config.web.user);
    webapi::serve(&config, &signals::process_cancel(), clock::now())
}

/// Ends the one that runs and waits until it is gone. That none runs is said, and is no error: it is what was asked for.
pub fn stop(config_file: Option<&Path>) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let places = Places { logs: config.logging.logs_path.clone(), group: None };
    let path = webapi::lock_path(&places);
    let start = Instant::now();
    let mut told = None;
    loop {
        match lock::keeper(&path)? {
            Keeper::Nobody if told.is_none() => {
                output::note("no webapi is running");
                return Ok(Exit::Done);
            }
            Keeper::Nobody => return Ok(Exit::Done),
            // another one that has taken its place was not meant
            Keeper::Known(holder) if told.is_some_and(|pid| pid != holder.pid) => return Ok(Exit::Done),
            Keeper::Known(holder) if told.is_none() => {
                tell(holder.pid)?;
                told = Some(holder.pid);
            }
            Keeper::Known(_) | Keeper::Unknown => {}
        }
        if start.elapsed() >= PATIENCE {
            let who = told.map_or("whose process is not known".to_owned(), |pid| format!("process {pid}"));
            return Err(Error::new(Kind::TimedOut, format!("the webapi, {who}, is still running")));
        }
        thread::sleep(PAUSE);
    }
}

fn tell(pid: u32) -> Result<()> {
    let doing = || format!("ending the webapi, process {pid}");
    let known = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let known = known.ok_or_else(|| Error::new(Kind::Failed, "that is no process")).doing(doing)?;
    match kill_process(known, Signal::TERM) {
        Err(rustix::io::Errno::SRCH) => Ok(()), // it has just ended by itself
        other => other.doing(doing),
    }
}
