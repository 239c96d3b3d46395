//! A unit as `run` wants it: everything it reaches built, or every reason why not.

use crate::actions::properties::{Problem, Severity};
use crate::config::{Config, Located, Naming, Refusal, Step, Task, Unit, check};
use crate::nearest;

/// Builds the unit of this name: a task, else an action; only an action when `as_action`.
pub(super) fn build(config: &Config, name: &str, as_action: bool) -> Result<Unit, Refusal> {
    let Some((unit, problems)) = assemble(config, name, as_action) else {
        return Err(Refusal { summary: missing(config, name, as_action), problems: errors(config, Vec::new()) });
    };
    let problems = errors(config, problems);
    let count = match problems.len() {
        0 => return Ok(unit),
        1 => "an error".to_owned(),
        count => format!("{count} errors"),
    };
    let summary = format!("`{name}` cannot run because of {count} in {}", config.path.display());
    Err(Refusal { summary, problems })
}

/// What can be understood of a unit, for those who only read what it wrote; none when there is no such unit.
pub(super) fn understood(config: &Config, name: &str) -> Option<Unit> {
    assemble(config, name, false).map(|(unit, _)| unit)
}

/// The unit of this name, with what is wrong with it.
fn assemble(config: &Config, name: &str, as_action: bool) -> Option<(Unit, Vec<Problem>)> {
    let task = config.tasks.iter().zip(&config.in_tasks).find(|(task, _)| task.name == name && !as_action);
    let mut reached = Reached { config, problems: Vec::new() };
    let unit = match task {
        Some((task, problems)) => {
            reached.problems.extend(problems.iter().cloned());
            Unit {
                name: name.to_owned(),
                full_name: reached.full_name(&task.naming),
                steps: reached.steps(&task.actions, Some(task)),
                finally: reached.steps(&task.finally, Some(task)),
                timeout: task.timeout,
                lock_wait: task.lock_wait,
            }
        }
        None if config.actions.iter().any(|entry| entry.name == name) => Unit {
            name: name.to_owned(),
            full_name: reached.full_name(&Naming::default()),
            steps: reached.steps(&[(name.to_owned(), false)], None),
            finally: Vec::new(),
            timeout: None,
            lock_wait: None,
        },
        None => return None,
    };
    Some((unit, reached.problems))
}

/// The errors among what was found, with those of the whole file, in the order of the file.
fn errors(config: &Config, found: Vec<Problem>) -> Vec<Located> {
    let all = config.general.iter().cloned().chain(check::locate(&config.marks, found));
    check::sorted(all.filter(|located| located.problem.severity == Severity::Error).collect())
}

fn missing(config: &Config, name: &str, as_action: bool) -> String {
    let actions = config.actions.iter().map(|entry| entry.name.as_str());
    if as_action {
        let is_task = config.tasks.iter().any(|task| task.name == name);
        let why = if is_task {
            ": `--dry` means an action, and this is a task".to_owned()
        } else {
            nearest::hint(name, actions)
        };
        return format!("there is no action `{name}`{why}");
    }
    let tasks = config.tasks.iter().map(|task| task.name.as_str());
    format!("there is no task or action `{name}`{}", nearest::hint(name, tasks.chain(actions)))
}

/// What a unit reaches, while it is built.
struct Reached<'a> {
    config: &'a Config,
    problems: Vec<Problem>,
}

impl Reached<'_> {
    fn steps(&mut self, names: &[(String, bool)], task: Option<&Task>) -> Vec<Step> {
        let mut steps = Vec::with_capacity(names.len());
        for (name, dry) in names {
            let built = self.config.workshop.build(name, task);
            self.problems.extend(built.problems);
            let own = self.config.workshop.quarrels.iter().filter(|quarrel| quarrel.between.contains(name));
            self.problems.extend(own.map(|quarrel| quarrel.problem.clone()));
            steps.extend(built.step.map(|step| Step { dry: step.dry || *dry, ..step }));
        }
        steps
    }

    /// `<region>-<project>-<server_name>`.
    fn full_name(&mut self, own: &Naming) -> String {
        let config = self.config;
        let server = own.server_name.as_ref().unwrap_or(&config.server_name);
        let mut part = |key: &str, own: &Option<String>, top: &Option<String>| {
            let name = own.as_ref().or(top.as_ref());
            if name.is_none() {
                self.problems.push(needed(key));
            }
            name.cloned().unwrap_or_default()
        };
        let region = part("region", &own.region, &config.region);
        let project = part("project", &own.project, &config.project);
        format!("{region}-{project}-{server}")
    }
}

/// A part of the full name that is missing.
fn needed(key: &str) -> Problem {
    let message = format!("`{key}` is needed to run");
    Problem { severity: Severity::Error, path: vec!["naming".to_owned()], message }
}

/// Parts of the full name that some unit will miss.
pub(super) fn missing_names(top: &Naming, tasks: &[Task], written: impl Fn(&str) -> bool) -> Vec<Problem> {
    let missing = |key: &str, top: &Option<String>, own: fn(&Naming) -> &Option<String>| {
        let everywhere = !tasks.is_empty() && tasks.iter().all(|task| own(&task.naming).is_some());
        // one that is written but wrong has been reported as such
        (top.is_none() && !everywhere && !written(key)).then(|| needed(key))
    };
    let region = missing("region", &top.region, |naming| &naming.region);
    region.into_iter().chain(missing("project", &top.project, |naming| &naming.project)).collect()
}
