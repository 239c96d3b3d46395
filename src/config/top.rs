//! The top level: `naming`, `cron`, `logging`, `web`, `allow_parallel`.

use crate::actions::Properties;
use crate::actions::common::wrong_file_name;
use crate::actions::properties::{Problem, Property, Severity};
use crate::config::network::Network;
use crate::config::secret::Secret;
use crate::config::{Logging, Naming, Web};
use crate::store::journal;
use crate::sys::users;
use crate::value::Value;
use std::net::IpAddr;
use std::path::Path;

/// Characters below which a token is called short.
const SHORT_TOKEN: usize = 16;

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
        group: p.group("group"),
        keep_days: p.number("keep_days", 1..=i64::from(u32::MAX)).and_then(|days| u32::try_from(days).ok()),
        status_file: p.path("status_file"),
        metrics_file: p.path("metrics_file"),
    }
}

/// Files of `logging` that are replaced whole at every run, and would take something else with them.
pub(super) fn overwritten(logging: &Logging, config: &Path) -> Vec<Problem> {
    let journal = logging.logs_path.join(journal::FILE_NAME);
    let replaced = [
        ("trigger_filepath", &logging.trigger),
        ("status_file", &logging.status_file),
        ("metrics_file", &logging.metrics_file),
    ];
    let replaced: Vec<_> = replaced.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?))).collect();
    let victim = |at: usize, path: &Path| {
        let earlier = replaced.iter().take(at).find(|(_, other)| *other == path).map(|(key, _)| format!("`{key}`"));
        let own = (path == config).then(|| "this configuration".to_owned());
        earlier.or(own).or_else(|| (path == journal).then(|| "the journal".to_owned()))
    };
    let problem = |(at, (key, path)): (usize, &(&str, &Path))| {
        let message = format!("`{key}` would overwrite {}: it needs a file of its own", victim(at, path)?);
        Some(Problem { severity: Severity::Error, path: vec!["logging".to_owned(), (*key).to_owned()], message })
    };
    replaced.iter().enumerate().filter_map(problem).collect()
}

pub(super) fn read_web(p: &mut Properties<'_>) -> Web {
    let hosts = p.list("host").filter(|hosts| !hosts.is_empty()).unwrap_or_else(|| vec!["127.0.0.1".into()]);
    for (index, message) in wrong_items(&hosts, wrong_host) {
        p.problem_at(Severity::Error, "host", index, message);
    }
    let port = p.number_or("port", 1..=65_535, 5556);
    let user = p.text("user").filter(|user| !user.is_empty());
    if let Some(unknown) = user.as_ref().filter(|user| users::by_name(user).is_none()) {
        // backups have nothing to do with it; `web start` refuses
        let message = format!("there is no user `{unknown}` on this machine: the webapi will not start");
        p.problem(Severity::Warning, "user", message);
    }
    let written = p.list("allow").unwrap_or_default();
    for (index, message) in wrong_items(&written, |network| Network::parse(network).err()) {
        p.problem_at(Severity::Error, "allow", index, message);
    }
    // settings of KB17's web page, such as SECRET_KEY
    p.tolerate(|key| key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    Web {
        hosts,
        port: u16::try_from(port).unwrap_or(5556),
        user,
        allow: written.iter().filter_map(|network| Network::parse(network).ok()).collect(),
        token: read_token(p),
    }
}

/// What is wrong with which item of a list.
fn wrong_items(items: &[String], wrong: impl Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    items.iter().enumerate().filter_map(|(index, item)| Some((index, wrong(item)?))).collect()
}

/// Whether a name can be resolved is seen when the webapi starts; here only what can never be one.
fn wrong_host(host: &str) -> Option<String> {
    let is_address =
        host.parse::<IpAddr>().is_ok() || host.split_once('%').is_some_and(|(v6, _)| v6.parse::<IpAddr>().is_ok());
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let hint = "write an address such as 0.0.0.0 or ::1, without brackets and port, or a name";
    (!is_address && !is_name).then(|| format!("`{host}` is no address to listen on: {hint}"))
}

/// The token; messages never show it (P15).
fn read_token(p: &mut Properties<'_>) -> Option<Secret> {
    let token = p.verbatim("token").filter(|token| !token.is_empty())?;
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "`token` must be ASCII letters, digits and signs without blanks: no client could send it";
        p.problem(Severity::Error, "token", message);
    } else if token.len() < SHORT_TOKEN {
        let message = format!("`token` is shorter than {SHORT_TOKEN} characters: it can be guessed");
        p.problem(Severity::Warning, "token", message);
    }
    Some(Secret::new(token))
}
