//! P21, P23: every type with a path does nothing unless what it insists on is there.

use crate::support::{BINARY, Bench, contains, tools};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Types with their properties; each would leave something in `{dir}/dest`.
const ACTIONS: [(&str, &str); 6] = [
    ("tar", "type: tar, basename: a, src_path: '{dir}/src', dest_path: '{dir}/dest'"),
    ("rsync", "type: rsync, src_path: '{dir}/src/', dest_path: '{dir}/dest'"),
    (
        "move_bkp_period",
        "type: move_bkp_period, action_list: [made], dest_path: '{dir}/dest', periods: {p: {cron: '* * * * *'}}",
    ),
    ("command", "type: command, src_path: '{dir}/src', cmd: 'mkdir -p ../dest && touch ../dest/x'"),
    ("script", "type: script, src_path: '{dir}/src', cmds: ['mkdir -p ../dest', 'touch ../dest/x']"),
    ("set_in_progress_ticket", "type: set_in_progress_ticket, src_path: '{dir}/dest'"),
];

/// Runs an action with one more property.
fn run(name: &str, properties: &str, more: &str) -> (Bench, i32, String) {
    let bench = Bench::with(
        "guards",
        &format!(
            "actions:\n  made: {{type: tar, basename: m, src_path: '{{dir}}/src', dest_path: '{{dir}}/made'}}\n  x: {{{properties}, {more}}}\n"
        ),
    );
    bench.write("src/file", "one file");
    if name == "move_bkp_period" {
        assert_eq!(bench.run(&["run", "made"]).code, 0);
    }
    let ran = bench.run(&["run", "x"]);
    let log = bench.log();
    (bench, ran.code, log)
}

#[test]
fn p21_nothing_is_done_without_the_mount_or_the_file() {
    for (name, properties) in ACTIONS {
        // it does its work when nothing stands in the way
        let (bench, code, log) = run(name, properties, "require_file: '{dir}/src/file'");
        assert_eq!(code, 0, "{name}: {log}");
        assert!(!bench.names("dest").is_empty(), "{name} leaves nothing behind to be missed");
        for (more, message) in [
            ("require_file: '{dir}/marker'", "`require_file` {dir}/marker: No such file"),
            ("require_mounted: '{dir}/src'", "nothing is mounted at {dir}/src"),
            ("min_free: 8000T", "less than `min_free` 7.8 PiB"),
        ] {
            let (bench, code, log) = run(name, properties, more);
            assert_eq!(code, 1, "{name} with {more}: {log}");
            contains(&log, message);
            assert!(!bench.path("dest").exists(), "{name} with {more} made its destination");
        }
    }
}

#[test]
fn p21_too_few_files_are_no_source() {
    for (name, properties) in
        ACTIONS.into_iter().filter(|(name, _)| ["tar", "rsync", "command", "script"].contains(name))
    {
        assert_eq!(run(name, properties, "min_files: 1").1, 0, "{name}");
        let (bench, code, log) = run(name, properties, "min_files: 2");
        assert_eq!(code, 1, "{name}: {log}");
        contains(&log, "the source {dir}/src holds 1 files, fewer than `min_files` 2");
        assert!(!bench.path("dest").exists(), "{name} made its destination");
    }
}

/// The call that opens a directory by its path; later processors have only one for all purposes.
const OPEN: &str = if cfg!(target_arch = "x86_64") { "open" } else { "openat" };

/// P21: a file system that goes away at any moment while its directory is being opened: no file is ever written to what lies
/// below it. The moments are the calls that open the directory, each held up by `strace` until it is gone.
#[test]
fn p21_a_mount_that_goes_away_at_the_last_moment_is_noticed() {
    if !tools::have(&["strace", "umount"]) || !tools::can_mount() {
        return;
    }
    for (action, dir, call) in [("tar", "dest", OPEN), ("move_bkp_period", "dest/p", OPEN), ("rsync", "dest", "openat")]
    {
        let (_, properties) = ACTIONS.iter().find(|(name, _)| *name == action).unwrap();
        let bench = Bench::with(
            "vanishing",
            &format!(
                "actions:\n  made: {{type: tar, basename: m, src_path: '{{dir}}/src', dest_path: '{{dir}}/made'}}\n  x: {{{properties}, require_mounted: '{{dir}}/dest'}}\n"
            ),
        );
        bench.write("src/file", "one file");
        bench.run(&["run", "made"]).exits(0);
        let point = bench.path("dest");
        std::fs::create_dir(&point).unwrap();
        let on_point = |program: &str, args: &[&str]| {
            assert!(Command::new(program).args(args).arg(&point).status().unwrap().success(), "{program}");
        };
        let mut noticed = 0;
        for moment in 1..40 {
            on_point("mount", &["-t", "tmpfs", "none"]);
            std::fs::create_dir_all(bench.path(dir)).unwrap();
            let trace = format!("trace={call}");
            let inject = format!("inject={call}:delay_enter=1500000:when={moment}");
            let mut command = Command::new("strace");
            command.args(["-f", "-qq", "-e", &trace, "-e", &inject, "-o"]).arg(bench.path("strace"));
            command.arg("-P").arg(bench.path(dir)).arg(BINARY).arg("--config").arg(bench.path("config.yaml"));
            let mut child = command.args(["run", "x"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut held = false;
            while child.try_wait().unwrap().is_none() && !held {
                std::thread::sleep(Duration::from_millis(10));
                held = run_of(child.id()).is_some_and(stands_still);
            }
            on_point("umount", &["-l"]);
            let ran = bench.ran(child.wait_with_output().unwrap());
            let written = Command::new("find").arg(&point).args(["-type", "f", "-print", "-delete"]).output().unwrap();
            let written = String::from_utf8_lossy(&written.stdout).into_owned();
            // rsync opens its destination itself, later: then nothing can be done
            assert!(action == "rsync" || written.is_empty(), "{action}, moment {moment}: {written}{}", ran.stderr);
            noticed += usize::from(ran.stderr.contains("does not lie on the file system any more"));
            if !held {
                assert!(moment > 2, "it was never held up");
                break;
            }
        }
        assert!(noticed > 0, "{action}: it never went away between check and use");
    }
}

/// Whether a thread of a process that `strace` follows is held up for longer than any call takes.
fn stands_still(pid: u32) -> bool {
    let stats = || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok())
    };
    (0..10).all(|_| {
        std::thread::sleep(Duration::from_millis(10));
        stats().any(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('t')))
    })
}

/// The process that `strace` follows.
fn run_of(strace: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
