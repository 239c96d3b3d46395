//! The two logs of a run and the terminal, behind the `log` macros. Line: `2026-11-23 02:26:20.115 FULL INFO tar0 message`.

use crate::error::{Doing, Result};
use crate::output::{self, Colour, Target};
use crate::run::moment::stamp;
use crate::run::places::{New, Places};
use crate::sys::clock;
use log::{Level, LevelFilter, Log, Metadata, Record};
use simplelog::{CombinedLogger, Config, SharedLogger};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use time::OffsetDateTime;

/// Set once a line could not be written to a log: the run then ends as a warning at best (P7).
static LOST_LINES: AtomicBool = AtomicBool::new(false);

/// Whether some line is missing from a log.
pub fn lost_lines() -> bool {
    LOST_LINES.load(Ordering::SeqCst)
}

/// Source of lines of the program itself.
pub const ROOT: &str = "root";

/// Size in bytes at which the program's own log is set aside as `….log.1`.
const PROGRAM_LOG_LIMIT: u64 = 1 << 20;

/// What the terminal shows of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Console {
    /// Warnings and errors.
    Troubles,
    /// Everything.
    Everything,
}

impl Console {
    fn level(self) -> LevelFilter {
        match self {
            Self::Troubles => LevelFilter::Warn,
            Self::Everything => LevelFilter::Debug,
        }
    }
}

/// The logs of one run.
pub struct Logs {
    /// INFO and above.
    pub normal: PathBuf,
    /// Everything.
    pub debug: PathBuf,
}

/// Where the logs of the run at `now` go.
pub fn paths(places: &Places, full_name: &str, now: OffsetDateTime) -> Logs {
    let time = stamp(now);
    let name = full_name.replace('/', "_");
    Logs {
        normal: places.logs.join(format!("{:04}", now.year())).join(format!("{name}-{time}.log")),
        debug: places.logs.join("debug").join(format!("{name}-{time}-debug.log")),
    }
}

/// Starts logging to both files and the terminal. When a file cannot be opened logging goes on without it and the reason is
/// returned, to be logged.
pub fn start(places: &Places, full_name: &str, now: OffsetDateTime, console: Console) -> Vec<String> {
    let logs = paths(places, full_name, now);
    let mut loggers: Vec<Box<dyn SharedLogger>> = vec![Box::new(Terminal { level: console.level() })];
    let mut troubles = Vec::new();
    for (path, level) in [(logs.normal, LevelFilter::Info), (logs.debug, LevelFilter::Debug)] {
        match places.open_log(&path, New::Must) {
            Ok(file) => {
                loggers.push(Box::new(Lines { level, full_name: full_name.to_owned(), file: Mutex::new(file) }));
            }
            Err(error) => {
                LOST_LINES.store(true, Ordering::SeqCst);
                troubles.push(error.to_string());
            }
        }
    }
    let _ = CombinedLogger::init(loggers); // fails only when a logger is installed already
    troubles
}

/// Appends one line to the program's own log: what happens outside a run.
pub fn program(places: &Places, level: Level, message: &str) -> Result<()> {
    let path = places.program_log();
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > PROGRAM_LOG_LIMIT) {
        let _ = std::fs::rename(&path, path.with_extension("log.1"));
    }
    program_into(&mut places.open_log(&path, New::May)?, level, message)
}

/// The same into the program's log once it is open, for who has lost the right to open it; a full one takes nothing more.
pub fn program_into(file: &mut File, level: Level, message: &str) -> Result<()> {
    if file.metadata().is_ok_and(|meta| meta.len() > PROGRAM_LOG_LIMIT) {
        return Ok(());
    }
    let line = format_line(clock::now(), "krista_backup", level, ROOT, message);
    file.write_all(line.as_bytes()).doing(|| "writing to the program's log".into())
}

/// One line, break included; control characters in the message are shown, breaks as `\n`.
fn format_line(now: OffsetDateTime, full_name: &str, level: Level, source: &str, message: &str) -> String {
    let (date, time) = (now.date(), now.time());
    let message = output::printable(message.trim_end_matches(['\n', '\r']));
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {full_name} {} {source} {message}\n",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond(),
        word(level),
    )
}

/// Python's names of the levels, which readers of KB17's logs look for.
fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug | Level::Trace => "DEBUG",
    }
}

struct Lines {
    level: LevelFilter,
    full_name: String,
    file: Mutex<File>,
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = record.args().to_string();
        let line = format_line(clock::now(), &self.full_name, record.level(), record.target(), &message);
        let written = self.file.lock().map(|mut file| file.write_all(line.as_bytes()));
        if !matches!(written, Ok(Ok(()))) {
            LOST_LINES.store(true, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

impl SharedLogger for Lines {
    fn level(&self) -> LevelFilter {
        self.level
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

struct Terminal {
    level: LevelFilter,
}

impl Log for Terminal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = output::printable(&record.args().to_string());
        let line = format!("{} {} {message}", word(record.level()), record.target());
        output::note(&match record.level() {
            Level::Error => output::coloured(Target::Stderr, Colour::Red, &line),
            Level::Warn => output::coloured(Target::Stderr, Colour::Yellow, &line),
            _ => line,
        });
    }

    fn flush(&self) {}
}

impl SharedLogger for Terminal {
    fn level(&self) -> LevelFilter {
        self.level
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// Removes run logs older than `days`, by the time of their last write. Returns how many.
pub fn prune(places: &Places, days: u32, now: OffsetDateTime) -> usize {
    let oldest = now - time::Duration::days(days.into());
    let years = std::fs::read_dir(&places.logs).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_year = |path: &PathBuf| {
        path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let dirs: Vec<_> = years.filter(is_year).chain([places.logs.join("debug")]).collect();
    let mut removed = 0;
    for entry in dirs.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten() {
        let old = entry
            .metadata()
            .is_ok_and(|meta| meta.is_file() && meta.modified().is_ok_and(|at| OffsetDateTime::from(at) < oldest));
        let is_log = entry.path().extension().is_some_and(|extension| extension == "log");
        if old && is_log && std::fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_one_line_in_kb17s_form() {
        let now = OffsetDateTime::from_unix_timestamp_nanos(1_795_400_780_115_999_999).unwrap();
        assert_eq!(
            format_line(now, "77-cons-app", Level::Warn, "tar0", "a\nb\tc\x1b[2J\u{9b}m\r\n"),
            "2026-11-23 02:26:20.115 77-cons-app WARNING tar0 a\\nb\tc\\x1b[2J\\x9bm\n"
        );
    }
}
