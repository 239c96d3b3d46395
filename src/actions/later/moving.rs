//! `move_bkp_period`.

use super::{NotYet, guards};
use crate::actions::common::wrong_file_name;
use crate::actions::properties::Severity;
use crate::actions::{Action, Common, Properties, Surroundings};
use crate::cron::expression::{Dialect, Expression};
use crate::store::sets::Source;
use crate::value::Value;
use std::path::PathBuf;

/// `move_bkp_period`.
pub fn move_bkp_period(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let copied = read_action_list(p, around);
    read_periods(p, common);
    guards(p);
    // stands for copies nowhere, so that nobody can rotate the originals by way of it
    let source = copied.into_iter().next().map(|source| Source {
        action: around.name.to_owned(),
        folders: Vec::new(),
        rivals: Vec::new(),
        ..source
    });
    NotYet::boxed("move_bkp_period", source)
}

fn read_action_list(p: &mut Properties<'_>, around: &Surroundings<'_>) -> Vec<Source> {
    let names = p.list("action_list").unwrap_or_default();
    if names.is_empty() {
        p.problem(Severity::Error, "action_list", "`action_list` is required");
    }
    let mut sources = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        match (around.source_of)(name) {
            Ok(source) => sources.push(source),
            Err(message) => p.problem_at(Severity::Error, "action_list", index, message),
        }
    }
    sources
}

fn read_periods(p: &mut Properties<'_>, common: &Common) {
    let path = p.path_of("periods");
    let periods = p.map("periods").unwrap_or_default();
    if periods.is_empty() {
        p.problem(Severity::Error, "periods", "`periods` is required");
    }
    let mut dirs: Vec<(PathBuf, &str)> = Vec::new();
    for (name, period) in periods {
        let entry: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        let pairs = match period {
            Value::Map(pairs) => pairs.as_slice(),
            other => {
                let message = format!("the period `{name}` must be a map, not {}", other.kind());
                p.problem_below(Severity::Error, entry, message);
                continue;
            }
        };
        let dir = p.section(entry.clone(), pairs, |p| read_period(p, name));
        let dir: PathBuf = common.dest_path.join(dir).components().collect();
        if let Some((_, other)) = dirs.iter().find(|(known, _)| *known == dir) {
            let message = format!("the period `{name}` has the same directory as `{other}`");
            p.problem_below(Severity::Error, entry, message);
        }
        dirs.push((dir, name));
    }
}

/// The directory of a period, relative to `dest_path`.
fn read_period(p: &mut Properties<'_>, name: &str) -> PathBuf {
    if p.verbatim("cron").is_none() && !p.has_errors() {
        p.problem(Severity::Error, "cron", "`cron` is required");
    }
    if let Some(Err(message)) = p.verbatim("cron").map(|text| Expression::parse(&text, Dialect::Period)) {
        p.problem(Severity::Error, "cron", format!("`cron`: {message}"));
    }
    p.number("max_files", 1..=i64::from(u32::MAX));
    p.number("days", 1..=i64::from(u32::MAX));
    p.flag("catch_up", false);
    let Some(path) = p.text("path").filter(|path| !path.is_empty()) else {
        if let Some(message) = wrong_file_name(name) {
            p.problem(Severity::Error, "", format!("without `path` the name of a period {message}"));
        }
        return PathBuf::from(name);
    };
    if path.split('/').any(|part| part == "..") {
        p.problem(Severity::Error, "path", "`path` must not contain `..`");
    }
    PathBuf::from(path)
}
