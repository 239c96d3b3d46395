//! Everything that is wrong with a whole file, each thing once.

use crate::actions::properties::{Problem, Severity};
use crate::config::build::{Built, Workshop};
use crate::config::rivals::Written;
use crate::config::yaml::Mark;
use crate::config::{Entry, Located, Task};
use crate::nearest;
use crate::value::Value;
use std::collections::HashSet;

/// Builds every action by itself and in every task that uses it, as their schemes may differ.
pub(super) fn build_all(
    workshop: &Workshop,
    entries: &[Entry],
    tasks: &[Task],
    marks: &Mark,
) -> (Vec<Written>, Vec<Problem>) {
    let uses = Uses::of(workshop, tasks, marks);
    let mut written = Vec::new();
    let mut problems = Problems::default();
    for entry in entries {
        if entry.is_template {
            problems.found.extend(idle_template(entry, workshop, &uses));
            continue;
        }
        let differs = |task: &&Task| task.names_scheme() && task.steps().any(|(name, _)| *name == entry.name);
        let places = std::iter::once(None).chain(tasks.iter().filter(differs).map(Some));
        for task in places {
            let mut built = workshop.build(&entry.name, task);
            if built.step.is_some() && uses.is_only_ancestor(&entry.name) {
                built.problems.retain(|problem| !is_lack(problem, entry));
            }
            problems.add(entry, &built);
            written.extend(built.written);
        }
    }
    (written, problems.settle())
}

/// What an action is there for.
struct Uses<'a> {
    /// Names that are some action's `source`.
    inherited: HashSet<String>,
    /// Names that some task runs.
    run: HashSet<&'a str>,
    marks: &'a Mark,
}

impl<'a> Uses<'a> {
    fn of(workshop: &Workshop, tasks: &'a [Task], marks: &'a Mark) -> Self {
        let source = |(_, value): &(String, Value)| crate::config::schemes::get(value, "source")?.text();
        Self {
            inherited: workshop.actions.iter().filter_map(source).collect(),
            run: tasks.iter().flat_map(Task::steps).map(|(name, _)| name.as_str()).collect(),
            marks,
        }
    }

    fn has_heirs(&self, name: &str) -> bool {
        self.inherited.contains(name) || self.marks.is_shared(&["actions".to_owned(), name.to_owned()])
    }

    /// Whether it is there to be inherited from, although it has a type. Whoever runs it by its own name is told what it lacks.
    fn is_only_ancestor(&self, name: &str) -> bool {
        !self.run.contains(name) && self.has_heirs(name)
    }
}

/// Whether a problem is about a key that is not there: then it stands at the entry itself.
fn is_lack(problem: &Problem, entry: &Entry) -> bool {
    matches!(problem.path.as_slice(), [section, name] if section == "actions" && *name == entry.name)
}

/// A template that nobody inherits from is most likely an action without its type.
fn idle_template(entry: &Entry, workshop: &Workshop, uses: &Uses<'_>) -> Option<Problem> {
    if uses.has_heirs(&entry.name) {
        return None;
    }
    let path = vec!["actions".to_owned(), entry.name.clone()];
    let keys = workshop.actions.iter().filter(|(name, _)| *name == entry.name).flat_map(|(_, value)| match value {
        Value::Map(pairs) => pairs.as_slice(),
        _ => &[],
    });
    let meant = keys.map(|(key, _)| key).find(|key| *key != "type" && nearest::nearest(key, ["type"]).is_some());
    let hint = meant.map(|key| format!("; did you mean `type` by `{key}`?")).unwrap_or_default();
    let message = format!("`{}` has no `type` and nothing inherits from it: it is never run{hint}", entry.name);
    Some(Problem { severity: Severity::Warning, path, message })
}

/// Problems with the action that was being built when they were found.
#[derive(Default)]
struct Problems {
    found: Vec<Problem>,
    of_heirs: Vec<(String, Problem)>,
}

impl Problems {
    fn add(&mut self, entry: &Entry, built: &Built) {
        for problem in &built.problems {
            let owner = problem.path.first().filter(|section| *section == "actions").and(problem.path.get(1));
            if owner.is_none_or(|owner| *owner == entry.name) {
                self.found.push(problem.clone());
            } else {
                self.of_heirs.push((entry.name.clone(), problem.clone()));
            }
        }
    }

    /// What is wrong in an ancestor only because of an heir is said with the heir's name.
    fn settle(self) -> Vec<Problem> {
        let mut problems = self.found;
        let mut known: HashSet<(Vec<String>, String)> =
            problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect();
        for (heir, mut problem) in self.of_heirs {
            if known.insert((problem.path.clone(), problem.message.clone())) {
                problem.message = format!("{} (for `{heir}`)", problem.message);
                problems.push(problem);
            }
        }
        problems
    }
}

/// Problems with their places, each once, in the order of the file.
pub(super) fn locate(marks: &Mark, problems: impl IntoIterator<Item = Problem>) -> Vec<Located> {
    let located = |problem: Problem| {
        let place = marks.find(&problem.path);
        Located { line: place.line, column: place.column, problem }
    };
    sorted(problems.into_iter().map(located).collect())
}

/// In the order of the file, the worst first in one place, each once.
pub(super) fn sorted(mut problems: Vec<Located>) -> Vec<Located> {
    problems.sort_by(|a, b| {
        let place = |p: &Located| (p.line, p.column);
        place(a).cmp(&place(b)).then(b.problem.severity.cmp(&a.problem.severity))
    });
    let mut seen = HashSet::new();
    problems.retain(|p| seen.insert((p.line, p.column, p.problem.message.clone())));
    problems
}
