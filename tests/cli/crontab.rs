//! `enable`, `disable`, and what `list` makes of it. Debian's `crontab` with users made for the purpose, BusyBox's with a
//! spool of its own.

use crate::support::crontabs::{Cron, Scratch};
use crate::support::{BINARY, Bench, Ran, contains, lacks};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What KB17 1.7 wrote for the five tasks below, blank lines and all.
const KB17: &str = r#"
0 5 1 * * /usr/bin/test $(date "+\%u") -eq 1 -o $(date "+\%u") -eq 2 -o $(date "+\%u") -eq 3 && /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run broken 2>&1 | /usr/bin/tee /var/log/KristaBackup/crontab_errorlog.log | xargs -r -0 sh -c "echo ERROR > /etc/zabbix/backup.trigger" # broken

0 23 * * 1-6 /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run diff 2>&1 | /usr/bin/tee /var/log/KristaBackup/crontab_errorlog.log | xargs -r -0 sh -c "echo ERROR > /etc/zabbix/backup.trigger" # diff

0 23 * * 0 /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run full 2>&1 | /usr/bin/tee /var/log/KristaBackup/crontab_errorlog.log | xargs -r -0 sh -c "echo ERROR > /etc/zabbix/backup.trigger" # full
"#;

const TASKS: &str = "\
schedule:
  full: {actions: [say], cron: 00 23 * * 0}
  diff: {actions: [say], cron: 00 23 * * 1-6}
  broken: {actions: [say], cron: 0 5 1 * 1-3, all_fields_match: true}
  manual: {actions: [say]}
actions:
  say: {type: command, cmd: 'true'}
";

/// The line of a task as it must stand in the table.
fn line(bench: &Bench, cron: &str, task: &str, days: &str) -> String {
    let config = bench.path("config.yaml").display().to_string();
    format!("{cron} {BINARY} --config {config} run {task}{days} # {task}\n")
}

fn of(user: &Scratch, name: &str, sections: &str) -> Bench {
    let bench = Bench::with(name, &format!("cron: {{cron_user: {}}}\n{sections}", user.name));
    fs::set_permissions(bench.path("config.yaml"), fs::Permissions::from_mode(0o644)).unwrap();
    bench
}

#[test]
fn enable_all_replaces_kb17s_lines_and_leaves_every_other_byte() {
    let user = Scratch::new();
    let bench = of(&user, "enable-all", TASKS);
    let own = "MAILTO=\"\"\n# мои строки\n\t 5 4 * * *  /usr/local/bin/own \\% # full\n";
    user.set_table(format!("{own}{KB17}# the end\n").as_bytes());
    let ran = bench.run(&["enable", "all"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "manual has no `cron`: skipped\n"));
    contains(&ran.stdout, "enabled full: 00 23 * * 0 ");
    let full = line(&bench, "00 23 * * 0", "full", "");
    let diff = line(&bench, "00 23 * * 1-6", "diff", "");
    let broken = line(&bench, "0 5 1 * *", "broken", " --on-weekdays 1,2,3");
    let enabled = format!("{own}\n{broken}\n{diff}\n{full}# the end\n");
    assert_eq!(user.table(), enabled);
    // twice changes nothing, and the table before stays saved
    bench.run(&["en", "all"]);
    assert_eq!(user.table(), enabled);
    let saved = user.state().join(format!(".state/crontab-{}.saved", user.name));
    assert_eq!(fs::read_to_string(saved).unwrap(), format!("{own}{KB17}# the end\n"));
    bench.run(&["dis", "diff"]).gives(0, &format!("crontab of {}: disabled diff\n", user.name), "");
    assert_eq!(user.table(), format!("{own}\n{broken}\n\n{full}# the end\n"));
    let both = format!("crontab of {0}: disabled broken\ncrontab of {0}: disabled full\n", user.name);
    bench.run(&["disable", "all"]).gives(0, &both, "");
    assert_eq!(user.table(), format!("{own}\n\n\n# the end\n"));
    let log = fs::read_to_string(user.state().join("krista_backup/krista_backup.log")).unwrap();
    contains(&log, "disabled full");
    assert!(!bench.path("log").exists(), "root wrote where another user's runs have to write");
}

#[test]
fn a_task_no_longer_configured_can_be_disabled_and_one_without_cron_not_enabled() {
    let user = Scratch::new();
    let bench = of(&user, "gone", TASKS);
    user.set_table(KB17.as_bytes());
    bench.config(&bench.read("config.yaml").replace("  full:", "  weekly:"));
    bench.run(&["disable", "full"]).gives(0, &format!("crontab of {}: disabled full\n", user.name), "");
    lacks(&user.table(), "run full");
    contains(&user.table(), "run diff");
    let nowhere =
        format!("krista-backup: there is no task `full`, and no line of ours for it in the crontab of {}\n", user.name);
    bench.run(&["disable", "full"]).gives(2, "", &nowhere);
    let nothing = format!("nothing to disable: no line of ours for `weekly` in the crontab of {}\n", user.name);
    bench.run(&["disable", "weekly"]).gives(0, "", &nothing);
    let before = user.table();
    bench.run(&["enable", "manual"]).gives(2, "", "krista-backup: task `manual` has no `cron`\n");
    bench.run(&["enable", "full"]).gives(2, "", "krista-backup: there is no task `full` in {dir}/config.yaml\n");
    assert_eq!(user.table(), before);
}

/// A command of the bench as somebody who logged in as this user and became root; none where that cannot be had.
fn logged_in(bench: &Bench, user: &Scratch, arguments: &[&str]) -> Ran {
    let command = bench.command(arguments);
    let mut shell = Command::new("sh");
    let login = format!("echo {} >/proc/self/loginuid && exec \"$@\"", user.uid);
    shell.args(["-c", &login, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    bench.ran(shell.current_dir("/").output().unwrap())
}

/// Without `cron_user` the line goes to whoever logged in, if that user's runs can read the configuration and write logs, else to root; in both
/// cases it is found again where nobody is logged in: in a night's `list`, by the webapi.
#[test]
fn whoever_logged_in_gets_the_line_only_if_it_would_work() {
    let user = Scratch::new();
    let mut bench = Bench::with("logged-in", TASKS);
    fs::create_dir(bench.path("spool")).unwrap();
    let spool = bench.path("spool").display().to_string();
    bench.fake("crontab", &format!("exec busybox crontab -c '{spool}' \"$@\""));
    let enabled = |bench: &Bench| {
        let list: serde_json::Value = serde_json::from_str(&bench.run(&["list", "--json"]).stdout).unwrap();
        list["tasks"].as_array().unwrap().iter().filter(|task| task["enabled"] == true).count()
    };
    let config = bench.path("config.yaml");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = logged_in(&bench, &user, &["enable", "full"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stdout, "crontab of root: enabled full: 00 23 * * 0 ");
    assert!(bench.path("spool/root").exists() && !bench.path("spool").join(&user.name).exists());
    assert_eq!(enabled(&bench), 1);
    assert_eq!(logged_in(&bench, &user, &["disable", "full"]).code, 0);

    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = logged_in(&bench, &user, &["enable", "full"]);
    contains(&ran.stdout, "crontab of root: enabled full: ");
    assert_eq!(logged_in(&bench, &user, &["disable", "full"]).code, 0);
    // logs could be written, too
    chown(bench.path("log"), Some(user.uid), None).unwrap();
    let ran = logged_in(&bench, &user, &["enable", "full"]);
    contains(&ran.stdout, &format!("crontab of {}: enabled full: 00 23 * * 0 ", user.name));
    contains(&bench.read(&format!("spool/{}", user.name)), "run full");
    assert_eq!(enabled(&bench), 1, "root finds it without being told who logged in");

    // said in so many words, it is refused before it is in the way every night
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    bench.config(&format!("cron: {{cron_user: {}}}\n{}", user.name, bench.read("config.yaml")));
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = bench.run(&["enable", "diff"]);
    contains(
        &ran.exits(2).stderr,
        &format!("no run could read {{dir}}/config.yaml: they would be those of {},", user.name),
    );
    lacks(&bench.read(&format!("spool/{}", user.name)), "run diff");
}

/// The webapi without root's rights sees its own empty table, which says nothing about root's.
#[test]
fn another_users_empty_table_is_not_taken_for_roots() {
    let user = Scratch::new();
    let mut bench = Bench::with("not-roots", TASKS);
    fs::create_dir(bench.path("spool")).unwrap();
    let spool = bench.path("spool").display().to_string();
    bench.fake("crontab", &format!("exec busybox crontab -c '{spool}' \"$@\""));
    assert_eq!(bench.run(&["enable", "full"]).code, 0);
    let seen = || {
        let program = bench.path("krista-backup").display().to_string();
        let config = bench.path("config.yaml").display().to_string();
        let mut command = Command::new("setpriv");
        command.args([
            &format!("--reuid={}", user.uid),
            "--clear-groups",
            &program,
            "--config",
            &config,
            "status",
            "--json",
        ]);
        let output = command.current_dir("/").output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert!(Command::new("cp").arg(BINARY).arg(bench.path("krista-backup")).status().unwrap().success());
    assert!(Command::new("chmod").args(["-R", "a+rX"]).arg(bench.path("")).status().unwrap().success());
    let document = seen();
    assert_eq!(
        (&document["crontab"], &document["tasks"][0]["enabled"]),
        (&"recorded".into(), &true.into()),
        "{document}"
    );
    fs::remove_file(bench.path("log/.state/enabled.json")).unwrap();
    let document = seen();
    assert_eq!((&document["crontab"], &document["tasks"][0]["enabled"]), (&"unknown".into(), &serde_json::Value::Null));
}

/// A name that cron would read in its own way keeps the other tasks out of no crontab.
#[test]
fn what_cannot_stand_in_a_crontab_is_left_out_of_all() {
    let user = Scratch::new();
    let bench = of(&user, "percent", &TASKS.replace("  diff:", "  '50%':"));
    let ran = bench.run(&["enable", "all"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    contains(&ran.stderr, "50% is not enabled: ");
    contains(&user.table(), "run full");
    contains(&user.table(), "run broken");
    assert_eq!(bench.run(&["enable", "50%"]).code, 2);
}

#[test]
fn no_table_yet_is_an_empty_one() {
    let user = Scratch::new();
    let bench = of(&user, "first", TASKS);
    assert_eq!(bench.run(&["enable", "full"]).code, 0);
    assert_eq!(user.table(), line(&bench, "00 23 * * 0", "full", ""));
}

/// The line is what was asked for, but nobody should have to wait for the night to learn that it starts nothing.
#[test]
fn enabling_what_would_not_start_says_so() {
    let user = Scratch::new();
    let bench = of(&user, "would-not-start", &TASKS.replace("cmd: 'true'", "cmds: 'true'"));
    let ran = bench.run(&["enable", "full"]);
    assert_eq!(ran.code, 0);
    contains(&ran.stderr, "`full` cannot run because of an error in {dir}/config.yaml: see `krista-backup check`");
    contains(&user.table(), "run full");
}

/// P25: a configuration may belong to the user whose crontab it is about, and to nobody else but root.
#[test]
fn p25_a_config_of_cron_user_is_taken_by_enable_and_by_nothing_else() {
    let user = Scratch::new();
    let bench = of(&user, "p25", TASKS);
    let config = bench.path("config.yaml");
    chown(&config, Some(user.uid), None).unwrap();
    bench.run(&["list"]).exits(2);
    assert_eq!(bench.run(&["enable", "full"]).code, 0);
    contains(&user.table(), "run full");
    let stranger = Scratch::new();
    chown(&config, Some(stranger.uid), None).unwrap();
    let refused = bench.run(&["disable", "full"]);
    contains(
        &refused.exits(2).stderr,
        &format!("belongs to user {}, neither to root nor to {}", stranger.uid, user.name),
    );
    contains(&user.table(), "run full");
    chown(&config, Some(user.uid), None).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).unwrap();
    contains(&bench.run(&["disable", "full"]).exits(2).stderr, "writable by everyone");
}

/// `crontab -l` that fails says nothing about the table, and what is written replaces all of it.
#[test]
fn a_failing_crontab_l_stops_everything() {
    let mut bench = Bench::with("failing", &format!("cron: {{cron_user: root}}\n{TASKS}"));
    bench.fake("crontab", "echo \"$@\" >>'DIR/calls'\necho 'crontab: cannot read: Input/output error' >&2\nexit 1");
    let script = bench.read("bin/crontab").replace("DIR", bench.path("").to_str().unwrap());
    fs::write(bench.path("bin/crontab"), script).unwrap();
    for arguments in [&["enable", "all"][..], &["disable", "all"]] {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        contains(&ran.stderr, "reading the crontab of root: `crontab -l` gave");
        contains(&ran.stderr, "Input/output error");
    }
    assert_eq!(bench.read("calls"), "-l\n-l\n", "nothing was written");
}

/// A `crontab -` that takes only a part of it (a full disk, say) is noticed by reading back.
#[test]
fn a_crontab_that_loses_bytes_is_noticed() {
    let mut bench = Bench::with("losing", &format!("cron: {{cron_user: root}}\n{TASKS}"));
    let table = bench.write("table", "1 2 * * * own\n").display().to_string();
    bench.fake(
        "crontab",
        &format!("case $1 in -l) cat '{table}';; -) head -c 40 >'{table}.new'; mv '{table}.new' '{table}';; esac"),
    );
    let ran = bench.run(&["enable", "full"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    contains(&ran.stderr, "it reads back differently; the table before is in {dir}/log/.state/crontab-root.saved");
    assert_eq!(bench.read("log/.state/crontab-root.saved"), "1 2 * * * own\n");
    assert_ne!(bench.read("table"), "1 2 * * * own\n", "the fake did take a part");
}

#[test]
fn busybox_crontab_is_understood() {
    let mut bench = Bench::with("busybox", &format!("cron: {{cron_user: root}}\n{TASKS}"));
    fs::create_dir(bench.path("spool")).unwrap();
    let spool = bench.path("spool").display().to_string();
    bench.fake("crontab", &format!("exec busybox crontab -c '{spool}' \"$@\""));
    // no table yet, in BusyBox's words
    assert_eq!(bench.run(&["enable", "full"]).code, 0);
    let full = line(&bench, "00 23 * * 0", "full", "");
    assert_eq!(bench.read("spool/root"), full);
    let own = b"# \xff odd \xfe bytes\n\n  MAILTO = me\n1 1 * * * own\n".to_vec();
    fs::write(bench.path("spool/root"), [&own[..], KB17.as_bytes()].concat()).unwrap();
    assert_eq!(bench.run(&["enable", "all"]).code, 0);
    let diff = line(&bench, "00 23 * * 1-6", "diff", "");
    let broken = line(&bench, "0 5 1 * *", "broken", " --on-weekdays 1,2,3");
    let want = [&own[..], format!("\n{broken}\n{diff}\n{full}").as_bytes()].concat();
    assert_eq!(fs::read(bench.path("spool/root")).unwrap(), want);
    assert_eq!(bench.run(&["disable", "all"]).code, 0);
    assert_eq!(fs::read(bench.path("spool/root")).unwrap(), [&own[..], b"\n\n\n"].concat());
}

/// The line does what it says, run by the real cron as the real user, in an environment of cron's making.
#[test]
fn cron_runs_the_line() {
    let user = Scratch::new();
    let bench = of(
        &user,
        "cron",
        "schedule:\n  'my task': {actions: [say], cron: '* * * * *', all_fields_match: true}\n\
         actions:\n  say: {type: command, cmd: 'id -un > {dir}/who'}\n",
    );
    // where the tests were built need not be a place that everybody may enter
    let program = bench.path("krista backup");
    fs::create_dir(&program).unwrap();
    let program = program.join("krista-backup");
    // by another process: a descriptor of ours would be inherited by whatever other tests start now ("text file busy")
    assert!(Command::new("cp").arg(BINARY).arg(&program).status().unwrap().success());
    fs::set_permissions(bench.path("config.yaml"), fs::Permissions::from_mode(0o644)).unwrap();
    chown(bench.path(""), Some(user.uid), None).unwrap();
    let enabled =
        Command::new(&program).arg("--config").arg(bench.path("config.yaml")).args(["enable", "all"]).output();
    let enabled = bench.ran(enabled.unwrap());
    assert_eq!(enabled.code, 0, "{}", enabled.stderr);
    contains(
        &enabled.stdout,
        "'{dir}/krista backup/krista-backup' --config {dir}/config.yaml run 'my task' --on-weekdays",
    );
    let mut cron = Cron::start();
    for _ in 0..360 {
        cron.keep();
        if bench.trigger() == "SUCCESS" {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    drop(cron);
    user.set_table(b"");
    assert_eq!(bench.trigger(), "SUCCESS", "cron did not run the line within three minutes");
    assert_eq!(bench.read("who"), format!("{}\n", user.name));
    assert!(bench.journal().iter().any(|record| record["event"] == "end" && record["unit"] == "my task"));
}

/// The same with BusyBox's daemon, which reads its own spool.
#[test]
fn busybox_crond_runs_the_line() {
    let mut bench = Bench::with(
        "busybox-crond",
        "cron: {cron_user: root}\nschedule:\n  every: {actions: [say], cron: '* * * * *', all_fields_match: true}\n\
         actions:\n  say: {type: command, cmd: 'id -un > {dir}/who'}\n",
    );
    fs::create_dir(bench.path("spool")).unwrap();
    let spool = bench.path("spool").display().to_string();
    bench.fake("crontab", &format!("exec busybox crontab -c '{spool}' \"$@\""));
    assert_eq!(bench.run(&["enable", "all"]).code, 0);
    let mut crond = Command::new("busybox");
    crond.args(["crond", "-f", "-c", &spool]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut crond = crond.spawn().unwrap();
    for _ in 0..360 {
        if bench.trigger() == "SUCCESS" {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    crond.kill().unwrap();
    crond.wait().unwrap();
    assert_eq!(bench.trigger(), "SUCCESS", "crond did not run the line within three minutes");
    assert_eq!(bench.read("who"), "root\n");
}

/// The dead man's switch: a task in the crontab that does not run is a problem, although nothing ever failed.
#[test]
fn list_reports_what_should_have_run_and_did_not() {
    let mut bench = Bench::with(
        "due",
        "cron: {cron_user: root}\nschedule:\n  hourly: {actions: [say], cron: '0 * * * *'}\n  never: {actions: [say], cron: '0 * * * *'}\n\
         actions:\n  say: {type: command, cmd: 'test -e {dir}/good', continue_on_error: false}\n",
    );
    let table = bench.write("table", "").display().to_string();
    bench.fake("crontab", &format!("case $1 in -l) cat '{table}';; -) cat >'{table}';; esac"));
    let due = |bench: &Bench| {
        let ran = bench.run(&["list", "--json"]);
        let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        (ran.code, answer["tasks"][0]["due"]["state"].clone(), answer["tasks"][1]["due"].clone())
    };
    assert_eq!(due(&bench), (0, serde_json::Value::Null, serde_json::Value::Null), "not enabled, not expected");
    assert_eq!(bench.run(&["enable", "hourly"]).code, 0);
    assert_eq!(due(&bench).0, 0, "just enabled");
    bench.write("log/.state/enabled.json", "{\"hourly\": \"2020-06-01T12:00:00+03:00\"}");
    assert_eq!(due(&bench), (3, "missed".into(), serde_json::Value::Null));
    let ran = bench.run(&["list"]);
    assert_eq!(ran.code, 3);
    contains(&ran.stdout, "missed since 2020-06-01 ");
    contains(&ran.stderr, "no good run of hourly since 2020-06-01 ");
    bench.run(&["run", "hourly"]).exits(1);
    assert_eq!((due(&bench).0, due(&bench).1), (3, "overdue".into()));
    bench.write("good", "");
    bench.run(&["run", "hourly"]).exits(0);
    assert_eq!((due(&bench).0, due(&bench).1), (0, "on time".into()));
    // enabling again does not forget, disabling does
    assert_eq!(bench.run(&["enable", "hourly"]).code, 0);
    contains(&bench.read("log/.state/enabled.json"), "2020-06-01");
    assert_eq!(bench.run(&["disable", "hourly"]).code, 0);
    assert_eq!(bench.read("log/.state/enabled.json"), "{}");
}
