//! `status`: how this server stands, or many others through their webapis.

mod fleet;
mod local;
mod screen;
mod servers;

use crate::commands::list::Format;
use crate::config::Config;
use crate::error::{Error, Exit, Kind, Result};
use crate::output;
use crate::remote::fleet::ask_all;
use crate::remote::report::Asking;
use crate::remote::token;
use crate::status::State;
use crate::sys::clock;
use crate::sys::signals::{self, Cancel};
use crate::units::{parse_duration, show_duration};
use crate::webapi;
use screen::Screen;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one server may take, where nothing else is asked for: more than [`crate::status`] waits for disks that hang.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How often we look at whether we are to stop.
const NAP: Duration = Duration::from_millis(100);

/// What is asked.
pub struct Question {
    /// Addresses of webapis; none with [`Self::servers`] empty too for this server.
    pub urls: Vec<String>,
    /// A file with more of them.
    pub servers: Option<PathBuf>,
    /// A file with the token some webapis want.
    pub token_file: Option<PathBuf>,
    /// Deadline of one server's answer, as typed.
    pub timeout: Option<String>,
    /// Seconds between two rounds of asking.
    pub watch: Option<u64>,
    /// Table or JSON.
    pub format: Format,
}

/// Answers it: 0 when all is well, 3 with warnings or overdue tasks, 1 with failures or silent servers. With `watch` it goes
/// on until a signal ends it.
pub fn status(config_file: Option<&Path>, question: &Question) -> Result<Exit> {
    let cancel = match question.watch {
        None => Cancel::new(),
        Some(0) => return Err(Error::usage("--watch needs at least 1 second")),
        Some(_) => {
            signals::install()?;
            signals::process_cancel()
        }
    };
    let asked = Asked::of(config_file, question)?;
    let mut screen = Screen::new(question.watch);
    loop {
        let begun = Instant::now();
        let exit = match asked.answer(question.format, &cancel, &mut screen) {
            Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => return Ok(error.kind().exit()),
            other => other?,
        };
        let Some(seconds) = question.watch else { return Ok(exit) };
        while begun.elapsed() < Duration::from_secs(seconds) {
            if let Some(signal) = cancel.signal() {
                return Ok(Exit::Signal(signal));
            }
            std::thread::sleep(NAP);
        }
    }
}

/// Who is asked, and how.
enum Asked {
    /// This server, by its configuration.
    Here(PathBuf),
    /// Others: their addresses, and what stands for one but is none.
    Others { servers: servers::Servers, token: Option<String>, timeout: Duration },
}

impl Asked {
    fn of(config_file: Option<&Path>, question: &Question) -> Result<Self> {
        if question.urls.is_empty() && question.servers.is_none() {
            if question.token_file.is_some() || question.timeout.is_some() {
                return Err(Error::usage(
                    "--token-file and --timeout are for asking other servers: give --servers or URLs",
                ));
            }
            return Ok(Self::Here(Config::find(config_file)?));
        }
        let timeout = match question.timeout.as_deref() {
            None => TIMEOUT,
            Some(text) => parse_duration(text).filter(|time| !time.is_zero()).ok_or_else(|| {
                Error::usage(format!("--timeout `{}` is no time such as 5s or 1m", text.escape_debug()))
            })?,
        };
        let token = question.token_file.as_deref().map(token::read).transpose()?;
        let servers = servers::collect(&question.urls, question.servers.as_deref())?;
        Ok(Self::Others { servers, token, timeout })
    }

    /// One round: asks, shows, judges.
    fn answer(&self, format: Format, cancel: &Cancel, screen: &mut Screen) -> Result<Exit> {
        let now = clock::now();
        match self {
            Self::Here(path) => {
                // read anew each time: it may have changed
                let status = webapi::status(&Config::load(path)?, now);
                match format {
                    Format::Json => output::line(&status.document())?,
                    Format::Table => screen.show(now, &local::lines(&status))?,
                }
                Ok(local::exit(&status))
            }
            Self::Others { servers, token, timeout } => {
                let asking = Asking { token: token.clone(), timeout: *timeout, now: (now, Instant::now()) };
                let answers = ask_all(&servers.urls, &asking, cancel)?;
                let rows = fleet::rows(servers, answers);
                match format {
                    Format::Json => output::json(&fleet::document(&rows, now))?,
                    Format::Table => screen.show(now, &fleet::lines(&rows, now))?,
                }
                Ok(fleet::exit(&rows))
            }
        }
    }
}

/// The exit code of the worst: 3 for warnings and for runs that are merely missing, 1 for what failed.
fn exit_of(state: State, failed: bool) -> Exit {
    match state {
        State::Ok => Exit::Done,
        State::Error if failed => Exit::Failed,
        State::Warning | State::Error => Exit::Warning,
    }
}

/// A length of time in its two largest units, without fractions.
fn age(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { show_duration(Duration::from_secs(seconds)) }
}
