//! `move_bkp_period`: copies (despite its name) of the newest sets of other actions, in a vault with a folder per period.

mod choice;
mod periods;
mod places;
mod present;

use crate::actions::answering;
use crate::actions::guards::{Guards, Last};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Copies, Plan, Report, Sets, Surroundings};
use crate::error::{Error, Kind, Result};
use crate::store::publish::{self, Copying, Existing, ReadBack, Staging};
use crate::store::sets::{Set, Source, find};
use crate::sys::clock;
use crate::units::show_bytes;
use periods::{Due, Period};
use present::Present;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The properties of a `move_bkp_period` action.
struct Settings {
    /// What is copied, in the order of `action_list`.
    sources: Vec<Source>,
    periods: Vec<Period>,
    /// What ends up where, for whoever rotates it: the sources for each period, one after the other.
    copies: Vec<Copies>,
    guards: Guards,
    read_back: ReadBack,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let sources = read_action_list(p, around);
    let periods = periods::read(p, common);
    for period in &periods {
        if let Some(source) = sources.iter().find(|source| source.dirs().contains(&period.dir.as_path())) {
            let message =
                format!("the directory of period `{}` is where `{}` writes itself", period.name, source.action);
            p.problem(Severity::Error, "periods", message);
        }
    }
    let copies = periods.iter().flat_map(|period| places::in_period(period, &sources)).collect();
    let read_back = if p.flag("verify", true) { ReadBack::Yes } else { ReadBack::No };
    Box::new(Settings { sources, periods, copies, guards: Guards::read(p), read_back })
}

fn read_action_list(p: &mut Properties<'_>, around: &Surroundings<'_>) -> Vec<Source> {
    let names = p.list("action_list").unwrap_or_default();
    if names.is_empty() {
        p.problem(Severity::Error, "action_list", "`action_list` is required");
    }
    let mut sources: Vec<Source> = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        if sources.iter().any(|known| known.action == *name) {
            p.problem_at(Severity::Warning, "action_list", index, format!("`{name}` is listed twice"));
            continue;
        }
        match (around.sets_of)(name) {
            Ok(Sets::Own(maker)) => sources.extend(maker.source().cloned()),
            Ok(Sets::Copies(_)) => {
                let message = format!("`{name}` makes copies itself: name the actions whose sets it copies");
                p.problem_at(Severity::Error, "action_list", index, message);
            }
            Err(message) => p.problem_at(Severity::Error, "action_list", index, message),
        }
    }
    sources
}

/// One set on its way into one period.
struct Errand<'a> {
    period: &'a Period,
    source: &'a Source,
    set: Set,
    present: Present,
}

/// What is to be done, decided before anything is written.
#[derive(Default)]
struct Errands<'a> {
    list: Vec<Errand<'a>>,
    /// For the log.
    notes: Vec<String>,
    warnings: Vec<String>,
    /// Sources whose sets could not be looked at, and why.
    failures: Vec<String>,
}

impl Settings {
    /// Fails when a directory lies on a file system that hangs.
    fn require_answers(&self, cx: &Context<'_>) -> Result<()> {
        let vault = self.periods.iter().map(|period| period.dir.as_path());
        let dirs: Vec<&Path> = self.sources.iter().flat_map(Source::dirs).chain(vault).collect();
        answering::require(&dirs, cx)
    }

    fn plan(&self, cx: &Context<'_>) -> Result<Errands<'_>> {
        let mut errands = Errands::default();
        for period in &self.periods {
            let in_period = self.copies.iter().map(|copies| &copies.source);
            let in_period: Vec<&Source> =
                in_period.filter(|source| source.dirs().contains(&period.dir.as_path())).collect();
            for source in &self.sources {
                cx.limits.check()?;
                let there = in_period.iter().find(|other| other.action == source.action && other.level == source.level);
                let Some(there) = there else { continue };
                match Self::plan_one((period, source, there), cx, &mut errands) {
                    Err(error) if error.kind() == Kind::Failed => errands.failures.push(error.to_string()),
                    other => other?,
                }
            }
        }
        Ok(errands)
    }

    fn plan_one<'a>(
        (period, source, there): (&'a Period, &'a Source, &Source),
        cx: &Context<'_>,
        errands: &mut Errands<'a>,
    ) -> Result<()> {
        let now = wall_clock(cx.run.now);
        let copied = find(there)?;
        let shown = format!("period {} of `{}`", period.name, source.action);
        let of_level = copied.iter().filter(|set| set.parts.level.is_none() || set.parts.level == source.level);
        match period.due(now, of_level.filter_map(made_at).max()) {
            Due::No => {
                errands.notes.push(format!("{shown}: not due"));
                return Ok(());
            }
            Due::Now => {}
            Due::Since(then) => errands.notes.push(format!("{shown}: missed on {}, caught up now", shown_minute(then))),
        }
        let sets = find(source)?;
        let choice = choice::newest(&sets, source.level, now);
        errands.warnings.extend(choice.warnings);
        if choice.sets.is_empty() {
            errands.warnings.push(format!("{shown}: there is no set to copy"));
        }
        for set in choice.sets {
            let is_planned = |errand: &Errand<'_>| errand.period.dir == period.dir && errand.set.main == set.main;
            if errands.list.iter().any(is_planned) {
                continue; // the full set of a differential, which its own action sends there, too
            }
            if cx.run.has_failed(&source.action) && set.time < now && set.parts.level == source.level {
                let old = set.main.display();
                errands.warnings.push(format!("`{}` failed in this run: the older set {old} is copied", source.action));
            }
            let present = Present::of(set, &copied)?;
            errands.list.push(Errand { period, source, set: set.clone(), present });
        }
        Ok(())
    }

    fn copy(&self, errand: &Errand<'_>, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        let Errand { period, source, set, present } = errand;
        let existing = match present {
            Present::No => Existing::Refuse,
            Present::Older => Existing::Replace,
            Present::Same => {
                cx.info(format!("{} is in period {} already", set.main.display(), period.name));
                return Ok(());
            }
            Present::Other(path) => {
                let message =
                    format!("{} has the same name as {} and another content", path.display(), set.main.display());
                return Err(Error::failed(message));
            }
        };
        let last = Last { size: set.size, held_something: false };
        let checked = self.guards.check_destination(cx, &period.dir, Some(last))?;
        let mut staging = Staging::begin(&period.dir, existing, self.guards.group())?;
        checked.recheck(staging.dir().file())?;
        if let Some(name) =
            set.main.file_name().and_then(|name| name.to_str()).filter(|_| existing == Existing::Replace)
        {
            staging.replaces(source.companions(name));
        }
        let note = staging.note();
        let mut tick = |bytes| {
            cx.passed(0, bytes);
            cx.limits.check()
        };
        let copying = Copying { set, read_back: self.read_back, tick: &mut tick };
        let copied = staging.copy(copying)?;
        if let Some(note) = note {
            cx.info(note);
        }
        if copied.lost_modes {
            cx.info(format!("{}: the file system does not keep owners or modes", period.dir.display()));
        }
        cx.info(format!("copied {} to {} ({})", set.main.display(), period.dir.display(), show_bytes(copied.bytes)));
        report.bytes += copied.bytes;
        report.files += 1;
        report.sets.extend(copied.files.into_iter().next());
        Ok(())
    }
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.require_answers(cx)?;
        let errands = self.plan(cx)?;
        let mut plan = errands.notes;
        plan.extend(errands.warnings);
        plan.extend(errands.failures);
        for Errand { period, set, present, .. } in &errands.list {
            let (main, size) = (set.main.display(), show_bytes(set.size));
            plan.push(match present {
                Present::Same => format!("{main} is in period {} already", period.name),
                Present::No => format!("would copy {main} ({size}) to {}", period.dir.display()),
                Present::Older => format!("would copy {main} ({size}) to {} over the older one", period.dir.display()),
                Present::Other(path) => {
                    format!("could not copy {main}: {} has the same name and another content", path.display())
                }
            });
        }
        Ok(plan)
    }

    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        self.require_answers(cx)?;
        for copies in &self.copies {
            for path in publish::sweep(&copies.source)? {
                cx.debug(format!("removed a leftover of an earlier run: {}", path.display()));
            }
        }
        let errands = self.plan(cx)?;
        errands.notes.iter().for_each(|note| cx.info(note));
        errands.warnings.iter().for_each(|warning| cx.warn(warning));
        errands.failures.iter().for_each(|failure| cx.error(failure));
        let to_copy = errands.list.iter().filter(|errand| matches!(errand.present, Present::No | Present::Older));
        cx.expect(to_copy.map(|errand| errand.set.size).sum());
        let mut failed = errands.failures.len();
        for errand in &errands.list {
            match self.copy(errand, cx, report) {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Failed => {
                    cx.error(format!("{}: {error}", errand.source.action));
                    failed += 1;
                }
                Err(error) => return Err(error),
            }
        }
        match failed {
            0 => Ok(()),
            failed => {
                Err(Error::failed(format!("{failed} of {} sets were not copied", errands.list.len().max(failed))))
            }
        }
    }

    fn copies(&self) -> &[Copies] {
        &self.copies
    }

    fn copies_mut(&mut self) -> &mut [Copies] {
        &mut self.copies
    }
}

/// `2026-11-23 02:26`.
fn shown_minute(time: PrimitiveDateTime) -> String {
    format!("{} {:02}:{:02}", time.date(), time.hour(), time.minute())
}

/// When a copy was made: its modification time is the original's, but its inode is its own.
fn made_at(set: &Set) -> Option<PrimitiveDateTime> {
    let changed = std::fs::symlink_metadata(&set.main).ok()?.ctime();
    Some(wall_clock(clock::local(OffsetDateTime::from_unix_timestamp(changed).ok()?)))
}

fn wall_clock(time: OffsetDateTime) -> PrimitiveDateTime {
    PrimitiveDateTime::new(time.date(), time.time())
}
