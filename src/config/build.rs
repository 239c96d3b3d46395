//! Actions built from what the file says, each for the task that it is to run in.

use crate::actions::properties::{Problem, Property, Severity};
use crate::actions::{self, Common, Properties, Surroundings, Type, later};
use crate::config::rivals::{self, Quarrel, Written};
use crate::config::schemes::{self, Schemes};
use crate::config::{Entry, Step, Task, inherit};
use crate::nearest;
use crate::store::naming::Scheme;
use crate::store::sets::Source;
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
    /// What is wrong between actions of the file, once it is known.
    pub(super) quarrels: Vec<Quarrel>,
}

/// An action with what is wrong with it; it is only there when it can be run or asked for its sets.
pub(super) struct Built {
    pub(super) step: Option<Step>,
    pub(super) written: Option<Written>,
    pub(super) problems: Vec<Problem>,
}

/// What came up about other actions that one asked for.
#[derive(Default)]
struct Others {
    problems: Vec<Problem>,
    kinds: Vec<&'static str>,
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
            Err(problem) => return Built { step: None, written: None, problems: vec![problem] },
        };
        let (scheme, mut problems) = self.scheme(&properties, task);
        let others = RefCell::new(Others::default());
        let source_of = |other: &str| self.source_of(other, trail, task, &others);
        let surroundings =
            Surroundings { name, scheme: scheme.unwrap_or_else(Scheme::default_scheme), source_of: &source_of };
        let mut p = Properties::new(entry, &properties, &self.base_dir);
        let common = Common::read(&mut p, kind.continues_on_error);
        let mut action = (kind.build)(&mut p, &common, &surroundings);
        p.report_unknown();
        problems.extend(p.finish().1);
        let others = others.into_inner();
        problems.extend(others.problems);
        if let Some(other) = later::stand_in(kind.name, &others.kinds) {
            action = other;
        }
        if let Some(source) = action.source_mut() {
            source.rivals = rivals::of(source, &self.written);
        }
        let written = action.source().map(|source| Written::new(source, kind.name, &common, &properties));
        let step = Step { name: name.to_owned(), kind: kind.name, dry: common.dry, common, action };
        Built { step: Some(step), written, problems }
    }

    /// What can be said about an action whose ancestors are not known.
    fn orphan(&self, name: &str, problem: Problem) -> Built {
        let mut problems = vec![problem];
        let entry = vec!["actions".to_owned(), name.to_owned()];
        if let Ok(properties) = inherit::own(&self.actions, name, None)
            && let Ok(kind) = find_type(&properties, &entry)
        {
            let (scheme, wrong) = self.scheme(&properties, None);
            let source_of = |_: &str| Err(String::new());
            let scheme = scheme.unwrap_or_else(Scheme::default_scheme);
            let surroundings = Surroundings { name, scheme, source_of: &source_of };
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
        Built { step: None, written: None, problems }
    }

    fn source_of(
        &self,
        name: &str,
        trail: &Trail<'_>,
        task: Option<&Task>,
        others: &RefCell<Others>,
    ) -> Result<Source, String> {
        if trail.has(name) {
            return Err(format!("`{name}` cannot be asked for its sets here: it depends on this action itself"));
        }
        if !self.actions.iter().any(|(known, _)| known == name) {
            let hint = nearest::hint(name, self.actions.iter().map(|(known, _)| known.as_str()));
            return Err(format!("there is no action `{name}`{hint}"));
        }
        let built = self.build_on(&Trail { name, before: Some(trail) }, task);
        let mut others = others.borrow_mut();
        others.problems.extend(built.problems);
        let Some(step) = built.step else { return Err(format!("`{name}` cannot be built, so it has no sets")) };
        others.kinds.push(step.kind);
        let source = step.action.source().cloned();
        let mut source = source.ok_or_else(|| format!("`{name}` (type `{}`) leaves no sets behind", step.kind))?;
        source.rivals = rivals::of(&source, &self.written);
        Ok(source)
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
