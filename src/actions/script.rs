//! `script`: several commands, one after the other.

use crate::actions::command::{Shell, first_word, how};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Result};
use crate::value::Value;

/// Builds a `script`.
pub fn build(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let shell = Shell::read(p, common);
    let after_failure = if common.continue_on_error { AfterFailure::GoOn } else { AfterFailure::Stop };
    Box::new(Script { shell, commands: commands(p), after_failure })
}

/// `cmds`: a list of texts as they are written. A single text is a list of one, not split at its commas: commands are full of them.
fn commands(p: &mut Properties<'_>) -> Vec<String> {
    let value = p.value("cmds", "list of commands");
    let items = match value {
        Some(Value::Scalar(scalar)) => return some_text(p, vec![scalar.text.clone()]),
        Some(Value::List(items)) => items.as_slice(),
        Some(Value::Map(_)) => {
            p.problem(Severity::Error, "cmds", "`cmds` must be a list of commands, not a map");
            return Vec::new();
        }
        Some(Value::Null) | None => &[],
    };
    let mut commands = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Scalar(scalar) => commands.push(scalar.text.clone()),
            Value::Null => p.problem_at(Severity::Warning, "cmds", index, "empty list item, skipped".to_owned()),
            other => {
                let message = format!("an item of `cmds` must be a command, not {}", other.kind());
                p.problem_at(Severity::Error, "cmds", index, message);
                return Vec::new();
            }
        }
    }
    some_text(p, commands)
}

fn some_text(p: &mut Properties<'_>, commands: Vec<String>) -> Vec<String> {
    if commands.iter().all(|command| command.trim().is_empty()) {
        p.problem(Severity::Error, "cmds", "`cmds` is required");
    }
    commands
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AfterFailure {
    GoOn,
    Stop,
}

struct Script {
    shell: Shell,
    commands: Vec<String>,
    after_failure: AfterFailure,
}

impl Script {
    /// `command 2 of 3 (`tool`)`
    fn label(&self, index: usize, text: &str) -> String {
        format!("command {} of {} ({})", index + 1, self.commands.len(), first_word(text))
    }
}

impl Action for Script {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.shell.check(cx)?;
        let commands = self.commands.iter().enumerate();
        let steps =
            commands.map(|(i, text)| format!("would run {} in {}", self.label(i, text), self.shell.dir.display()));
        Ok(steps.collect())
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        let mut failures = Vec::new();
        for (index, text) in self.commands.iter().enumerate() {
            let label = self.label(index, text);
            cx.info(format!("running {label}"));
            let end = self.shell.run(cx, text)?;
            if end.ok() {
                continue;
            }
            if self.after_failure == AfterFailure::Stop {
                return Err(Error::failed(format!("{label} {}; no further command was run", how(end))));
            }
            cx.error(format!("{label} {}", how(end)));
            failures.push(end.to_string());
        }
        if failures.is_empty() {
            return Ok(());
        }
        let (bad, all, ends) = (failures.len(), self.commands.len(), failures.join(", "));
        Err(Error::failed(format!("{bad} of {all} commands failed ({ends})")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, action, action_of};
    use super::*;
    use crate::value::Scalar;

    fn list(items: &[&str]) -> Value {
        let scalar = |text: &&str| Value::Scalar(Scalar { text: (*text).to_owned(), quoted: false });
        Value::List(items.iter().map(scalar).collect())
    }

    fn plain(text: &str) -> Value {
        Value::Scalar(Scalar { text: text.to_owned(), quoted: false })
    }

    #[test]
    fn all_commands_run_by_default_and_the_action_has_failed_if_one_did() {
        let bench = Bench::new();
        let dir = plain(bench.dir.to_str().unwrap());
        let cmds = list(&["echo 1 >>ran", "exit 7", "echo 3 >>ran", "exit 8"]);
        let script = action_of("script", vec![("cmds", cmds), ("src_path", dir)]);
        let error = script.run(&bench).unwrap_err().to_string();
        assert_eq!(error, "2 of 4 commands failed (exit status 7, exit status 8)");
        assert_eq!(std::fs::read_to_string(bench.dir.join("ran")).unwrap(), "1\n3\n");
    }

    #[test]
    fn told_not_to_continue_it_stops_at_the_first_failure() {
        let bench = Bench::new();
        let dir = plain(bench.dir.to_str().unwrap());
        let cmds = list(&["echo 1 >>ran", "exit 7", "echo 3 >>ran"]);
        let properties = vec![("cmds", cmds), ("src_path", dir), ("continue_on_error", plain("no"))];
        let error = action_of("script", properties).run(&bench).unwrap_err().to_string();
        assert_eq!(error, "command 2 of 3 (`exit`) exited with status 7; no further command was run");
        assert_eq!(std::fs::read_to_string(bench.dir.join("ran")).unwrap(), "1\n");
    }

    #[test]
    fn a_single_text_is_one_command_with_its_commas() {
        let bench = Bench::new();
        let script =
            action("script", &[("cmds", "test 'a,b' = a,b && touch done"), ("src_path", bench.dir.to_str().unwrap())]);
        script.run(&bench).unwrap();
        assert!(bench.dir.join("done").exists());
        assert_eq!(script.preview(&bench), [format!("would run command 1 of 1 (`test`) in {}", bench.dir.display())]);
    }

    #[test]
    fn what_cannot_be_meant_is_a_problem() {
        let problems = |cmds: Vec<Value>| {
            let properties = cmds.into_iter().map(|value| ("cmds", value)).collect();
            action_of("script", properties).problems
        };
        assert_eq!(problems(vec![]), ["`cmds` is required"]);
        assert_eq!(problems(vec![list(&[])]), ["`cmds` is required"]);
        assert_eq!(problems(vec![Value::Map(Vec::new())]).len(), 1);
        assert_eq!(problems(vec![Value::List(vec![Value::Null, plain("true")])]), ["empty list item, skipped"]);
        assert_eq!(
            problems(vec![Value::List(vec![list(&["x"])])]),
            ["an item of `cmds` must be a command, not a list"]
        );
    }
}
