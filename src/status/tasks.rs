//! How each task stands: its last run, its last success, its next time, and whether it is late.

use crate::config::{Config, Task};
use crate::outcome::Outcome;
use crate::run::due::Due;
use crate::run::expected::{Expected, next_run};
use crate::status::moment::Moment;
use crate::status::reason::count;
use crate::status::{Reason, State, Trouble};
use crate::store::journal::{self, End, Record, Standing, Start};
use crate::sys::clock;
use serde::Serialize;
use time::OffsetDateTime;

/// One task.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TaskStatus {
    /// Its name.
    pub name: String,
    /// `descr`.
    pub description: String,
    /// `cron`, as written.
    pub cron: Option<String>,
    /// Whether it has a line in the crontab; none when that is not known.
    pub enabled: Option<bool>,
    /// The worst of what is said about it under `reasons`.
    pub state: State,
    /// When it runs next; none for a task that is not in the crontab.
    pub next_run: Option<Moment>,
    /// How it stands with its schedule; none when nothing is expected of it.
    pub due: Option<DueState>,
    /// The run at work.
    pub running: Option<Running>,
    /// The last run that ended, or was cut off, or was refused.
    pub last: Option<LastRun>,
    /// The last run that ended with nothing to report or only warnings.
    pub last_success: Option<Success>,
}

/// How a task stands with its schedule.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DueState {
    /// `on time`, `running`, `overdue` or `missed`.
    pub state: &'static str,
    /// The first scheduled time without a good run; none when nothing is wrong.
    pub since: Option<Moment>,
}

/// A run at work.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Running {
    /// Task or action.
    pub unit: String,
    /// When it began.
    pub since: Option<Moment>,
    /// Its process.
    pub pid: u32,
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LastRun {
    /// `ok`, `warning`, `failed`, `timeout`, `skipped` or `interrupted`.
    pub result: &'static str,
    /// When it began.
    pub started: Option<Moment>,
    /// When it ended; none when it was cut off.
    pub ended: Option<Moment>,
    /// Its exit code; none when it was cut off.
    pub exit: Option<u8>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Files dealt with.
    pub files: u64,
    /// Number of WARNING and ERROR lines.
    pub warnings: u64,
    /// The first thing that went wrong; empty when nothing did.
    pub message: String,
}

/// A run that ended well.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Success {
    /// When it began.
    pub started: Moment,
    /// How long ago that was, in seconds.
    pub age_seconds: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Files dealt with.
    pub files: u64,
}

/// What the tasks are judged by.
pub struct View<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The journal; none when it cannot be read.
    pub records: Option<&'a [Record]>,
    /// What the crontab says.
    pub expected: &'a Expected,
    /// The moment.
    pub now: OffsetDateTime,
}

impl View<'_> {
    /// One task, and what is wrong with it, the worst first.
    pub fn task(&self, task: &Task) -> (TaskStatus, Vec<Reason>) {
        let records = self.records.unwrap_or_default();
        let (running, last) = standing(records, &task.name);
        let due = self.records.and_then(|records| self.expected.due(task, records, self.now));
        let enabled = self.expected.is_enabled(&task.name);
        let mut shown = TaskStatus {
            name: task.name.clone(),
            description: task.descr.clone(),
            cron: task.cron.clone(),
            enabled,
            state: State::Ok,
            next_run: (enabled != Some(false)).then(|| next_run(task, self.now)).flatten().map(local),
            due: due.map(|due| DueState { state: due.word(), since: due.since().map(local) }),
            running: running.as_ref().map(at_work),
            last: last.as_ref().map(ended),
            last_success: journal::last_success(records, &task.name).and_then(|end| self.success(end)),
        };
        let mut reasons = Vec::new();
        reasons.extend(self.refusal(task));
        reasons.extend(shown.last.as_ref().and_then(|last| bad_end(&task.name, last)));
        reasons.extend(due.and_then(|due| late(&task.name, due)));
        shown.state = reasons.iter().map(|reason| reason.severity).max().unwrap_or(State::Ok);
        (shown, reasons)
    }

    fn success(&self, end: &End) -> Option<Success> {
        let started = Moment::parse(&end.started)?;
        let age_seconds = started.age(self.now).as_secs();
        Some(Success { started, age_seconds, duration_ms: end.duration_ms, bytes: end.bytes, files: end.files })
    }

    /// Why its next run will not even begin.
    fn refusal(&self, task: &Task) -> Option<Reason> {
        let refusal = self.config.unit(&task.name, false).err()?;
        // what the problems say may quote values, and this document is seen by many
        let errors = count(refusal.problems.len(), "error");
        Some(Reason::of(
            &task.name,
            Trouble::Config,
            &format!("cannot run: {errors} in the configuration, see `check`"),
        ))
    }
}

fn local(at: OffsetDateTime) -> Moment {
    Moment(clock::local(at))
}

/// Everything that is at work now, tasks and actions, as far as the journal knows.
pub fn running(records: &[Record]) -> Vec<Running> {
    let mut open: Vec<&Start> = Vec::new();
    for record in records {
        match record {
            Record::Start(start) if !start.dry => open.push(start),
            Record::Start(_) => {}
            Record::End(end) => open.retain(|start| start.run != end.run),
        }
    }
    open.into_iter().filter(|start| start.process.lives()).map(at_work).collect()
}

fn at_work(start: &Start) -> Running {
    Running { unit: start.unit.clone(), since: Moment::parse(&start.time), pid: start.process.pid }
}

/// The run of a unit that is at work, and the last one before it.
fn standing(records: &[Record], unit: &str) -> (Option<Start>, Option<Standing>) {
    match journal::last_run(records, unit) {
        Some(Standing::Running(start)) => {
            let begun = |record: &Record| matches!(record, Record::Start(other) if other.run == start.run);
            let before = records.iter().position(begun).and_then(|at| records.get(..at)).unwrap_or_default();
            let last = journal::last_run(before, unit).filter(|last| !matches!(last, Standing::Running(_)));
            (Some(start), last)
        }
        last => (None, last),
    }
}

fn ended(standing: &Standing) -> LastRun {
    let started = Moment::parse(standing.started());
    let last = LastRun {
        result: standing.word(),
        started,
        ended: None,
        exit: None,
        duration_ms: 0,
        bytes: 0,
        files: 0,
        warnings: 0,
        message: "its process ended without saying how: killed, or the machine went down".into(),
    };
    match standing {
        Standing::Ended(end) => LastRun {
            ended: Moment::parse(&end.time),
            exit: Some(end.exit),
            duration_ms: end.duration_ms,
            bytes: end.bytes,
            files: end.files,
            warnings: end.warnings,
            message: end.message.clone(),
            ..last
        },
        Standing::Running(_) | Standing::Interrupted(_) => last,
    }
}

fn bad_end(task: &str, last: &LastRun) -> Option<Reason> {
    let ok = [Outcome::Ok.word(), Outcome::Skipped.word()];
    if ok.contains(&last.result) {
        return None;
    }
    let trouble = match last.result {
        "warning" => Trouble::Warnings,
        "interrupted" => Trouble::Interrupted,
        _ => Trouble::Failed,
    };
    let at = last.started.map(|at| format!(" on {}", at.minute())).unwrap_or_default();
    let what = match trouble {
        Trouble::Warnings => format!("ended with warnings{at}"),
        Trouble::Interrupted => format!("was interrupted{at}"),
        _ if last.result == "timeout" => format!("did not end in time{at}"),
        _ => format!("failed{at}"),
    };
    let why = if last.message.is_empty() { String::new() } else { format!(": {}", last.message) };
    Some(Reason::of(task, trouble, &format!("{what}{why}")))
}

fn late(task: &str, due: Due) -> Option<Reason> {
    let since = local(due.since()?).minute();
    Some(match due {
        Due::Missed { .. } => Reason::of(task, Trouble::Missed, &format!("should have run at {since} and did not")),
        _ => Reason::of(task, Trouble::Overdue, &format!("no good run since {since}, when one was due")),
    })
}
