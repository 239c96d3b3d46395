//! `upgrade`: what KB17 left on this machine, what changes when this program takes over, and the taking over itself.

mod found;

use crate::actions::properties::Severity;
use crate::commands::crontab::place;
use crate::commands::list::Format;
use crate::config::{Config, Task};
use crate::cron::crontab as table;
use crate::error::{Doing, Error, Exit, Result};
use crate::output::{self, Colour, Target};
use crate::run::crontab::{Crontab, Owner};
use crate::run::expected::expression;
use crate::store::family::minute;
use crate::units::show_bytes;
use crate::upgrade::{ActionFacts, Difference, TaskFacts, Told, Weight, Whole, differences, told};
use found::{Backups, Process};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Whether the crontab is to be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crontabs {
    /// Only say what would be.
    Leave,
    /// Replace KB17's lines.
    Replace,
}

/// Shows what replacing the KB17 in the directory `from` means, and replaces its crontab lines when asked to. 3 when somebody
/// has to act before or after; 2, with nothing changed, when a task would not start.
pub fn upgrade(config_file: Option<&Path>, from: &Path, crontabs: Crontabs, format: Format) -> Result<Exit> {
    let path = config_file.map_or_else(|| from.join("config.yaml"), Path::to_owned);
    let (config, file_owner) = Config::load_for_crontab(&path)?;
    let owner = Owner::of(&config)?;
    let lines = table::predecessors(owner.peek()?.as_bytes());
    let findings = Findings {
        user: owner.user.clone(),
        refusals: refusals(&config),
        backups: found::backups(&config)?,
        web: found::web(),
        lines,
        config,
    };
    let differences = findings.differences();
    let applied = match crontabs {
        Crontabs::Replace => findings.apply(file_owner)?,
        Crontabs::Leave => None,
    };
    match format {
        Format::Json => output::json(&findings.document(from, &differences, applied.as_ref()))?,
        Format::Table => findings.show(&differences, applied.as_ref())?,
    }
    let left = crontabs == Crontabs::Replace && findings.lines.iter().any(|(task, _)| findings.heir(task).is_none());
    let act = left || differences.iter().any(|difference| difference.weight == Weight::Act);
    Ok(if act || findings.errors() > 0 { Exit::Warning } else { Exit::Done })
}

/// What was found on the machine.
struct Findings {
    config: Config,
    user: String,
    /// KB17's lines in the crontab: task and line.
    lines: Vec<(String, String)>,
    /// Tasks that cannot run, and why.
    refusals: Vec<(String, String)>,
    backups: Vec<Backups>,
    /// KB17's web processes.
    web: Vec<Process>,
}

/// What was done.
struct Applied {
    lines: Vec<String>,
    /// How to put the table before back.
    undo: String,
}

fn refusals(config: &Config) -> Vec<(String, String)> {
    let refusal = |task: &Task| {
        let refusal = config.unit(&task.name, false).err()?;
        let first = refusal.problems.first().map_or(refusal.summary, ToString::to_string);
        Some((task.name.clone(), first))
    };
    config.tasks.iter().filter_map(refusal).collect()
}

impl Findings {
    fn errors(&self) -> usize {
        self.config.problems.iter().filter(|located| located.problem.severity == Severity::Error).count()
    }

    /// The task that takes over from a line of KB17: one that is configured and has a time.
    fn heir(&self, name: &str) -> Option<&Task> {
        self.config.tasks.iter().find(|task| task.name == name && task.cron.is_some())
    }

    fn refusal(&self, task: &str) -> Option<&str> {
        self.refusals.iter().find(|(name, _)| name == task).map(|(_, why)| why.as_str())
    }

    fn differences(&self) -> Vec<Difference> {
        let config = &self.config;
        let trigger = config.logging.trigger.as_ref().map(|path| path.display().to_string());
        let problem =
            |located: &crate::config::Located| (located.problem.path.join("."), located.problem.message.clone());
        let problems: Vec<_> = config.problems.iter().map(problem).collect();
        let whole = Whole { trigger: trigger.as_deref(), problems: &problems, webapi: !self.web.is_empty() };
        let weekdays: Vec<_> = config.tasks.iter().map(|task| expression(task).map(|e| e.weekdays())).collect();
        let tasks = config.tasks.iter().zip(&weekdays).map(|(task, weekdays)| TaskFacts {
            name: &task.name,
            cron: task.cron.as_deref(),
            all_fields_match: task.all_fields_match,
            weekdays: weekdays.as_deref().unwrap_or_default(),
            refusal: self.refusal(&task.name),
            enabled: self.lines.iter().any(|(name, _)| *name == task.name),
            dry: task.steps().any(|(_, dry)| *dry),
        });
        let properties: Vec<_> = config.actions.iter().map(|entry| config.properties(&entry.name)).collect();
        let actions = config.actions.iter().zip(&properties).map(|(entry, properties)| ActionFacts {
            name: &entry.name,
            kind: entry.kind.as_deref(),
            properties,
            source_is_file: config
                .unit(&entry.name, true)
                .is_ok_and(|unit| unit.steps.iter().any(|step| step.common.src_path.is_file())),
        });
        differences(&whole, &tasks.collect::<Vec<_>>(), &actions.collect::<Vec<_>>())
    }

    /// Replaces KB17's lines by ours; none when there are none. Nothing is enabled that was not.
    fn apply(&self, file_owner: u32) -> Result<Option<Applied>> {
        let tasks: Vec<&Task> = self.lines.iter().filter_map(|(task, _)| self.heir(task)).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        if let Some((task, why)) = tasks.iter().find_map(|task| Some((&task.name, self.refusal(&task.name)?))) {
            let path = self.config.path.display();
            return Err(Error::usage(format!("nothing was changed, because `{task}` would not start: {path}:{why}")));
        }
        let crontab = Crontab::of(&self.config, file_owner)?;
        crontab.owner.check_runs(&self.config.path)?;
        let old = crontab.read()?;
        let saved = crontab.save(&old, "kb17")?;
        let lines = place(&crontab, &old, &tasks, explicit_path(&self.config.path)?.as_deref())?;
        Ok(Some(Applied { lines, undo: crontab.owner.restore_command(&saved) }))
    }

    fn show(&self, differences: &[Difference], applied: Option<&Applied>) -> Result<()> {
        self.summary().iter().try_for_each(|line| output::line(line))?;
        for Told { weight, before, now, places } in told(differences) {
            let word = format!("{:6}", weight.word());
            let word = if weight == Weight::Act { output::coloured(Target::Stdout, Colour::Red, &word) } else { word };
            output::line(&format!("\n{word}  {before}\n     →  {now}\n        {}", places.join(", ")))?;
        }
        output::line("")?;
        let Some(applied) = applied else {
            return output::line(if self.lines.is_empty() {
                "There is no line of KB17 to replace. `krista-backup enable all` enables every task with a `cron`."
            } else {
                "Nothing was changed. `--apply` replaces the crontab lines."
            });
        };
        applied.lines.iter().try_for_each(|line| output::line(line))?;
        output::line(&format!("To undo this: {}", applied.undo))
    }

    fn summary(&self) -> Vec<String> {
        let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let warnings = self.config.problems.iter().filter(|p| p.problem.severity == Severity::Warning).count();
        let problems = format!("{}, {}", count(self.errors(), "error"), count(warnings, "warning"));
        let mut lines =
            vec![format!("configuration: {}: {problems} (see `krista-backup check`)", self.config.path.display())];
        let user = &self.user;
        lines.push(format!("crontab of {user}: {} of KB17", count(self.lines.len(), "line")));
        for (task, _) in &self.lines {
            lines.push(match self.heir(task) {
                Some(heir) => format!("  {task}: {}", heir.cron.as_deref().unwrap_or_default()),
                None if self.config.tasks.iter().any(|known| known.name == *task) => {
                    format!("  {task}: has no `cron`: its line stays; `krista-backup disable {task}` takes it out")
                }
                None => {
                    format!("  {task}: not configured: its line stays; `krista-backup disable {task}` takes it out")
                }
            });
        }
        let sets: usize = self.backups.iter().map(|backups| backups.sets).sum();
        lines.push(format!("backups: {} of KB17", count(sets, "set")));
        let mut rows = Vec::new();
        for Backups { actions, sets, bytes, newest, dirs } in self.backups.iter().filter(|backups| backups.sets > 0) {
            let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            let newest = newest.map_or_else(String::new, |newest| format!("newest {}", minute(newest)));
            rows.push(vec![
                format!("  {}", actions.join(", ")),
                count(*sets, "set"),
                show_bytes(*bytes),
                newest,
                dirs.join(", "),
            ]);
        }
        lines.extend(output::table(&rows));
        if self.web.is_empty() {
            lines.push("web: nothing of KB17 is running".into());
        }
        for Process { pid, command } in &self.web {
            lines.push(format!("web: process {pid} ({command}): stop it before `krista-backup web start --api`"));
        }
        lines
    }

    fn document(&self, from: &Path, differences: &[Difference], applied: Option<&Applied>) -> serde_json::Value {
        let lines = self
            .lines
            .iter()
            .map(|(task, line)| json!({"task": task, "line": line, "configured": self.heir(task).is_some()}));
        let backups = self.backups.iter().map(|found| {
            let newest = found.newest.map(minute);
            json!({"actions": found.actions, "sets": found.sets, "bytes": found.bytes, "newest": newest, "directories": found.dirs})
        });
        let web = self.web.iter().map(|process| json!({"pid": process.pid, "command": process.command}));
        let difference = |found: &Difference| json!({"place": found.place, "weight": found.weight.word(), "kb17": found.before, "now": found.now});
        json!({
            "from": from,
            "config": self.config.path,
            "errors": self.errors(),
            "crontab": {"user": self.user, "lines": lines.collect::<Vec<_>>()},
            "backups": backups.collect::<Vec<_>>(),
            "web": web.collect::<Vec<_>>(),
            "differences": differences.iter().map(difference).collect::<Vec<_>>(),
            "applied": applied.map(|applied| json!({"lines": applied.lines, "undo": applied.undo})),
        })
    }
}

/// The file to name in a crontab line, unless the program finds it there by itself.
fn explicit_path(config: &Path) -> Result<Option<PathBuf>> {
    let same = |found: PathBuf| found.canonicalize().ok() == config.canonicalize().ok();
    let by_itself = std::env::var_os("KRISTA_BACKUP_CONFIG").is_none() && Config::find(None).is_ok_and(same);
    if by_itself {
        return Ok(None);
    }
    std::path::absolute(config).map(Some).doing(|| format!("resolving {}", config.display()))
}
