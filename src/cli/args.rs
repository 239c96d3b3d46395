//! What can be typed: argh structs, one per verb. Their texts are the help.

use argh::{CommandInfo, DynamicSubCommand, EarlyExit, FromArgs, SubCommands};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Backup agent for scattered servers: one static binary, one YAML file.
#[derive(FromArgs)]
#[argh(help_triggers("-h", "--help"))]
pub(super) struct Cli {
    /// configuration file; default: `$KRISTA_BACKUP_CONFIG`, config.yaml beside the program,
    /// /etc/krista-backup/config.yaml, /opt/KristaBackup/config.yaml
    #[argh(option, arg_name = "file")]
    pub(super) config: Option<PathBuf>,

    /// print the version
    #[argh(switch)]
    pub(super) version: bool,

    #[argh(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
pub(super) enum Command {
    Run(RunArgs),
    Check(CheckArgs),
    List(ListArgs),
    Enable(EnableArgs),
    Disable(DisableArgs),
    Backups(BackupsArgs),
    Restore(RestoreArgs),
    Verify(VerifyArgs),
    Upgrade(UpgradeArgs),
    Status(StatusArgs),
    Logs(LogsArgs),
    Web(WebArgs),
    #[argh(dynamic)]
    Help(HelpArgs),
}

/// Run a task or an action.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "run")]
pub(super) struct RunArgs {
    /// task or action; a task wins over an action of the same name
    #[argh(positional)]
    pub(super) unit: String,

    /// only report what would be done; the name always means an action then
    #[argh(switch)]
    pub(super) dry: bool,

    /// show everything on the terminal, DEBUG included
    #[argh(switch, short = 'v')]
    pub(super) verbose: bool,

    /// print the result as one JSON document
    #[argh(switch)]
    pub(super) json: bool,

    /// run only on these weekdays (0 or 7 is Sunday), such as 1,3,7: written into the crontab by `all_fields_match`
    #[argh(option, arg_name = "days", from_str_fn(weekdays))]
    pub(super) on_weekdays: Option<BTreeSet<u8>>,
}

/// Validate the configuration: all problems with file, line and column. Changes nothing.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "check")]
pub(super) struct CheckArgs {
    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// List tasks and actions: description, cron, next run, last result.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "list")]
pub(super) struct ListArgs {
    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// Put a task into the crontab of `cron_user`; KB17's line for it is replaced. Short form: en.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "enable")]
pub(super) struct EnableArgs {
    /// task, or `all` for every task with a `cron`
    #[argh(positional)]
    pub(super) unit: String,
}

/// Take a task out of the crontab. Short form: dis.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "disable")]
pub(super) struct DisableArgs {
    /// task (it need not be configured any more), or `all`
    #[argh(positional)]
    pub(super) unit: String,
}

/// List the backups on disk: time, level, size, age, when they were verified, what depends on what.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "backups")]
pub(super) struct BackupsArgs {
    /// task or action; default: all
    #[argh(positional)]
    pub(super) unit: Option<String>,

    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// Read backups to their end and verify them; without arguments, all of them. Prints ok, damaged or unverified for each.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "verify")]
pub(super) struct VerifyArgs {
    /// tasks or actions whose backups to read, or files
    #[argh(positional, arg_name = "unit|file")]
    pub(super) what: Vec<String>,
}

/// Bring data back: files into a directory, level 0 and level 1 merged; or a dump into a new database.
#[derive(FromArgs)]
#[argh(
    subcommand,
    help_triggers("-h", "--help"),
    name = "restore",
    example = "{command_name} UNIT --to /restore",
    example = "{command_name} UNIT --to /restore --at '2026-11-20 12:00' --only etc/nginx",
    example = "{command_name} UNIT --list --only '*report*'",
    example = "{command_name} UNIT --db app --to-db app_back",
    note = "Over existing files: --force. From a damaged backup: --keep-going. As root with devices, setuid bits and labels: --privileged."
)]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub(super) struct RestoreArgs {
    /// action, or a task that makes only one kind of backup
    #[argh(positional)]
    pub(super) unit: String,

    /// directory to restore to; created when missing, refused when it is not empty
    #[argh(option, arg_name = "dir")]
    pub(super) to: Option<PathBuf>,

    /// as of when: 2026-11-20, '2026-11-20 12:00' (local) or RFC 3339; default: the newest backup
    #[argh(option, arg_name = "time")]
    pub(super) at: Option<String>,

    /// only what matches, such as 'etc/nginx' or '*.conf'; may be given several times
    #[argh(option, arg_name = "pattern")]
    pub(super) only: Vec<String>,

    /// show what there is instead of restoring it
    #[argh(switch)]
    pub(super) list: bool,

    /// restore into a directory that is not empty; take the name of a database that exists, which is renamed
    #[argh(switch)]
    pub(super) force: bool,

    /// device nodes, setuid and setgid bits and security attributes too
    #[argh(switch)]
    pub(super) privileged: bool,

    /// restore what can be read of a damaged backup, and say what is missing; name a database in spite of errors
    #[argh(switch)]
    pub(super) keep_going: bool,

    /// the database whose dump is wanted
    #[argh(option, arg_name = "name")]
    pub(super) db: Option<String>,

    /// the new database to restore it into
    #[argh(option, arg_name = "new")]
    pub(super) to_db: Option<String>,
}

/// Show what changes when this program takes over from `KristaBackup 1.7` (KB17), and take over its crontab lines.
#[derive(FromArgs)]
#[argh(subcommand, help_triggers("-h", "--help"), name = "upgrade")]
pub(super) struct UpgradeArgs {
    /// directory of KB17 with its config.yaml; default: `/opt/KristaBackup`
    #[argh(option, arg_name = "dir", default = "PathBuf::from(\"/opt/KristaBackup\")")]
    pub(super) from: PathBuf,

    /// replace its crontab lines; without this nothing is changed
    #[argh(switch)]
    pub(super) apply: bool,

    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// Show the state of this server, or of many: last success, what is overdue, free space. Worst first.
#[derive(FromArgs)]
#[argh(
    subcommand,
    help_triggers("-h", "--help"),
    name = "status",
    example = "{command_name}",
    example = "{command_name} http://10.0.0.5:5556 http://10.0.0.6:5556",
    example = "{command_name} --servers servers.yaml --watch 60"
)]
pub(super) struct StatusArgs {
    /// addresses of other servers' webapis; none for this server
    #[argh(positional)]
    pub(super) url: Vec<String>,

    /// file with `servers: [URL, ...]`, as KB17 had it
    #[argh(option, arg_name = "file")]
    pub(super) servers: Option<PathBuf>,

    /// file with the token of webapis that want one (`web.token`)
    #[argh(option, arg_name = "file")]
    pub(super) token_file: Option<PathBuf>,

    /// how long one server may take to answer, such as 10s; default 4s
    #[argh(option, arg_name = "time")]
    pub(super) timeout: Option<String>,

    /// ask again every this many seconds, until interrupted
    #[argh(option, arg_name = "seconds")]
    pub(super) watch: Option<u64>,

    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// List or show logs, of this server or of another through its webapi.
#[derive(FromArgs)]
#[argh(
    subcommand,
    help_triggers("-h", "--help"),
    name = "logs",
    example = "{command_name}",
    example = "{command_name} --last TASK --debug",
    example = "{command_name} http://10.0.0.5:5556 2026/77-shop-app-srv-01-20261122_230000.log"
)]
pub(super) struct LogsArgs {
    /// address of another server's webapi, and which log: DIR/NAME as listed; none to list them
    #[argh(positional, arg_name = "url|dir/name")]
    pub(super) what: Vec<String>,

    /// the debug log of the same run instead
    #[argh(switch)]
    pub(super) debug: bool,

    /// the newest log of this task or action
    #[argh(option, arg_name = "unit")]
    pub(super) last: Option<String>,

    /// keep showing what is added to the log, until interrupted; this server only
    #[argh(switch, short = 'f')]
    pub(super) follow: bool,

    /// file with the token of a webapi that wants one (`web.token`)
    #[argh(option, arg_name = "file")]
    pub(super) token_file: Option<PathBuf>,

    /// print one JSON document
    #[argh(switch)]
    pub(super) json: bool,
}

/// Start or stop the webapi: read-only answers over HTTP for a central poller, Zabbix and Prometheus.
#[derive(FromArgs)]
#[argh(
    subcommand,
    help_triggers("-h", "--help"),
    name = "web",
    example = "{command_name} start --api",
    example = "{command_name} stop --api"
)]
pub(super) struct WebArgs {
    /// start (in the foreground) or stop
    #[argh(positional, arg_name = "order")]
    pub(super) words: Vec<String>,

    /// the webapi; there is deliberately no web UI
    #[argh(switch)]
    pub(super) api: bool,

    /// the same, as KB17 spelt it
    #[argh(switch)]
    pub(super) webapi: bool,

    /// the user `start` becomes, instead of `web.user`
    #[argh(option, arg_name = "name")]
    pub(super) user: Option<String>,
}

/// Print the documentation: a topic, an action type, a key of the configuration or a command; without one, the topics.
#[derive(FromArgs)]
#[argh(help_triggers("-h", "--help"), example = "{command_name}", example = "{command_name} restore")]
pub(super) struct HelpArgs {
    /// what to read about
    #[argh(positional)]
    pub(super) topic: Option<String>,

    /// en or ru; default: by the locale
    #[argh(option, arg_name = "language")]
    pub(super) lang: Option<String>,
}

/// argh keeps the name `help` to itself, unless it is found at run time.
impl DynamicSubCommand for HelpArgs {
    fn commands() -> &'static [&'static CommandInfo] {
        &[&CommandInfo {
            name: "help",
            short: &'\0',
            description: "Print the documentation: the list of topics, or one of them.",
        }]
    }

    fn try_redact_arg_values(_: &[&str], _: &[&str]) -> Option<Result<Vec<String>, EarlyExit>> {
        None
    }

    fn try_from_args(command_name: &[&str], args: &[&str]) -> Option<Result<Self, EarlyExit>> {
        (command_name.last() == Some(&"help")).then(|| Self::from_args(command_name, args))
    }
}

/// The names of all commands.
pub(super) fn commands() -> Vec<&'static str> {
    Command::COMMANDS.iter().chain(Command::dynamic_commands()).map(|command| command.name).collect()
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

    #[test]
    fn weekdays_know_two_sundays() {
        assert_eq!(weekdays("1,3,7").unwrap(), BTreeSet::from([0, 1, 3]));
        assert!(weekdays("8").is_err());
        assert!(weekdays("").is_err());
    }
}
