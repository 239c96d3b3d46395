//! The three endpoints of KB17, in its shapes: its central web page asks us as it asked its own.

use crate::config::Config;
use crate::logbook::lines::{Lines, Log};
use crate::logbook::mask::Secrets;
use crate::logbook::{self, Listed, Logbook, Shelf, names};
use crate::run::enabled;
use crate::run::expected::Expected;
use crate::run::places::Places;
use crate::store::journal;
use crate::webapi::fresh::Fresh;
use crate::webapi::json::{self, Json};
use crate::webapi::live::{self, Current, Stamp};
use crate::webapi::properties;
use crate::webapi::routes::{Answer, Body, JSON};
use std::fs::OpenOptions;
use std::io::{Cursor, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// KB17's words about the trigger file.
const ALARM: &str = "триггер-файл";
const ALL_WELL: &str = "ок";
const NO_TRIGGER: &str = "нет триггер-файла";
const TROUBLE: &str = "ошибка обработки запроса";

/// How old the list of logs may be when nothing has happened since.
const OVERVIEW_AGE: Duration = Duration::from_secs(1);

/// How old what is known about the crontab may be: asking is a child process.
const CRONTAB_AGE: Duration = Duration::from_secs(5);

/// How long new logs may be read for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// About what a log takes in the overview; a guess that spares copying.
const BYTES_OF_A_LOG: usize = 220;

/// Bytes of a trigger file that are looked at; ours has one word.
const TRIGGER_LIMIT: u64 = 4 << 10;

/// Bytes of a log's answer up to which it is made before it is sent.
const SMALL: usize = 256 << 10;

/// What the overview depends on: configuration, journal, debug logs, crontab, directories of logs.
type Happened = (u64, [Stamp; 4]);

/// The endpoints with what they keep.
pub struct Kb17 {
    desk: Mutex<Desk>,
    overview: Fresh<Happened, Arc<String>>,
    active: Fresh<(u64, Stamp), Vec<Option<bool>>>,
}

impl Kb17 {
    /// With nothing kept yet.
    pub fn new() -> Self {
        Self {
            desk: Mutex::new(Desk { book: Logbook::new(Path::new(""), Secrets::default()), last: None }),
            overview: Fresh::new(OVERVIEW_AGE),
            active: Fresh::new(CRONTAB_AGE),
        }
    }

    /// `/api/si`.
    #[allow(clippy::unused_self)] // an endpoint like the others
    pub fn server_info(&self, current: &Current) -> Answer {
        let (message, lines) = match (&current.problem, trigger(&current.config)) {
            (Some(problem), _) => (TROUBLE, vec![problem.to_string()]),
            (None, other) => other,
        };
        let lines: Vec<_> = lines.into_iter().map(Json::text).collect();
        let info = Json::map([
            ("name", Json::text(&current.config.server_name)),
            ("flask", Json::Flag(false)),
            ("msg", Json::text(message)),
            ("errors", if lines.is_empty() { Json::text("") } else { Json::List(lines) }),
        ]);
        Answer::json(200, info.line())
    }

    /// `/api/cf`.
    pub fn overview(&self, current: &Current) -> Answer {
        let logs = &current.config.logging.logs_path;
        let record = live::stamp(&enabled::path(&Places { logs: logs.clone(), group: None }));
        let [journal, debug] = [journal::FILE_NAME, names::DEBUG].map(|name| live::stamp(&logs.join(name)));
        let kept = self.overview.get((current.generation, [journal, debug, record, live::stamp(logs)]), || {
            let active = self.active.get((current.generation, record), || active(&current.config));
            let active = active.as_deref().cloned().unwrap_or_default();
            self.desk.lock().unwrap_or_else(PoisonError::into_inner).describe(current, active)
        });
        let late = || Arc::new(Arc::new(describe(current, &[], &[], Some("listing the logs takes too long".into()))));
        Answer::shared(JSON, &kept.unwrap_or_else(late))
    }

    /// `/api/rl/DIR/NAME`.
    #[allow(clippy::unused_self)] // an endpoint like the others
    pub fn log(&self, current: &Current, dir: &str, name: &str) -> Answer {
        let logs = &current.config.logging.logs_path;
        match logbook::open(logs, dir, name) {
            Ok(Some(log)) => whole_log(&logs.join(dir).join(name), log, &current.secrets),
            Ok(None) => Answer::json(200, "{\"lines\": []}"),
            Err(error) => Answer::json(200, no_log(&error.to_string())),
        }
    }
}

/// The logs as they were last seen, with what was last said about them.
struct Desk {
    book: Logbook,
    last: Option<(Said, Arc<String>)>,
}

/// What an overview was made from: configuration and its problem, crontab, logs and their problem.
type Said = (u64, Vec<Option<bool>>, u64, Option<String>);

impl Desk {
    /// The overview, the same one as long as nothing has changed.
    fn describe(&mut self, current: &Current, active: Vec<Option<bool>>) -> Arc<String> {
        self.book.be(&current.config.logging.logs_path, &current.secrets);
        let trouble = match self.book.look(Some(Instant::now() + PATIENCE)) {
            Ok(shelves) => shelves.iter().find_map(|shelf| shelf.trouble.clone()),
            Err(error) => Some(error.to_string()),
        };
        let said = (current.generation, active, self.book.revision(), trouble);
        match &self.last {
            Some((known, text)) if *known == said => text.clone(),
            _ => {
                self.last = None; // two of them need not be in memory
                let text = Arc::new(describe(current, &said.1, self.book.shelves(), said.3.clone()));
                self.last = Some((said, text.clone()));
                text
            }
        }
    }
}

fn describe(current: &Current, active: &[Option<bool>], shelves: &[Shelf], trouble: Option<String>) -> String {
    let config = &current.config;
    let tasks = config.tasks.iter().enumerate();
    let mut tasks: Vec<_> = tasks
        .map(|(at, task)| (task.name.clone(), properties::task(task, active.get(at).copied().flatten())))
        .collect();
    // KB17 sorted the tasks, and left the actions as they stand in the file
    tasks.sort_by(|(a, _), (b, _)| a.cmp(b));
    let actions = config.actions.iter().map(|entry| (entry.name.clone(), properties::action(entry)));
    let mut pairs = vec![
        ("full_name".to_owned(), Json::text(&config.server_name)),
        ("schedules".to_owned(), Json::Map(tasks)),
        ("actions".to_owned(), Json::Map(actions.collect())),
    ];
    if let Some(problem) = current.problem.as_deref().map(str::to_owned).or(trouble) {
        pairs.push(("msg".to_owned(), Json::text(TROUBLE)));
        pairs.push(("error".to_owned(), Json::text(problem)));
    }
    let count: usize = shelves.iter().map(|shelf| shelf.logs.len()).sum();
    let mut text = String::with_capacity(count * BYTES_OF_A_LOG);
    Json::Map(pairs).write(&mut text);
    text.pop();
    text.push_str(", \"logs\": ");
    json::write_map(&mut text, shelves.iter().map(|shelf| (shelf.dir.as_str(), shelf)), write_shelf);
    text.push('}');
    text
}

/// What the trigger file says, in KB17's words, and its lines when they are an alarm.
fn trigger(config: &Config) -> (&'static str, Vec<String>) {
    let Some(path) = &config.logging.trigger else { return (NO_TRIGGER, Vec::new()) };
    let text = match read_trigger(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return (NO_TRIGGER, Vec::new()),
        Err(error) => return (TROUBLE, vec![format!("{}: {error}", path.display())]),
    };
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    // only what we know is well: an empty or strange file is a reason to look
    match lines.as_slice() {
        [word] if word == "SUCCESS" => (ALL_WELL, Vec::new()),
        [] => (TROUBLE, vec![format!("{} is empty", path.display())]),
        _ => (ALARM, lines),
    }
}

/// Never hangs on a FIFO, and never reads more than a trigger can hold.
fn read_trigger(path: &Path) -> std::io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(TRIGGER_LIMIT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether each task is in the crontab, as far as that is known.
fn active(config: &Config) -> Vec<Option<bool>> {
    let expected = Expected::of(config);
    config.tasks.iter().map(|task| expected.is_enabled(&task.name)).collect()
}

fn write_shelf(out: &mut String, shelf: &Shelf) {
    json::write_list(out, &shelf.logs, |out, log| write_listed(out, &shelf.dir, log));
}

fn write_listed(out: &mut String, dir: &str, log: &Listed) {
    let flag = |flag| if flag { "true" } else { "false" };
    out.push_str("{\"name\": ");
    json::write_text(out, &log.name);
    out.push_str(", \"debugname\": ");
    json::write_text(out, &names::debug_name(dir, &log.name));
    out.extend([", \"exist\": ", flag(log.has_debug), ", \"error\": ", flag(log.verdict.is_error())]);
    out.extend([", \"warning\": ", flag(log.verdict.is_warning()), ", \"msg\": "]);
    json::write_text(out, log.verdict.message());
    out.push('}');
}

fn no_log(problem: &str) -> String {
    let none = Json::List(Vec::new());
    Json::map([("lines", none), ("msg", Json::text(TROUBLE)), ("error", Json::text(problem))]).line()
}

fn whole_log(path: &Path, log: Log, secrets: &Secrets) -> Answer {
    let mut document = String::from("{\"filename\": ");
    json::write_text(&mut document, &path.to_string_lossy());
    document.push_str(", \"lines\": [");
    let mut stream = LogStream {
        lines: Lines::for_strangers(log, secrets),
        next: "",
        pending: Cursor::new(document.into_bytes()),
        ended: false,
    };
    let mut begin = Vec::new();
    let read = stream.by_ref().take(SMALL as u64).read_to_end(&mut begin);
    let body = match read {
        Ok(count) if count < SMALL => Body::Bytes(begin),
        _ => Body::Stream(Box::new(Cursor::new(begin).chain(stream))),
    };
    Answer { code: 200, content_type: JSON, body }
}

/// A log as JSON, line by line.
struct LogStream {
    lines: Lines,
    /// What stands before the next line.
    next: &'static str,
    pending: Cursor<Vec<u8>>,
    ended: bool,
}

impl LogStream {
    fn refill(&mut self) {
        let mut text = String::new();
        match self.lines.next_line() {
            Ok(Some(line)) => {
                text.push_str(std::mem::replace(&mut self.next, ", "));
                json::write_text(&mut text, &line);
            }
            Ok(None) => self.end(&mut text),
            Err(error) => {
                text.push_str(self.next);
                json::write_text(&mut text, &format!("[krista-backup: {TROUBLE}: {error}]\n"));
                self.end(&mut text);
            }
        }
        self.pending = Cursor::new(text.into_bytes());
    }

    fn end(&mut self, text: &mut String) {
        text.push_str("]}");
        self.ended = true;
    }
}

impl Read for LogStream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.pending.read(buffer)? {
                0 if self.ended || buffer.is_empty() => return Ok(0),
                0 => self.refill(),
                count => return Ok(count),
            }
        }
    }
}
