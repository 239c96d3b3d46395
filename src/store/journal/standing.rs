//! What the journal says about the last run of a unit.

use crate::outcome::Outcome;
use crate::store::journal::{ActionEnd, End, Record, Start};
use std::collections::BTreeSet;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How the last run of a unit stands.
#[derive(Clone, PartialEq, Debug)]
pub enum Standing {
    /// Its process is at work.
    Running(Start),
    /// Its process is gone without having said how it ended.
    Interrupted(Start),
    /// It ended, or was refused.
    Ended(End),
}

impl Standing {
    /// One word for tables: an outcome, `running` or `interrupted`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running(_) => "running",
            Self::Interrupted(_) => "interrupted",
            Self::Ended(end) if end.signal.is_some() => "interrupted",
            Self::Ended(end) => end.outcome.word(),
        }
    }

    /// When the run started, RFC 3339.
    pub fn started(&self) -> &str {
        match self {
            Self::Running(start) | Self::Interrupted(start) => &start.time,
            Self::Ended(end) => &end.started,
        }
    }
}

/// How the last real (not dry) run of `unit` stands. A start that found another run at work says nothing about either; one
/// that the configuration did not allow does.
pub fn last_run(records: &[Record], unit: &str) -> Option<Standing> {
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    for record in records.iter().rev() {
        match record {
            Record::End(end) if end.run.is_empty() && end.outcome == Outcome::Skipped => {}
            Record::End(end) if end.unit == unit && !end.dry => return Some(Standing::Ended(end.clone())),
            Record::End(end) => {
                ended.insert(&end.run);
            }
            Record::Start(start) if start.unit == unit && !start.dry && !ended.contains(start.run.as_str()) => {
                let start = start.clone();
                return Some(if start.process.lives() {
                    Standing::Running(start)
                } else {
                    Standing::Interrupted(start)
                });
            }
            Record::Start(_) => {}
        }
    }
    None
}

/// The same of an action, by itself or as part of a task: what it came to there, as if it had run alone.
pub fn last_run_of_action(records: &[Record], action: &str) -> Option<Standing> {
    let of_task = |record: &Record| match record {
        // a task may have the name of one of its actions
        Record::End(end) if !end.dry && (end.unit != action || end.actions.len() > 1) => {
            let part = end.actions.iter().rev().find(|part| part.name == action && !part.dry);
            part.map(|part| Standing::Ended(alone(end, part)))
        }
        _ => None,
    };
    let in_task = records.iter().rev().find_map(of_task);
    let by_itself = last_run(records, action);
    [by_itself, in_task].into_iter().flatten().max_by_key(|standing| instant(standing.started()))
}

/// The end of a run as if it had been of this action only.
fn alone(end: &End, part: &ActionEnd) -> End {
    // what the signal did not stop was not interrupted
    let signal = end.signal.filter(|_| part.outcome == Outcome::Failed);
    End {
        outcome: part.outcome,
        exit: signal.map_or(part.outcome.exit().code(), |_| end.exit),
        signal,
        message: part.message.clone(),
        duration_ms: part.duration_ms,
        bytes: part.bytes,
        files: part.files,
        warnings: part.warnings,
        actions: vec![part.clone()],
        ..end.clone()
    }
}

fn instant(time: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(time, &Rfc3339).ok()
}

/// The last run of `unit` that ended with nothing to report or only warnings.
pub fn last_success<'a>(records: &'a [Record], unit: &str) -> Option<&'a End> {
    records.iter().rev().find_map(|record| match record {
        Record::End(end) if end.unit == unit && !end.dry && matches!(end.outcome, Outcome::Ok | Outcome::Warning) => {
            Some(end)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::Process;
    use crate::store::journal::testing::{end, start};

    #[test]
    fn a_start_without_an_end_is_interrupted_once_its_process_is_gone() {
        let gone = Process { pid: 1, started_ticks: 1, boot: "an earlier boot".into() };
        let records = [start("full", "a", gone)];
        assert_eq!(last_run(&records, "full").unwrap().word(), "interrupted");
        let records = [start("full", "a", Process::this())];
        assert_eq!(last_run(&records, "full").unwrap().word(), "running");
        let records = [start("full", "a", Process::this()), end("full", "a", Outcome::Failed)];
        assert_eq!(last_run(&records, "full").unwrap().word(), "failed");
        assert_eq!(last_run(&records, "diff"), None);
    }

    #[test]
    fn a_start_that_was_turned_away_hides_neither_the_last_result_nor_the_run_at_work() {
        let turned_away = end("full", "", Outcome::Skipped);
        let records = [end("full", "a", Outcome::Failed), turned_away.clone()];
        assert_eq!(last_run(&records, "full").unwrap().word(), "failed");
        let records = [start("full", "a", Process::this()), turned_away];
        assert_eq!(last_run(&records, "full").unwrap().word(), "running");
        let records = [end("full", "a", Outcome::Ok), end("full", "", Outcome::Failed)];
        assert_eq!(last_run(&records, "full").unwrap().word(), "failed", "refused by the configuration");
    }

    /// An action that ran inside a task has run, however the task ended.
    #[test]
    fn the_last_run_of_an_action_may_be_part_of_a_task() {
        let part = |name: &str, outcome, dry| ActionEnd {
            name: name.into(),
            kind: "tar".into(),
            dry,
            outcome,
            message: String::new(),
            duration_ms: 7,
            bytes: 1,
            files: 1,
            warnings: 0,
            sets: Vec::new(),
            removed: Vec::new(),
        };
        let task = |day: u8, actions: Vec<ActionEnd>, signal| match end("task", "t", Outcome::Failed) {
            Record::End(end) => {
                Record::End(End { started: format!("2026-11-{day:02}T01:00:00+03:00"), actions, signal, ..end })
            }
            Record::Start(start) => Record::Start(start),
        };
        let word = |records: &[Record], name: &str| last_run_of_action(records, name).map(|found| found.word());
        let first = task(20, vec![part("a", Outcome::Ok, false), part("b", Outcome::Failed, false)], Some(15));
        let records = [first.clone()];
        assert_eq!(word(&records, "a"), Some("ok"));
        assert_eq!(word(&records, "b"), Some("interrupted"));
        assert_eq!(word(&records, "c"), None);
        let second = task(21, vec![part("a", Outcome::Failed, true), part("b", Outcome::Skipped, false)], None);
        let records = [first, second];
        assert_eq!(word(&records, "a"), Some("ok"), "a dry run is none");
        assert_eq!(word(&records, "b"), Some("skipped"));
        // by itself, later (23rd)
        let records = [records[0].clone(), records[1].clone(), end("b", "x", Outcome::Warning)];
        assert_eq!(word(&records, "b"), Some("warning"));
    }
}
