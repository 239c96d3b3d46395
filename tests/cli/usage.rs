//! What is typed, what is printed, exit codes.

use crate::support::{Bench, Ran, contains};
use std::process::{Command, Stdio};

const SIMPLE: &str = "\
schedule:
  nothing: {actions: [say], cron: '00 23 * * 0', descr: Ничего}
actions:
  say: {type: command, cmd: 'true', descr: says nothing}
";

fn typed(arguments: &[&str]) -> Ran {
    Bench::new("typed").ran(Command::new(crate::support::BINARY).args(arguments).output().unwrap())
}

#[test]
fn every_help_text_ends_with_the_exit_codes() {
    for arguments in [&["--help"][..], &["-h"], &["run", "--help"], &["check", "-h"], &["list", "--help"]] {
        let help = typed(arguments);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(help.stdout.ends_with("128+N  ended by signal N after cleaning up\n"), "{}", help.stdout);
        contains(&help.stdout, "Usage: krista-backup");
    }
}

#[test]
fn wrong_usage_is_one_line_and_2() {
    for (arguments, line) in [
        (&[][..], "no command given"),
        (&["frobnicate"], "there is no command `frobnicate`; see"),
        (&["runn", "weekly"], "there is no command `runn`, did you mean `run`?"),
        (&["run"], "unit"),
        (&["run", "a", "b"], "b"),
        (&["check", "--nonsense"], "--nonsense"),
        (&["--config"], "--config needs a file"),
        (&["run", "x", "--on-weekdays", "8"], "weekday"),
        (&["web"], "`web start --api` or `web stop --api`"),
        (&["web", "--api"], "`web start --api` or `web stop --api`"),
        (&["web", "start"], "deliberately no web UI"),
        (&["web", "users", "add"], "deliberately no web UI"),
        (&["web", "start", "--api", "x"], "no use for `x`"),
    ] {
        let ran = typed(arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        contains(&ran.stderr, line);
    }
}

/// What takes more than a second shows on a terminal how far it is; nowhere else, and nothing of it stays.
#[test]
fn a_terminal_shows_how_far_a_run_is() {
    let bench = Bench::with("progress", "actions: {a: {type: command, cmd: 'sleep 2.5; echo done'}}\n");
    let command = |arguments: &str| {
        let config = bench.path("config.yaml");
        let line = format!("{} --config {} run a {arguments}", crate::support::BINARY, config.display());
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm").stdin(Stdio::null());
        bench.ran(terminal.output().unwrap()).stdout
    };
    let shown = command("-v");
    contains(&shown, "\r\x1b[Ka: 1 s\r\x1b[Ka: ");
    contains(&shown, "\r\x1b[KINFO a done\r\n");
    assert!(!shown.ends_with("\x1b[K"), "{shown:?}");
    let document = command("--json");
    assert!(!document.contains('\x1b'), "{document:?}");
    let plain = bench.run(&["run", "a"]);
    plain.gives(0, "", "");
}

/// Whoever reads JSON gets some, whatever goes wrong; the line for people is there all the same.
#[test]
fn json_is_one_document_even_when_nothing_can_be_done() {
    let bench = Bench::new("json-errors");
    let asked = |arguments: &[&str], code: i32, error: &str| {
        let ran = bench.run(arguments);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect(&ran.stdout);
        assert_eq!((ran.code, document["exit"].as_i64()), (code, Some(code.into())), "{arguments:?}");
        contains(document["error"].as_str().unwrap(), error);
        contains(&ran.stderr, error);
    };
    for command in ["check", "list", "backups", "status", "logs", "run x"] {
        let arguments: Vec<_> = command.split(' ').chain(["--json"]).collect();
        asked(&arguments, 2, "reading configuration");
    }
    bench.config("naming: [\n");
    asked(&["list", "--json"], 2, "config.yaml:2:1: error: ");
    asked(&["run", "--json"], 2, "unit");
    bench.config(&format!("{}{SIMPLE}", crate::support::HEAD));
    asked(&["backups", "nosuch", "--json"], 2, "nosuch");
    asked(&["logs", "2020/none.log", "--json"], 1, "there are no logs yet");
}

#[test]
fn the_version_is_data() {
    typed(&["--version"]).gives(0, concat!("krista-backup ", env!("CARGO_PKG_VERSION"), "\n"), "");
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
    let bench = Bench::with("pipe", SIMPLE);
    let mut child = bench.command(&["list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    bench.ran(child.wait_with_output().unwrap()).gives(0, "", "");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = bench.ran(bench.command(&["list"]).stdout(full).stderr(Stdio::piped()).output().unwrap());
    ran.gives(1, "", "krista-backup: writing to standard output: No space left on device (os error 28)\n");
}

#[test]
fn the_configuration_is_found_by_environment_and_never_in_the_current_directory() {
    let bench = Bench::with("lookup", SIMPLE);
    let run = |dir: &str, variable: Option<&str>| {
        let mut command = Command::new(crate::support::BINARY);
        command.arg("list").current_dir(dir).env_remove("KRISTA_BACKUP_CONFIG");
        variable.map(|value| command.env("KRISTA_BACKUP_CONFIG", value));
        bench.ran(command.output().unwrap())
    };
    let dir = bench.path("").to_str().unwrap().to_owned();
    let file = bench.path("config.yaml").to_str().unwrap().to_owned();
    assert_eq!(run("/", Some(&file)).code, 0);
    assert_eq!(run(&dir, None).code, 2, "config.yaml of the current directory was taken");
}

#[test]
fn list_shows_what_is_configured_and_how_it_went() {
    let bench = Bench::with("list", SIMPLE);
    let before = bench.run(&["list", "--json"]);
    assert_eq!(before.code, 0, "{}", before.stderr);
    let answer: serde_json::Value = serde_json::from_str(&before.stdout).unwrap();
    assert_eq!(answer["tasks"][0]["name"], "nothing");
    assert_eq!(answer["tasks"][0]["description"], "Ничего");
    assert_eq!(answer["tasks"][0]["last"], serde_json::Value::Null);
    assert!(answer["tasks"][0]["next"].as_str().unwrap().contains("T23:00:00"), "{answer}");
    bench.run(&["run", "nothing"]).gives(0, "", "");
    let answer: serde_json::Value = serde_json::from_str(&bench.run(&["list", "--json"]).stdout).unwrap();
    assert_eq!(answer["tasks"][0]["last"]["result"], "ok");
    let last = &answer["actions"][0]["last"];
    assert_eq!((last["result"].as_str(), last["unit"].as_str()), (Some("ok"), Some("nothing")), "as part of the task");
    let table = bench.run(&["list"]).stdout;
    contains(&table, "nothing  00 23 * * 0  ");
    contains(&table, "  ok      -       says nothing");
}
