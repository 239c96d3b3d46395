//! What an entry under `actions:` says, read key by key into types; every problem is recorded, none stops the reading.

mod problem;
mod values;
mod words;

use crate::nearest;
use crate::value::{Scalar, Value};
pub use problem::{Problem, Property, Severity};
use std::path::Path;
pub use words::split_words;

/// How the warning about a quoted `'False'` ends.
pub const TRUE_FOR_KB17: &str = "KB17 took every quoted text for true";

/// A key that was asked for, for documentation, hints and tests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The key.
    pub key: &'static str,
    /// What it must be: `text`, `path`, `boolean`, `number`, `list`, …
    pub kind: &'static str,
    /// Its default, empty when there is none.
    pub default: String,
}

/// The properties of one entry while an action is built from them.
pub struct Properties<'a> {
    entry: Vec<String>,
    written: &'a [Property],
    base_dir: &'a Path,
    asked: Vec<Asked>,
    problems: Vec<Problem>,
    tolerated: Vec<String>,
}

impl<'a> Properties<'a> {
    /// `entry` is the key path of the action, `base_dir` what relative paths are relative to.
    pub fn new(entry: Vec<String>, properties: &'a [Property], base_dir: &'a Path) -> Self {
        Self { entry, written: properties, base_dir, asked: Vec::new(), problems: Vec::new(), tolerated: Vec::new() }
    }

    /// What relative paths are relative to.
    pub fn base_dir(&self) -> &'a Path {
        self.base_dir
    }

    /// Key path of the entry.
    pub fn entry(&self) -> &[String] {
        &self.entry
    }

    /// Every key asked for so far, and every problem found.
    pub fn finish(self) -> (Vec<Asked>, Vec<Problem>) {
        (self.asked, self.problems)
    }

    /// Warns about keys of the entry that were never asked for, with the nearest right one. What is inherited is not reported:
    /// an heir of another type may well not have it.
    pub fn report_unknown(&mut self) {
        let unknown = |property: &&Property| {
            let known = self.asked.iter().any(|asked| asked.key == property.key);
            !property.inherited && !known && !self.tolerated.contains(&property.key)
        };
        let keys: Vec<_> = self.written.iter().filter(unknown).map(|property| property.key.clone()).collect();
        for key in keys {
            let hint = nearest::hint(&key, self.asked.iter().map(|asked| asked.key));
            self.problem(Severity::Warning, &key, format!("unknown key `{key}`{hint}"));
        }
    }

    /// Reads a map inside this entry: what is wrong or unknown in it counts as wrong in this one.
    pub fn section<T>(
        &mut self,
        path: Vec<String>,
        pairs: &[(String, Value)],
        read: impl FnOnce(&mut Properties<'_>) -> T,
    ) -> T {
        let properties = Property::own(&path, pairs);
        let mut inner = Properties::new(path, &properties, self.base_dir);
        let result = read(&mut inner);
        inner.report_unknown();
        self.problems.extend(inner.problems);
        result
    }

    /// Key path of a key: where it is written, in this entry or in an ancestor.
    pub fn path_of(&self, key: &str) -> Vec<String> {
        let written = self.written.iter().find(|property| property.key == key);
        let mut path = written.map_or(&self.entry, |property| &property.entry).clone();
        path.push(key.to_owned());
        path
    }

    /// Whether anything wrong enough to stop the entry from being used was found so far.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Records a problem at a key (at the entry itself when it does not have the key).
    pub fn problem(&mut self, severity: Severity, key: &str, message: impl Into<String>) {
        let mut path = match self.written.iter().find(|p| p.key == key) {
            Some(property) => property.entry.clone(),
            None => self.entry.clone(),
        };
        if self.has(key) {
            path.push(key.to_owned());
        }
        self.problems.push(Problem { severity, path, message: message.into() });
    }

    /// Records a problem at a place inside this entry.
    pub fn problem_below(&mut self, severity: Severity, path: Vec<String>, message: impl Into<String>) {
        self.problems.push(Problem { severity, path, message: message.into() });
    }

    /// Whether the key is there at all.
    pub fn has(&self, key: &str) -> bool {
        self.written.iter().any(|p| p.key == key)
    }

    /// A key that is known but read elsewhere or ignored.
    pub fn accept(&mut self, key: &'static str) {
        self.ask(key, "any", "");
    }

    /// Keys that are none of ours but may stand here: they are not reported as unknown.
    pub fn tolerate(&mut self, allowed: impl Fn(&str) -> bool) {
        let keys = self.written.iter().map(|property| &property.key);
        self.tolerated.extend(keys.filter(|key| allowed(key)).cloned());
    }

    /// The raw value; none when missing or null.
    pub fn value(&mut self, key: &'static str, kind: &'static str) -> Option<&'a Value> {
        self.ask(key, kind, "");
        self.get(key)
    }

    fn ask(&mut self, key: &'static str, kind: &'static str, default: &str) {
        if !self.asked.iter().any(|asked| asked.key == key) {
            self.asked.push(Asked { key, kind, default: default.to_owned() });
        }
    }

    fn set_default(&mut self, key: &'static str, default: String) {
        if let Some(asked) = self.asked.iter_mut().find(|asked| asked.key == key) {
            asked.default = default;
        }
    }
}

/// Splits one comma-separated text; a lone value is a list of one.
fn split_list(scalar: &Scalar) -> Vec<String> {
    if !scalar.text.contains(',') {
        return Some(scalar.text()).filter(|text| !text.is_empty()).into_iter().collect();
    }
    let parts = scalar.text.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_list() {
        let scalar = |text: &str| Value::Scalar(Scalar { text: text.into(), quoted: false });
        let property = |value| {
            vec![Property {
                key: "exclusions".into(),
                value,
                entry: vec!["actions".into(), "a".into()],
                inherited: false,
            }]
        };
        let read = |value: Value| {
            let properties = property(value);
            let mut p = Properties::new(vec!["actions".into(), "a".into()], &properties, Path::new("/etc"));
            let list = p.list("exclusions");
            (list, p.finish().1)
        };
        let list = |items: &[&str]| Some(items.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(scalar("tmp, *.dll, *.exe")).0, list(&["tmp", "*.dll", "*.exe"]));
        assert_eq!(read(scalar("0")).0, list(&["0"]));
        assert_eq!(read(Value::List(vec![scalar("a,b"), scalar("7")])).0, list(&["a,b", "7"]));
        let (items, problems) = read(Value::List(vec![scalar("a"), Value::Null]));
        assert_eq!(items, list(&["a"]));
        assert_eq!(problems.first().map(|p| p.severity), Some(Severity::Warning));
        assert_eq!(problems.first().map(|p| p.path.join(".")), Some("actions.a.exclusions.1".into()));
    }
}
