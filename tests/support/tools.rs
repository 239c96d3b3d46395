//! Tools that a test needs and a machine may lack.

use std::io::Write;

/// Whether all of these programs are there. If not it says so loudly, and where `CI` is `true` the test fails.
pub fn have(programs: &[&str]) -> bool {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let is_there = |name: &&&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let missing: Vec<_> = programs.iter().filter(|name| !is_there(name)).collect();
    missing.is_empty() || skip(&format!("not installed: {missing:?}"))
}

/// Whether this process is root and may make mount namespaces.
pub fn can_mount() -> bool {
    let made = std::process::Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    made.is_ok_and(|output| output.status.success()) || skip("no mount namespaces here")
}

fn skip(reason: &str) -> bool {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}, and CI must test this");
    // straight to the descriptor: the test harness swallows what goes through eprintln
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {test}: {reason}");
    false
}
