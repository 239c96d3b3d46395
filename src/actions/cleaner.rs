//! `cleaner`: rotation of what another action wrote. What goes and why is decided in the store; here it is looked up, done and
//! logged.

use crate::actions::answering;
use crate::actions::common::Common;
use crate::actions::context::{Context, Plan, Report};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Copies, Sets, Surroundings};
use crate::error::{Error, Result};
use crate::patterns::Patterns;
use crate::store::proof::damage;
use crate::store::publish::{self, Withdrawn, withdraw};
use crate::store::retention::{self, Fate, Item, Policy, State};
use crate::store::sets::{Family, Origin, Scan, Set, Source, scan};
use crate::units::show_bytes;
use std::collections::BTreeSet;
use time::PrimitiveDateTime;

/// The properties of a `cleaner` action.
struct Cleaner {
    /// The action whose results are cleaned.
    of: String,
    /// What is rotated; none when the configuration is wrong.
    rotated: Option<Vec<Rotated>>,
    /// Databases that are not touched, besides those the source itself excludes.
    shield: Patterns,
}

/// A source with its limits.
struct Rotated {
    source: Source,
    policy: Policy,
    /// The action that makes the sets; none where they are copies.
    maker: Option<Box<dyn Action>>,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let policy = Policy { max_files: limit(p, "max_files"), days: limit(p, "days") };
    let limited = ["max_files", "days"].into_iter().find(|key| p.value(key, "number").is_some());
    let of = p.required("source");
    let sets = if of.is_empty() { Err(None) } else { (around.sets_of)(&of).map_err(Some) };
    let rotated = match sets {
        Ok(Sets::Own(maker)) => {
            if limited.is_none() {
                let message = "neither `max_files` nor `days`: nothing is ever removed";
                p.problem(Severity::Warning, "max_files", message);
            }
            let source = maker.source().cloned();
            source.map(|source| vec![Rotated { source, policy, maker: Some(maker) }])
        }
        Ok(Sets::Copies(copies)) => Some(rotated_copies(p, copies, limited)),
        Err(message) => {
            if let Some(message) = message {
                p.problem(Severity::Error, "source", message);
            }
            None
        }
    };
    let dumps = rotated.iter().flatten().any(|rotated| rotated.source.family == Family::Dumps);
    let shield = if dumps { p.patterns("exclusions", common.pattern_syntax) } else { Patterns::default() };
    p.accept("exclusions");
    Box::new(Cleaner { of, rotated, shield })
}

/// In a vault every period has its own limits, and one without limits is never cleaned.
fn rotated_copies(p: &mut Properties<'_>, copies: Vec<Copies>, limited: Option<&'static str>) -> Vec<Rotated> {
    if let Some(key) = limited {
        let message = format!("`{key}` has no effect here: every period has limits of its own, or none");
        p.problem(Severity::Warning, key, message);
    }
    let with_limits = copies
        .into_iter()
        .filter_map(|Copies { source, policy }| Some(Rotated { source, policy: policy?, maker: None }));
    let rotated: Vec<_> = with_limits.collect();
    if rotated.is_empty() {
        p.problem(Severity::Warning, "source", "no period of it has `max_files` or `days`: nothing is ever removed");
    }
    rotated
}

fn limit(p: &mut Properties<'_>, key: &'static str) -> Option<u32> {
    p.number(key, 1..=i64::MAX).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// What a rotation comes to, before anything is removed.
#[derive(Default)]
struct Rotation {
    /// Sets that go, oldest first, each with the reason.
    doomed: Vec<(Set, String)>,
    /// Sets that stay, each with the reason.
    kept: Vec<(Set, String)>,
    /// What the administrator should know.
    warnings: Vec<String>,
    /// What is only worth a note.
    notes: Vec<String>,
}

impl Cleaner {
    fn rotated(&self) -> Result<&[Rotated]> {
        self.rotated.as_deref().ok_or_else(|| Error::usage("the source of this cleaner is not known"))
    }

    /// Fails when a directory lies on a file system that hangs.
    fn require_answers(&self, cx: &Context<'_>) -> Result<()> {
        answering::require(&self.rotated()?.iter().flat_map(|rotated| rotated.source.dirs()).collect::<Vec<_>>(), cx)
    }

    /// Why nothing of this source is removed in this run, if so.
    fn untouchable(&self, source: &Source, cx: &Context<'_>) -> Option<String> {
        let failed = [&source.action, &self.of].into_iter().find(|name| cx.run.has_failed(name))?;
        Some(format!("`{failed}` failed in this run: nothing is removed"))
    }

    /// Looks what is there and decides; changes nothing.
    fn plan(&self, cx: &Context<'_>) -> Result<Rotation> {
        let mut rotation = Rotation::default();
        for rotated in self.rotated()? {
            self.plan_one(rotated, cx, &mut rotation)?;
        }
        rotation.notes.dedup();
        Ok(rotation)
    }

    fn plan_one(&self, rotated: &Rotated, cx: &Context<'_>, rotation: &mut Rotation) -> Result<()> {
        let Rotated { source, policy, .. } = rotated;
        if let Some(note) = self.untouchable(source, cx) {
            rotation.notes.push(note);
            return Ok(());
        }
        let found = scan(source)?;
        rotation.notes.extend(note_ambiguous(&found));
        let mut items = Vec::with_capacity(found.sets.len());
        for set in &found.sets {
            let (state, warning) = self.state(source, set);
            rotation.warnings.extend(warning);
            items.push(item(set, state));
        }
        let now = PrimitiveDateTime::new(cx.run.now.date(), cx.run.now.time());
        let decision = retention::decide(&items, source.level, policy, now);
        rotation.warnings.extend(decision.warnings);
        let gone = rotated.gone(&found.sets, &decision.fates, cx, &mut rotation.notes)?;
        for (set, fate) in found.sets.into_iter().zip(decision.fates) {
            match fate {
                Fate::Keep(reason) => rotation.kept.push((set, reason)),
                Fate::Remove(_) if set.parts.dbname.as_ref().is_some_and(|database| gone.contains(database)) => {
                    rotation.kept.push((set, "its database is not there any more".into()));
                }
                Fate::Remove(reason) => rotation.doomed.push((set, reason)),
            }
        }
        Ok(())
    }

    /// How far a set can be relied on, and what to say about it.
    fn state(&self, source: &Source, set: &Set) -> (State, Option<String>) {
        let database = set.parts.dbname.as_deref().unwrap_or_default().as_bytes();
        if set.disputed {
            return (State::Exempt("another action may have written it"), None);
        }
        if set.parts.dbname.is_some() && (source.shield.matches(database) || self.shield.matches(database)) {
            return (State::Exempt("its database is excluded"), None);
        }
        match damage(set) {
            Some(reason) => {
                let is_rotated = set.parts.level == source.level;
                (State::Damaged, is_rotated.then(|| format!("{} is damaged: {reason}", set.main.display())))
            }
            None => (State::Good, None),
        }
    }
}

impl Rotated {
    /// Those databases of which something would be removed that are not there any more: nothing new will ever take the
    /// place of what is left of them, so all of it stays. The server is only asked when it matters; when it does not answer,
    /// a database that the newest run did not dump counts as gone.
    fn gone(
        &self,
        sets: &[Set],
        fates: &[Fate],
        cx: &Context<'_>,
        notes: &mut Vec<String>,
    ) -> Result<BTreeSet<String>> {
        let doomed = sets.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::Remove(_)));
        let databases: BTreeSet<&String> = doomed.filter_map(|(set, _)| set.parts.dbname.as_ref()).collect();
        let dumps = self.maker.as_ref().and_then(|maker| maker.dumps()).filter(|_| !databases.is_empty());
        let Some(dumps) = dumps else { return Ok(BTreeSet::new()) };
        let census = dumps.census(cx)?;
        if let Err(why) = &census.there {
            notes.push(format!("which databases there are now is not known: {why}"));
        }
        let newest = sets.iter().map(|set| set.time).max();
        let is_new = |database: &str| {
            sets.iter().any(|set| Some(set.time) == newest && set.parts.dbname.as_deref() == Some(database))
        };
        let gone = databases.into_iter().filter(|database| !census.has(database).unwrap_or_else(|| is_new(database)));
        Ok(gone.cloned().collect())
    }
}

fn item(set: &Set, state: State) -> Item {
    let base = match &set.origin {
        Origin::Ours(manifest) => manifest.base.clone(),
        Origin::Kb17 | Origin::Damaged(_) => None,
    };
    let name = set.main.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Item { name, level: set.parts.level, database: set.parts.dbname.clone(), time: set.time, base, state }
}

fn note_ambiguous(found: &Scan) -> Option<String> {
    let first = found.ambiguous.first()?;
    let count = found.ambiguous.len();
    Some(format!(
        "{count} files could be another action's just as well and are left alone, such as {}",
        first.display()
    ))
}

/// `PATH (3 files, 1.2 GiB)`.
fn show(set: &Set) -> String {
    let files = match set.files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    format!("{} ({files}, {})", set.main.display(), show_bytes(set.size))
}

impl Action for Cleaner {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.require_answers(cx)?;
        let rotation = self.plan(cx)?;
        let mut plan = rotation.notes;
        plan.extend(rotation.warnings);
        plan.extend(rotation.doomed.iter().map(|(set, reason)| format!("would remove {}: {reason}", show(set))));
        if rotation.doomed.is_empty() {
            plan.push(format!("would remove nothing, {} sets stay", rotation.kept.len()));
        }
        Ok(plan)
    }

    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        self.require_answers(cx)?;
        for Rotated { source, .. } in self.rotated()? {
            if self.untouchable(source, cx).is_some() {
                continue;
            }
            // a set that an earlier rotation could not finish
            for path in publish::sweep(source)? {
                cx.debug(format!("removed a leftover of an earlier run: {}", path.display()));
            }
        }
        let rotation = self.plan(cx)?;
        rotation.notes.iter().for_each(|note| cx.info(note));
        rotation.warnings.iter().for_each(|warning| cx.warn(warning));
        for (set, reason) in &rotation.kept {
            cx.debug(format!("kept {}: {reason}", set.main.display()));
        }
        let total = rotation.doomed.len();
        let mut failed = 0;
        for (set, reason) in rotation.doomed {
            cx.limits.check()?;
            match withdraw(&set) {
                Ok(Withdrawn::Removed) => {
                    cx.info(format!("removed {}: {reason}", show(&set)));
                    report.removed.push(set.main);
                }
                Ok(Withdrawn::InUse) => cx.info(format!("{} is in use and stays for now", set.main.display())),
                Err(error) => {
                    cx.error(error.to_string());
                    failed += 1;
                }
            }
        }
        match failed {
            0 => Ok(()),
            failed => Err(Error::failed(format!("{failed} of {total} sets could not be removed"))),
        }
    }
}

#[cfg(test)]
mod tests;
