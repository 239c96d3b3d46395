//! Many servers: one row each, the worst first.

use crate::commands::status::screen::Line;
use crate::commands::status::servers::Servers;
use crate::commands::status::{age, exit_of};
use crate::error::Exit;
use crate::output::{self, Colour};
use crate::remote::report::Report;
use crate::status::State;
use crate::status::moment::Moment;
use crate::units::show_bytes;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::HashMap;
use time::OffsetDateTime;

/// One server.
pub struct Row {
    address: String,
    answer: Result<Report, String>,
}

impl Row {
    /// Silence is worse than anything a server can say.
    fn rank(&self) -> (bool, Option<State>, usize) {
        match &self.answer {
            Err(_) => (true, None, 0),
            Ok(report) => (false, Some(report.state), report.late.len() + report.errors),
        }
    }

    fn word(&self) -> &'static str {
        self.answer.as_ref().map_or("silent", |report| report.state.word())
    }

    fn name(&self) -> &str {
        self.answer.as_ref().map_or("-", |report| &report.server)
    }
}

/// Addresses and answers, which come in the same order, as rows: the worst first, then by name.
pub fn rows(servers: &Servers, answers: Vec<Result<Report, String>>) -> Vec<Row> {
    let asked = servers.urls.iter().zip(answers).map(|(url, answer)| Row { address: url.to_string(), answer });
    let wrong = servers.wrong.iter().map(|(text, why)| Row { address: text.clone(), answer: Err(why.clone()) });
    let mut rows: Vec<_> = asked.chain(wrong).collect();
    rows.sort_by(|a, b| {
        Reverse(a.rank()).cmp(&Reverse(b.rank())).then_with(|| (a.name(), &a.address).cmp(&(b.name(), &b.address)))
    });
    rows
}

/// 1 when one is silent or something failed, 3 with warnings or overdue tasks.
pub fn exit(rows: &[Row]) -> Exit {
    let of = |row: &Row| row.answer.as_ref().map_or(Exit::Failed, |report| exit_of(report.state, report.failed));
    let severity = |exit: &Exit| [Exit::Done, Exit::Warning, Exit::Failed].iter().position(|known| known == exit);
    rows.iter().map(of).max_by_key(severity).unwrap_or(Exit::Done)
}

/// The table, and how many there are of each kind.
pub fn lines(rows: &[Row], now: OffsetDateTime) -> Vec<Line> {
    let heads = [
        "STATE",
        "SERVER",
        "ADDRESS",
        "LAST SUCCESS",
        "AGE",
        "OVERDUE",
        "ERR",
        "WARN",
        "FREE",
        "VERSION",
        "CLOCK",
        "WHY",
    ];
    let table: Vec<_> =
        std::iter::once(heads.map(str::to_owned).to_vec()).chain(rows.iter().map(|row| cells(row, now))).collect();
    let colours = std::iter::once(None).chain(rows.iter().map(|row| Some(colour(row))));
    let lines = output::table(&table).into_iter().zip(colours).map(|(text, colour)| Line { text, colour });
    lines.chain([String::new().into(), summary(rows).into()]).collect()
}

fn colour(row: &Row) -> Colour {
    match row.answer.as_ref().map(|report| report.state) {
        Ok(State::Ok) => Colour::Green,
        Ok(State::Warning) => Colour::Yellow,
        Ok(State::Error) | Err(_) => Colour::Red,
    }
}

fn cells(row: &Row, now: OffsetDateTime) -> Vec<String> {
    let nothing = || "-".to_owned();
    let address = row.address.strip_prefix("http://").unwrap_or(&row.address).to_owned();
    let report = match &row.answer {
        Ok(report) => report,
        Err(why) => {
            let mut cells = vec![row.word().to_owned(), nothing(), address];
            cells.extend(std::iter::repeat_with(nothing).take(8));
            cells.push(why.clone());
            return cells;
        }
    };
    let number = |count: usize| if count == 0 { nothing() } else { count.to_string() };
    vec![
        row.word().to_owned(),
        clipped(&report.server, 40),
        address,
        report.last_success.map_or_else(nothing, Moment::minute),
        report.last_success.map_or_else(nothing, |last| age(last.age(now).as_secs())),
        if report.late.is_empty() { nothing() } else { clipped(&report.late.join(","), 60) },
        number(report.errors),
        number(report.warnings),
        report
            .lowest
            .as_ref()
            .map_or_else(nothing, |low| format!("{} ({}%)", show_bytes(low.free), low.thousandths() / 10)),
        clipped(&report.version, 20),
        report.skew.map_or_else(nothing, skew),
        why(&report.reasons),
    ]
}

/// One server's long texts must not push everybody's columns off the screen.
fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

fn why(reasons: &[String]) -> String {
    match reasons {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

/// How far a clock is ahead (`+`) or behind (`-`).
fn skew(skew: time::Duration) -> String {
    match skew.whole_seconds() {
        0 => "0 s".to_owned(),
        seconds => format!("{}{}", if seconds < 0 { '-' } else { '+' }, age(seconds.unsigned_abs())),
    }
}

fn counts(rows: &[Row]) -> [(&'static str, usize); 4] {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        *known.entry(row.word()).or_default() += 1;
    }
    ["silent", "error", "warning", "ok"].map(|word| (word, known.get(word).copied().unwrap_or(0)))
}

fn summary(rows: &[Row]) -> String {
    let counts =
        counts(rows).into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}"));
    let servers = if rows.len() == 1 { "server" } else { "servers" };
    format!("{} {servers}: {}", rows.len(), counts.collect::<Vec<_>>().join(", "))
}

/// The same as JSON.
pub fn document(rows: &[Row], now: OffsetDateTime) -> Value {
    let counts: serde_json::Map<_, _> =
        counts(rows).into_iter().map(|(word, count)| (word.to_owned(), count.into())).collect();
    let servers: Vec<_> = rows.iter().map(|row| row_json(row, now)).collect();
    json!({"schema": 1, "clock": Moment(now), "counts": counts, "servers": servers})
}

fn row_json(row: &Row, now: OffsetDateTime) -> Value {
    let report = match &row.answer {
        Ok(report) => report,
        Err(why) => return json!({"url": row.address, "state": row.word(), "server": null, "reasons": [why]}),
    };
    let lowest = report.lowest.as_ref().map(|low| json!({"path": low.path, "free": low.free, "total": low.total}));
    json!({
        "url": row.address,
        "state": row.word(),
        "server": report.server,
        "version": report.version,
        "last_success": report.last_success,
        "age_seconds": report.last_success.map(|last| last.age(now).as_secs()),
        "overdue": report.late,
        "errors": report.errors,
        "warnings": report.warnings,
        "lowest_free": lowest,
        "clock_skew_seconds": report.skew.map(time::Duration::whole_seconds),
        "reasons": report.reasons,
    })
}
