//! Values read into types; what does not fit is recorded as a problem.

use super::{Properties, Severity, TRUE_FOR_KB17, split_list, split_words};
use crate::patterns::{Patterns, Syntax};
use crate::sys::users;
use crate::units::{Amount, parse_duration};
use crate::value::{Scalar, Value};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

impl<'a> Properties<'a> {
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

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let value = self.written.iter().find(|p| p.key == key).map(|p| &p.value);
        value.filter(|value| **value != Value::Null)
    }

    pub(super) fn scalar(&mut self, key: &'static str) -> Option<&'a Scalar> {
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
}
