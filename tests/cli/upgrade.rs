//! `upgrade`: from what KB17 leaves on a server to our lines in the crontab.

use crate::support::{BINARY, Bench, Ran, contains, lacks};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const CONFIG: &str = "\
naming:
  server_name: app-srv-01
  project: cons
  region: 77
  naming_scheme:
    scheme_id: by_day
    fsdump_fileformat: '{basename}_{date:%d%m%Y_%H%M%S}_{level}.{ext}'
    fsdump_hash_fileformat: '{basename}_{date:%d%m%Y_%H%M%S}_{level}.hash'
    pgdump_fileformat: '{basename}-{dbname}-{date:%Y%m%d_%H%M%S}.pgdump'
    pgdump_hash_fileformat: '{basename}-{dbname}-{date:%Y%m%d_%H%M%S}.hash'
cron: {cron_user: root}
logging: {logs_path: '{dir}/log', trigger_filepath: '{dir}/trigger'}
schedule:
  full: {actions: [tar0, clean0], cron: 00 23 * * 0}
  diff: {actions: [tar1], cron: 00 23 * * 1-6}
  vault: {actions: [mv, copy], cron: 40 23 * * *}
  off: {actions: [tar0], cron: 0 1 * * *}
actions:
  tar0: {type: tar, basename: app, src_path: '{dir}/app', dest_path: '{dir}/backup', level: 0, level_folders: ['0', '1'], compression: 9, log_files: 'False'}
  tar1: {source: tar0, level: 1}
  clean0: {type: cleaner, source: tar0, max_files: 2}
  mv: {type: move_bkp_period, action_list: [tar0], dest_path: '{dir}/vault', periods: {daily: {cron: '* * * * *', max_files: 3}}}
  copy: {type: rsync, src_path: '{dir}/app', dest_path: '{dir}/copy', exclusions: [cache], opts: '--delete --delete-excluded'}
";

fn kb17(cron: &str, task: &str) -> String {
    format!(
        "{cron} /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run {task} 2>&1 | /usr/bin/tee \
         /var/log/KristaBackup/crontab_errorlog.log | xargs -r -0 sh -c \"echo ERROR > /etc/zabbix/backup.trigger\" # {task}\n"
    )
}

fn bench(name: &str) -> Bench {
    let mut bench = Bench::new(name);
    bench.config(CONFIG);
    let lines = ["00 23 * * 0 full", "00 23 * * 1-6 diff", "40 23 * * * vault", "* * * * * lost"];
    let lines = lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(cron, task)| kb17(cron, task));
    let table = bench.write("table", format!("MAILTO=root\n\n{}", lines.join("\n"))).display().to_string();
    bench.fake(
        "crontab",
        &format!("case $1 in -l) cat '{table}';; -) cat >'{table}';; *) cat \"$1\" >'{table}';; esac"),
    );
    for set in ["0/app_05072020_230000_0", "0/app_12072020_230000_0", "1/app_13072020_230000_1"] {
        bench.write(&format!("backup/{set}.tar.gz"), "an archive");
        bench.write(&format!("backup/{set}.list"), "a list");
        bench.write(&format!("backup/{set}.hash"), "0".repeat(40));
    }
    bench.write("vault/daily/app_12072020_230000_0.tar.gz", "an archive");
    bench.write("app/file", "x");
    bench
}

/// `upgrade` is told the directory, not the file.
fn upgrade(bench: &Bench, arguments: &[&str]) -> Ran {
    let with_config = bench.command(&["upgrade"]);
    let mut command = Command::new(BINARY);
    command.env_clear().envs(std::env::vars()).env_remove("KRISTA_BACKUP_CONFIG");
    command.envs(with_config.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.arg("upgrade").arg("--from").arg(bench.path("")).args(arguments).stdin(Stdio::null()).current_dir("/");
    bench.ran(command.output().unwrap())
}

#[test]
fn it_shows_what_is_there_and_changes_nothing() {
    let bench = bench("upgrade");
    let before = bench.read("table");
    let ran = upgrade(&bench, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (3, ""), "{}", ran.stdout);
    for part in [
        "crontab of root: 4 lines of KB17",
        "  lost: not configured: its line stays",
        "backups: 4 sets of KB17",
        "  tar0, tar1  3 sets",
        "newest 2020-07-13 23:00  {dir}/backup/0, {dir}/backup/1\n",
        "  mv          1 set",
        "look    `compression` ignored\n     →  level 9 is used: sizes and times change\n        actions.tar0, actions.tar1\n",
        "look    a quoted 'False' taken for true\n     →  `log_files` is false, as it says\n        actions.tar0.log_files\n",
        "\n\nact     `exclusions` had no effect on top-level entries\n     →  they have, and with `--delete-excluded`",
        "log messages in Russian",
        "Nothing was changed.",
    ] {
        contains(&ran.stdout, part);
    }
    lacks(&ran.stdout, "last good copy");
    assert_eq!(bench.read("table"), before);
    assert!(!bench.path("log").exists(), "it looked only");
}

#[test]
fn apply_replaces_the_lines_and_the_undo_it_prints_works() {
    let bench = bench("upgrade-apply");
    let before = bench.read("table");
    let ran = upgrade(&bench, &["--apply", "--json"]);
    assert_eq!(ran.code, 3, "one line has no task any more: {}", ran.stderr);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["backups"][0]["sets"], 3);
    assert_eq!(answer["crontab"]["lines"][3]["configured"], false);
    let table = bench.read("table");
    let config = bench.path("config.yaml").display().to_string();
    let ours = |cron: &str, task: &str| format!("{cron} {BINARY} --config {config} run {task} # {task}\n");
    let want = [ours("00 23 * * 0", "full"), ours("00 23 * * 1-6", "diff"), ours("40 23 * * *", "vault")].join("\n");
    assert_eq!(table, format!("MAILTO=root\n\n{want}\n{}", kb17("* * * * *", "lost")));
    lacks(&table, "run off");
    // later edits do not take the way back away
    assert_eq!(bench.run(&["disable", "vault"]).code, 0);
    let undo = answer["applied"]["undo"].as_str().unwrap().replace("{dir}", bench.path("").to_str().unwrap());
    let path = bench.command(&[]).get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    assert!(Command::new("sh").args(["-c", &undo]).env("PATH", path).status().unwrap().success(), "{undo}");
    assert_eq!(bench.read("table"), before);
}

#[test]
fn a_task_that_would_not_start_stops_the_whole_of_it() {
    let bench = bench("upgrade-broken");
    bench.config(
        &CONFIG.replace("src_path: '{dir}/app', dest_path: '{dir}/copy'", "dest_path: '{dir}/copy', bwlimit: much"),
    );
    let before = bench.read("table");
    let shown = upgrade(&bench, &[]);
    assert_eq!(shown.code, 3);
    contains(
        &shown.stdout,
        "act     a broken action vanished silently from its task\n     →  the task does not start (exit 2)",
    );
    let ran = upgrade(&bench, &["--apply"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    contains(&ran.stderr, "nothing was changed, because `vault` would not start");
    assert_eq!(bench.read("table"), before);
}

#[test]
fn a_running_webapi_of_kb17_is_found() {
    let bench = bench("upgrade-web");
    let program = bench.write("opt/KristaBackup.py", "#!/bin/sh\nread -r line\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut web = Command::new("sh");
    web.arg(&program).args(["web", "--api", "start"]).stdin(Stdio::piped());
    let mut web = web.spawn().unwrap();
    let ran = upgrade(&bench, &[]);
    let pid = web.id();
    drop(web.stdin.take());
    web.wait().unwrap();
    contains(&ran.stdout, &format!("web: process {pid} (sh {{dir}}/opt/KristaBackup.py web --api start): stop it"));
    contains(&ran.stdout, "`web start --api` answers instead");
}
