//! Users of this machine with a crontab of their own, made for one test; and cron itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// A user with nothing but a name; removed with crontab and state.
pub struct Scratch {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
}

impl Scratch {
    /// Needs root.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("kbt{}x{number}", std::process::id());
        // others may hold the lock of /etc/passwd for a moment
        let added = (0..20).any(|_| {
            let done = quietly("useradd", &["--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", &name]);
            done || {
                thread::sleep(Duration::from_millis(500));
                false
            }
        });
        assert!(added, "cannot add the user {name}: these tests need root");
        let passwd = fs::read_to_string("/etc/passwd").unwrap();
        let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        let uid = line.split(':').nth(2).unwrap().parse().unwrap();
        Self { name, uid }
    }

    /// The table as `crontab -l` shows it; empty when there is none.
    pub fn table(&self) -> String {
        let output = Command::new("crontab").args(["-u", &self.name, "-l"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Replaces the table.
    pub fn set_table(&self, table: &[u8]) {
        use std::io::Write;
        let mut child = Command::new("crontab").args(["-u", &self.name, "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(table).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Where root keeps what it knows about this user's crontab.
    pub fn state(&self) -> PathBuf {
        Path::new("/var/lib/krista-backup").join(&self.name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        quietly("crontab", &["-u", &self.name, "-r"]);
        for _ in 0..20 {
            if quietly("userdel", &[&self.name]) {
                break;
            }
            thread::sleep(Duration::from_millis(500));
        }
        let _ = fs::remove_dir_all(self.state());
        // only when nobody else has anything there
        let _ = fs::remove_dir("/var/lib/krista-backup");
    }
}

fn quietly(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A cron daemon that is sure to be at work: ours, unless another one is.
pub struct Cron(Option<Child>);

impl Cron {
    /// Starts one if need be.
    pub fn start() -> Self {
        let mut cron = Self(None);
        cron.keep();
        cron
    }

    /// Starts another one when the one that was there is gone.
    pub fn keep(&mut self) {
        let ended = self.0.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
        if ended {
            let mut command = Command::new("cron");
            command.arg("-f").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            // one that finds another at work ends by itself
            self.0 = Some(command.spawn().unwrap());
        }
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
