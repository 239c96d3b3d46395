//! P22: who may run now.

use crate::support::{Bench, contains};
use std::process::Stdio;
use std::time::Duration;

/// Whoever runs it although another does fails at once.
const WAITS: &str = "\
schedule: {t: {actions: [w]}}
actions: {w: {type: command, src_path: '{dir}', cmd: 'mkdir one || exit 9; echo x >>ran; while [ ! -e go ]; do sleep 0.05; done'}}
";

/// Lets those who wait go on, however a test ends.
struct Go<'a>(&'a Bench);

impl Drop for Go<'_> {
    fn drop(&mut self) {
        self.0.write("go", "");
    }
}

/// P22: of a hundred that start at once exactly one runs; the others are told who does.
#[test]
fn p22_of_a_hundred_simultaneous_starts_one_runs() {
    let bench = Bench::with("hundred", WAITS);
    let go = Go(&bench);
    let start = || bench.command(&["run", "t"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut starts: Vec<_> = (0..100).map(|_| start()).collect();
    let begun = std::time::Instant::now();
    while starts.len() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} are still at work", starts.len());
        let Some(at) = starts.iter_mut().position(|child| child.try_wait().unwrap().is_some()) else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        let ran = bench.ran(starts.swap_remove(at).wait_with_output().unwrap());
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        contains(&ran.stderr, "another run is at work: ");
    }
    drop(go);
    let ran = bench.ran(starts.remove(0).wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(bench.read("ran"), "x\n");
    let journal = bench.journal();
    assert_eq!(journal.iter().filter(|record| record["event"] == "start").count(), 1);
    assert_eq!(journal.iter().filter(|record| record["exit"] == 4).count(), 99);
}

/// P22: the lock goes with the run, even when something it started lives on.
#[test]
fn p22_what_a_run_leaves_running_does_not_hold_its_locks() {
    let bench = Bench::with(
        "inherited",
        "allow_parallel: no\nschedule: {t: {actions: [c]}}\nactions: {c: {type: command, src_path: '{dir}', \
         cmd: 'setsid sleep 1000 >&- 2>&- </dev/null & echo $! >left'}}\n",
    );
    bench.run(&["run", "t"]).gives(0, "", "");
    let left = bench.read("left");
    let open = |pid: &str| {
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
    };
    let held = open(left.trim());
    let again = bench.run(&["run", "t"]);
    for pid in [left, bench.read("left")] {
        let _ = std::process::Command::new("kill").arg(pid.trim()).status();
    }
    assert!(!held.iter().any(|path| path.ends_with(".lock")), "{held:?}");
    again.gives(0, "", "");
}

/// P22, P7: where no lock file can be made the configuration itself is locked.
#[test]
fn p22_without_a_log_directory_there_still_is_a_lock() {
    let bench = Bench::with("nolockfile", WAITS);
    let go = Go(&bench);
    bench.write("log", "a file in the way");
    let first = bench.command(&["run", "t"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while !bench.path("ran").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let second = bench.run(&["run", "t"]);
    drop(go);
    bench.ran(first.wait_with_output().unwrap()).exits(3);
    second.exits(4);
    assert_eq!(bench.read("ran"), "x\n");
}
