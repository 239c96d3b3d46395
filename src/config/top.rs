//! The top level: `naming`, `cron`, `logging`, `web`, `allow_parallel`.

use crate::actions::Properties;
use crate::actions::common::wrong_file_name;
use crate::actions::properties::{Problem, Property, Severity};
use crate::config::{Logging, Naming, Web};
use crate::sys::users;
use crate::value::Value;
use std::path::Path;

/// What the top level says, with defaults.
pub(super) struct Top {
    pub(super) naming: Naming,
    pub(super) cron_user: Option<String>,
    pub(super) logging: Logging,
    pub(super) web: Web,
    pub(super) allow_parallel: bool,
}

/// Reads it; a problem here stops every unit.
pub(super) fn read(root: &[(String, Value)], base_dir: &Path) -> (Top, Vec<Problem>) {
    let properties = Property::own(&[], root);
    let mut p = Properties::new(Vec::new(), &properties, base_dir);
    let top = read_top(&mut p);
    p.report_unknown();
    (top, p.finish().1)
}

pub(super) fn read_top(p: &mut Properties<'_>) -> Top {
    let naming = section(p, "naming", |p| {
        let naming = read_naming(p);
        if naming.server_name.is_none() && !p.has("server_name") {
            p.problem(Severity::Error, "server_name", "`server_name` is required");
        }
        naming
    });
    let top = Top {
        naming,
        cron_user: section(p, "cron", |p| p.text("cron_user").filter(|user| !user.is_empty())),
        logging: section(p, "logging", read_logging),
        web: section(p, "web", read_web),
        allow_parallel: p.flag("allow_parallel", true),
    };
    p.map("schedule");
    p.map("actions");
    top
}

/// Reads a map of the top level; a missing one as if it were empty.
fn section<T>(p: &mut Properties<'_>, key: &'static str, read: impl FnOnce(&mut Properties<'_>) -> T) -> T {
    let pairs = p.map(key);
    if pairs.is_none() && p.value(key, "map").is_some() {
        // that it is no map is all there is to say about it
        return read(&mut Properties::new(Vec::new(), &[], p.base_dir()));
    }
    p.section(vec![key.to_owned()], pairs.unwrap_or_default(), read)
}

/// The parts of names in a `naming`, at the top or of a task. Its scheme is read elsewhere.
pub(super) fn read_naming(p: &mut Properties<'_>) -> Naming {
    p.accept("naming_scheme");
    Naming {
        server_name: name_part(p, "server_name"),
        project: name_part(p, "project"),
        region: name_part(p, "region"),
    }
}

/// A text that becomes part of the names of log files.
fn name_part(p: &mut Properties<'_>, key: &'static str) -> Option<String> {
    let name = p.text(key)?;
    if let Some(message) = wrong_file_name(&name) {
        p.problem(Severity::Error, key, format!("`{key}` {message}"));
        return None;
    }
    Some(name)
}

pub(super) fn read_logging(p: &mut Properties<'_>) -> Logging {
    Logging {
        logs_path: p.path_or("logs_path", "/var/log/KristaBackup"),
        trigger: p.path("trigger_filepath"),
        use_console: p.flag("use_console", false),
        group: read_group(p, "group"),
        keep_days: p.number("keep_days", 1..=i64::from(u32::MAX)).and_then(|days| u32::try_from(days).ok()),
        status_file: p.path("status_file"),
        metrics_file: p.path("metrics_file"),
    }
}

/// A group by name or number; one this machine does not know is an error, because nobody could read what is meant for it.
fn read_group(p: &mut Properties<'_>, key: &'static str) -> Option<u32> {
    let name = p.text(key)?;
    let id = users::group_id(&name).or_else(|| name.parse().ok());
    if id.is_none() {
        p.problem(Severity::Error, key, format!("there is no group `{name}` on this machine"));
    }
    id
}

pub(super) fn read_web(p: &mut Properties<'_>) -> Web {
    let hosts = p.list("host").filter(|hosts| !hosts.is_empty()).unwrap_or_else(|| vec!["127.0.0.1".into()]);
    let port = p.number_or("port", 1..=65_535, 5556);
    // settings of KB17's web page, such as SECRET_KEY
    p.tolerate(|key| key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    Web {
        hosts,
        port: u16::try_from(port).unwrap_or(5556),
        user: p.text("user").filter(|user| !user.is_empty()),
        allow: p.list("allow").unwrap_or_default(),
        token: p.text("token").filter(|token| !token.is_empty()),
    }
}
