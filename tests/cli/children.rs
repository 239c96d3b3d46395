//! Children of a run: nothing of them survives, whatever happens to the run (P13, P15, P16).

use crate::support::{Bench, contains, files_with, lacks};
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z') && !rest.starts_with('X'))
}

fn pid_in(bench: &Bench, name: &str) -> u32 {
    eventually(|| fs::read_to_string(bench.path(name)).ok()?.strip_suffix('\n')?.parse().ok())
}

/// A run that a failing test does not leave behind.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(bench: &Bench) -> Run {
    Run(bench.command(&["run", "t"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// The guard of a run: its name shows in `ps`.
fn guard_of(run: u32) -> u32 {
    // a child belongs to the thread that started it, or after its end to another one
    let tasks = || fs::read_dir(format!("/proc/{run}/task")).unwrap().flatten();
    let children = || tasks().map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let comm = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    eventually(|| {
        let text = children().collect::<Vec<_>>().join(" ");
        text.split_whitespace().map(|pid| pid.parse().unwrap()).find(|pid| comm(*pid) == "krista-guard\n")
    })
}

const DEAF: &str = "\
schedule: {t: {actions: [deaf]}}
actions:
  deaf:
    type: command
    src_path: '{dir}'
    cmd: |
      sh -c 'trap : TERM INT HUP PIPE; echo $$ >deaf; while :; do sleep 0.2; done' &
      sleep 1000 & echo $! >sleeping
      echo $$ >child; wait
";

/// P16: SIGKILL of the run itself.
#[test]
fn no_child_survives_a_run_that_is_killed() {
    let bench = Bench::with("killed", DEAF);
    let mut run = start(&bench);
    let pids = ["deaf", "sleeping", "child"].map(|name| pid_in(&bench, name));
    let guard = guard_of(run.0.id());
    assert!(pids.into_iter().chain([guard]).all(is_alive), "they were all there before");
    run.0.kill().unwrap();
    run.0.wait().unwrap();
    for pid in pids.into_iter().chain([guard]) {
        eventually(|| (!is_alive(pid)).then_some(()));
    }
}

/// P16: a timeout; the run is over only when all of the group is.
#[test]
fn a_timeout_ends_the_whole_group() {
    let bench = Bench::with("timeout", &DEAF.replace("type: command", "type: command\n    timeout: 1s"));
    let ran = bench.run(&["run", "t"]);
    ran.exits(1);
    contains(
        &ran.stderr,
        "`sh` was ended by force (SIGKILL), and all it had started: the timeout of the action, 1s, passed",
    );
    for name in ["deaf", "sleeping", "child"] {
        assert!(!is_alive(pid_in(&bench, name)), "{name}");
    }
    assert_eq!(bench.last_record()["actions"][0]["outcome"], "timeout");
}

/// The guard holds nothing that anybody waits for: neither the pipes of the run nor its directory; and it ends with it.
#[test]
fn the_guard_is_in_nobodys_way() {
    let bench = Bench::with(
        "guard",
        "schedule: {t: {actions: [c]}}\nactions: {c: {type: command, src_path: '{dir}', cmd: 'echo $$ >child; sleep 1000'}}\n",
    );
    let mut run = start(&bench);
    let child = pid_in(&bench, "child");
    let guard = guard_of(run.0.id());
    let mut open: Vec<_> = fs::read_dir(format!("/proc/{guard}/fd"))
        .unwrap()
        .filter_map(|fd| Some(fs::read_link(fd.unwrap().path()).ok()?.to_string_lossy().into_owned()))
        .collect();
    open.retain(|target| !target.starts_with("socket:") && target != "/dev/null");
    assert_eq!(open, Vec::<String>::new());
    assert_eq!(fs::read_link(format!("/proc/{guard}/cwd")).unwrap().to_str(), Some("/"));
    assert!(fs::read(format!("/proc/{guard}/environ")).unwrap().is_empty(), "no variable is there to be read");
    assert!(std::process::Command::new("kill").arg(run.0.id().to_string()).status().unwrap().success());
    assert_eq!(run.0.wait().unwrap().code(), Some(143));
    assert!(!is_alive(child));
    assert!(!fs::exists(format!("/proc/{guard}")).unwrap(), "the run waited for its guard");
}

/// A background process a command leaves is left alone, also when the run is over.
#[test]
fn a_background_process_is_left_alone() {
    let bench = Bench::with(
        "background",
        "schedule: {t: {actions: [c]}}\nactions: {c: {type: command, src_path: '{dir}', cmd: 'sleep 1000 & echo $! >left'}}\n",
    );
    bench.run(&["run", "t"]).gives(0, "", "");
    contains(&bench.log(), "INFO c a background process still runs after 5 s: left alone");
    let pid = pid_in(&bench, "left");
    assert!(is_alive(pid));
    assert!(std::process::Command::new("kill").arg(pid.to_string()).status().unwrap().success());
}

/// P15: what a command's text holds besides the program's name is nowhere.
#[test]
fn the_text_of_a_command_is_nowhere() {
    let bench = Bench::with(
        "text",
        "schedule: {t: {actions: [c, s]}}\nactions:\n  c: {type: command, cmd: 'PASS=canary1 sh -c \"exit 3\" canary2'}\n  s: {type: script, cmds: ['true canary3', 'false canary4']}\n",
    );
    let ran = bench.run(&["run", "t", "-v"]);
    ran.exits(1);
    contains(&ran.stderr, "`sh`");
    lacks(&ran.stderr, "canary");
    let found = files_with(&bench.path("log"), "canary");
    assert!(found.is_empty(), "{found:?}");
    lacks(&bench.run(&["run", "c", "--dry"]).stderr, "canary");
}

/// The space of every real file system is in the log.
#[test]
fn space_is_in_the_log() {
    let bench = Bench::with(
        "space",
        "schedule: {t: {actions: [d, low]}}\nactions: {d: {type: dschecker}, low: {type: dschecker, paths: /, min_free: 8000T}}\n",
    );
    let ran = bench.run(&["run", "t"]);
    ran.exits(3);
    contains(&bench.log(), " INFO d / (");
    contains(&ran.stderr, "WARNING low /: only ");
}
