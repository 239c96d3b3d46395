//! The command line: argh structs, old spellings, one match.

use crate::commands::backups::backups;
use crate::commands::check::check;
use crate::commands::crontab::{disable, enable};
use crate::commands::list::{Format, list};
use crate::commands::restore::{Request as Wanted, restore};
use crate::commands::run::{Request, VERSION, run};
use crate::commands::upgrade::{Crontabs, upgrade};
use crate::commands::verify::verify;
use crate::error::{Error, Exit, Result};
use crate::output;
use crate::run::mishap;
use crate::sys::guard;
use argh::FromArgs;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

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

/// Backup agent for scattered servers: one static binary, one YAML file.
#[derive(FromArgs)]
struct Cli {
    /// configuration file; default: `$KRISTA_BACKUP_CONFIG`, config.yaml beside the program,
    /// /etc/krista-backup/config.yaml, /opt/KristaBackup/config.yaml
    #[argh(option, arg_name = "file")]
    config: Option<PathBuf>,

    /// print the version
    #[argh(switch)]
    version: bool,

    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Run(RunArgs),
    Check(CheckArgs),
    List(ListArgs),
    Enable(EnableArgs),
    Disable(DisableArgs),
    Backups(BackupsArgs),
    Restore(RestoreArgs),
    Verify(VerifyArgs),
    Upgrade(UpgradeArgs),
}

/// Run a task or an action.
#[derive(FromArgs)]
#[argh(subcommand, name = "run")]
struct RunArgs {
    /// task or action; a task wins over an action of the same name
    #[argh(positional)]
    unit: String,

    /// only say what the action would do; always means an action
    #[argh(switch)]
    dry: bool,

    /// everything to the terminal, DEBUG included
    #[argh(switch, short = 'v')]
    verbose: bool,

    /// print the result as one JSON document
    #[argh(switch)]
    json: bool,

    /// run only on these weekdays (0 or 7 is Sunday), such as 1,3,7: written into the crontab by `all_fields_match`
    #[argh(option, arg_name = "days", from_str_fn(weekdays))]
    on_weekdays: Option<BTreeSet<u8>>,
}

/// Validate the configuration: all problems with file, line and column. Changes nothing.
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
struct CheckArgs {
    /// print one JSON document
    #[argh(switch)]
    json: bool,
}

/// List tasks and actions: description, cron, next run, last result.
#[derive(FromArgs)]
#[argh(subcommand, name = "list")]
struct ListArgs {
    /// print one JSON document
    #[argh(switch)]
    json: bool,
}

/// Put a task into the crontab of `cron_user`; KB17's line for it is replaced. Short form: en.
#[derive(FromArgs)]
#[argh(subcommand, name = "enable")]
struct EnableArgs {
    /// task, or `all` for every task with a `cron`
    #[argh(positional)]
    unit: String,
}

/// Take a task out of the crontab. Short form: dis.
#[derive(FromArgs)]
#[argh(subcommand, name = "disable")]
struct DisableArgs {
    /// task (it need not be configured any more), or `all`
    #[argh(positional)]
    unit: String,
}

/// List the backups on disk: time, level, size, age, when they were verified, what depends on what.
#[derive(FromArgs)]
#[argh(subcommand, name = "backups")]
struct BackupsArgs {
    /// task or action; default: all
    #[argh(positional)]
    unit: Option<String>,

    /// print one JSON document
    #[argh(switch)]
    json: bool,
}

/// Read backups to their end and prove them; without arguments, all of them. Prints ok, damaged or unverified for each.
#[derive(FromArgs)]
#[argh(subcommand, name = "verify")]
struct VerifyArgs {
    /// tasks or actions whose backups are meant, or files
    #[argh(positional, arg_name = "unit|file")]
    what: Vec<String>,
}

/// Bring data back: files into a directory, level 0 and level 1 merged; or a dump into a new database.
#[derive(FromArgs)]
#[argh(
    subcommand,
    name = "restore",
    example = "{command_name} UNIT --to /restore",
    example = "{command_name} UNIT --to /restore --at '2026-11-20 12:00' --only etc/nginx",
    example = "{command_name} UNIT --list --only '*report*'",
    example = "{command_name} UNIT --db app --to-db app_back",
    note = "Over what exists: --force. From a damaged backup: --keep-going. As root with devices, setuid bits and labels: --privileged."
)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
struct RestoreArgs {
    /// action, or a task with one kind of backups
    #[argh(positional)]
    unit: String,

    /// directory to restore to; created when missing, refused when something is in it
    #[argh(option, arg_name = "dir")]
    to: Option<PathBuf>,

    /// as of when: 2026-11-20, '2026-11-20 12:00' (local) or RFC 3339; default: the newest backup
    #[argh(option, arg_name = "time")]
    at: Option<String>,

    /// only what matches, such as 'etc/nginx' or '*.conf'; may be given several times
    #[argh(option, arg_name = "pattern")]
    only: Vec<String>,

    /// show what there is instead of restoring it
    #[argh(switch)]
    list: bool,

    /// restore into a directory that is not empty; take the name of a database that exists, which is renamed
    #[argh(switch)]
    force: bool,

    /// device nodes, setuid and setgid bits and security attributes too
    #[argh(switch)]
    privileged: bool,

    /// restore what can be read of a damaged backup, and say what is missing
    #[argh(switch)]
    keep_going: bool,

    /// the database whose dump is wanted
    #[argh(option, arg_name = "name")]
    db: Option<String>,

    /// the new database to restore it into
    #[argh(option, arg_name = "new")]
    to_db: Option<String>,
}

/// Show what changes when this program takes over from KB17, and take over its crontab lines.
#[derive(FromArgs)]
#[argh(subcommand, name = "upgrade")]
struct UpgradeArgs {
    /// directory of KB17 with its config.yaml; default: `/opt/KristaBackup`
    #[argh(option, arg_name = "dir", default = "PathBuf::from(\"/opt/KristaBackup\")")]
    from: PathBuf,

    /// replace its crontab lines; without this nothing is changed
    #[argh(switch)]
    apply: bool,

    /// print one JSON document
    #[argh(switch)]
    json: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if guard::is_guard(&args) {
        return guard::serve();
    }
    mishap::speak_plainly();
    let exit = text(args).and_then(|args| dispatch(&args)).unwrap_or_else(|error| {
        output::note(&format!("krista-backup: {error}"));
        error.kind().exit()
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
    if let Some(answer) = not_here(&args) {
        return Err(Error::usage(answer));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let cli = match Cli::from_args(&["krista-backup"], &args) {
        Ok(cli) => cli,
        Err(early) if early.status.is_ok() => {
            output::raw(format!("{}{EXIT_CODES}", early.output).as_bytes())?;
            return Ok(Exit::Done);
        }
        Err(early) => return Err(Error::usage(first_line(&early.output))),
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
    }
}

fn format(json: bool) -> Format {
    if json { Format::Json } else { Format::Table }
}

/// argh's complaints come with the usage below them; the first paragraph says it all.
fn first_line(complaint: &str) -> String {
    let text = complaint.split("\n\n").next().unwrap_or_default();
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    format!("{line}; see `krista-backup --help`")
}

/// Long options that take a value, so that `--x=v` can be taken apart.
const VALUED: &[&str] = &["--config", "--on-weekdays", "--from", "--to", "--at", "--only", "--db", "--to-db"];

/// What people type → what argh reads: `--x=v`, `-h`, `--config` anywhere, KB17's short verbs.
fn normalise(args: &[String]) -> Result<Vec<String>> {
    let mut front = Vec::new();
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) if VALUED.contains(&name) => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        match name {
            "--config" => {
                let value = value.or_else(|| args.next().cloned());
                let value = value.filter(|value| !value.is_empty());
                front.extend(["--config".to_owned(), value.ok_or_else(|| Error::usage("--config needs a file"))?]);
            }
            "-h" | "--help" => rest.push("--help".to_owned()),
            "en" if rest.is_empty() => rest.push("enable".to_owned()),
            "dis" if rest.is_empty() => rest.push("disable".to_owned()),
            _ => rest.extend([name.to_owned()].into_iter().chain(value)),
        }
    }
    front.extend(rest);
    Ok(front)
}

/// Verbs of KB17 and of the contract that this version does not have.
fn not_here(args: &[String]) -> Option<String> {
    let skipped = if args.first().is_some_and(|arg| arg == "--config") { 2 } else { 0 };
    let (verb, rest) = args.get(skipped..)?.split_first()?;
    match verb.as_str() {
        "web" if !rest.iter().any(|arg| arg == "--api" || arg == "--webapi") => {
            Some("there is deliberately no web UI: use `web start --api`, `list`, `check` or the logs".into())
        }
        "status" | "logs" | "web" => Some(format!("`{verb}` is not implemented yet in version {VERSION}")),
        _ => None,
    }
}

fn weekdays(text: &str) -> std::result::Result<BTreeSet<u8>, String> {
    let day = |part: &str| match part.trim().parse::<u8>() {
        Ok(7) => Ok(0),
        Ok(day) if day < 7 => Ok(day),
        _ => Err(format!("`{part}` is no weekday: use 0-7, where 0 and 7 are Sunday")),
    };
    text.split(',').map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> String {
        let args: Vec<_> = text.split(' ').map(str::to_owned).collect();
        normalise(&args).unwrap().join(" ")
    }

    #[test]
    fn what_people_type_is_understood() {
        assert_eq!(typed("run full --config=/c.yaml"), "--config /c.yaml run full");
        assert_eq!(typed("run full --config /c.yaml -v"), "--config /c.yaml run full -v");
        assert_eq!(typed("en all"), "enable all");
        assert_eq!(typed("run en"), "run en");
        assert_eq!(typed("-h"), "--help");
        assert_eq!(typed("run x --on-weekdays=1,7"), "run x --on-weekdays 1,7");
        assert!(normalise(&["--config".to_owned()]).is_err());
    }

    #[test]
    fn weekdays_know_two_sundays() {
        assert_eq!(weekdays("1,3,7").unwrap(), BTreeSet::from([0, 1, 3]));
        assert!(weekdays("8").is_err());
        assert!(weekdays("").is_err());
    }
}
