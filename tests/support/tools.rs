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

/// A control group that lets its members have so many processes and threads; it goes with the value.
pub struct FewProcesses(std::path::PathBuf);

impl FewProcesses {
    /// None where such groups cannot be made here, which is said loudly.
    pub fn new(most: usize) -> Option<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kb-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        // version 1, then version 2
        let of_two = std::path::Path::new("/sys/fs/cgroup");
        let _ = std::fs::write(of_two.join("cgroup.subtree_control"), "+pids");
        for root in ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"] {
            let group = std::path::Path::new(root).join(&name);
            if std::fs::create_dir(&group).is_ok() {
                let group = Self(group);
                if std::fs::write(group.0.join("pids.max"), most.to_string()).is_ok() {
                    return Some(group);
                }
            }
        }
        skip("no control groups that bound processes");
        None
    }

    /// Changes how many.
    pub fn allow(&self, most: usize) {
        std::fs::write(self.0.join("pids.max"), most.to_string()).unwrap();
    }

    /// Puts a process with its threads into it.
    pub fn take(&self, pid: u32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    /// The same command, as a member from its start.
    pub fn member(&self, command: &std::process::Command) -> std::process::Command {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.0.join("cgroup.procs"));
        shell.arg(command.get_program()).args(command.get_args()).current_dir("/");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    /// How often a process or thread was refused.
    pub fn refusals(&self) -> u64 {
        let events = std::fs::read_to_string(self.0.join("pids.events")).unwrap();
        events.split_whitespace().last().unwrap().parse().unwrap()
    }
}

impl Drop for FewProcesses {
    fn drop(&mut self) {
        // members that are ending still count for a moment
        for _ in 0..200 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}
