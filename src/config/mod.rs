//! The configuration: text → checked [`Config`].

mod build;
mod check;
mod find;
mod inherit;
pub mod locate;
pub mod network;
mod parts;
mod rivals;
mod salvage;
mod schemes;
pub mod secret;
mod tasks;
mod top;
mod unit;
pub mod yaml;

use crate::actions::properties::{Problem, Property, Severity};
use crate::error::{Doing, Error, Result};
use crate::value::Value;
use build::Workshop;
pub use parts::{Entry, Located, Logging, Naming, Refusal, Step, Task, Unit, Web};
use std::path::{Path, PathBuf};

/// What makes a text unfit to name a task or an action, if anything does.
fn wrong_entry_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("must not be empty");
    }
    name.chars().any(char::is_control).then_some("must be one line of text without control characters")
}

/// A description on one line, however it is written.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A checked configuration. It can be built from a file with errors in it: [`Config::unit`] refuses what they touch.
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// `naming.server_name`, empty when missing (then nothing runs).
    pub server_name: String,
    /// `naming.project`.
    pub project: Option<String>,
    /// `naming.region`.
    pub region: Option<String>,
    /// `cron.cron_user`.
    pub cron_user: Option<String>,
    /// `logging:` with defaults.
    pub logging: Logging,
    /// `web:` with defaults.
    pub web: Web,
    /// `allow_parallel`.
    pub allow_parallel: bool,
    /// Tasks in the order of the file.
    pub tasks: Vec<Task>,
    /// Actions in the order of the file.
    pub actions: Vec<Entry>,
    /// Every problem of the whole file, in the order of the file.
    pub problems: Vec<Located>,
    /// What stops every unit: errors of the file as a whole and of the top level.
    general: Vec<Located>,
    /// What is wrong in each task itself.
    in_tasks: Vec<Vec<Problem>>,
    workshop: Workshop,
    marks: yaml::Mark,
}

impl Config {
    /// The file to read: `explicit`, `$KRISTA_BACKUP_CONFIG`, `config.yaml` beside the real executable,
    /// `/etc/krista-backup/config.yaml`, `/opt/KristaBackup/config.yaml`. Never the current directory.
    pub fn find(explicit: Option<&Path>) -> Result<PathBuf> {
        find::find(explicit)
    }

    /// Reads and checks a file. `Err` (kind `Usage`) only when it cannot be read at all, may not be trusted, or is no YAML.
    pub fn load(path: &Path) -> Result<Self> {
        let no_yaml = |located: Located| Error::usage(format!("{}:{located}", path.display()));
        Self::examine(path)?.map_err(no_yaml)
    }

    /// The same for whoever edits a crontab: the file may belong to any one user, whose id comes second. What it says must
    /// have no effect but on that user's own (P25).
    pub fn load_for_crontab(path: &Path) -> Result<(Self, u32)> {
        let (bytes, owner) = find::read_of_one_user(path)?;
        let no_yaml = |located: Located| Error::usage(format!("{}:{located}", path.display()));
        Ok((Self::of_bytes(path, &bytes)?.map_err(no_yaml)?, owner))
    }

    /// The same as [`Self::load`], with the place of what makes it no YAML as data.
    pub fn examine(path: &Path) -> Result<std::result::Result<Self, Located>> {
        Self::of_bytes(path, &find::read_trusted(path)?)
    }

    fn of_bytes(path: &Path, bytes: &[u8]) -> Result<std::result::Result<Self, Located>> {
        let absolute = std::path::absolute(path).doing(|| format!("finding the directory of {}", path.display()))?;
        let base_dir = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(yaml::decode(bytes).and_then(|text| Self::of_text(path, &base_dir, &text)))
    }

    /// What can still be made out of a file that is no YAML: where a refused run is to be recorded. None when not even that,
    /// and for a file that may not be trusted.
    pub fn salvage(path: &Path) -> Option<Logging> {
        let bytes = find::read_trusted(path).ok()?;
        let absolute = std::path::absolute(path).ok()?;
        salvage::logging(&String::from_utf8_lossy(&bytes), absolute.parent()?)
    }

    /// The trigger file's path out of a file that may not be trusted: see `run::trigger::overrule` for what it is good for.
    pub fn salvage_trigger(path: &Path) -> Option<PathBuf> {
        let text =
            std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).and_then(|_| std::fs::read(path).ok())?;
        let absolute = std::path::absolute(path).ok()?;
        salvage::logging(&String::from_utf8_lossy(&text), absolute.parent()?)?.trigger
    }

    /// Checks a text as if it stood in this file; relative paths are relative to `base_dir`.
    fn of_text(path: &Path, base_dir: &Path, text: &str) -> std::result::Result<Self, Located> {
        let yaml::Document { value, marks, problems: of_file } = yaml::read(text)?;
        let mut general = of_file;
        let root = match &value {
            Value::Map(pairs) => pairs.as_slice(),
            other => {
                let message = format!("the configuration must be a map, not {}", other.kind());
                let problem = Problem { severity: Severity::Error, path: Vec::new(), message };
                general.extend(check::locate(&marks, [problem]));
                &[]
            }
        };
        let (top, of_top) = if general.is_empty() || !root.is_empty() {
            top::read(root, base_dir)
        } else {
            (top::read(&[], base_dir).0, Vec::new())
        };
        let section = |name: &str| match schemes::get(&value, name) {
            Some(Value::Map(pairs)) => pairs.clone(),
            _ => Vec::new(),
        };
        let mut workshop = Workshop {
            base_dir: base_dir.to_owned(),
            actions: section("actions"),
            schemes: schemes::Schemes::collect(&value, &marks),
            top_scheme: schemes::get(&value, "naming").and_then(|naming| schemes::get(naming, schemes::KEY)).cloned(),
            written: Vec::new(),
            units: Vec::new(),
            quarrels: Vec::new(),
        };
        let actions = workshop.entries();
        let read = section("schedule");
        let read = read.iter().map(|(name, value)| tasks::read(name, value, &actions, base_dir));
        let (tasks, mut in_tasks): (Vec<Task>, Vec<Vec<Problem>>) = read.unzip();
        for (task, problems) in tasks.iter().zip(&mut in_tasks) {
            problems.extend(workshop.schemes.problems(&["schedule", &task.name]));
        }
        workshop.units = Workshop::backup_units(&actions, &tasks);
        let (written, of_actions) = check::build_all(&workshop, &actions, &tasks, &marks);
        workshop.quarrels = rivals::quarrels(&written);
        workshop.written = written;
        general.extend(check::locate(&marks, of_top.into_iter().chain(workshop.schemes.problems(&["naming"]))));
        general.extend(check::locate(&marks, top::overwritten(&top.logging, path)));
        let naming = schemes::get(&value, "naming");
        let is_written = |key: &str| match naming {
            Some(Value::Map(pairs)) => pairs.iter().any(|(known, _)| known == key),
            Some(Value::Null) | None => root.is_empty(),
            Some(_) => true,
        };
        let names = unit::missing_names(&top.naming, &tasks, is_written);
        let between = workshop.quarrels.iter().map(|quarrel| quarrel.problem.clone());
        let mut problems = general.clone();
        problems.extend(check::locate(&marks, names));
        problems.extend(check::locate(&marks, in_tasks.iter().flatten().cloned().chain(of_actions).chain(between)));
        Ok(Self {
            path: path.to_owned(),
            server_name: top.naming.server_name.unwrap_or_default(),
            project: top.naming.project,
            region: top.naming.region,
            cron_user: top.cron_user,
            logging: top.logging,
            web: top.web,
            allow_parallel: top.allow_parallel,
            tasks,
            actions,
            problems: check::sorted(problems),
            general,
            in_tasks,
            workshop,
            marks,
        })
    }

    /// Whether a task or an action has this name.
    pub fn has_unit(&self, name: &str) -> bool {
        self.tasks.iter().any(|task| task.name == name) || self.actions.iter().any(|entry| entry.name == name)
    }

    /// Builds the unit of this name: a task, else an action; only an action when `as_action`.
    pub fn unit(&self, name: &str, as_action: bool) -> std::result::Result<Unit, Refusal> {
        unit::build(self, name, as_action)
    }

    /// What can be understood of a unit, whatever is wrong with it: nobody who needs data back should have to mend a configuration
    /// first. None when there is no such unit.
    pub fn understood(&self, name: &str) -> Option<Unit> {
        unit::understood(self, name)
    }

    /// Every property of an action, its own first, then those it inherits; none when its chain of ancestors is broken.
    pub fn properties(&self, action: &str) -> Vec<Property> {
        inherit::resolve(&self.workshop.actions, action).unwrap_or_default()
    }

    /// The worst severity found in the file.
    pub fn worst(&self) -> Option<Severity> {
        self.problems.iter().map(|located| located.problem.severity).max()
    }
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
