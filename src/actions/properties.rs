//! What an entry under `actions:` says, read key by key into types; every problem is recorded, none stops the reading.

mod words;

use crate::nearest;
use crate::patterns::{Patterns, Syntax};
use crate::sys::users;
use crate::units::{Amount, parse_duration};
use crate::value::{Scalar, Value};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use words::split_words;

/// How the warning about a quoted `'False'` ends.
pub const TRUE_FOR_KB17: &str = "KB17 took every quoted text for true";

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Note,
    /// Probably not what was meant; runs go on.
    Warning,
    /// Cannot be run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Where: keys (and indexes of list items, as text) from the top of the file.
    pub path: Vec<String>,
    /// What, in one line.
    pub message: String,
}

/// One property with where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Property {
    /// The key.
    pub key: String,
    /// What was written.
    pub value: Value,
    /// Key path of the entry it was written in: the action itself or an ancestor.
    pub entry: Vec<String>,
    /// Whether it comes from an ancestor.
    pub inherited: bool,
}

impl Property {
    /// What an entry itself says.
    pub fn own(entry: &[String], pairs: &[(String, Value)]) -> Vec<Self> {
        let property = |(key, value): &(String, Value)| Self {
            key: key.clone(),
            value: value.clone(),
            entry: entry.to_vec(),
            inherited: false,
        };
        pairs.iter().map(property).collect()
    }
}

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

    /// A text, numbers and booleans as `PyYAML` and `str()` made them.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.ask(key, "text", "");
        self.scalar(key).map(Scalar::text)
    }

    /// A text with a default.
    pub fn text_or(&mut self, key: &'static str, default: &'static str) -> String {
        self.ask(key, "text", default);
        self.scalar(key).map_or_else(|| default.to_owned(), Scalar::text)
    }

    /// A text exactly as written: what looks like a number stays as it is.
    pub fn verbatim(&mut self, key: &'static str) -> Option<String> {
        self.ask(key, "text", "");
        self.scalar(key).map(|scalar| scalar.text.clone())
    }

    /// A text that must be there and not be empty; an empty text when it is not, with a problem recorded.
    pub fn required(&mut self, key: &'static str) -> String {
        self.ask(key, "text", "(required)");
        match self.scalar(key).map(Scalar::text) {
            Some(text) if !text.is_empty() => text,
            _ => {
                self.problem(Severity::Error, key, format!("`{key}` is required"));
                String::new()
            }
        }
    }

    /// A path, made absolute by the directory of the configuration.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.ask(key, "path", "");
        let text = self.scalar(key)?.text();
        self.warn_of_home(key, &text);
        Some(self.absolute(&text))
    }

    /// A path with a default.
    pub fn path_or(&mut self, key: &'static str, default: &'static str) -> PathBuf {
        self.ask(key, "path", default);
        let text = self.scalar(key).map_or_else(|| default.to_owned(), Scalar::text);
        self.warn_of_home(key, &text);
        self.absolute(&text)
    }

    /// Says what a shell would do and we do not.
    pub fn warn_of_home(&mut self, key: &'static str, text: &str) {
        if text.starts_with('~') {
            let message = format!("`~` is not expanded: this means {}", self.absolute(text).display());
            self.problem(Severity::Warning, key, message);
        }
    }

    /// The id of a group given by name or number; one this machine does not know is an error.
    pub fn group(&mut self, key: &'static str) -> Option<u32> {
        let name = self.text(key)?;
        let id = users::group_id(&name).or_else(|| name.parse().ok());
        if id.is_none() {
            self.problem(Severity::Error, key, format!("there is no group `{name}` on this machine"));
        }
        id
    }

    /// A path relative to the directory of the configuration.
    pub fn absolute(&self, text: &str) -> PathBuf {
        // components() drops `.` so that `src_path: .` shows as the directory itself
        self.base_dir.join(text).components().collect()
    }

    /// A boolean in any spelling. A quoted one is taken by its meaning, with a warning: KB17 took `'False'` for true.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.ask(key, "boolean", if default { "true" } else { "false" });
        let Some(scalar) = self.scalar(key) else { return default };
        let Some(flag) = scalar.flag() else {
            self.problem(Severity::Error, key, format!("`{key}` must be yes or no, not `{}`", scalar.text));
            return default;
        };
        if scalar.quoted && !flag {
            let message = format!("`{key}` is quoted: read as {flag} here, but {TRUE_FOR_KB17}");
            self.problem(Severity::Warning, key, message);
        }
        flag
    }

    /// A whole number within a range.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        self.ask(key, "number", "");
        let scalar = self.scalar(key)?;
        match scalar.number() {
            Some(number) if range.contains(&number) => Some(number),
            Some(number) => {
                let limits = if *range.end() == i64::MAX {
                    format!("at least {}", range.start())
                } else {
                    format!("between {} and {}", range.start(), range.end())
                };
                self.problem(Severity::Error, key, format!("`{key}` must be {limits}, not {number}"));
                None
            }
            None => {
                self.problem(Severity::Error, key, format!("`{key}` must be a whole number, not `{}`", scalar.text));
                None
            }
        }
    }

    /// A whole number within a range, with a default.
    pub fn number_or(&mut self, key: &'static str, range: RangeInclusive<i64>, default: i64) -> i64 {
        let number = self.number(key, range);
        self.set_default(key, default.to_string());
        number.unwrap_or(default)
    }

    /// A list: a YAML list, one comma-separated text, or a lone value. A null item is skipped with a warning.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.ask(key, "list", "");
        match self.get(key)? {
            Value::Null => None,
            Value::Scalar(scalar) => Some(split_list(scalar)),
            Value::List(items) => Some(self.items(key, items)),
            Value::Map(_) => {
                self.problem(Severity::Error, key, format!("`{key}` must be a list, not a map"));
                None
            }
        }
    }

    fn items(&mut self, key: &'static str, items: &[Value]) -> Vec<String> {
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::Scalar(scalar) => texts.push(scalar.text()),
                Value::Null => self.problem_at(Severity::Warning, key, index, "empty list item, skipped".to_owned()),
                other => {
                    let message = format!("an item of `{key}` must be a single value, not {}", other.kind());
                    self.problem_at(Severity::Error, key, index, message);
                }
            }
        }
        texts
    }

    /// Records a problem at an item of a list.
    pub fn problem_at(&mut self, severity: Severity, key: &str, index: usize, message: String) {
        self.problem(severity, key, message);
        let in_list = matches!(self.get(key), Some(Value::List(_)));
        if let Some(problem) = self.problems.last_mut().filter(|_| in_list) {
            problem.path.push(index.to_string());
        }
    }

    /// Command-line options, split as a shell would; a list is taken word by word.
    pub fn options(&mut self, key: &'static str, default: &'static str) -> Vec<String> {
        self.ask(key, "options", default);
        match self.get(key) {
            Some(Value::List(items)) => self.items(key, items),
            Some(Value::Scalar(scalar)) => match split_words(&scalar.text()) {
                Ok(words) => words,
                Err(message) => {
                    self.problem(Severity::Error, key, format!("`{key}`: {message}"));
                    Vec::new()
                }
            },
            Some(Value::Map(_)) => {
                self.problem(Severity::Error, key, format!("`{key}` must be a text or a list, not a map"));
                Vec::new()
            }
            Some(Value::Null) | None => default.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// A duration such as `90s`, `15m`, `2h`.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.ask(key, "duration", "");
        let text = self.scalar(key)?.text();
        let duration = parse_duration(&text).filter(|d| !d.is_zero());
        if duration.is_none() {
            self.problem(
                Severity::Error,
                key,
                format!("`{key}` must be a duration such as 90s, 15m or 2h, not `{text}`"),
            );
        }
        duration
    }

    /// A size such as `20G` or `10%`.
    pub fn amount(&mut self, key: &'static str) -> Option<Amount> {
        self.ask(key, "size or percentage", "");
        let text = self.scalar(key)?.text();
        let amount = Amount::parse(&text);
        if amount.is_none() {
            self.problem(Severity::Error, key, format!("`{key}` must be a size such as 20G or 10%, not `{text}`"));
        }
        amount
    }

    /// One of a few words; the first is the default.
    pub fn choice<T: Copy + Default>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> T {
        self.ask(key, "choice", words.first().map_or("", |(word, _)| word));
        let default = words.first().map(|(_, meaning)| *meaning).unwrap_or_default();
        let Some(text) = self.scalar(key).map(Scalar::text) else { return default };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return *meaning;
        }
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.problem(Severity::Error, key, format!("`{key}` must be {}, not `{text}`", all.join(" or ")));
        default
    }

    /// A list of patterns, compiled; one problem for each that does not compile.
    pub fn patterns(&mut self, key: &'static str, syntax: Syntax) -> Patterns {
        let list = self.list(key).unwrap_or_default();
        match Patterns::compile(&list, syntax) {
            Ok(patterns) => patterns,
            Err(errors) => {
                for (index, message) in errors {
                    self.problem_at(Severity::Error, key, index, message);
                }
                Patterns::default()
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let value = self.written.iter().find(|p| p.key == key).map(|p| &p.value);
        value.filter(|value| **value != Value::Null)
    }

    fn scalar(&mut self, key: &'static str) -> Option<&'a Scalar> {
        match self.get(key)? {
            Value::Scalar(scalar) => Some(scalar),
            other => {
                self.problem(Severity::Error, key, format!("`{key}` must be a single value, not {}", other.kind()));
                None
            }
        }
    }

    /// A map inside the entry.
    pub fn map(&mut self, key: &'static str) -> Option<&'a [(String, Value)]> {
        self.ask(key, "map", "");
        match self.get(key)? {
            Value::Map(pairs) => Some(pairs),
            other => {
                self.problem(Severity::Error, key, format!("`{key}` must be a map, not {}", other.kind()));
                None
            }
        }
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
