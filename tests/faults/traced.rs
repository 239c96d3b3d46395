//! Running a step under `strace`, which counts its system calls, kills it at one of them or makes one fail.

use crate::steps::{Place, program};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

/// Every call with which the store changes something, or waits for somebody who does.
pub const MUTATING: &str = "openat,write,mkdirat,renameat,renameat2,linkat,unlinkat,fsync,fchmod,fchown,flock";

fn strace(options: &[&str], step: &str, dir: &Path) -> Output {
    let run = Command::new("strace").args(["-f", "-qq"]).args(options).arg(program()).arg(step).arg(dir).output();
    run.expect("the fault tests need strace")
}

/// How often a step makes each of these calls, undisturbed.
pub fn count(calls: &str, step: &str) -> BTreeMap<String, usize> {
    let place = Place::new();
    let log = place.dir().with_extension("strace");
    let trace = format!("trace={calls}");
    let done = strace(&["-e", &trace, "-o", log.to_str().unwrap()], step, place.dir());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        // `PID name(arguments) = result`
        let call = line.split_whitespace().nth(1).and_then(|rest| rest.split_once('(')).map(|(name, _)| name);
        let call = call.or_else(|| line.split_once('(').map(|(name, _)| name));
        *counts.entry(call.unwrap_or_default().to_owned()).or_insert(0) += 1;
    }
    assert!(counts.get("renameat2").is_some_and(|count| *count > 0), "{text}");
    counts
}

/// The calls of these names that a step makes, undisturbed, in their order, descriptors with their paths.
pub fn calls(names: &[&str], step: &str, dir: &Path) -> Vec<String> {
    let log = dir.with_extension("strace");
    let trace = format!("trace={}", names.join(","));
    let done = strace(&["-y", "-e", &trace, "-o", log.to_str().unwrap()], step, dir);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    // `PID name(arguments) = result`
    let call = |line: &str| line.split_once(' ').map(|(_, call)| call.trim_start().to_owned());
    text.lines().filter_map(call).collect()
}

/// Kills the step right before its `at`-th such call.
pub fn kill(call: &str, at: usize, step: &str, dir: &Path) {
    let inject = format!("inject={call}:signal=SIGKILL:when={at}");
    let trace = format!("trace={call}");
    let done = strace(&["-e", &trace, "-e", &inject, "-o", "/dev/null"], step, dir);
    assert_eq!(done.status.signal(), Some(9), "{step} was not killed at {call} {at}: {done:?}");
}

/// Lets calls fail: `faults` are such as `write:error=EIO:when=3`. Returns whether the step succeeded; every fault must have
/// happened.
pub fn fail(faults: &[String], step: &str, dir: &Path) -> bool {
    let log = dir.with_extension("strace");
    let mut options = vec!["-o".to_owned(), log.to_str().unwrap().to_owned(), "-e".to_owned()];
    let calls: Vec<_> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
    options.push(format!("trace={}", calls.join(",")));
    for fault in faults {
        options.extend(["-e".to_owned(), format!("inject={fault}")]);
    }
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let done = strace(&options, step, dir);
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    for call in calls {
        let happened = text.lines().any(|line| line.contains(&format!("{call}(")) && line.contains("(INJECTED)"));
        assert!(happened, "{step}: {faults:?} did not happen: {text}");
    }
    assert_eq!(done.status.signal(), None, "{done:?}");
    done.status.success()
}
