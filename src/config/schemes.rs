//! Naming schemes: collected from wherever they are defined, found by place or by `scheme_id`.

use crate::actions::properties::{Problem, Severity};
use crate::config::yaml::Mark;
use crate::nearest;
use crate::store::naming::{Family, Scheme};
use crate::value::Value;
use std::collections::BTreeMap;

/// The key of a scheme and of its name.
pub(super) const KEY: &str = "naming_scheme";
const ID: &str = "scheme_id";
const TEMPLATES: [&str; 4] =
    ["fsdump_fileformat", "fsdump_hash_fileformat", "pgdump_fileformat", "pgdump_hash_fileformat"];

/// All schemes of a file.
pub(super) struct Schemes {
    defined: Vec<Definition>,
    /// Every place where one is given or named.
    places: Vec<(Vec<String>, Value)>,
}

struct Definition {
    path: Vec<String>,
    keys: BTreeMap<String, String>,
    /// None when it has errors.
    scheme: Option<Scheme>,
    problems: Vec<Problem>,
}

impl Definition {
    fn id(&self) -> Option<&String> {
        self.keys.get(ID)
    }
}

impl Schemes {
    /// Collects the schemes of a whole file.
    pub(super) fn collect(root: &Value, marks: &Mark) -> Self {
        let mut defined: Vec<Definition> = Vec::new();
        for (path, value) in places(root) {
            let Value::Map(pairs) = value else { continue };
            let mut found = define(path, pairs);
            let same = |other: &&Definition| other.id().is_some() && other.id() == found.id();
            if let Some(other) = defined.iter().find(same).filter(|other| other.keys != found.keys) {
                let place = marks.find(&other.path);
                let id = found.id().cloned().unwrap_or_default();
                let message = format!("the naming scheme `{id}` is defined differently in line {}", place.line);
                found.problems.push(at(&found.path, ID, Severity::Error, message));
            }
            defined.push(found);
        }
        let places = places(root).into_iter().map(|(path, value)| (path, value.clone())).collect();
        Self { defined, places }
    }

    /// What is wrong at every place below this one.
    pub(super) fn problems(&self, below: &[&str]) -> Vec<Problem> {
        let here = self
            .places
            .iter()
            .filter(|(path, value)| below.iter().zip(path).all(|(a, b)| a == b) && *value != Value::Null);
        here.flat_map(|(path, value)| self.resolve(path, value).1).collect()
    }

    /// The scheme that `value`, written at `path`, stands for.
    pub(super) fn resolve(&self, path: &[String], value: &Value) -> (Option<Scheme>, Vec<Problem>) {
        let wrong = |message| (None, vec![Problem { severity: Severity::Error, path: path.to_vec(), message }]);
        match value {
            Value::Map(_) => match self.defined.iter().find(|definition| definition.path == path) {
                Some(definition) => (definition.scheme.clone(), definition.problems.clone()),
                None => (None, Vec::new()),
            },
            Value::Scalar(scalar) => {
                let id = scalar.text();
                let same = || self.defined.iter().filter(|definition| definition.id() == Some(&id));
                match same().next() {
                    Some(first) => (first.scheme.clone(), same().flat_map(|d| d.problems.clone()).collect()),
                    None if id == "default" => (Some(Scheme::default_scheme()), Vec::new()),
                    None => {
                        let ids = self.defined.iter().filter_map(|d| d.id().map(String::as_str));
                        let hint = nearest::hint(&id, ids.chain(["default"]));
                        wrong(format!("there is no naming scheme `{id}`{hint}"))
                    }
                }
            }
            other => wrong(format!("`{KEY}` must be a map or a `{ID}`, not {}", other.kind())),
        }
    }
}

/// Every place where a scheme may stand.
fn places(root: &Value) -> Vec<(Vec<String>, &Value)> {
    let mut found = Vec::new();
    for (key, value) in pairs(root) {
        match key.as_str() {
            "naming" => found.extend(place(&["naming"], value)),
            "schedule" => {
                let namings = pairs(value).iter().filter_map(|(name, task)| Some((name, get(task, "naming")?)));
                found.extend(namings.filter_map(|(name, naming)| place(&["schedule", name, "naming"], naming)));
            }
            "actions" => {
                found.extend(pairs(value).iter().filter_map(|(name, action)| place(&["actions", name], action)));
            }
            _ => {}
        }
    }
    found
}

fn place<'a>(path: &[&str], around: &'a Value) -> Option<(Vec<String>, &'a Value)> {
    let path = path.iter().copied().chain([KEY]).map(str::to_owned).collect();
    Some((path, get(around, KEY)?))
}

fn pairs(value: &Value) -> &[(String, Value)] {
    match value {
        Value::Map(pairs) => pairs,
        _ => &[],
    }
}

/// An entry of a map.
pub(super) fn get<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    pairs(value).iter().find(|(known, _)| known == key).map(|(_, value)| value)
}

fn define(path: Vec<String>, pairs: &[(String, Value)]) -> Definition {
    let mut problems = Vec::new();
    let mut keys = BTreeMap::new();
    for (key, value) in pairs {
        match value {
            Value::Scalar(scalar) => drop(keys.insert(key.clone(), scalar.text())),
            Value::Null => {}
            other => {
                let message = format!("`{key}` must be a single value, not {}", other.kind());
                problems.push(at(&path, key, Severity::Error, message));
            }
        }
    }
    let scheme = match Scheme::compile(&keys) {
        Ok(scheme) => Some(scheme),
        Err(wrong) => {
            problems.extend(
                wrong.iter().map(|(key, message)| at(&path, key, Severity::Error, format!("`{key}`: {message}"))),
            );
            None
        }
    };
    problems.extend(unused(&path, &keys));
    if let Some(scheme) = &scheme {
        problems.extend(shared_hashes(&path, scheme));
        if scheme.id == "default" && keys.contains_key(ID) && *scheme != Scheme::default_scheme() {
            let message = "`default` is the name of the built-in scheme, which is another one";
            problems.push(at(&path, ID, Severity::Error, message.to_owned()));
        }
    }
    let usable = !problems.iter().any(|problem| problem.severity == Severity::Error);
    Definition { path, keys, scheme: scheme.filter(|_| usable), problems }
}

/// Templates of checksum files that give one to several backups.
fn shared_hashes(path: &[String], scheme: &Scheme) -> Vec<Problem> {
    let hashes = [(Family::Files, "fsdump_hash_fileformat"), (Family::Dumps, "pgdump_hash_fileformat")];
    let shared = hashes.into_iter().filter(|(family, _)| !scheme.has_own_hash(*family));
    let problem = |(_, key): (Family, &str)| {
        let message = format!("`{key}` gives several backups one checksum file: it is the newest one's");
        at(path, key, Severity::Note, message)
    };
    shared.map(problem).collect()
}

/// A key of a scheme that no template names is most likely a misspelt one.
fn unused(path: &[String], keys: &BTreeMap<String, String>) -> Vec<Problem> {
    let named = |key: &str| {
        keys.values().any(|text| text.contains(&format!("{{{key}}}")) || text.contains(&format!("{{{key}:")))
    };
    let strays = keys.keys().filter(|key| *key != ID && !TEMPLATES.contains(&key.as_str()) && !named(key));
    let problem = |key: &String| {
        let hint = nearest::hint(key, TEMPLATES.into_iter().chain([ID]));
        at(path, key, Severity::Warning, format!("unknown key `{key}`, which no template names{hint}"))
    };
    strays.map(problem).collect()
}

fn at(path: &[String], key: &str, severity: Severity, message: String) -> Problem {
    let path = path.iter().cloned().chain([key.to_owned()]).collect();
    Problem { severity, path, message }
}
