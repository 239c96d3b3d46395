//! `cleaner`: rotation of what another action wrote. What goes and why is decided in the store; here it is looked up, done and
//! logged.

use crate::actions::common::Common;
use crate::actions::context::{Context, Plan, Report};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Surroundings};
use crate::error::{Error, Result};
use crate::patterns::Patterns;
use crate::store::proof::{Finding, Proof};
use crate::store::publish::{self, Withdrawn, withdraw};
use crate::store::retention::{self, Fate, Item, Policy, State};
use crate::store::sets::{Family, Origin, Scan, Set, Source, scan};
use crate::units::show_bytes;
use time::PrimitiveDateTime;

/// The properties of a `cleaner` action.
struct Cleaner {
    /// Whose sets are rotated; none when the configuration is wrong.
    source: Option<Source>,
    policy: Policy,
    /// Databases that are not touched, besides those the source itself excludes.
    shield: Patterns,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let policy = Policy { max_files: limit(p, "max_files"), days: limit(p, "days") };
    if p.value("max_files", "number").is_none() && p.value("days", "number").is_none() {
        p.problem(
            Severity::Error,
            "max_files",
            "`max_files` or `days` is required: without a limit nothing is rotated",
        );
    }
    let source = source(p, around);
    let shield = match &source {
        Some(source) if source.family == Family::Dumps => p.patterns("exclusions", common.pattern_syntax),
        _ => {
            p.accept("exclusions");
            Patterns::default()
        }
    };
    Box::new(Cleaner { source, policy, shield })
}

fn limit(p: &mut Properties<'_>, key: &'static str) -> Option<u32> {
    p.number(key, 1..=i64::MAX).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn source(p: &mut Properties<'_>, around: &Surroundings<'_>) -> Option<Source> {
    let name = p.required("source");
    if name.is_empty() {
        return None;
    }
    match (around.source_of)(&name) {
        Ok(source) => Some(source),
        Err(message) => {
            p.problem(Severity::Error, "source", message);
            None
        }
    }
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
    fn source(&self) -> Result<&Source> {
        self.source.as_ref().ok_or_else(|| Error::usage("the source of this cleaner is not known"))
    }

    /// Looks what is there and decides; changes nothing.
    fn plan(&self, cx: &Context<'_>) -> Result<Rotation> {
        let source = self.source()?;
        if cx.run.has_failed(&source.action) {
            let note = format!("`{}` failed in this run: nothing is removed", source.action);
            return Ok(Rotation { notes: vec![note], ..Rotation::default() });
        }
        let found = scan(source)?;
        let mut rotation = Rotation { notes: note_ambiguous(&found).into_iter().collect(), ..Rotation::default() };
        let mut items = Vec::with_capacity(found.sets.len());
        for set in &found.sets {
            let (state, warning) = self.state(source, set);
            rotation.warnings.extend(warning);
            items.push(item(set, state));
        }
        let now = PrimitiveDateTime::new(cx.run.now.date(), cx.run.now.time());
        let decision = retention::decide(&items, source.level, &self.policy, now);
        rotation.warnings.extend(decision.warnings);
        for (set, fate) in found.sets.into_iter().zip(decision.fates) {
            match fate {
                Fate::Keep(reason) => rotation.kept.push((set, reason)),
                Fate::Remove(reason) => rotation.doomed.push((set, reason)),
            }
        }
        Ok(rotation)
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

/// What is known to be wrong with a set.
fn damage(set: &Set) -> Option<String> {
    if let Origin::Damaged(reason) = &set.origin {
        return Some(reason.clone());
    }
    // a proof that cannot be read proves nothing
    let proof = Proof::read(set).ok().flatten().filter(|proof| proof.result == Finding::Damaged)?;
    Some(proof.reason.unwrap_or_else(|| format!("found by a verification of {}", proof.time)))
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
        let source = self.source()?;
        if !cx.run.has_failed(&source.action) {
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
