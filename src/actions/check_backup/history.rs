//! What the journal says about a unit. Pure, but for the question whether a process still lives.

use crate::actions::BackupUnit;
use crate::outcome::Outcome;
use crate::store::journal::{End, Record, Start};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// The past of a unit, as far as it matters now.
#[derive(Debug)]
pub struct History {
    /// How its last run ended.
    pub ending: Ending,
    /// Main files of the newest sets each of its actions published and nobody removed since.
    pub sets: Vec<(String, Vec<PathBuf>)>,
}

/// How the last run of a unit ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Ending {
    /// It never ran.
    Never,
    /// It is at work, for the first time.
    FirstRun(Start),
    /// Its process is gone without a word.
    CutOff(Start),
    /// It ended.
    Ended(Box<End>),
}

impl Ending {
    /// Whether somebody has to look into it.
    pub fn is_problem(&self) -> bool {
        match self {
            Self::Never | Self::FirstRun(_) => false,
            Self::CutOff(_) => true,
            Self::Ended(end) => end.signal.is_some() || end.outcome >= Outcome::Timeout,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("has not run yet"),
            Self::FirstRun(start) => write!(f, "runs for the first time, since {}", start.time),
            Self::CutOff(start) => write!(f, "the last run, of {}, was cut off", start.time),
            Self::Ended(end) => {
                let how = match end.signal {
                    Some(signal) => format!("was ended by signal {signal}"),
                    None => format!("ended as {}", end.outcome.word()),
                };
                write!(f, "the last run, of {}, {how}", end.started)?;
                if self.is_problem() && !end.message.is_empty() {
                    write!(f, ": {}", end.message)?;
                }
                Ok(())
            }
        }
    }
}

impl History {
    /// Reads it from the journal, oldest record first. Dry runs, and runs that were refused because another one was at work,
    /// do not count; a run that is at work now does not either, its last one does.
    pub fn of(unit: &BackupUnit, records: &[Record]) -> Self {
        Self { ending: ending(&unit.name, records), sets: sets(unit, records) }
    }
}

fn ending(unit: &str, records: &[Record]) -> Ending {
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    let mut running = None;
    for record in records.iter().rev() {
        match record {
            Record::End(end) => {
                ended.insert(&end.run);
                if end.unit == unit && !end.dry && end.outcome != Outcome::Skipped {
                    return Ending::Ended(Box::new(end.clone()));
                }
            }
            Record::Start(start) if start.unit == unit && !start.dry && !ended.contains(start.run.as_str()) => {
                if !start.process.lives() {
                    return Ending::CutOff(start.clone());
                }
                running = Some(start);
            }
            Record::Start(_) => {}
        }
    }
    running.map_or(Ending::Never, |start| Ending::FirstRun(start.clone()))
}

fn sets(unit: &BackupUnit, records: &[Record]) -> Vec<(String, Vec<PathBuf>)> {
    let mut removed: BTreeSet<&PathBuf> = BTreeSet::new();
    let mut found: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for record in records.iter().rev() {
        let Record::End(end) = record else { continue };
        for action in end.actions.iter().rev() {
            removed.extend(&action.removed);
            let wanted = end.unit == unit.name && unit.actions.contains(&action.name) && !action.sets.is_empty();
            if wanted && !found.iter().any(|(name, _)| *name == action.name) {
                let left = action.sets.iter().filter(|set| !removed.contains(set)).cloned().collect();
                found.push((action.name.clone(), left));
            }
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::{ActionEnd, Process};

    fn start(unit: &str, run: &str, process: Process) -> Record {
        Record::Start(Start { run: run.into(), unit: unit.into(), process, ..Start::default() })
    }

    fn action(name: &str, sets: &[&str], removed: &[&str]) -> ActionEnd {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
        ActionEnd {
            name: name.into(),
            kind: "tar".into(),
            dry: false,
            outcome: Outcome::Ok,
            message: String::new(),
            duration_ms: 1,
            bytes: 1,
            files: 1,
            warnings: 0,
            sets: paths(sets),
            removed: paths(removed),
        }
    }

    fn end(unit: &str, run: &str, outcome: Outcome, actions: Vec<ActionEnd>) -> Record {
        Record::End(End {
            run: run.into(),
            unit: unit.into(),
            started: "2026-11-23T01:00:00+03:00".into(),
            time: "2026-11-23T01:00:01+03:00".into(),
            dry: false,
            outcome,
            exit: outcome.exit().code(),
            signal: None,
            message: "why".into(),
            duration_ms: 1000,
            bytes: 0,
            files: 0,
            warnings: 0,
            actions,
            version: "2".into(),
        })
    }

    fn full() -> BackupUnit {
        BackupUnit { name: "full".into(), actions: vec!["tar0".into()] }
    }

    fn sets_of(records: &[Record]) -> Vec<String> {
        let sets = History::of(&full(), records).sets.into_iter().flat_map(|(_, sets)| sets);
        sets.map(|set| set.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_last_run_counts() {
        let ending = |records: &[Record]| History::of(&full(), records).ending;
        assert_eq!(ending(&[]), Ending::Never);
        let failed = end("full", "1", Outcome::Failed, vec![]);
        assert!(ending(std::slice::from_ref(&failed)).is_problem());
        let text = ending(std::slice::from_ref(&failed)).to_string();
        assert_eq!(text, "the last run, of 2026-11-23T01:00:00+03:00, ended as failed: why");
        let records = [failed.clone(), end("full", "2", Outcome::Warning, vec![])];
        assert!(!ending(&records).is_problem());
        // a run refused with exit 4 hides nothing
        assert!(ending(&[failed.clone(), end("full", "", Outcome::Skipped, vec![])]).is_problem());
        // neither does the run that is at work right now
        assert!(ending(&[failed, start("full", "3", Process::this())]).is_problem());
        assert!(matches!(ending(&[start("full", "3", Process::this())]), Ending::FirstRun(_)));
    }

    #[test]
    fn a_run_that_was_cut_off_is_a_problem() {
        let gone = Process { pid: 1, started_ticks: 1, boot: "an earlier boot".into() };
        let records = [end("full", "1", Outcome::Ok, vec![]), start("full", "2", gone)];
        let ending = History::of(&full(), &records).ending;
        assert!(matches!(ending, Ending::CutOff(_)) && ending.is_problem());
    }

    #[test]
    fn the_newest_sets_of_every_action_even_if_a_later_run_failed() {
        let records = [
            end("full", "1", Outcome::Ok, vec![action("tar0", &["/b/1"], &[])]),
            end("full", "2", Outcome::Ok, vec![action("tar0", &["/b/2"], &[]), action("clean", &[], &["/b/1"])]),
            end("full", "3", Outcome::Failed, vec![action("tar0", &[], &[])]),
        ];
        assert_eq!(sets_of(&records), ["/b/2"]);
        let mut rotated = records.to_vec();
        rotated.push(end("other", "4", Outcome::Ok, vec![action("clean", &[], &["/b/2"])]));
        assert_eq!(sets_of(&rotated), Vec::<String>::new(), "removed on purpose is not missing");
        assert_eq!(
            sets_of(&[end("full", "1", Outcome::Ok, vec![action("old", &["/b/0"], &[])])]),
            Vec::<String>::new()
        );
    }
}
