//! P7: what cannot be written down never ends a backup; it shows in the trigger.

use crate::support::{BINARY, Bench, Ran, contains, lacks, tools};
use std::process::Command;

const TASK: &str = "\
schedule: {t: {actions: [w, pack]}}
actions:
  w: {type: command, cmd: 'seq 1 20000'}
  pack: {type: tar, basename: p, src_path: '{dir}/src', dest_path: '{dir}/out'}
";

fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, TASK);
    bench.write("src/a", "content");
    bench
}

/// Runs the task from a shell that did this before.
fn after(bench: &Bench, prepare: &str, redirections: &str) -> Ran {
    let script =
        format!("{prepare}\nexec '{BINARY}' --config '{}' run t {redirections}", bench.path("config.yaml").display());
    bench.ran(Command::new("sh").args(["-c", &script]).current_dir("/").output().unwrap())
}

#[track_caller]
fn is_backed_up(bench: &Bench) {
    assert_eq!(bench.names("out").len(), 3, "archive, list and manifest: {:?}", bench.names("out"));
    assert_eq!(bench.run(&["verify", "pack"]).code, 0);
}

/// P7: the log reaches RLIMIT_FSIZE in the middle of a run.
#[test]
fn p7_a_log_that_may_not_grow_stops_nothing_and_shows() {
    let bench = bench("fsize");
    let ran = after(&bench, "ulimit -f 100", "");
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(bench.trigger(), "WARNING");
    is_backed_up(&bench);
    let end = bench.last_record();
    contains(end["message"].as_str().unwrap(), "lines are missing from the logs");
    assert_eq!((end["outcome"].as_str(), end["actions"][1]["outcome"].as_str()), (Some("warning"), Some("ok")));
    let log = bench.log();
    assert!(log.len() <= 100 << 10 && log.contains("INFO w 1000\n") && !log.contains("INFO w 20000\n"));
}

/// P7: the disk of the logs is full; the backup is made, and the trigger tells, although nothing could be logged.
#[test]
fn p7_a_full_log_disk_stops_nothing_and_shows() {
    if !tools::can_mount() {
        return;
    }
    let bench = bench("full-logs");
    std::fs::create_dir(bench.path("log")).unwrap();
    let log = bench.path("log").display().to_string();
    let fill = format!("mount -t tmpfs -o size=64k none '{log}'; head -c 32k /dev/zero >'{log}/filler'");
    let script = format!("{fill}\n'{BINARY}' --config '{}' run t; echo $?", bench.path("config.yaml").display());
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    let ran = bench.ran(output);
    assert_eq!(ran.stdout, "3\n", "{}", ran.stderr);
    lacks(&ran.stderr, "panic");
    assert_eq!(bench.trigger(), "WARNING");
    is_backed_up(&bench);
}

/// P7: closed and full output streams; nothing of it is an error of the backup.
#[test]
fn p7_closed_and_full_outputs_stop_nothing() {
    for (number, redirections) in
        [">&- 2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full", "2>/dev/full -v", "-v 2>&1 | true"].iter().enumerate()
    {
        let bench = bench(&format!("outputs-{number}"));
        // through a pipe the status would be the reader's
        let piped = redirections.contains('|');
        let ran = after(&bench, "", redirections);
        assert!(piped || ran.code == 0, "{redirections}: {}", ran.code);
        let begun = std::time::Instant::now();
        while piped && bench.trigger().is_empty() {
            assert!(begun.elapsed().as_secs() < 60, "{redirections}: it never came to its end");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(bench.trigger(), "SUCCESS", "{redirections}");
        is_backed_up(&bench);
    }
}
