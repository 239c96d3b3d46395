//! `status` of this server, and the files a run leaves for monitoring.

use crate::support::tree::is_root;
use crate::support::{BINARY, Bench, HEAD, contains, lacks, tools};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ACTIONS: &str = "actions:
  pack: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/backup'}
  fail: {type: command, cmd: 'exit 3', continue_on_error: false}
  warn: {type: command, cmd: 'echo odd >&2', stderr_level: warning}
  sleep: {type: command, cmd: 'sleep 300'}
";

fn bench(name: &str, schedule: &str) -> Bench {
    let bench = Bench::with(name, &format!("schedule:\n{schedule}{ACTIONS}"));
    bench.write("src/file", "content");
    bench
}

/// The crontab is a file of the bench; the text is what is in it.
fn with_crontab(bench: &mut Bench, table: &str) {
    let path = bench.write("table", table).display().to_string();
    bench.fake("crontab", &format!("case $1 in -l) cat '{path}';; -) cat >'{path}';; esac"));
}

fn status(bench: &Bench) -> (i32, Value) {
    let ran = bench.run(&["status", "--json"]);
    assert_eq!(ran.stderr, "", "data on stdout, nothing else");
    (ran.code, serde_json::from_str(&ran.stdout).unwrap())
}

/// Kind and task of every reason.
fn reasons(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = document["reasons"].as_array().unwrap().iter();
    all.map(|reason| (text(&reason["kind"]), text(&reason["task"]))).collect()
}

fn pair(kind: &str, task: &str) -> (String, String) {
    (kind.to_owned(), task.to_owned())
}

#[test]
fn a_server_is_as_well_as_its_worst_task() {
    let mut bench = bench(
        "status",
        "  good: {actions: [pack], descr: Хорошая}\n  bad: {actions: [fail]}\n  odd: {actions: [warn]}\n",
    );
    with_crontab(&mut bench, "");
    let (code, document) = status(&bench);
    assert_eq!(
        (code, &document["state"], &document["schema"]),
        (0, &"ok".into(), &1.into()),
        "nothing ran, nothing is due"
    );
    bench.run(&["run", "good"]).exits(0);
    let (code, document) = status(&bench);
    assert_eq!((code, reasons(&document)), (0, Vec::new()));
    assert_eq!((&document["server"], &document["full_name"]), (&"srv".into(), &"77-test-srv".into()));
    assert_eq!((&document["trigger"], &document["crontab"]), (&"SUCCESS".into(), &"read".into()));
    let task = &document["tasks"][0];
    assert_eq!((&task["name"], &task["description"]), (&"good".into(), &"Хорошая".into()));
    assert_eq!((&task["last"]["result"], &task["last"]["exit"]), (&"ok".into(), &0.into()));
    assert_eq!(task["last"]["started"], task["last_success"]["started"]);
    assert!(task["last"]["bytes"].as_u64().unwrap() > 0 && task["last"]["files"] == 2, "{task}");
    let backups = &document["backups"][0];
    assert_eq!((&backups["actions"][0], &backups["count"]), (&"pack".into(), &1.into()));
    assert_eq!((&backups["newest"]["verified"], &backups["newest"]["time"]), (&true.into(), &task["last"]["started"]));
    let disk = &document["destinations"][0];
    assert_eq!(disk["path"], "{dir}/backup");
    assert!(disk["free"].as_u64().unwrap() <= disk["total"].as_u64().unwrap());
    bench.run(&["run", "odd"]);
    let (code, document) = status(&bench);
    assert_eq!((code, reasons(&document)), (3, vec![pair("warnings", "odd")]));
    bench.run(&["run", "bad"]);
    let (code, document) = status(&bench);
    assert_eq!(
        (code, reasons(&document)),
        (1, vec![pair("failed", "bad"), pair("warnings", "odd")]),
        "the worst first"
    );
    let ran = bench.run(&["status"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stdout, "ERROR srv, ");
    contains(&ran.stdout, "error bad: failed on ");
    contains(&ran.stdout, ": fail: the command exited with status 3\n");
    contains(&ran.stdout, "  when written  ");
    // a damaged newest set is a failure, too
    bench.run(&["run", "fail"]);
    let set = bench.names("backup").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    bench.write(&format!("backup/{set}"), "short");
    let found = reasons(&status(&bench).1);
    assert!(found.contains(&pair("backup", "")), "{found:?}");
}

/// The dead man's switch: 3 when nothing ran, 1 once it was tried and failed.
#[test]
fn a_task_that_did_not_run_is_an_error() {
    let mut bench = bench(
        "status-due",
        "  hourly: {actions: [fail], cron: '0 * * * *'}\n  other: {actions: [pack], cron: '5 * * * *'}\n",
    );
    with_crontab(&mut bench, "");
    assert_eq!(bench.run(&["enable", "hourly"]).code, 0);
    let (code, document) = status(&bench);
    assert_eq!((code, &document["tasks"][0]["due"]["state"]), (0, &"on time".into()), "just enabled");
    assert!(document["tasks"][0]["next_run"].is_string() && document["tasks"][1]["next_run"].is_null());
    bench.write("log/.state/enabled.json", "{\"hourly\": \"2020-06-01T12:00:00+03:00\"}");
    let (code, document) = status(&bench);
    assert_eq!((code, &document["state"], reasons(&document)), (3, &"error".into(), vec![pair("missed", "hourly")]));
    assert_eq!(document["tasks"][0]["due"]["since"].as_str().map(|since| &since[..10]), Some("2020-06-01"));
    contains(&bench.run(&["status"]).stdout, "error hourly: should have run at 2020-06-01 ");
    bench.run(&["run", "hourly"]);
    let (code, document) = status(&bench);
    assert_eq!((code, reasons(&document)), (1, vec![pair("failed", "hourly"), pair("overdue", "hourly")]));
}

/// A crontab that cannot be read: what `enable` recorded counts, and without a record it is said.
#[test]
fn without_the_crontab_the_record_counts() {
    let mut bench = bench("status-crontab", "  hourly: {actions: [pack], cron: '0 * * * *'}\n");
    bench.fake("crontab", "echo 'not allowed' >&2; exit 1");
    let (code, document) = status(&bench);
    assert_eq!((code, reasons(&document)), (3, vec![pair("crontab", "")]));
    assert_eq!((&document["crontab"], &document["tasks"][0]["enabled"]), (&"unknown".into(), &Value::Null));
    bench.write("log/.state/enabled.json", "{\"hourly\": \"2020-06-01T12:00:00+03:00\"}");
    let (code, document) = status(&bench);
    assert_eq!(
        (code, &document["crontab"], reasons(&document)),
        (3, &"recorded".into(), vec![pair("missed", "hourly")])
    );
}

#[test]
fn what_cannot_be_known_is_said() {
    let mut bench = bench("status-broken", "  t: {actions: [pack, nosuch], cron: '0 1 * * *'}\n");
    with_crontab(&mut bench, "");
    let (code, document) = status(&bench);
    assert_eq!((code, reasons(&document)), (1, vec![pair("config", "t"), pair("config", "")]));
    fs::create_dir_all(bench.path("log/journal.jsonl")).unwrap();
    let (code, document) = status(&bench);
    assert_eq!(code, 1);
    assert!(reasons(&document).contains(&pair("journal", "")), "{document}");
    // a word that no task explains: a run by hand, or somebody else's
    let calm = self::bench("status-trigger", "  t: {actions: [pack]}\n");
    calm.write("trigger", "ERROR\n");
    let (code, document) = status(&calm);
    assert_eq!((code, reasons(&document)), (3, vec![pair("trigger", "")]));
    // nobody who watches it learns anything from such a file
    calm.write("trigger", "error");
    let (code, document) = status(&calm);
    assert_eq!((code, reasons(&document)), (3, vec![pair("trigger", "")]));
    // random bytes are no journal of a server on which nothing ever failed
    calm.write("log/journal.jsonl", [0x81; 3000]);
    let (code, document) = status(&calm);
    assert_eq!(code, 1);
    assert!(reasons(&document).contains(&pair("journal", "")), "{document}");
    assert_eq!(calm.run(&["list"]).code, 1);
}

/// P22, P7: what stands in the journal's place cannot hold up a backup.
#[test]
fn a_fifo_for_a_journal_holds_nobody_up() {
    let bench = bench("status-fifo", "  t: {actions: [pack]}\n");
    fs::create_dir_all(bench.path("log")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(bench.path("log/journal.jsonl")).status().unwrap().success());
    let ran = bench.run(&["run", "t"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(bench.read("trigger"), "WARNING");
    assert_eq!(status(&bench).0, 1);
}

fn with_files(name: &str, more: &str) -> Bench {
    let bench = Bench::new(name);
    let logging =
        "trigger_filepath: '{dir}/trigger', status_file: '{dir}/out/status.json', metrics_file: '{dir}/out/kb.prom'}";
    let head = HEAD.replace("trigger_filepath: '{dir}/trigger'}", logging);
    let tasks = "schedule:\n  good: {actions: [pack]}\n  bad: {actions: [fail]}\n  long: {actions: [sleep]}\n  \
                 'a \"quoted\\name\"': {actions: [pack]}\n";
    bench.config(&format!("{head}{tasks}{more}{ACTIONS}"));
    bench.write("src/file", "content");
    fs::create_dir(bench.path("out")).unwrap();
    bench
}

fn written(bench: &Bench) -> Value {
    serde_json::from_str(&bench.read("out/status.json")).unwrap()
}

#[test]
fn a_run_leaves_both_files_for_monitoring() {
    let bench = with_files("status-files", "");
    // P24: what is planted under their names is replaced, not followed
    let target = bench.write("precious", "untouched");
    symlink(&target, bench.path("out/status.json")).unwrap();
    symlink(&target, bench.path("out/kb.prom")).unwrap();
    bench.run(&["run", "good"]).exits(0);
    assert_eq!(bench.read("precious"), "untouched");
    for name in ["out/status.json", "out/kb.prom"] {
        let meta = fs::symlink_metadata(bench.path(name)).unwrap();
        assert!(meta.is_file() && meta.mode() & 0o7777 == 0o644, "{name}: {meta:?}");
    }
    let document = written(&bench);
    assert_eq!(
        (&document["state"], &document["running"]),
        (&"ok".into(), &Value::Array(Vec::new())),
        "this run has ended"
    );
    assert_eq!(document["tasks"][0]["last"]["result"], "ok");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&document), keys(&status(&bench).1), "the same document everywhere");
    let metrics = bench.read("out/kb.prom");
    contains(&metrics, "krista_backup_state 0\n");
    contains(&metrics, "krista_backup_task_last_success_timestamp_seconds{task=\"good\"} ");
    contains(&metrics, "krista_backup_task_enabled{task=\"a \\\"quoted\\\\name\\\"\"} ");
    bench.run(&["run", "bad"]).exits(1);
    assert_eq!((&written(&bench)["state"], &written(&bench)["trigger"]), (&"error".into(), &"ERROR".into()));
    contains(&bench.read("out/kb.prom"), "krista_backup_task_last_status{task=\"bad\"} 2\n");
    if tools::have(&["promtool"]) {
        let input = fs::File::open(bench.path("out/kb.prom")).unwrap();
        let checked = Command::new("promtool").args(["check", "metrics"]).stdin(input).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!((checked.status.code(), said.as_str()), (Some(0), ""), "{metrics}");
    }
    assert_eq!(bench.names("out").len(), 2, "no temporary files: {:?}", bench.names("out"));
}

/// The periods of a vault have the same actions: each is looked at, and each has its own line for Prometheus, which takes no page
/// with the same one twice.
#[test]
fn every_period_of_a_vault_is_looked_at() {
    let bench = Bench::with(
        "status-vault",
        &format!(
            "schedule:\n  good: {{actions: [pack, keep]}}\n{ACTIONS}  keep: {{type: move_bkp_period, action_list: [pack], dest_path: \
             '{{dir}}/vault', periods: {{daily: {{cron: '* * * * *'}}, weekly: {{cron: '* * * * *'}}, never: {{cron: '0 0 30 2 *'}}}}}}\n"
        ),
    );
    bench.write("src/file", "content");
    bench.run(&["run", "good"]).exits(0);
    let (_, document) = status(&bench);
    let seen: Vec<_> = document["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| (found["path"].as_str().unwrap().rsplit('/').next().unwrap(), &found["count"], &found["problem"]))
        .collect();
    let none = &Value::Null;
    assert_eq!(
        seen,
        [
            ("backup", &1.into(), none),
            ("daily", &1.into(), none),
            ("weekly", &1.into(), none),
            ("never", &0.into(), none)
        ]
    );
    let shown = bench.run(&["status"]);
    for place in ["/vault/daily\n", "/vault/weekly\n", "/vault/never\n"] {
        contains(&shown.stdout, place);
    }
    let with_file = bench.read("config.yaml").replace("logs_path:", "metrics_file: kb.prom, logs_path:");
    bench.config(&with_file);
    bench.run(&["run", "good"]);
    let metrics = bench.read("kb.prom");
    let mut series: Vec<_> = metrics.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
    series.retain(|name| !name.starts_with('#'));
    assert_eq!(
        series.iter().filter(|name| name.starts_with("krista_backup_sets{action=\"keep\"")).count(),
        3,
        "{metrics}"
    );
    let all = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "{metrics}");
}

/// P15, P27: everybody may read these files.
#[test]
fn no_secret_is_in_the_files() {
    let bench = with_files("status-secrets", "");
    let text = bench.read("config.yaml");
    let dump = "  dump: {type: pgdump, basename: x, dest_path: '{dir}/b', mode: all, host: localhost, user: u, password: s3cr3t-word}\n";
    bench.config(&format!("{text}{dump}"));
    bench.run(&["run", "good"]).exits(0);
    // a child may say anything
    let said = r#"{"event":"end","run":"x","unit":"bad","started":"2026-07-07T05:00:00Z","time":"2026-07-07T05:00:00Z","outcome":"failed",
        "exit":1,"message":"it said s3cr3t-word","duration_ms":0,"bytes":0,"files":0,"warnings":0,"actions":[],"version":"2.0.0"}"#;
    let journal = bench.read("log/journal.jsonl");
    bench.write("log/journal.jsonl", format!("{journal}{}\n", said.replace('\n', "")));
    bench.run(&["run", "good"]).exits(0);
    assert_eq!(written(&bench)["tasks"][1]["last"]["message"], "it said ***");
    for name in ["status.json", "kb.prom"] {
        lacks(&bench.read(&format!("out/{name}")), "s3cr3t");
    }
    // not even when the configuration is broken, with the secret in the broken line
    bench.config(&format!("{text}  x: {{password: s3cr3t-word, [\n"));
    bench.run(&["run", "good"]).exits(2);
    contains(&bench.read("out/status.json"), "the configuration cannot be read, see `check`");
    lacks(&bench.read("out/status.json"), "s3cr3t");
}

/// A run that was refused is news for monitoring, too; a dry run is none.
#[test]
fn a_refused_run_writes_them_and_a_dry_run_does_not() {
    let bench = with_files("status-refused", "  broken: {actions: [nosuch]}\n");
    bench.run(&["run", "pack", "--dry"]);
    assert_eq!(bench.names("out"), [""; 0]);
    bench.run(&["run", "broken"]).exits(2);
    let document = written(&bench);
    assert_eq!(document["state"], "error");
    assert!(reasons(&document).contains(&pair("failed", "broken")), "{document}");
    let mut long = bench.command(&["run", "long"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !bench.journal().iter().any(|record| record["unit"] == "long") {
        assert!(Instant::now() < deadline, "it does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    bench.run(&["run", "long"]).exits(4);
    let document = written(&bench);
    assert_eq!(document["running"][0]["unit"], "long");
    assert_eq!(document["tasks"][2]["running"]["pid"], long.id());
    Command::new("kill").arg(long.id().to_string()).status().unwrap();
    assert_eq!(long.wait().unwrap().code(), Some(143));
    assert_eq!(written(&bench)["tasks"][2]["last"]["result"], "interrupted");
    let text = bench.read("config.yaml");
    fs::write(bench.path("config.yaml"), format!("{text}\n  - broken: [\n")).unwrap();
    bench.run(&["run", "good"]).exits(2);
    let document = written(&bench);
    assert_eq!((&document["state"], reasons(&document)), (&"error".into(), vec![pair("config", "")]));
    contains(&bench.read("out/kb.prom"), "krista_backup_state 2\n");
}

/// What monitoring cannot get is a warning, and never harms the backup.
#[test]
fn files_that_cannot_be_written_are_a_warning() {
    let bench = with_files("status-unwritable", "");
    fs::remove_dir(bench.path("out")).unwrap();
    let ran = bench.run(&["run", "good"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    contains(&bench.log(), "writing {dir}/out/status.json: opening directory {dir}/out: No such file or directory");
    contains(&bench.log(), "kb.prom");
    assert_eq!(bench.trigger(), "WARNING");
    assert!(bench.names("backup").iter().any(|name| name.ends_with(".tar.gz")));
}

/// A destination that hangs neither hangs `status` nor hides the rest.
#[test]
fn a_hung_destination_is_said() {
    if !tools::have(&["bindfs", "unshare"]) || !tools::can_mount() {
        return;
    }
    let bench = Bench::with(
        "status-hung",
        "actions:\n  good: {type: tar, basename: g, src_path: '{dir}/src', dest_path: '{dir}/b'}\n  \
         hung: {type: tar, basename: h, src_path: '{dir}/src', dest_path: '{dir}/mnt/x'}\n",
    );
    bench.write("src/a", "x");
    bench.run(&["run", "good"]).exits(0);
    fs::create_dir_all(bench.path("mnt/x")).unwrap();
    let script = format!(
        "cd {}; bindfs -f src mnt/x & server=$!
        while ! grep -q \" $PWD/mnt/x \" /proc/self/mountinfo; do sleep 0.1; done
        kill -STOP $server; {BINARY} --config config.yaml status --json; echo $? >code; kill -KILL $server",
        bench.path("").display()
    );
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "120", "unshare", "-m", "--propagation", "private", "sh", "-c", &script]);
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(124), "it hung");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<_> = document["destinations"].as_array().unwrap().iter().map(|disk| disk["free"].is_u64()).collect();
    assert_eq!(found, [true, false], "{document}");
    contains(document["destinations"][1]["problem"].as_str().unwrap(), "no answer within");
    assert_eq!((&document["backups"][0]["count"], &document["backups"][1]["count"]), (&1.into(), &Value::Null));
    assert_eq!((bench.read("code").trim(), &document["state"]), ("3", &"warning".into()));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let bench = bench("status-usage", "  t: {actions: [pack]}\n");
    for (arguments, reason) in [
        (&["status", "--watch", "0"][..], "at least 1 second"),
        (&["status", "--timeout", "5s"], "for asking other servers"),
        (&["status", "http://127.0.0.1:1", "--timeout", "soon"], "no time such as 5s"),
        (&["status", "http://127.0.0.1:1", "--timeout", "0"], "no time such as 5s"),
        (&["status", "http://127.0.0.1:1", "--token-file", "/dev/null"], "does not hold one word"),
        (&["status", "--servers", "/no/such"], "/no/such cannot be read: No such file"),
    ] {
        let ran = bench.run(arguments);
        assert!(ran.code == 2 && ran.stdout.is_empty(), "{arguments:?}: {ran:?}");
        contains(&ran.stderr, reason);
        lacks(&ran.stderr, "panicked");
    }
}

/// A document in which nothing is missing: a task that failed, one that ran well and is in the crontab, a backup.
fn full_document() -> Value {
    let mut bench = bench("status-full", "  good: {actions: [pack], cron: '0 * * * *'}\n  bad: {actions: [fail]}\n");
    with_crontab(&mut bench, "");
    assert_eq!(bench.run(&["enable", "good"]).code, 0);
    bench.run(&["run", "good"]).exits(0);
    bench.run(&["run", "bad"]).exits(1);
    status(&bench).1
}

/// Keys that only one of two documents has. Where lists are empty or values null there is nothing to compare.
fn differences(one: &Value, other: &Value, path: &str, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            found.extend(a.keys().filter(|key| !b.contains_key(*key)).map(|key| format!("{path}.{key}")));
            found.extend(b.keys().filter(|key| !a.contains_key(*key)).map(|key| format!("{path}.{key}")));
            for (key, value) in a {
                b.get(key).into_iter().for_each(|other| differences(value, other, &format!("{path}.{key}"), found));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if let (Some(one), Some(other)) = (a.first(), b.first()) {
                differences(one, other, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn the_documented_document_is_the_real_one() {
    let page = fs::read_to_string("docs/api.md").unwrap();
    let section = page.split("## /api/v1/status").nth(1).unwrap();
    let example = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let mut found = Vec::new();
    differences(&full_document(), &serde_json::from_str(example).unwrap(), "$", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

/// Every path that the template takes apart is in the document, and its identifiers are as Zabbix wants them.
#[test]
fn the_zabbix_template_asks_for_what_there_is() {
    let template = fs::read_to_string("dist/zabbix/krista-backup.yaml").unwrap();
    let document = full_document();
    let paths =
        template.lines().filter_map(|line| line.trim().strip_prefix("- ")?.trim_matches('\'').strip_prefix("$."));
    let mut checked = 0;
    for path in paths {
        let mut at = &document;
        for step in path.split("[?(").map(|part| part.split(")].").last().unwrap()).flat_map(|part| part.split('.')) {
            if step == "first()" {
                continue;
            }
            at = at.get(step).unwrap_or_else(|| panic!("{path}: no {step} in {at}"));
            at = at.get(0).unwrap_or(at);
        }
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} paths found");
    let uuids: Vec<_> = template.lines().filter_map(|line| line.split("uuid: ").nth(1)).collect();
    for uuid in &uuids {
        let digits: Vec<char> = uuid.chars().collect();
        assert!(digits.len() == 32 && digits.iter().all(|c| c.is_ascii_digit() || ('a'..='f').contains(c)), "{uuid}");
        assert!(digits[12] == '4' && "89ab".contains(digits[16]), "{uuid} is not of version 4");
    }
    let each: std::collections::BTreeSet<_> = uuids.iter().collect();
    assert!(uuids.len() > 20 && each.len() == uuids.len(), "an identifier stands twice");
}

/// The webapi's user cannot enter directories of backups (P24). That alone is nothing to warn about, day and night.
#[test]
fn who_may_not_enter_the_backups_still_sees_the_free_space() {
    if !is_root() {
        eprintln!("not root: everybody may enter");
        return;
    }
    let bench = Bench::new("status-nobody");
    fs::set_permissions(bench.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    bench.config(
        "naming: {server_name: srv, project: test, region: 77}\nlogging: {logs_path: '{dir}/log', group: nogroup}\n\
         actions: {a: {type: tar, basename: a, src_path: '{dir}/src', dest_path: '{dir}/deep/dst'}}\n",
    );
    bench.write("src/f", "f");
    bench.run(&["run", "a"]).gives(0, "", "");
    fs::set_permissions(bench.path("config.yaml"), fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = bench.command(&["status", "--json"]);
    let answer = bench.ran(command.uid(65534).gid(65534).output().unwrap());
    let answer: Value = serde_json::from_str(&answer.stdout).unwrap();
    contains(answer["backups"][0]["problem"].as_str().unwrap(), "Permission denied");
    let destination = &answer["destinations"][0];
    assert_eq!((&destination["problem"], &answer["state"]), (&Value::Null, &Value::from("ok")), "{answer:#}");
    assert!(destination["free"].as_u64().unwrap() > 0, "{answer:#}");
}
