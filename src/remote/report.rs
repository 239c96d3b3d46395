//! What one server says of itself: ours by its status document, KB17's by what it has instead.

use crate::error::{Error, Kind, Result};
use crate::remote::http::{self, Answer, Ask};
use crate::remote::kb17;
use crate::remote::url::Url;
use crate::status::moment::Moment;
use crate::status::{SCHEMA, State};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::error::Error as _;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

/// Most bytes of an answer: KB17 lists every log it ever wrote. They are read as they come and not kept.
const CAP: u64 = 32 << 20;

/// Most characters of a text that is shown.
const TEXT: usize = 300;

/// How exact a comparison of clocks is.
const PRECISION: time::Duration = time::Duration::SECOND;

const HALF_SECOND: time::Duration = time::Duration::milliseconds(500);

/// What is kept of what a server says. Every text is one line that a terminal can show.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    /// Its name.
    pub server: String,
    /// Version of its program.
    pub version: String,
    /// Its own verdict.
    pub state: State,
    /// Whether something failed, rather than only did not happen.
    pub failed: bool,
    /// The newest good run of any task.
    pub last_success: Option<Moment>,
    /// Tasks without a good run since one was due.
    pub late: Vec<String>,
    /// How many of its reasons are errors.
    pub errors: usize,
    /// How many are warnings.
    pub warnings: usize,
    /// The destination with the smallest free part.
    pub lowest: Option<Lowest>,
    /// How far its clock is ahead of ours; none when it does not say.
    pub skew: Option<time::Duration>,
    /// What is not as it should be, the worst first.
    pub reasons: Vec<String>,
}

/// A destination's space, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lowest {
    /// The directory.
    pub path: String,
    /// What can still be written.
    pub free: u64,
    /// Size of the file system.
    pub total: u64,
}

/// How servers are asked.
#[derive(Clone, Debug)]
pub struct Asking {
    /// For webapis that want one.
    pub token: Option<String>,
    /// How long each may take in all.
    pub timeout: Duration,
    /// Our clock, and the instant at which it was read.
    pub now: (OffsetDateTime, Instant),
}

impl Asking {
    /// Asks one server, with one deadline whatever it takes. The error is the reason alone, one line.
    pub fn ask(&self, url: &Url) -> std::result::Result<Report, String> {
        let deadline = Instant::now() + self.timeout;
        let ask = |path| Ask { url, path, token: self.token.as_deref(), deadline, cap: CAP };
        self.question(&ask).map_err(|error| match error.kind() {
            Kind::TimedOut => format!("no answer within {} s", self.timeout.as_secs()),
            // the table names the server already
            _ => clean(&error.source().map_or_else(|| error.to_string(), ToString::to_string)),
        })
    }

    fn question<'a>(&self, ask: &dyn Fn(&'a str) -> Ask<'a>) -> Result<Report> {
        let mut answer = http::get(&ask("/api/v1/status"))?;
        if matches!(answer.code, 401 | 403) {
            return Err(Error::failed(refusal(answer.code)));
        }
        let ours =
            if answer.code == 200 { parse::<Document>(&mut answer) } else { Err(Error::failed(refusal(answer.code))) };
        match ours {
            Ok(document) => self.understand(document, &answer),
            Err(error) if error.kind() == Kind::TimedOut => Err(error),
            // KB17's page answers a path it does not know in one way or another
            Err(error) => kb17::ask(self, ask).unwrap_or(Err(error)),
        }
    }

    /// How far a server's clock is ahead of ours at the middle between question and answer: by the `Date` of the answer, or
    /// else by what its document says, which may be some seconds old. Differences within the precision are none.
    pub(super) fn skew(&self, answer: &Answer, document: Option<Moment>) -> Option<time::Duration> {
        let middle = answer.asked + answer.answered.duration_since(answer.asked) / 2;
        let ours = self.now.0 + middle.duration_since(self.now.1);
        // a Date has whole seconds, rounded down
        let theirs = answer.date.map(|date| date + HALF_SECOND).or(document.map(|document| document.0))?;
        let skew = theirs - ours;
        Some(if skew.abs() <= PRECISION { time::Duration::ZERO } else { skew })
    }

    fn understand(&self, document: Document, answer: &Answer) -> Result<Report> {
        if document.schema > SCHEMA {
            let message =
                format!("its status has schema {}, and this program knows {SCHEMA}: it is too old", document.schema);
            return Err(Error::failed(message));
        }
        let errors = document.reasons.iter().filter(|reason| reason.severity == "error").count();
        let is_late = |reason: &&Reason| matches!(reason.kind.as_str(), "missed" | "overdue");
        let state = match document.state.as_str() {
            "ok" => State::Ok,
            "warning" => State::Warning,
            _ => State::Error,
        };
        let late: Vec<_> =
            document.reasons.iter().filter(is_late).filter_map(|reason| reason.task.as_deref()).collect();
        let missing = document.reasons.iter().filter(is_late).filter(|reason| reason.severity == "error").count();
        let success =
            document.tasks.iter().filter_map(|task| Moment::parse(&task.last_success.as_ref()?.started)).max();
        Ok(Report {
            server: clean(&document.server),
            version: clean(&document.version),
            state,
            failed: state == State::Error && (errors > missing || errors == 0),
            last_success: success,
            late: late.into_iter().map(clean).collect(),
            errors,
            warnings: document.reasons.len() - errors,
            lowest: document.destinations.into_iter().filter_map(Destination::space).min_by_key(Lowest::thousandths),
            skew: self.skew(answer, Moment::parse(&document.clock)),
            reasons: document.reasons.iter().map(Reason::line).collect(),
        })
    }
}

impl Lowest {
    /// How much of it is free.
    pub fn thousandths(&self) -> u64 {
        u64::try_from(u128::from(self.free) * 1000 / u128::from(self.total.max(1))).unwrap_or(u64::MAX)
    }
}

/// A body as JSON, read as it comes.
pub(super) fn parse<T: DeserializeOwned>(answer: &mut Answer) -> Result<T> {
    let mut body: &mut dyn std::io::Read = &mut answer.body;
    serde_json::from_reader(&mut body).map_err(|error| match error.classify() {
        serde_json::error::Category::Io => http::reason(&error.into()),
        _ if !answer.content_type.contains("json") => {
            let kind = if answer.content_type.is_empty() { "something else" } else { &answer.content_type };
            Error::failed(format!("there is no webapi: the answer is {}", clean(kind)))
        }
        _ => Error::failed(format!("the answer is not understood: {}", clean(&error.to_string()))),
    })
}

/// What a code other than 200 means.
fn refusal(code: u16) -> String {
    match code {
        401 | 403 => {
            format!("it does not let us in ({code}): is --token-file needed, or our address not in its `web.allow`?")
        }
        404 => "there is no webapi (404)".into(),
        300..=399 => format!("it redirects elsewhere ({code}), which is not followed"),
        503 => "its webapi is busy (503)".into(),
        code => format!("it answers with code {code}"),
    }
}

/// One line without anything that steers a terminal, of bounded length.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown: String = text.trim().chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).take(TEXT).collect();
    if shown.chars().count() == TEXT {
        shown.push('…');
    }
    shown
}

/// What we read of a status document; the rest is skipped.
#[derive(Deserialize)]
struct Document {
    schema: u32,
    server: String,
    version: String,
    clock: String,
    state: String,
    #[serde(default)]
    reasons: Vec<Reason>,
    #[serde(default)]
    tasks: Vec<Task>,
    #[serde(default)]
    destinations: Vec<Destination>,
}

#[derive(Deserialize)]
struct Reason {
    severity: String,
    kind: String,
    task: Option<String>,
    text: String,
}

impl Reason {
    fn line(&self) -> String {
        clean(&self.task.as_ref().map_or_else(|| self.text.clone(), |task| format!("{task}: {}", self.text)))
    }
}

#[derive(Deserialize)]
struct Task {
    last_success: Option<Success>,
}

#[derive(Deserialize)]
struct Success {
    started: String,
}

#[derive(Deserialize)]
struct Destination {
    path: String,
    free: Option<u64>,
    total: Option<u64>,
}

impl Destination {
    fn space(self) -> Option<Lowest> {
        Some(Lowest { path: clean(&self.path), free: self.free?, total: self.total.filter(|total| *total > 0)? })
    }
}
