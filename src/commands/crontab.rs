//! `enable` and `disable`: our lines in `cron_user`'s crontab.

use crate::config::{Config, Task};
use crate::cron::crontab::{self as table, Entry};
use crate::error::{Doing, Error, Exit, Result};
use crate::output;
use crate::run::crontab::Crontab;
use crate::run::enabled;
use crate::run::expected::expression;
use crate::sys::clock;
use std::path::{Path, PathBuf};

/// Puts a task, or with `all` every task that has a `cron`, into the crontab.
pub fn enable(config_file: Option<&Path>, unit: &str) -> Result<Exit> {
    let path = Config::find(config_file)?;
    let (config, file_owner) = Config::load_for_crontab(&path)?;
    let explicit = explicit_path(config_file, &path)?;
    let tasks: Vec<&Task> = config.tasks.iter().filter(|task| unit == "all" || task.name == unit).collect();
    if tasks.is_empty() && unit != "all" {
        return Err(Error::usage(format!("there is no task `{unit}` in {}", path.display())));
    }
    let (timed, timeless): (Vec<&Task>, Vec<&Task>) = tasks.into_iter().partition(|task| task.cron.is_some());
    for task in timeless {
        if unit != "all" {
            return Err(Error::usage(format!("task `{unit}` has no `cron`")));
        }
        output::note(&format!("{} has no `cron`: skipped", task.name));
    }
    let mut exit = Exit::Done;
    let timed: Vec<&Task> = match unit {
        // one that cannot stand in a crontab keeps the others out of none
        "all" => timed
            .into_iter()
            .filter(|task| {
                let refused = line(task, explicit.as_deref()).err();
                if let Some(error) = &refused {
                    output::note(&format!("{} is not enabled: {error}", task.name));
                    exit = Exit::Warning;
                }
                refused.is_none()
            })
            .collect(),
        _ => timed,
    };
    let crontab = Crontab::of(&config, file_owner)?;
    crontab.owner.check_runs(&config.path)?;
    let old = crontab.read()?;
    let done = place(&crontab, &old, &timed, explicit.as_deref())?;
    crontab.tell(&done)?;
    for refusal in timed.iter().filter_map(|task| config.unit(&task.name, false).err()) {
        output::note(&format!("{}: see `krista-backup check`", refusal.summary));
    }
    Ok(exit)
}

/// Takes a task, or with `all` every task, out of the crontab; the task need not be configured any more. What is already out is
/// fine, a name that is found nowhere is not.
pub fn disable(config_file: Option<&Path>, unit: &str) -> Result<Exit> {
    let (config, file_owner) = Config::load_for_crontab(&Config::find(config_file)?)?;
    let crontab = Crontab::of(&config, file_owner)?;
    let old = crontab.read()?;
    let task = (unit != "all").then_some(unit);
    let known = table::tasks(&old);
    let gone: Vec<_> = known.into_iter().filter(|name| task.is_none_or(|task| task == name)).collect();
    if gone.is_empty() {
        if unit != "all" && !config.tasks.iter().any(|task| task.name == unit) {
            let user = &crontab.owner.user;
            return Err(Error::usage(format!(
                "there is no task `{unit}`, and no line of ours for it in the crontab of {user}"
            )));
        }
        output::note(&format!(
            "nothing to disable: no line of ours for `{unit}` in the crontab of {}",
            crontab.owner.user
        ));
        return Ok(Exit::Done);
    }
    crontab.replace(&old, &table::without(&old, task))?;
    let mut since = enabled::read(&crontab.places);
    since.retain(|name, _| !gone.contains(name));
    remember(&crontab, &since);
    let done: Vec<_> = gone.iter().map(|name| format!("disabled {name}")).collect();
    crontab.log(&done);
    crontab.tell(&done)?;
    Ok(Exit::Done)
}

/// Gives each of these tasks, which have a `cron`, its line in the table `old`, and says what was done. `config` is the file
/// to name in the lines.
pub fn place(crontab: &Crontab, old: &[u8], tasks: &[&Task], config: Option<&Path>) -> Result<Vec<String>> {
    let mut new = old.to_vec();
    let mut since = enabled::read(&crontab.places);
    let mut done = Vec::new();
    for task in tasks {
        let line = line(task, config)?;
        new = table::with(&new, &task.name, &line);
        let stood_there = old.split(|byte| *byte == b'\n').any(|known| known == line.as_bytes());
        if !stood_there || !since.contains_key(&task.name) {
            since.insert(task.name.clone(), clock::now());
        }
        done.push(format!("enabled {}: {line}", task.name));
    }
    crontab.replace(old, &new)?;
    remember(crontab, &since);
    crontab.log(&done);
    Ok(done)
}

/// The crontab is as wanted already; without the record, the dead man's switch counts from an earlier time.
fn remember(crontab: &Crontab, since: &enabled::Since) {
    enabled::write(&crontab.places, since).unwrap_or_else(|error| output::note(&error.to_string()));
}

/// The file to name in the line, unless the program finds it there by itself: cron has no environment of ours.
fn explicit_path(given: Option<&Path>, found: &Path) -> Result<Option<PathBuf>> {
    if given.is_none() && std::env::var_os("KRISTA_BACKUP_CONFIG").is_none() {
        return Ok(None);
    }
    std::path::absolute(found).map(Some).doing(|| format!("resolving {}", found.display()))
}

fn line(task: &Task, config: Option<&Path>) -> Result<String> {
    let expression = expression(task)?;
    let days = task.all_fields_match.then(|| expression.weekdays());
    let days = days.map(|days| days.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let cron = expression.crontab_fields();
    let program = std::env::current_exe().doing(|| "finding this program's own path".to_owned())?;
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if table::program_named(name).is_none() {
        // a line that is not recognised again could be neither replaced nor taken out
        let message = format!("{} must be called krista-backup to stand in a crontab: rename it", program.display());
        return Err(Error::usage(message));
    }
    let entry = Entry {
        cron: &cron,
        program: text(&program)?,
        config: config.map(text).transpose()?,
        weekdays: days.as_deref(),
        task: &task.name,
    };
    entry.line().map_err(Error::usage)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::usage(format!("{} cannot stand in a crontab: it is not UTF-8", path.display())))
}
