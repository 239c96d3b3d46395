//! The command line: arguments, old spellings, one match.

mod args;
mod typed;

use crate::commands::backups::backups;
use crate::commands::check::check;
use crate::commands::crontab::{disable, enable};
use crate::commands::help::{self, help};
use crate::commands::list::{Format, list};
use crate::commands::logs::{Reading, logs};
use crate::commands::restore::{Request as Wanted, restore};
use crate::commands::run::{Request, VERSION, run};
use crate::commands::status::{Question, status};
use crate::commands::upgrade::{Crontabs, upgrade};
use crate::commands::verify::verify;
use crate::commands::web;
use crate::error::{Error, Exit, Result};
use crate::nearest::hint;
use crate::output;
use crate::run::mishap;
use crate::sys::guard;
use crate::sys::tree::keep_own_access;
use argh::FromArgs;
use args::{Cli, Command, HelpArgs, LogsArgs, RestoreArgs, RunArgs, StatusArgs};
use serde_json::json;
use std::ffi::OsString;
use std::process::ExitCode;
use typed::normalise;

/// Ends every help text.
const EXIT_CODES: &str = "
Exit codes:
  0      done, nothing to report
  1      failed: at least one action failed, or the command itself did
  2      wrong usage or wrong configuration; nothing was started
  3      finished, but with warnings: something is incomplete
  4      another run holds the lock; nothing was started
  128+N  ended by signal N after cleaning up
";

/// Runs the program.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if guard::is_guard(&args) {
        return guard::serve();
    }
    mishap::speak_plainly();
    keep_own_access();
    let wants_document = args.iter().any(|arg| arg == "--json");
    let exit = text(args).and_then(|args| dispatch(&args)).unwrap_or_else(|error| {
        // some have several lines, and any may quote a name or a child
        let lines: Vec<String> = error.to_string().lines().map(output::printable).collect();
        let exit = error.kind().exit();
        if wants_document && !output::has_document() {
            // when it cannot be printed, the line below is all that can be said
            let _ = output::json(&json!({"error": lines.join("; "), "exit": exit.code()}));
        }
        output::note(&format!("krista-backup: {}", lines.join("\n")));
        exit
    });
    guard::dismiss();
    ExitCode::from(exit.code())
}

fn text(args: Vec<OsString>) -> Result<Vec<String>> {
    let text = |arg: OsString| {
        arg.into_string().map_err(|arg| Error::usage(format!("the argument {} is not UTF-8", arg.display())))
    };
    args.into_iter().map(text).collect()
}

fn dispatch(args: &[String]) -> Result<Exit> {
    let args = normalise(args)?;
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let cli = match Cli::from_args(&["krista-backup"], &args) {
        Ok(cli) => cli,
        Err(early) if early.status.is_ok() => {
            output::raw(format!("{}{EXIT_CODES}", early.output).as_bytes())?;
            return Ok(Exit::Done);
        }
        Err(early) => {
            let unknown = unknown_command(&args).unwrap_or_else(|| first_line(&early.output));
            return Err(Error::usage(unknown));
        }
    };
    if cli.version {
        output::line(&format!("krista-backup {VERSION}"))?;
        return Ok(Exit::Done);
    }
    let config = cli.config.as_deref();
    match cli.command {
        None => Err(Error::usage("no command given; see `krista-backup --help`")),
        Some(Command::Run(args)) => {
            let RunArgs { unit, dry, verbose, json, on_weekdays } = args;
            run(config, &Request { unit, dry, verbose, json, weekdays: on_weekdays })
        }
        Some(Command::Check(args)) => check(config, format(args.json)),
        Some(Command::List(args)) => list(config, format(args.json)),
        Some(Command::Enable(args)) => enable(config, &args.unit),
        Some(Command::Disable(args)) => disable(config, &args.unit),
        Some(Command::Backups(args)) => backups(config, args.unit.as_deref(), format(args.json)),
        Some(Command::Upgrade(args)) => {
            let crontabs = if args.apply { Crontabs::Replace } else { Crontabs::Leave };
            upgrade(config, &args.from, crontabs, format(args.json))
        }
        Some(Command::Verify(args)) => verify(config, &args.what),
        Some(Command::Restore(args)) => {
            let RestoreArgs { unit, to, at, only, list, force, privileged, keep_going, db, to_db } = args;
            restore(config, &Wanted { unit, to, at, only, list, force, privileged, keep_going, db, to_db })
        }
        Some(Command::Status(args)) => {
            let StatusArgs { url, servers, token_file, timeout, watch, json } = args;
            status(config, &Question { urls: url, servers, token_file, timeout, watch, format: format(json) })
        }
        Some(Command::Logs(args)) => {
            let LogsArgs { what, debug, last, follow, token_file, json } = args;
            logs(config, &Reading { what, debug, last, follow, token_file, format: format(json) })
        }
        Some(Command::Help(HelpArgs { topic, lang })) => match (topic, args::commands()) {
            (Some(verb), verbs) if verbs.contains(&verb.as_str()) && !help::is_topic(&verb) => {
                dispatch(&[verb, "--help".to_owned()])
            }
            (topic, verbs) => {
                help(&help::Question { topic: topic.as_deref(), language: lang.as_deref(), commands: &verbs })
            }
        },
        Some(Command::Web(args)) => {
            match (args.words.first().map_or("", String::as_str), args.words.get(1), args.api || args.webapi) {
                ("users", ..) | ("start" | "stop", None, false) => Err(Error::usage(
                    "there is deliberately no web UI: use `web start --api`, `status`, `list`, `check` or `logs`",
                )),
                (_, Some(extra), _) => Err(Error::usage(format!("`web` has no use for `{extra}`"))),
                ("start", None, true) => web::start(config, args.user),
                ("stop", None, true) => web::stop(config),
                ("", ..) => Err(Error::usage("`web` does what? `web start --api` or `web stop --api`")),
                (order, None, _) => Err(Error::usage(format!(
                    "`web` knows start and stop, not `{order}`; see `krista-backup web --help`"
                ))),
            }
        }
    }
}

fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Table }
}

/// What to say of a verb that does not exist: argh only calls it an argument.
fn unknown_command(args: &[&str]) -> Option<String> {
    let verb = match args {
        ["--config", _, verb, ..] | [verb, ..] => *verb,
        [] => return None,
    };
    let known = args::commands();
    let is_verb = !verb.starts_with('-') && !known.contains(&verb);
    is_verb.then(|| format!("there is no command `{verb}`{}; see `krista-backup --help`", hint(verb, known)))
}

/// argh's complaints come with the usage below them; the first paragraph says it all.
fn first_line(complaint: &str) -> String {
    let text = complaint.split("\n\n").next().unwrap_or_default();
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{line}; see `krista-backup --help`")
}
