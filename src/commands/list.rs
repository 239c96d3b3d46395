//! `list`: tasks and actions, when they run next and how they ended last.

mod proven;

use crate::actions::properties::Severity;
use crate::commands::run::rfc3339;
use crate::config::{Config, Task};
use crate::error::{Exit, Result};
use crate::output::{self, Colour, Target};
use crate::run::due::Due;
use crate::run::expected::{Expected, next_run};
use crate::run::places::Places;
use crate::status::moment::Moment;
use crate::store::journal::{self, Record, Standing};
use crate::store::proof::Proven;
use crate::sys::clock;
use proven::Newest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use time::OffsetDateTime;

/// How the answer is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// Shows what is configured and how it stands: 3 when a task in the crontab did not run when it should have, or did not end
/// well since.
pub fn list(config_file: Option<&Path>, format: Format) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let places = Places { logs: config.logging.logs_path.clone(), group: None };
    let records = journal::read(&places.logs.join(journal::FILE_NAME))?;
    let proven = proven::of_actions(&config);
    let view = View { records: &records, now: clock::now(), expected: Expected::of(&config), proven };
    match format {
        Format::Json => output::json(&document(&config, &view))?,
        Format::Table => {
            table(&config, &view).iter().try_for_each(|line| output::line(line))?;
            let errors = config.problems.iter().filter(|p| p.problem.severity == Severity::Error).count();
            if errors > 0 {
                let text = format!("{} has {errors} errors: see `krista-backup check`", config.path.display());
                output::note(&output::coloured(Target::Stderr, Colour::Red, &text));
            }
        }
    }
    let late = config.tasks.iter().filter_map(|task| Some((task, view.due(task)?.since()?)));
    let late: Vec<_> =
        late.map(|(task, since)| format!("{} since {}", task.name, minute(clock::local(since)))).collect();
    if late.is_empty() {
        return Ok(Exit::Done);
    }
    if format == Format::Table {
        output::note(&output::coloured(Target::Stderr, Colour::Red, &format!("no good run of {}", late.join(", "))));
    }
    Ok(Exit::Warning)
}

/// What is known about the units besides their configuration.
struct View<'a> {
    records: &'a [Record],
    now: OffsetDateTime,
    expected: Expected,
    /// By action, where there are backups.
    proven: BTreeMap<String, Newest>,
}

impl View<'_> {
    /// The worst of what is known about the newest backups of these actions; none when they have none.
    fn proven<'n>(&self, actions: impl IntoIterator<Item = &'n String>) -> Option<&Newest> {
        actions.into_iter().filter_map(|name| self.proven.get(name)).min()
    }

    fn due(&self, task: &Task) -> Option<Due> {
        self.expected.due(task, self.records, self.now)
    }
}

fn document(config: &Config, view: &View<'_>) -> Value {
    let tasks: Vec<_> = config.tasks.iter().map(|task| task_json(task, view)).collect();
    let actions: Vec<_> = config
        .actions
        .iter()
        .map(|entry| {
            let last = journal::last_run_of_action(view.records, &entry.name).map(|standing| last_json(&standing));
            let proven = proven_json(view.proven([&entry.name]));
            json!({
                "name": entry.name,
                "type": entry.kind,
                "description": entry.descr,
                "last": last,
                "newest_backup": proven,
            })
        })
        .collect();
    json!({"server": config.server_name, "config": config.path, "tasks": tasks, "actions": actions})
}

fn task_json(task: &Task, view: &View<'_>) -> Value {
    let names = |list: &[(String, bool)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    json!({
        "name": task.name,
        "description": task.descr,
        "cron": task.cron,
        "next": next_run(task, view.now).map(rfc3339),
        "enabled": view.expected.is_enabled(&task.name),
        "due": view.due(task).map(|due| json!({"state": due.word(), "since": due.since().map(rfc3339)})),
        "actions": names(&task.actions),
        "finally": names(&task.finally),
        "last": journal::last_run(view.records, &task.name).map(|standing| last_json(&standing)),
        "last_success": journal::last_success(view.records, &task.name).map(|end| end.started.clone()),
        "newest_backup": proven_json(view.proven(task.steps().map(|(name, _)| name))),
    })
}

fn proven_json(newest: Option<&Newest>) -> Value {
    let of = |state: &str, at: Option<OffsetDateTime>| json!({"state": state, "proven": at.map(rfc3339)});
    match newest {
        None => Value::Null,
        Some(Newest::Unknown) => of("unknown", None),
        Some(Newest::Known(Proven::Damaged)) => of("damaged", None),
        Some(Newest::Known(Proven::Never)) => of("unproven", None),
        Some(Newest::Known(Proven::At(at))) => of("proven", Some(*at)),
    }
}

fn last_json(standing: &Standing) -> Value {
    let mut last = json!({"result": standing.word(), "started": standing.started()});
    if let (Standing::Ended(end), Some(object)) = (standing, last.as_object_mut()) {
        object.insert("unit".into(), end.unit.clone().into());
        object.insert("ended".into(), end.time.clone().into());
        object.insert("exit".into(), end.exit.into());
        object.insert("message".into(), end.message.clone().into());
        object.insert("bytes".into(), end.bytes.into());
    }
    last
}

fn table(config: &Config, view: &View<'_>) -> Vec<String> {
    let heads = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut rows = vec![heads(&[
        "TASK",
        "CRON",
        "ENABLED",
        "NEXT RUN",
        "LAST RUN",
        "RESULT",
        "DUE",
        "PROVEN",
        "ACTIONS",
        "DESCRIPTION",
    ])];
    for task in &config.tasks {
        let (at, result) = last(journal::last_run(view.records, &task.name));
        rows.push(vec![
            task.name.clone(),
            task.cron.clone().unwrap_or_else(|| "-".into()),
            view.expected.is_enabled(&task.name).map_or("?", |enabled| if enabled { "yes" } else { "no" }).to_owned(),
            next_run(task, view.now).map_or_else(|| "-".into(), minute),
            at,
            result,
            view.due(task).map_or_else(|| "-".into(), shown),
            proven_word(view.proven(task.steps().map(|(name, _)| name))),
            task.actions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(","),
            task.descr.clone(),
        ]);
    }
    let mut lines = output::table(&rows);
    lines.push(String::new());
    let mut rows = vec![heads(&["ACTION", "TYPE", "LAST RUN", "RESULT", "PROVEN", "DESCRIPTION"])];
    for entry in &config.actions {
        let (at, result) = last(journal::last_run_of_action(view.records, &entry.name));
        let kind = entry.kind.clone().unwrap_or_else(|| "(template)".into());
        let proven = proven_word(view.proven([&entry.name]));
        rows.push(vec![entry.name.clone(), kind, at, result, proven, entry.descr.clone()]);
    }
    lines.extend(output::table(&rows));
    lines
}

fn proven_word(newest: Option<&Newest>) -> String {
    match newest {
        None => "-".into(),
        Some(Newest::Unknown) => "?".into(),
        Some(Newest::Known(Proven::Damaged)) => "DAMAGED".into(),
        Some(Newest::Known(Proven::Never)) => "never".into(),
        Some(Newest::Known(Proven::At(at))) => minute(*at),
    }
}

fn last(standing: Option<Standing>) -> (String, String) {
    match standing {
        Some(standing) => {
            let at = standing.started().get(..16).unwrap_or_default().replace('T', " ");
            (at, standing.word().to_owned())
        }
        None => ("-".into(), "never ran".into()),
    }
}

fn shown(due: Due) -> String {
    due.since()
        .map_or_else(|| due.word().to_owned(), |since| format!("{} since {}", due.word(), minute(clock::local(since))))
}

fn minute(at: OffsetDateTime) -> String {
    Moment(at).minute()
}
