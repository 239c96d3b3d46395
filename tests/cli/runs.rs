//! `run`: order, outcomes, locks, signals, logs, trigger, journal.

use crate::support::{Bench, contains, lacks, tools};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A script exiting 7 is a failure that the exit code, the log, the trigger and the journal show.
#[test]
fn a_script_that_exits_7_has_failed_everywhere() {
    let bench = Bench::with(
        "seven",
        "schedule: {t: {actions: [bad, next]}}\nactions:\n  bad: {type: command, cmd: exit 7}\n  next: {type: command, cmd: echo hello}\n",
    );
    let ran = bench.run(&["run", "t"]);
    ran.exits(1);
    contains(&ran.stderr, "ERROR bad ");
    contains(&ran.stderr, "exited with status 7");
    assert_eq!(bench.trigger(), "ERROR");
    let log = bench.log();
    contains(&log, " 77-test-srv ERROR bad ");
    contains(&log, " 77-test-srv INFO next hello\n");
    let end = bench.last_record();
    assert_eq!((end["outcome"].as_str(), end["exit"].as_u64()), (Some("failed"), Some(1)));
    assert_eq!(end["actions"][0]["outcome"], "failed");
    contains(end["actions"][0]["message"].as_str().unwrap(), "exited with status 7");
    assert_eq!(end["actions"][1]["outcome"], "ok", "continue_on_error is the default of command");
}

/// P13: a blank line, 100 MB on one line, invalid UTF-8 and a closed stdout do no harm.
#[test]
fn odd_output_of_a_child_does_no_harm() {
    let bench = Bench::with(
        "odd",
        concat!(
            "schedule: {t: {actions: [odd, after]}}\nactions:\n",
            "  odd: {type: command, cmd: \"echo; printf '\\\\377\\\\376 bad\\\\n'; head -c 100000000 /dev/zero | tr '\\\\0' x; echo; echo end; exec >&-\"}\n",
            "  after: {type: command, cmd: echo after}\n"
        ),
    );
    bench.run(&["run", "t"]).gives(0, "", "");
    let log = bench.log();
    contains(&log, "INFO odd end\n");
    contains(&log, "INFO after after\n");
    contains(&log, "\u{fffd} bad\n");
    assert!(log.len() < 1 << 20, "the 100 MB line is in the log: {} bytes", log.len());
    assert_eq!(bench.trigger(), "SUCCESS");
}

/// What a child prints must not control the terminal of whoever looks, nor that of whoever reads the log.
#[test]
fn control_characters_of_a_child_are_shown_and_not_sent() {
    let bench = Bench::with(
        "escapes",
        "actions:\n  esc: {type: command, cmd: 'printf \"a\\033]0;owned\\007b\\tc\\302\\233m\\n\" >&2'}\n",
    );
    let ran = bench.run(&["run", "esc", "-v"]);
    ran.exits(3);
    let shown = "ERROR esc a\\x1b]0;owned\\x07b\tc\\x9bm\n";
    contains(&ran.stderr, shown);
    contains(&bench.log(), shown);
    contains(&bench.debug_log(), shown);
}

/// A journal that cannot be written is said once, although a run writes to it twice.
#[test]
fn a_journal_that_cannot_be_written_is_said_once() {
    let bench = Bench::with("journal", "actions:\n  a: {type: command, cmd: 'true'}\n");
    std::fs::create_dir_all(bench.path("log/journal.jsonl")).unwrap();
    let ran = bench.run(&["run", "a"]);
    ran.exits(3);
    assert_eq!(ran.stderr.matches("writing the journal").count(), 1, "{}", ran.stderr);
    assert_eq!(bench.trigger(), "WARNING");
}

/// A zone that is no zone costs no backup.
#[test]
fn a_time_zone_that_cannot_be_is_taken_for_utc() {
    let mut bench =
        Bench::with("zone", "actions:\n  t: {type: tar, basename: t, src_path: '{dir}/src', dest_path: '{dir}/b'}\n");
    bench.write("src/a", "x");
    for (zone, offset) in [("XYZ-99:99", "Z"), ("XYZ24:59", "Z"), ("XYZ-3:30:30", "+03:30"), ("nonsense", "Z")] {
        bench.set("TZ", zone);
        let ran = bench.run(&["run", "t"]);
        assert_eq!(ran.code, 0, "{zone}: {}", ran.stderr);
        let started = bench.last_record()["started"].as_str().unwrap().to_owned();
        assert!(started.ends_with(offset), "{zone}: {started}");
        assert_eq!(bench.run(&["list"]).code, 0, "{zone}");
    }
}

#[test]
fn warnings_end_with_3_and_say_so_once() {
    let bench = Bench::with(
        "warn",
        "schedule: {t: {actions: [w]}}\nactions:\n  w: {type: command, cmd: echo odd >&2, stderr_level: warning}\n",
    );
    bench.run(&["run", "t"]).exits(3);
    assert_eq!(bench.trigger(), "WARNING");
    assert_eq!(bench.log().matches("WARNING w odd").count(), 1);
    assert_eq!(bench.last_record()["outcome"], "warning");
}

#[test]
fn a_failed_action_ends_the_task_and_finally_runs() {
    let bench = Bench::with(
        "finally",
        "schedule: {t: {actions: [a, b, c], finally: [f]}}\nactions:\n  a: {type: command, cmd: echo a >> {dir}/order}\n  b: {type: command, cmd: 'false', continue_on_error: no}\n  c: {type: command, cmd: echo c >> {dir}/order}\n  f: {type: command, cmd: echo f >> {dir}/order}\n",
    );
    bench.run(&["run", "t"]).exits(1);
    assert_eq!(bench.read("order"), "a\nf\n");
    let end = bench.last_record();
    let outcomes: Vec<_> = end["actions"].as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ok", "failed", "skipped", "ok"]);
}

#[test]
fn dry_changes_nothing_outside_the_log_directory() {
    let bench = Bench::with(
        "dry",
        "schedule: {t: {actions: [[a, --dry], b]}}\nactions:\n  a: {type: command, cmd: touch {dir}/a}\n  b: {type: command, cmd: touch {dir}/b}\n",
    );
    // what would be done is said on the terminal, too
    contains(&bench.run(&["run", "a", "--dry"]).exits(0).stderr, "INFO a_DRYRUN would run `touch`");
    assert_eq!(bench.names(""), ["config.yaml", "log"]);
    contains(&bench.log(), "INFO a_DRYRUN ");
    bench.run(&["run", "t"]).gives(0, "", "");
    assert_eq!(bench.names(""), ["b", "config.yaml", "log", "trigger"]);
    bench.run(&["run", "t", "--dry"]).exits(2);
}

#[test]
fn a_second_run_of_the_same_unit_is_refused_and_told_who_holds_it() {
    let bench = Bench::with(
        "second",
        "schedule: {t: {actions: [s]}, waits: {actions: [s]}}\nactions:\n  s: {type: command, cmd: 'touch {dir}/started; while [ ! -e {dir}/go ]; do sleep 0.05; done'}\n",
    );
    let first = bench.command(&["run", "t"]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&bench, "started");
    let second = bench.run(&["run", "t"]);
    second.exits(4);
    assert_eq!(second.stderr.lines().count(), 1);
    contains(&second.stderr, &format!("`t`, process {}, since 20", first.id()));
    assert_eq!(bench.trigger(), "WARNING");
    let refused = bench.last_record();
    assert_eq!((refused["outcome"].as_str(), refused["exit"].as_u64()), (Some("skipped"), Some(4)));
    bench.write("go", "");
    let first = bench.ran(first.wait_with_output().unwrap());
    first.gives(0, "", "");
    assert_eq!(bench.trigger(), "SUCCESS");
}

#[test]
fn without_allow_parallel_different_tasks_wait_for_each_other() {
    let bench = Bench::new("parallel");
    bench.config(&format!(
        "{}allow_parallel: no\n{}",
        crate::support::HEAD,
        "schedule: {a: {actions: [s]}, b: {actions: [n]}, c: {actions: [n], lock_wait: 60s}}\nactions:\n  s: {type: command, cmd: 'touch {dir}/started; while [ ! -e {dir}/go ]; do sleep 0.05; done'}\n  n: {type: command, cmd: echo n}\n"
    ));
    let first = bench.command(&["run", "a"]).spawn().unwrap();
    wait_for(&bench, "started");
    bench.run(&["run", "b"]).exits(4);
    let third = bench.command(&["run", "c"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    bench.write("go", "");
    for mut child in [first.wait_with_output().unwrap(), third.wait_with_output().unwrap()] {
        child.stdout.clear();
        bench.ran(child).gives(0, "", "");
    }
}

#[test]
fn sigterm_ends_the_child_runs_finally_and_is_recorded_as_interrupted() {
    let bench = Bench::with(
        "sigterm",
        "schedule: {t: {actions: [s, never], finally: [f]}}\nactions:\n  s: {type: command, cmd: 'touch {dir}/started; sleep 3333'}\n  never: {type: command, cmd: touch {dir}/never}\n  f: {type: command, cmd: touch {dir}/finally}\n",
    );
    let child = bench.command(&["run", "t"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&bench, "started");
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let ran = bench.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    assert_eq!(bench.names("").iter().filter(|n| *n == "finally" || *n == "never").count(), 1);
    assert!(bench.path("finally").exists());
    let end = bench.last_record();
    assert_eq!((end["signal"].as_i64(), end["exit"].as_u64()), (Some(15), Some(143)));
    assert_eq!(bench.trigger(), "ERROR");
    contains(&bench.run(&["list"]).stdout, "interrupted");
}

#[test]
fn a_run_that_was_killed_shows_as_interrupted() {
    let bench = Bench::with(
        "sigkill",
        "schedule: {t: {actions: [s]}}\nactions:\n  s: {type: command, cmd: 'touch {dir}/started; sleep 3333'}\n",
    );
    let mut child = bench.command(&["run", "t"]).spawn().unwrap();
    wait_for(&bench, "started");
    contains(&bench.run(&["list"]).stdout, "running");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(bench.last_record()["event"], "start", "it had no time to say how it ended");
    contains(&bench.run(&["list"]).stdout, "interrupted");
}

#[test]
fn a_timeout_is_told_apart_from_a_failure() {
    let bench = Bench::with(
        "timeout",
        "schedule: {t: {actions: [s], timeout: 1s}}\nactions:\n  s: {type: command, cmd: sleep 3333}\n",
    );
    bench.run(&["run", "t"]).exits(1);
    assert_eq!(bench.last_record()["outcome"], "timeout");
    assert_eq!(bench.trigger(), "ERROR");
}

#[test]
fn runs_of_one_second_have_logs_of_their_own() {
    let bench = Bench::with("same", "actions:\n  n: {type: command, cmd: echo n}\n  m: {type: command, cmd: echo m}\n");
    let children: Vec<_> = ["n", "m"].iter().map(|unit| bench.command(&["run", unit]).spawn().unwrap()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let year = bench.names("log").into_iter().find(|name| name.len() == 4).unwrap();
    assert_eq!(bench.names(&format!("log/{year}")).len(), 2);
}

/// P7: what cannot be logged shows in the trigger, and the run goes on.
#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_run_but_shows() {
    let bench = Bench::with("nolog", "actions:\n  n: {type: command, cmd: touch {dir}/done}\n");
    bench.write("log/debug", "in the way");
    let ran = bench.run(&["run", "n"]);
    ran.exits(3);
    assert!(bench.path("done").exists());
    assert_eq!(bench.trigger(), "WARNING");
    contains(&ran.stderr, "{dir}/log/debug");
}

/// A umask that forbids even the owner everything does not lock the next run out.
#[test]
fn an_odd_umask_locks_nobody_out_of_his_own_logs() {
    let bench = Bench::with("umask", "actions:\n  n: {type: command, cmd: echo n}\n");
    let inner = bench.command(&["run", "n"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 777; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir("/");
    bench.ran(command.output().unwrap()).exits(0);
    use std::os::unix::fs::PermissionsExt;
    let mut seen = 0;
    let mut dirs = vec![bench.path("log")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            let needed = if meta.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(meta.permissions().mode() & needed, needed, "{:?}", entry.path());
            dirs.extend(meta.is_dir().then(|| entry.path()));
            seen += 1;
        }
    }
    assert!(seen > 6, "{seen}");
}

/// Who shows everything says how it ended there, and not once more below.
#[test]
fn nothing_is_said_twice_where_everything_is_shown() {
    let bench = Bench::new("console");
    let head = crate::support::HEAD.replace("logging: {", "logging: {use_console: yes, ");
    bench.config(&format!("{head}actions:\n  bad: {{type: command, cmd: exit 7}}\n  none: {{type: tar, basename: n, src_path: '{{dir}}/no'}}\n"));
    for (arguments, last) in [(&["run", "bad"][..], "bad: failed in"), (&["run", "none", "--dry"], "none: failed in")] {
        let stderr = bench.run(arguments).exits(1).stderr.clone();
        contains(&stderr, &format!("\nINFO root {last}"));
        lacks(&stderr, &format!("\n{last}"));
    }
}

/// The word is the file's: whoever resets it by hand, or makes it old, has dealt with it. Its directory is made.
#[test]
fn the_trigger_file_has_the_last_word_on_what_was_wrong() {
    let bench = Bench::new("trigger-reset");
    let head = crate::support::HEAD.replace("{dir}/trigger", "{dir}/zabbix/trigger");
    let actions = "actions:\n  bad: {type: command, cmd: 'false'}\n  good: {type: command, cmd: 'true'}\n";
    bench.config(&format!("{head}{actions}"));
    let file = bench.path("zabbix/trigger");
    let after = |unit: &str| {
        bench.run(&["run", unit]);
        bench.read("zabbix/trigger")
    };
    assert_eq!((after("bad"), after("good")), ("ERROR".into(), "ERROR".into()));
    std::fs::remove_file(&file).unwrap();
    assert_eq!((after("good"), after("bad")), ("SUCCESS".into(), "ERROR".into()));
    std::fs::write(&file, "SUCCESS\n").unwrap();
    assert_eq!((after("good"), after("bad")), ("SUCCESS".into(), "ERROR".into()));
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(5 * 3600 + 60);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(after("good"), "SUCCESS");
}

/// P24: nobody else may read what a run leaves behind, but the monitoring agent the trigger.
#[test]
fn logs_are_private_and_the_trigger_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with("modes", "actions:\n  n: {type: command, cmd: echo n}\n");
    bench.run(&["run", "n"]).gives(0, "", "");
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("trigger"), 0o644);
    assert_eq!((mode("log"), mode("log/.state"), mode("log/journal.jsonl")), (0o700, 0o700, 0o600));
    let year = bench.names("log").into_iter().find(|name| name.len() == 4).unwrap();
    let log = bench.names(&format!("log/{year}")).remove(0);
    assert_eq!((mode(&format!("log/{year}")), mode(&format!("log/{year}/{log}"))), (0o700, 0o600));
}

/// What lies in the place of the trigger holds nobody up: a FIFO, which waits for a writer when it is opened, and a link are
/// replaced, a directory is said.
#[test]
fn nothing_in_the_place_of_the_trigger_hangs_a_run() {
    let bench = Bench::with("trigger-fifo", "actions:\n  n: {type: command, cmd: echo n}\n");
    let run = || {
        let inner = bench.command(&["run", "n"]);
        let mut command = Command::new("timeout");
        command.args(["-k", "1", "60"]).arg(inner.get_program()).args(inner.get_args()).current_dir("/");
        bench.ran(command.output().unwrap())
    };
    assert!(Command::new("mkfifo").arg(bench.path("trigger")).status().unwrap().success());
    run().exits(0);
    assert_eq!(bench.trigger(), "SUCCESS");
    let precious = bench.write("precious", "SUCCESS");
    std::fs::remove_file(bench.path("trigger")).unwrap();
    std::os::unix::fs::symlink(&precious, bench.path("trigger")).unwrap();
    run().exits(0);
    assert!(bench.path("trigger").symlink_metadata().unwrap().is_file());
    std::fs::remove_file(bench.path("trigger")).unwrap();
    std::fs::create_dir(bench.path("trigger")).unwrap();
    contains(&run().exits(3).stderr, "writing {dir}/trigger");
}

/// However few processes and threads a control group leaves it: a run backs up, or fails as a run does, and never ends in an
/// internal error; nothing incomplete is left under a final name.
#[test]
fn few_processes_mean_a_backup_or_an_honest_failure() {
    let Some(few) = tools::FewProcesses::new(100) else { return };
    let bench = Bench::with(
        "few-processes",
        "schedule: {t: {actions: [pack, zipped], finally: [last]}}\nactions:\n  \
         pack: {type: tar, basename: t, src_path: '{dir}/src', dest_path: '{dir}/out', continue_on_error: true}\n  \
         zipped: {type: zip, basename: z, src_path: '{dir}/src', dest_path: '{dir}/out', continue_on_error: true}\n  \
         last: {type: set_in_progress_ticket, src_path: '{dir}/out', ticket_filename: last}\n",
    );
    for number in 0..20 {
        bench.write(&format!("src/{number}"), vec![number; 200_000]);
    }
    let mut codes = std::collections::BTreeSet::new();
    for most in (1..=16).rev() {
        few.allow(most);
        let _ = std::fs::remove_dir_all(bench.path("out"));
        let refused = few.refusals();
        let ran = bench.ran(few.member(&bench.command(&["run", "t"])).output().unwrap());
        assert!([0, 1].contains(&ran.code), "{most}: {ran:?}");
        lacks(&ran.stderr, "internal error");
        assert!(bench.path("out/last").exists(), "{most}: finally");
        let end = bench.journal().pop().unwrap();
        assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &ran.code.into()), "{most}");
        let sets = bench.names("out").into_iter().filter(|name| name.ends_with(".manifest")).count();
        assert_eq!(sets, if ran.code == 0 { 2 } else { sets.min(1) }, "{most}: {:?}", bench.names("out"));
        assert!(ran.code == 0 || few.refusals() > refused, "{most}: it failed although nothing was refused");
        assert_eq!(bench.run(&["verify", "t"]).code, 0, "{most}");
        codes.insert(ran.code);
    }
    assert_eq!(codes.len(), 2, "with many it works, with one it cannot");
}

/// Somebody who keeps the lock of the trigger, and does not come back, keeps no alarm from being raised.
#[test]
fn the_trigger_is_written_without_its_lock_in_the_end() {
    let bench = Bench::with("trigger-lock", "actions:\n  n: {type: command, cmd: 'exit 3'}\n");
    std::fs::create_dir_all(bench.path("log/.state")).unwrap();
    let held = std::fs::File::create(bench.path("log/.state/trigger.lock")).unwrap();
    held.lock().unwrap();
    bench.run(&["run", "n"]).exits(1);
    assert_eq!(bench.trigger(), "ERROR");
}

#[test]
fn a_refused_run_is_an_error_everywhere_and_starts_nothing() {
    let bench = Bench::with(
        "refused",
        "schedule: {t: {actions: [a, b]}, fine: {actions: [a]}}\nactions:\n  a: {type: command, cmd: touch {dir}/a}\n  b: {type: command}\n",
    );
    let ran = bench.run(&["run", "t"]);
    ran.exits(2);
    contains(&ran.stderr, "config.yaml:6:");
    assert!(!bench.path("a").exists());
    assert_eq!(bench.trigger(), "ERROR");
    assert_eq!(bench.last_record()["exit"], 2);
    contains(&bench.read("log/krista_backup/krista_backup.log"), "nothing was started");
    bench.run(&["run", "fine"]).gives(0, "", "");
    bench.run(&["run", "nosuch"]).exits(2);
}

#[test]
fn a_broken_file_still_raises_the_alarm() {
    let bench = Bench::with("broken", "schedule: [\n");
    bench.run(&["run", "t"]).exits(2);
    assert_eq!(bench.trigger(), "ERROR");
    lacks(&bench.read("log/krista_backup/krista_backup.log"), "\n\n");
}

fn wait_for(bench: &Bench, name: &str) {
    for _ in 0..400 {
        if bench.path(name).exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{name} did not appear");
}

/// P7: a log directory that cannot be made does not stop the backup, and shows.
#[test]
fn a_log_directory_that_cannot_be_made_stops_nothing_and_shows() {
    let bench = Bench::with("nologs", "actions:\n  n: {type: command, cmd: touch {dir}/done}\n");
    bench.write("log", "a file in the way");
    bench.write("trigger", "SUCCESS");
    let ran = bench.run(&["run", "n"]);
    ran.exits(3);
    assert!(bench.path("done").exists());
    assert_eq!(bench.trigger(), "WARNING");
    contains(&ran.stderr, "{dir}/log");
}

/// A configuration that others may write is not believed, but it must not keep the alarm silent either.
#[test]
fn a_configuration_that_may_not_be_trusted_raises_an_alarm_that_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with("untrusted", "actions:\n  n: {type: command, cmd: touch {dir}/done}\n");
    std::fs::set_permissions(bench.path("config.yaml"), std::fs::Permissions::from_mode(0o664)).unwrap();
    bench.run(&["run", "n"]).exits(2);
    assert_eq!(bench.names(""), ["config.yaml"], "a path out of such a file makes nothing");
    bench.write("trigger", "something else");
    bench.run(&["run", "n"]).exits(2);
    assert_eq!(bench.trigger(), "something else");
    bench.write("trigger", "SUCCESS\n");
    bench.run(&["run", "n"]).exits(2);
    assert_eq!(bench.trigger(), "ERROR");
    assert!(!bench.path("done").exists());
}

#[test]
fn json_tells_of_a_refusal_too() {
    let bench = Bench::with("refusedjson", "actions:\n  n: {type: command, cmd: 'true'}\n");
    let ran = bench.run(&["run", "nosuch", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, answer["exit"].as_u64(), answer["outcome"].as_str()), (2, Some(2), Some("failed")));
}

#[test]
fn start_and_end_agree_when_the_second_was_taken() {
    let bench = Bench::with("agree", "actions:\n  n: {type: command, cmd: 'true'}\n");
    for _ in 0..3 {
        bench.run(&["run", "n"]).gives(0, "", "");
    }
    let records = bench.journal();
    for pair in records.chunks(2) {
        assert_eq!(pair[0]["time"], pair[1]["started"]);
        let second = |key: &str| pair[1][key].as_str().unwrap()[..19].to_owned();
        assert!(second("time") >= second("started"));
    }
}

/// P4: the trigger goes up the moment something goes wrong, not only at the end.
#[test]
fn p4_the_trigger_goes_up_at_once() {
    let bench = Bench::with(
        "at-once",
        "schedule: {t: {actions: [warn, look1, bad, look2, warn, look3]}}\nactions:\n  \
         warn: {type: command, cmd: 'echo x >&2', stderr_level: warning}\n  bad: {type: command, cmd: 'false'}\n  \
         look1: {type: command, cmd: 'cp {dir}/trigger {dir}/1'}\n  look2: {type: command, cmd: 'cp {dir}/trigger {dir}/2'}\n  \
         look3: {type: command, cmd: 'cp {dir}/trigger {dir}/3'}\n",
    );
    bench.run(&["run", "t"]).exits(1);
    assert_eq!(["1", "2", "3"].map(|name| bench.read(name)), ["WARNING", "ERROR", "ERROR"]);
    assert_eq!(bench.trigger(), "ERROR");
}

/// P24: `logging.group` may read what a run logs, and nothing else of it; `group` what an action writes.
#[test]
fn p24_a_group_reads_logs_and_sets_and_nobody_else_does() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if !crate::support::tree::is_root() {
        return;
    }
    let bench = Bench::new("log-group");
    let head = crate::support::HEAD.replace("'{dir}/trigger'}", "'{dir}/trigger', group: nogroup}");
    bench.config(&format!(
        "{head}schedule: {{x: {{actions: [no]}}}}\nactions:\n  \
         a: {{type: tar, basename: a, src_path: '{{dir}}/src', dest_path: '{{dir}}/out/deep', group: nogroup}}\n  no: {{type: command}}\n"
    ));
    bench.write("src/f", "f");
    // what a umask gives away is taken back
    let inner = bench.command(&["run", "a"]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(inner.get_program()).args(inner.get_args());
    bench.ran(command.output().unwrap()).exits(0);
    bench.run(&["run", "x"]).exits(2);
    let gid = fs_group("nogroup");
    let mut seen = Vec::new();
    let mut waiting = vec!["log".to_owned(), "out".to_owned()];
    while let Some(name) = waiting.pop() {
        let meta = std::fs::symlink_metadata(bench.path(&name)).unwrap();
        let mode = meta.permissions().mode() & 0o7777;
        if name.contains("/.state") {
            assert_eq!(mode & 0o007, 0, "{name}: {mode:o}");
        } else {
            let wanted = if meta.is_dir() { 0o750 } else { 0o640 };
            assert_eq!((mode, meta.gid()), (wanted, gid), "{name}: {mode:o}");
        }
        if meta.is_dir() {
            waiting.extend(bench.names(&name).into_iter().map(|entry| format!("{name}/{entry}")));
        }
        seen.push(name);
    }
    for part in ["log/debug/", "log/journal.jsonl", "log/krista_backup/krista_backup.log", "out/deep/a-", ".lock"] {
        assert!(seen.iter().any(|name| name.contains(part)), "{part}: {seen:?}");
    }
}

fn fs_group(name: &str) -> u32 {
    let groups = std::fs::read_to_string("/etc/group").unwrap();
    let line = groups.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
    line.split(':').nth(2).unwrap().parse().unwrap()
}

/// P24: what was planted where a run writes its state and its logs is never written through.
#[test]
fn p24_links_planted_under_the_logs_lead_nowhere() {
    let bench = Bench::with(
        "planted",
        "allow_parallel: no\nschedule: {x: {actions: [no]}}\nactions:\n  n: {type: command, cmd: 'echo n >&2'}\n  no: {type: command}\n",
    );
    bench.run(&["run", "n"]).exits(3);
    bench.run(&["run", "x"]).exits(2);
    let victim = bench.write("victim", "precious");
    let mut planted = Vec::new();
    for name in bench.names("log/.state").into_iter().map(|name| format!("log/.state/{name}")) {
        planted.extend(bench.path(&name).is_file().then_some(name));
    }
    planted.extend(["log/journal.jsonl".to_owned(), "log/krista_backup/krista_backup.log".to_owned()]);
    assert!(planted.iter().filter(|name| name.ends_with(".lock")).count() > 2, "{planted:?}");
    for name in &planted {
        std::fs::remove_file(bench.path(name)).unwrap();
        std::os::unix::fs::symlink(&victim, bench.path(name)).unwrap();
    }
    bench.run(&["run", "n"]).exits(3);
    bench.run(&["run", "x"]).exits(2);
    assert_eq!(bench.read("victim"), "precious", "{planted:?}");
    assert_eq!(bench.trigger(), "ERROR");
}

/// What a crontab line of `all_fields_match` asks for: on one of the seven days it runs, on the others it does nothing and says so
/// to nobody; Sunday is 0 or 7.
#[test]
fn a_run_for_some_weekdays_does_nothing_on_the_others() {
    let mut bench = Bench::with("weekdays", "actions:\n  n: {type: command, cmd: 'echo x >>{dir}/ran'}\n");
    // a place where it is about noon, so that no day ends meanwhile
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let hour = i64::try_from(seconds / 3600 % 24).unwrap();
    bench.set("TZ", &format!("X{:+}", hour - 12));
    let ran = |days: &str| {
        let before = bench.names("").len();
        bench.run(&["run", "n", "--on-weekdays", days]).gives(0, "", "");
        let has_run = bench.path("ran").exists();
        assert!(has_run || bench.names("").len() == before, "{days}: {:?}", bench.names(""));
        if has_run {
            std::fs::remove_file(bench.path("ran")).unwrap();
            std::fs::remove_dir_all(bench.path("log")).unwrap();
            std::fs::remove_file(bench.path("trigger")).unwrap();
        }
        has_run
    };
    // 1970 began on a Thursday
    let noon = seconds / 86_400 * 86_400 + 43_200;
    let today = (noon / 86_400 + 4) % 7;
    for day in 0..7 {
        assert_eq!(ran(&day.to_string()), day == today, "{day}");
    }
    assert!(ran("0,1,2,3,4,5,6"));
    assert_eq!(ran("7"), today == 0);
}
