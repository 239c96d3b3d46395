//! Tasks and actions as `/api/cf` shows them: as written, by an allow-list, secrets masked (P27).

use crate::actions::shown::{self, Shown};
use crate::config::{Entry, Task};
use crate::logbook::mask;
use crate::value::{Scalar, Typed, Value};
use crate::webapi::json::Json;

/// What stands where something is not shown.
const MASK: &str = mask::MASK;

/// Properties of a task that are shown; `naming` and its scheme by key again.
const TASK: &[&str] = &["actions", "cron", "descr", "all_fields_match", "naming", "finally", "timeout", "lock_wait"];
const NAMING: &[&str] = &["server_name", "project", "region", "naming_scheme"];
const SCHEME: &[&str] =
    &["scheme_id", "fsdump_fileformat", "fsdump_hash_fileformat", "pgdump_fileformat", "pgdump_hash_fileformat"];
const PERIOD: &[&str] = &["cron", "path", "max_files", "days", "catch_up"];

/// A task with whether it is in the crontab, as far as that is known.
pub fn task(task: &Task, active: Option<bool>) -> Json {
    let mut shown = pairs(&task.raw, |key, value| TASK.contains(&key).then(|| plain(key, value)));
    shown.push(("active".to_owned(), active.map_or(Json::Null, Json::Flag)));
    Json::Map(shown)
}

/// An action, without what it inherits.
pub fn action(entry: &Entry) -> Json {
    let kind = entry.kind.as_deref();
    Json::Map(pairs(&entry.raw, |key, value| match shown::of(kind, key)? {
        Shown::AsWritten => Some(plain(key, value)),
        Shown::Masked => Some(masked(value)),
    }))
}

/// Texts in the entry that must appear nowhere: what is masked, and what is not shown at all.
pub fn secrets(entry: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    if let Value::Map(all) = &entry.raw {
        let hidden = |key: &str| shown::of(entry.kind.as_deref(), key) != Some(Shown::AsWritten);
        all.iter().filter(|(key, _)| hidden(key)).for_each(|(_, value)| texts(value, &mut found));
    }
    found
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Scalar(scalar) => found.push(scalar.text.clone()),
        Value::List(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, value)| texts(value, found)),
    }
}

fn pairs(value: &Value, show: impl Fn(&str, &Value) -> Option<Json>) -> Vec<(String, Json)> {
    let Value::Map(pairs) = value else { return Vec::new() };
    pairs.iter().filter_map(|(key, value)| Some((key.clone(), show(key, value)?))).collect()
}

/// A value that may be seen. Of maps only known keys are: anything could stand below a key that is no map's.
fn plain(key: &str, value: &Value) -> Json {
    let below = |allowed: &'static [&'static str]| {
        Json::Map(pairs(value, |key, value| allowed.contains(&key).then(|| plain(key, value))))
    };
    match (key, value) {
        (_, Value::Null) => Json::Null,
        (_, Value::Scalar(scalar)) => typed(scalar),
        (_, Value::List(items)) => Json::List(items.iter().map(item).collect()),
        ("naming", Value::Map(_)) => below(NAMING),
        ("naming_scheme", Value::Map(_)) => below(SCHEME),
        ("periods", Value::Map(periods)) => {
            let period = |(name, value): &(String, Value)| (name.clone(), one_period(value));
            Json::Map(periods.iter().map(period).collect())
        }
        (_, Value::Map(_)) => masked(value),
    }
}

fn one_period(value: &Value) -> Json {
    match value {
        Value::Map(_) => Json::Map(pairs(value, |key, value| PERIOD.contains(&key).then(|| plain(key, value)))),
        other => masked(other),
    }
}

/// An item of a list: a value, or a list of values such as `[name, --dry]`.
fn item(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) => typed(scalar),
        Value::List(items) => Json::List(items.iter().map(item).collect()),
        Value::Map(_) => masked(value),
    }
}

fn typed(scalar: &Scalar) -> Json {
    match scalar.typed() {
        Typed::Flag(flag) => Json::Flag(flag),
        Typed::Number(number) => Json::Number(number.to_string()),
        Typed::Decimal(number) => Json::Number(number),
        Typed::Text(text) => Json::text(mask::said(&text)),
    }
}

/// Of the same shape, so that whoever reads it gets a text where there was one and a list where there was one.
fn masked(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::List(items) => Json::List(items.iter().map(masked).collect()),
        Value::Scalar(_) | Value::Map(_) => Json::text(MASK),
    }
}
