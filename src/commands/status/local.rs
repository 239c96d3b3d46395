//! This server: what is wrong first, then the tasks, the backups and the disks.

use crate::commands::status::screen::Line;
use crate::commands::status::{age, exit_of};
use crate::error::Exit;
use crate::output::{self, Colour};
use crate::run::expected::Crontab;
use crate::status::disks::{Backups, Destination, Newest};
use crate::status::moment::Moment;
use crate::status::tasks::TaskStatus;
use crate::status::{State, Status};
use crate::units::{show_bytes, show_duration};
use std::time::Duration;
use time::OffsetDateTime;

/// 1 when something failed, 3 with warnings or tasks that did not run when they should have.
pub fn exit(status: &Status) -> Exit {
    let failed = |kind: &crate::status::Reason| kind.severity == State::Error && !kind.kind.is_late();
    exit_of(status.state, status.reasons.iter().any(failed))
}

/// The page.
pub fn lines(status: &Status) -> Vec<Line> {
    let now = status.clock.0;
    let mut lines = vec![verdict(status)];
    lines.extend(status.reasons.iter().map(|reason| Line {
        text: format!("{} {}", reason.severity.word(), reason.line()),
        colour: Some(colour(reason.severity)),
    }));
    let running = status.running.iter().map(|run| {
        let since = run.since.map(|since| format!(" for {}", age(since.age(now).as_secs()))).unwrap_or_default();
        format!("running: {}{since} (process {})", run.unit, run.pid).into()
    });
    lines.extend(running);
    lines.extend(section(
        &["TASK", "STATE", "LAST RUN", "RESULT", "TOOK", "WRITTEN", "LAST SUCCESS", "AGE", "NEXT RUN"],
        status.tasks.iter().map(|task| task_cells(task, now)),
    ));
    lines.extend(section(&["BACKUPS OF", "SETS", "IN ALL", "NEWEST", "AGE", "SIZE", "VERIFIED", "IN"], {
        status.backups.iter().map(|backups| backup_cells(backups, now))
    }));
    lines.extend(section(&["DESTINATION", "FREE", "OF", "LEFT", "ON"], status.destinations.iter().map(disk_cells)));
    lines
}

fn verdict(status: &Status) -> Line {
    let Status { server, version, clock, state, .. } = status;
    let trigger = status.trigger.as_ref().map(|word| format!(", trigger file says {word}")).unwrap_or_default();
    let crontab = match status.crontab {
        Crontab::Read => "",
        Crontab::Recorded => ", crontab as `enable` left it",
        Crontab::Unknown => ", crontab unknown",
    };
    let time = clock.text().get(..19).unwrap_or_default().replace('T', " ");
    let text = format!("{} {server}, {time}, krista-backup {version}{trigger}{crontab}", state.word().to_uppercase());
    Line { text, colour: Some(colour(*state)) }
}

fn colour(state: State) -> Colour {
    match state {
        State::Ok => Colour::Green,
        State::Warning => Colour::Yellow,
        State::Error => Colour::Red,
    }
}

/// A table under an empty line; none without rows.
fn section(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<Line> {
    let mut table = vec![heads.iter().map(|head| (*head).to_owned()).collect()];
    table.extend(rows);
    if table.len() == 1 {
        return Vec::new();
    }
    std::iter::once(String::new()).chain(output::table(&table)).map(Line::from).collect()
}

fn nothing() -> String {
    "-".to_owned()
}

fn task_cells(task: &TaskStatus, now: OffsetDateTime) -> Vec<String> {
    let last = task.last.as_ref();
    let next = match (task.next_run, task.enabled, &task.cron) {
        (Some(next), ..) => next.minute(),
        (None, Some(false), Some(_)) => "not enabled".into(),
        _ => nothing(),
    };
    let result = match (&task.running, last) {
        (Some(_), _) => "running".into(),
        (None, Some(last)) => last.result.to_owned(),
        (None, None) => "never ran".into(),
    };
    let began = task.running.as_ref().map_or_else(|| last.and_then(|last| last.started), |run| run.since);
    vec![
        task.name.clone(),
        state_of(task),
        began.map_or_else(nothing, Moment::minute),
        result,
        last.map_or_else(nothing, |last| show_duration(Duration::from_millis(last.duration_ms))),
        last.map_or_else(nothing, |last| show_bytes(last.bytes)),
        task.last_success.as_ref().map_or_else(nothing, |success| success.started.minute()),
        task.last_success.as_ref().map_or_else(nothing, |success| age(success.started.age(now).as_secs())),
        next,
    ]
}

/// Its state, and the word for being late.
fn state_of(task: &TaskStatus) -> String {
    match &task.due {
        Some(due) if due.since.is_some() => due.state.to_owned(),
        _ => task.state.word().to_owned(),
    }
}

fn backup_cells(backups: &Backups, now: OffsetDateTime) -> Vec<String> {
    let newest = backups.newest.as_ref();
    vec![
        backups.actions.join(","),
        backups.count.map_or_else(|| "?".into(), |count| count.to_string()),
        backups.count.map_or_else(nothing, |_| show_bytes(backups.bytes)),
        newest.map_or_else(nothing, |newest| newest.time.minute()),
        newest.map_or_else(nothing, |newest| age(newest.time.age(now).as_secs())),
        newest.map_or_else(nothing, |newest| show_bytes(newest.size)),
        newest.map_or_else(nothing, verified),
        backups.path.clone(),
    ]
}

fn verified(newest: &Newest) -> String {
    match (&newest.damage, newest.proven) {
        (Some(_), _) => "DAMAGED".into(),
        (None, Some(proven)) => proven.minute(),
        (None, None) if newest.verified => "when written".into(),
        (None, None) => "never".into(),
    }
}

fn disk_cells(disk: &Destination) -> Vec<String> {
    let percent = |free: u64, total: u64| u128::from(free) * 100 / u128::from(total.max(1));
    let left = disk.free.zip(disk.total).map(|(free, total)| format!("{}%", percent(free, total)));
    vec![
        disk.path.clone(),
        disk.free.map_or_else(|| "?".into(), show_bytes),
        disk.total.map_or_else(|| "?".into(), show_bytes),
        left.unwrap_or_else(nothing),
        disk.mount.clone().unwrap_or_else(nothing),
    ]
}
