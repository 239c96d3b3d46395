//! `check_backup`: whether the last run of everything that makes backups left what it should have left.

mod history;
mod proof;

use crate::actions::answering;
use crate::actions::properties::Properties;
use crate::actions::{Action, BackupUnit, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Kind, Result};
use crate::store::journal::{self, Record};
use history::{Ending, History};
use proof::Depth;
use std::collections::BTreeSet;
use std::path::Path;

/// The properties of a `check_backup` action.
struct Settings {
    units: Vec<BackupUnit>,
    depth: Depth,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, _: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let depth = if p.flag("verify", true) { Depth::Content } else { Depth::Size };
    Box::new(Settings { units: (around.units)(), depth })
}

impl Settings {
    fn records(cx: &Context<'_>) -> Result<Vec<Record>> {
        let logs = cx.run.state_dir.parent().unwrap_or(Path::new("/"));
        journal::read(&logs.join(journal::FILE_NAME))
    }
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let records = Self::records(cx)?;
        let mut plan = Plan::new();
        let mut seen = BTreeSet::new();
        for unit in &self.units {
            let history = History::of(unit, &records);
            if is_never_alone(unit, &history) {
                continue;
            }
            plan.push(format!("{}: {}", unit.name, history.ending));
            for (action, sets) in history.sets {
                let verb = if self.depth == Depth::Content { "would read back" } else { "would look at" };
                let new = sets.into_iter().filter(|set| seen.insert(set.clone()));
                plan.extend(new.map(|set| format!("{verb} {} of {action}", set.display())));
            }
        }
        if plan.is_empty() {
            plan.push("nothing in this configuration makes backups".to_owned());
        }
        Ok(plan)
    }

    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        let records = Self::records(cx)?;
        let (mut checked, mut wrong) = (BTreeSet::new(), 0_usize);
        for unit in &self.units {
            let history = History::of(unit, &records);
            if is_never_alone(unit, &history) {
                continue;
            }
            wrong += usize::from(tell(unit, &history.ending, cx));
            for (action, sets) in history.sets {
                for set in sets.into_iter().filter(|set| checked.insert(set.clone())) {
                    cx.limits.check()?;
                    wrong += usize::from(self.check(&unit.name, &action, &set, cx)?);
                    report.files += 1;
                }
            }
        }
        match (wrong, checked.len()) {
            (0, sets) => {
                cx.info(format!("{} units and {sets} backup sets checked, all is well", self.units.len()));
                Ok(())
            }
            (wrong, _) => Err(Error::failed(format!("{wrong} problems found, see the log"))),
        }
    }
}

impl Settings {
    /// Checks one set and logs what is wrong with it; whether anything is.
    fn check(&self, unit: &str, action: &str, set: &Path, cx: &Context<'_>) -> Result<bool> {
        answering::require(&[set], cx)?;
        match proof::prove(set, self.depth, cx) {
            Ok(()) => {
                cx.info(format!("{unit}: {} of {action} is as it was written", set.display()));
                Ok(false)
            }
            Err(error) if error.kind() == Kind::Failed => {
                cx.error(format!("{unit}: backup of {action}: {error}"));
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}

/// An action that was never run by itself, as most are not: nothing to say about it.
fn is_never_alone(unit: &BackupUnit, history: &History) -> bool {
    history.ending == Ending::Never && unit.actions == [unit.name.as_str()]
}

/// Logs how the last run of a unit ended; whether that is a problem.
fn tell(unit: &BackupUnit, ending: &Ending, cx: &Context<'_>) -> bool {
    let line = format!("{}: {ending}", unit.name);
    let is_problem = ending.is_problem();
    if is_problem {
        cx.error(line);
    } else {
        cx.info(line);
    }
    is_problem
}
