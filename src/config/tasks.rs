//! The entries under `schedule`.

use crate::actions::Properties;
use crate::actions::properties::{Problem, Property, Severity};
use crate::config::{Entry, Naming, Task, top};
use crate::cron::expression::{Dialect, Expression};
use crate::nearest;
use crate::value::Value;
use std::path::Path;

/// Reads a task; `actions` are all there are.
pub(super) fn read(name: &str, value: &Value, actions: &[Entry], base_dir: &Path) -> (Task, Vec<Problem>) {
    let entry = vec!["schedule".to_owned(), name.to_owned()];
    let pairs = match value {
        Value::Map(pairs) => pairs.as_slice(),
        _ => &[],
    };
    let properties = Property::own(&entry, pairs);
    let mut p = Properties::new(entry, &properties, base_dir);
    if let Some(message) = super::wrong_entry_name(name) {
        p.problem(Severity::Error, "", format!("the name of a task {message}"));
    }
    if !matches!(value, Value::Map(_)) {
        p.problem(Severity::Error, "", format!("the task `{name}` must be a map, not {}", value.kind()));
        let task = empty(name, value);
        return (task, p.finish().1);
    }
    if name == "all" {
        p.problem(Severity::Warning, "", "a task named `all` cannot be enabled alone: `enable all` means every task");
    }
    let task = read_task(&mut p, empty(name, value), actions);
    if !pairs.iter().any(|(key, value)| key == "actions" && *value != Value::Null) {
        p.problem(Severity::Error, "actions", "`actions` is required");
    } else if task.actions.is_empty() && !p.has_errors() {
        p.problem(Severity::Warning, "actions", "`actions` is empty: the task does nothing");
    }
    if task.cron.is_some() && name.contains('%') {
        p.problem(
            Severity::Warning,
            "cron",
            "`enable` cannot put it into a crontab: `%` in the name means a line break to cron",
        );
    }
    p.report_unknown();
    (task, p.finish().1)
}

pub(super) fn read_task(p: &mut Properties<'_>, empty: Task, actions: &[Entry]) -> Task {
    Task {
        descr: p.text("descr").map(|text| super::one_line(&text)).unwrap_or_default(),
        cron: read_cron(p),
        all_fields_match: p.flag("all_fields_match", false),
        actions: read_steps(p, "actions", actions),
        finally: read_steps(p, "finally", actions),
        naming: read_naming(p),
        timeout: p.duration("timeout"),
        lock_wait: p.duration("lock_wait"),
        ..empty
    }
}

pub(super) fn empty(name: &str, value: &Value) -> Task {
    Task {
        name: name.to_owned(),
        descr: String::new(),
        cron: None,
        all_fields_match: false,
        actions: Vec::new(),
        finally: Vec::new(),
        naming: Naming::default(),
        timeout: None,
        lock_wait: None,
        raw: value.clone(),
    }
}

fn read_cron(p: &mut Properties<'_>) -> Option<String> {
    let text = p.verbatim("cron")?;
    if let Err(message) = Expression::parse(&text, Dialect::Crontab) {
        p.problem(Severity::Error, "cron", format!("`cron`: {message}"));
    }
    Some(text)
}

fn read_naming(p: &mut Properties<'_>) -> Naming {
    let path = p.path_of("naming");
    let pairs = p.map("naming").unwrap_or_default();
    p.section(path, pairs, top::read_naming)
}

/// A list of actions: names, or `[name, --dry]`.
fn read_steps(p: &mut Properties<'_>, key: &'static str, actions: &[Entry]) -> Vec<(String, bool)> {
    let items = match p.value(key, "list of actions") {
        Some(Value::List(items)) => items.iter().map(read_step).collect(),
        _ => p.list(key).unwrap_or_default().into_iter().map(|name| Ok(Some((name, false)))).collect::<Vec<_>>(),
    };
    let mut steps = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        match item {
            Ok(Some((name, dry))) => match missing(&name, actions) {
                Some(message) => p.problem_at(Severity::Error, key, index, message),
                None => steps.push((name, dry)),
            },
            Ok(None) => p.problem_at(Severity::Warning, key, index, "empty list item, skipped".to_owned()),
            Err(message) => p.problem_at(Severity::Error, key, index, message),
        }
    }
    steps
}

/// A name with whether it is dry; none for an empty item.
fn read_step(item: &Value) -> Result<Option<(String, bool)>, String> {
    match item {
        Value::Null => Ok(None),
        Value::Scalar(scalar) => Ok(Some((scalar.text(), false))),
        Value::List(words) => {
            let words: Vec<String> = words.iter().filter_map(text).collect();
            match words.as_slice() {
                [name] => Ok(Some((name.clone(), false))),
                [name, flag] if flag == "--dry" => Ok(Some((name.clone(), true))),
                _ => Err("an action in a list of its own must be written `[name, --dry]`".to_owned()),
            }
        }
        Value::Map(_) => Err("an action must be a name or `[name, --dry]`, not a map".to_owned()),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Scalar(scalar) => Some(scalar.text()),
        _ => None,
    }
}

/// Why this name cannot be run, if so.
fn missing(name: &str, actions: &[Entry]) -> Option<String> {
    if name == "--dry" {
        return Some("`--dry` must stand with its action in a list of its own: `[[name, --dry], …]`".to_owned());
    }
    let Some(found) = actions.iter().find(|entry| entry.name == name) else {
        let hint = nearest::hint(name, actions.iter().map(|entry| entry.name.as_str()));
        return Some(format!("there is no action `{name}`{hint}"));
    };
    found.is_template.then(|| format!("`{name}` has no `type`: it is a template and cannot be run"))
}
