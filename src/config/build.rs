//! Actions built from what the file says, each for the task that it is to run in.

use crate::actions::properties::{Problem, Property, Severity};
use crate::actions::{self, BACKUP_TYPES, BackupUnit, Common, Properties, Sets, Surroundings, Type};
use crate::config::rivals::{self, Quarrel, Written};
use crate::config::schemes::{self, Schemes};
use crate::config::{Entry, Step, Task, inherit};
use crate::nearest;
use crate::store::naming::Scheme;
use crate::value::Value;
use std::cell::RefCell;
use std::path::PathBuf;

/// Everything that actions are built from.
pub(super) struct Workshop {
    pub(super) base_dir: PathBuf,
    /// As written, in the order of the file.
    pub(super) actions: Vec<(String, Value)>,
    pub(super) schemes: Schemes,
    /// The top level's `naming_scheme`.
    pub(super) top_scheme: Option<Value>,
    /// What every action of the file writes, once it is known.
    pub(super) written: Vec<Written>,
    /// What makes backups.
    pub(super) units: Vec<BackupUnit>,
    /// What is wrong between actions of the file, once it is known.
    pub(super) quarrels: Vec<Quarrel>,
}

/// An action with what is wrong with it; it is only there when it can be run or asked for its sets.
pub(super) struct Built {
    pub(super) step: Option<Step>,
    pub(super) written: Vec<Written>,
    pub(super) problems: Vec<Problem>,
}

/// The actions that are being built for the sake of one another.
struct Trail<'a> {
    name: &'a str,
    before: Option<&'a Trail<'a>>,
}

impl Trail<'_> {
    fn has(&self, name: &str) -> bool {
        self.name == name || self.before.is_some_and(|before| before.has(name))
    }
}

impl Workshop {
    /// The entries for showing.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let entry = |(name, value): &(String, Value)| {
            let properties = inherit::resolve(&self.actions, name);
            let resolved = properties.is_ok();
            let properties = properties.unwrap_or_default();
            let is_set = |key: &str| properties.iter().any(|p| p.key == key && p.value != Value::Null);
            let text = |key: &str| {
                properties.iter().find(|property| property.key == key).and_then(|property| property.value.text())
            };
            Entry {
                name: name.clone(),
                kind: text("type"),
                descr: text("descr").or_else(|| text("desc")).map(|text| super::one_line(&text)).unwrap_or_default(),
                is_template: resolved && !is_set("type"),
                raw: value.clone(),
            }
        };
        self.actions.iter().map(entry).collect()
    }

    /// The tasks that make backups, and the actions that do so, which may be run by themselves.
    pub(super) fn backup_units(entries: &[Entry], tasks: &[Task]) -> Vec<BackupUnit> {
        let makes = |name: &str| {
            let entry = entries.iter().find(|entry| entry.name == name);
            entry.and_then(|entry| entry.kind.as_deref()).is_some_and(|kind| BACKUP_TYPES.contains(&kind))
        };
        let of_task = |task: &Task| {
            let mut actions: Vec<String> =
                task.steps().map(|(name, _)| name).filter(|name| makes(name)).cloned().collect();
            actions.dedup();
            BackupUnit { name: task.name.clone(), actions }
        };
        let of_action = |entry: &Entry| BackupUnit { name: entry.name.clone(), actions: vec![entry.name.clone()] };
        // a task wins over an action of the same name
        let alone = |entry: &&Entry| makes(&entry.name) && !tasks.iter().any(|task| task.name == entry.name);
        let units = tasks.iter().map(of_task).filter(|unit| !unit.actions.is_empty());
        units.chain(entries.iter().filter(alone).map(of_action)).collect()
    }

    /// Builds an action as this task uses it, or by itself.
    pub(super) fn build(&self, name: &str, task: Option<&Task>) -> Built {
        self.build_on(&Trail { name, before: None }, task)
    }

    fn build_on(&self, trail: &Trail<'_>, task: Option<&Task>) -> Built {
        let name = trail.name;
        let properties = match inherit::resolve(&self.actions, name) {
            Ok(properties) => properties,
            Err(problem) => return self.orphan(name, problem),
        };
        let entry = vec!["actions".to_owned(), name.to_owned()];
        let kind = match find_type(&properties, &entry) {
            Ok(kind) => kind,
            Err(problem) => return Built { step: None, written: Vec::new(), problems: vec![problem] },
        };
        let (scheme, mut problems) = self.scheme(&properties, task);
        let others = RefCell::new(Vec::new());
        let sets_of = |other: &str| self.sets_of(other, trail, task, &others);
        let surroundings = Surroundings {
            name,
            scheme: scheme.unwrap_or_else(Scheme::default_scheme),
            sets_of: &sets_of,
            units: &|| self.units.clone(),
        };
        let mut p = Properties::new(entry, &properties, &self.base_dir);
        let common = Common::read(&mut p, kind.continues_on_error);
        let mut action = (kind.build)(&mut p, &common, &surroundings);
        p.report_unknown();
        problems.extend(p.finish().1);
        problems.extend(others.into_inner());
        if let Some(source) = action.source_mut() {
            source.rivals = rivals::of(source, &self.written);
        }
        for copies in action.copies_mut() {
            copies.source.rivals.extend(rivals::of(&copies.source, &self.written));
        }
        let sources = action.source().into_iter().chain(action.copies().iter().map(|copies| &copies.source));
        let written = sources.map(|source| Written::new(source, kind.name, &common, &properties)).collect();
        let step = Step { name: name.to_owned(), kind: kind.name, dry: common.dry, common, action };
        Built { step: Some(step), written, problems }
    }

    /// What can be said about an action whose ancestors are not known.
    fn orphan(&self, name: &str, problem: Problem) -> Built {
        let mut problems = vec![problem];
        let entry = vec!["actions".to_owned(), name.to_owned()];
        if let Ok(properties) = inherit::own(&self.actions, name)
            && let Ok(kind) = find_type(&properties, &entry)
        {
            let (scheme, wrong) = self.scheme(&properties, None);
            let sets_of = |_: &str| Err(String::new());
            let scheme = scheme.unwrap_or_else(Scheme::default_scheme);
            let surroundings = Surroundings { name, scheme, sets_of: &sets_of, units: &|| self.units.clone() };
            let mut p = Properties::new(entry.clone(), &properties, &self.base_dir);
            let common = Common::read(&mut p, kind.continues_on_error);
            (kind.build)(&mut p, &common, &surroundings);
            p.report_unknown();
            // what is missing may be what the ancestor has
            let in_own_key = |problem: &Problem| {
                problem.path.len() > entry.len() && problem.path.get(2).is_some_and(|key| key != "source")
            };
            problems.extend(p.finish().1.into_iter().filter(in_own_key).chain(wrong));
        }
        Built { step: None, written: Vec::new(), problems }
    }

    fn sets_of(
        &self,
        name: &str,
        trail: &Trail<'_>,
        task: Option<&Task>,
        others: &RefCell<Vec<Problem>>,
    ) -> Result<Sets, String> {
        if trail.has(name) {
            return Err(format!("`{name}` cannot be asked for its sets here: it depends on this action itself"));
        }
        if !self.actions.iter().any(|(known, _)| known == name) {
            let hint = nearest::hint(name, self.actions.iter().map(|(known, _)| known.as_str()));
            return Err(format!("there is no action `{name}`{hint}"));
        }
        let built = self.build_on(&Trail { name, before: Some(trail) }, task);
        others.borrow_mut().extend(built.problems);
        let Some(step) = built.step else { return Err(format!("`{name}` cannot be built, so it has no sets")) };
        if step.action.source().is_some() {
            return Ok(Sets::Own(step.action));
        }
        // what may be wrong in one that makes copies is reported already
        if step.kind == "move_bkp_period" {
            return Ok(Sets::Copies(step.action.copies().to_vec()));
        }
        Err(format!("`{name}` (type `{}`) leaves no sets behind", step.kind))
    }

    /// The scheme in force: the action's, else the task's, else the top level's, else `default`.
    fn scheme(&self, properties: &[Property], task: Option<&Task>) -> (Option<Scheme>, Vec<Problem>) {
        let own = properties.iter().find(|property| property.key == schemes::KEY);
        let own =
            own.map(|property| ([property.entry.as_slice(), &[schemes::KEY.to_owned()]].concat(), &property.value));
        let of_task = task.and_then(|task| {
            let path = ["schedule", &task.name, "naming", schemes::KEY].map(str::to_owned).to_vec();
            Some((path, schemes::get(schemes::get(&task.raw, "naming")?, schemes::KEY)?))
        });
        let top = self.top_scheme.as_ref().map(|value| (["naming", schemes::KEY].map(str::to_owned).to_vec(), value));
        let given = [own, of_task, top].into_iter().flatten().find(|(_, value)| **value != Value::Null);
        match given {
            Some((path, value)) => self.schemes.resolve(&path, value),
            None => (Some(Scheme::default_scheme()), Vec::new()),
        }
    }
}

fn find_type(properties: &[Property], entry: &[String]) -> Result<&'static Type, Problem> {
    let property = properties.iter().find(|property| property.key == "type" && property.value != Value::Null);
    let Some(property) = property else {
        let message = "no `type`, own or inherited: it is a template and cannot be run".to_owned();
        return Err(Problem { severity: Severity::Error, path: entry.to_vec(), message });
    };
    let path = property.entry.iter().cloned().chain(["type".to_owned()]).collect();
    let wrong = |message| Problem { severity: Severity::Error, path, message };
    let Some(name) = property.value.text() else {
        return Err(wrong(format!("`type` must be a single value, not {}", property.value.kind())));
    };
    match actions::by_name(&name) {
        Some(kind) => Ok(kind),
        None if name == "arhiver" => Err(wrong("there is no type `arhiver`: it is `tar` or `zip`".to_owned())),
        None => {
            let hint = nearest::hint(&name, actions::TYPES.iter().map(|kind| kind.name));
            Err(wrong(format!("there is no type `{name}`{hint}")))
        }
    }
}
