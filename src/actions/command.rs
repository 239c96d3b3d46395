//! `command`: one line of the administrator's own, run by `sh -c`. What it shares with `script` is here too.

use crate::actions::guards::Guards;
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Result};
use crate::sys::process::{self, End, Stream};
use crate::value::Value;
use log::Level;
use std::path::PathBuf;

/// Builds a `command`.
pub fn build(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let shell = Shell::read(p, common);
    Box::new(Single { shell, text: text(p) })
}

/// `cmd` as it is written: `true` means the program and not what YAML makes of it.
fn text(p: &mut Properties<'_>) -> String {
    let message = match p.value("cmd", "text") {
        Some(Value::Scalar(scalar)) if !scalar.text.trim().is_empty() => return scalar.text.clone(),
        Some(Value::Scalar(_) | Value::Null) | None => "`cmd` is required".to_owned(),
        Some(other) => format!("`cmd` must be one command, not {}", other.kind()),
    };
    p.problem(Severity::Error, "cmd", message);
    String::new()
}

struct Single {
    shell: Shell,
    text: String,
}

impl Action for Single {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.shell.check(cx)?;
        Ok(vec![format!("would run {} in {}", first_word(&self.text), self.shell.dir.display())])
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        cx.info(format!("running {}", first_word(&self.text)));
        match self.shell.run(cx, &self.text)? {
            end if end.ok() => Ok(()),
            end => Err(Error::failed(format!("the command {}", how(end)))),
        }
    }
}

/// What standard error of a command is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Complaints {
    #[default]
    Error,
    Warning,
    Info,
}

impl Complaints {
    /// A blank line says nothing, so it complains about nothing.
    fn level(self, line: &str) -> Level {
        match self {
            _ if line.trim().is_empty() => Level::Info,
            Self::Error => Level::Error,
            Self::Warning => Level::Warn,
            Self::Info => Level::Info,
        }
    }
}

/// Where and how commands run.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// `src_path`: where they run.
    pub dir: PathBuf,
    guards: Guards,
    complaints: Complaints,
}

impl Shell {
    pub fn read(p: &mut Properties<'_>, common: &Common) -> Self {
        let words = [("error", Complaints::Error), ("warning", Complaints::Warning), ("info", Complaints::Info)];
        let complaints = p.choice("stderr_level", &words);
        Self { dir: common.src_path.clone(), guards: Guards::read(p), complaints }
    }

    /// Fails when there is no directory to run in, or not what must be there (P21, P23).
    pub fn check(&self, cx: &Context<'_>) -> Result<()> {
        self.guards.check_destination(cx, &self.dir, None)?;
        let dir = self.dir.display();
        match std::fs::metadata(&self.dir) {
            Ok(meta) if meta.is_dir() => self.guards.check_source(cx, &self.dir, None),
            Ok(_) => Err(Error::failed(format!("`src_path` {dir}, where it is to run, is not a directory"))),
            Err(e) => Err(Error::failed(format!("`src_path` {dir}, where it is to run: {e}"))),
        }
    }

    /// Runs one command; its standard output goes to the log as INFO, its standard error as configured.
    pub fn run(&self, cx: &Context<'_>, text: &str) -> Result<End> {
        self.check(cx)?;
        let command = process::Command {
            program: "sh".into(),
            args: vec!["-c".into(), text.into()],
            cwd: Some(self.dir.clone()),
            ..process::Command::default()
        };
        let ended = process::run_to_end(command, &cx.limits, &mut |stream, line| match stream {
            Stream::Out => cx.info(line),
            Stream::Err => cx.log(self.complaints.level(line), line),
        })?;
        if ended.left_running {
            let seconds = process::BACKGROUND_WAIT.as_secs();
            cx.info(format!(
                "a background process still runs after {seconds} s: left alone, its output is no longer read"
            ));
        }
        Ok(ended.end)
    }
}

/// `exited with status 7`, `was ended by signal 9`.
pub(super) fn how(end: End) -> String {
    match end {
        End::Exited(status) => format!("exited with status {status}"),
        End::Signalled(signal) => format!("was ended by signal {signal}"),
    }
}

/// The name of the program a command starts with, for the log; nothing more of it is shown, because commands hold
/// passwords (P15). Leading assignments (`PASSWORD=x tool`) and comments are passed over; where it is not certain that a
/// word is the name of a program, no word is shown.
pub(super) fn first_word(text: &str) -> String {
    match program(text) {
        Some(word) => format!("`{word}`"),
        None => "a command".to_owned(),
    }
}

fn program(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim_start).skip_while(|line| line.is_empty() || line.starts_with('#'));
    let code = lines.collect::<Vec<_>>().join("\n");
    let words = crate::actions::properties::split_words(&code).ok()?;
    for word in words {
        match word.split_once('=').filter(|(name, _)| is_variable(name)) {
            // `A=$(cat secret) tool`: the words of the inner command would be taken for the program
            Some((_, value)) if value.contains(['$', '`', '(', ';', '&', '|', '<', '>']) => return None,
            Some(_) => {}
            None => {
                let end = word.find([';', '&', '|', '<', '>', '(', ')']).unwrap_or(word.len());
                let name = word.get(..end)?;
                let plain = |c: char| c.is_alphanumeric() || "_-+./".contains(c);
                return (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned());
            }
        }
    }
    None
}

fn is_variable(name: &str) -> bool {
    let name = name.strip_suffix('+').unwrap_or(name);
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, action};
    use super::*;
    use crate::error::Kind;

    /// P15: of a command's text nothing is shown but the name of a program.
    #[test]
    fn only_the_name_of_the_program_is_shown() {
        for (text, shown) in [
            ("mysqldump -psecret db", "`mysqldump`"),
            ("PASS=secret tool --x", "`tool`"),
            ("A=1 PASS='a secret' /opt/my-tool_2.sh", "`/opt/my-tool_2.sh`"),
            ("# secret\n\n  rm -rf x", "`rm`"),
            ("cd /x; secret", "`cd`"),
            ("cd;secret", "`cd`"),
            ("echo secret|passwd", "`echo`"),
            ("A=$(cat secret) tool", "a command"),
            ("A=`cat secret` tool", "a command"),
            ("A=${B:-x secret} tool", "a command"),
            ("A=(x secret) tool", "a command"),
            ("A=x;secret", "a command"),
            ("PASS=secret", "a command"),
            ("A='unclosed secret", "a command"),
            ("'se cret'", "a command"),
            ("$SECRET x", "a command"),
            ("user:secret@host", "a command"),
            ("", "a command"),
        ] {
            assert_eq!(first_word(text), shown, "{text}");
            assert!(!first_word(text).contains("secret"), "{text}");
        }
    }

    #[test]
    fn the_status_decides() {
        let bench = Bench::new();
        let run = |cmd: &str| action("command", &[("cmd", cmd), ("src_path", "/tmp")]).run(&bench);
        assert!(run("true").is_ok());
        assert_eq!(run("echo x; exit 7").unwrap_err().to_string(), "the command exited with status 7");
        assert_eq!(run("kill -9 $$").unwrap_err().to_string(), "the command was ended by signal 9");
        assert_eq!(run("no-such-tool 2>/dev/null").unwrap_err().to_string(), "the command exited with status 127");
    }

    #[test]
    fn it_runs_in_src_path() {
        let bench = Bench::new();
        let dir = bench.dir.to_str().unwrap();
        action("command", &[("cmd", "pwd >here"), ("src_path", dir)]).run(&bench).unwrap();
        assert_eq!(std::fs::read_to_string(bench.dir.join("here")).unwrap().trim(), dir);
        let missing = format!("{dir}/missing");
        let error = action("command", &[("cmd", "true"), ("src_path", &missing)]).run(&bench).unwrap_err();
        let want = format!("`src_path` {missing}, where it is to run: No such file or directory (os error 2)");
        assert_eq!(error.to_string(), want);
    }

    /// Lines on standard error make a warning of an exit 0, at the level that was asked for.
    #[test]
    fn complaints_count_as_configured() {
        let bench = Bench::new();
        let warnings = |level: Option<&str>, cmd: &str| {
            let mut properties = vec![("cmd", cmd), ("src_path", "/tmp")];
            properties.extend(level.map(|level| ("stderr_level", level)));
            action("command", &properties).warnings(&bench)
        };
        assert_eq!(warnings(None, "echo fine; echo bad >&2; echo >&2"), 1);
        assert_eq!(warnings(Some("warning"), "echo bad >&2; echo worse >&2"), 2);
        assert_eq!(warnings(Some("info"), "echo bad >&2"), 0);
    }

    #[test]
    fn what_cannot_be_meant_is_a_problem() {
        let problems = |properties: &[(&str, &str)]| action("command", properties).problems;
        assert_eq!(problems(&[]), ["`cmd` is required"]);
        assert_eq!(problems(&[("cmd", " ")]), ["`cmd` is required"]);
        assert_eq!(problems(&[("cmd", "true"), ("stderr_level", "loud")]).len(), 1);
        assert_eq!(problems(&[("cmd", "true"), ("stderr_level", "info")]), Vec::<String>::new());
    }

    /// P16: the limits of the action end the command.
    #[test]
    fn a_timeout_ends_it() {
        let bench = Bench::new();
        let action = action("command", &[("cmd", "sleep 1000"), ("src_path", "/tmp")]);
        let error = action.run_for(&bench, std::time::Duration::from_millis(200)).unwrap_err();
        assert_eq!(error.kind(), Kind::TimedOut);
    }

    #[test]
    fn a_dry_run_names_the_program_and_does_nothing() {
        let bench = Bench::new();
        let dir = bench.dir.to_str().unwrap();
        let action = action("command", &[("cmd", "PASS=x touch made"), ("src_path", dir)]);
        assert_eq!(action.preview(&bench), [format!("would run `touch` in {dir}")]);
        assert!(!bench.dir.join("made").exists());
    }
}
