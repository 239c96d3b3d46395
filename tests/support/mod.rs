//! What the tests that drive the real executable share.

#![allow(dead_code)] // each test binary uses its own part

pub mod crontabs;
pub mod postgres;
pub mod tarfile;
pub mod tree;
pub mod sshd;
pub mod tools;
pub mod web;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The executable under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_krista-backup");

/// A private directory with a configuration in it; removed at the end unless the test failed.
pub struct Bench {
    dir: PathBuf,
    environment: Vec<(String, String)>,
}

impl Bench {
    /// An empty one. `name` shows in the directory's name.
    pub fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let dir = std::env::temp_dir().join(format!("kb-{name}-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Self { dir, environment: Vec::new() }
    }

    /// One with a configuration that has the usual head and these `schedule:` and `actions:` sections.
    pub fn with(name: &str, sections: &str) -> Self {
        let bench = Self::new(name);
        bench.config(&format!("{HEAD}{sections}"));
        bench
    }

    /// Writes `config.yaml`; `{dir}` stands for the directory.
    pub fn config(&self, text: &str) {
        let path = self.path("config.yaml");
        fs::write(&path, text.replace("{dir}", self.dir.to_str().unwrap())).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A path inside the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file, creating its parents.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads a file as text.
    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A program that stands before the real ones on `PATH`.
    pub fn fake(&mut self, name: &str, script: &str) {
        let path = self.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        self.set("PATH", &path);
    }

    /// Sets a variable of the environment for every run.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The program with this configuration and these arguments, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("--config").arg(self.path("config.yaml")).args(arguments).stdin(Stdio::null());
        command.env_remove("KRISTA_BACKUP_CONFIG").env_remove("NO_COLOR").current_dir("/");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(self.command(arguments).output().unwrap())
    }

    /// What a finished program printed.
    pub fn ran(&self, output: Output) -> Ran {
        use std::os::unix::process::ExitStatusExt;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace(self.dir.to_str().unwrap(), "{dir}");
        let signal = output.status.signal().map(|signal| -signal);
        let code = output.status.code().or(signal).unwrap();
        Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Names in a directory, sorted; none when it does not exist.
    pub fn names(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The newest INFO log, as text.
    pub fn log(&self) -> String {
        self.newest_log("log", |name| name.len() == 4)
    }

    /// The newest debug log, as text.
    pub fn debug_log(&self) -> String {
        self.newest_log("log", |name| name == "debug")
    }

    fn newest_log(&self, dir: &str, wanted: impl Fn(&str) -> bool) -> String {
        let dirs = self.names(dir).into_iter().filter(|name| wanted(name));
        let files = dirs.flat_map(|sub| {
            self.names(&format!("{dir}/{sub}")).into_iter().map(move |name| format!("{dir}/{sub}/{name}"))
        });
        let newest = files.max().expect("there is no log");
        self.read(&newest).replace(self.dir.to_str().unwrap(), "{dir}")
    }

    /// The records of the journal.
    pub fn journal(&self) -> Vec<serde_json::Value> {
        self.read("log/journal.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last record of the journal.
    pub fn last_record(&self) -> serde_json::Value {
        self.journal().pop().expect("the journal is empty")
    }

    /// The word in the trigger file; empty when there is none.
    pub fn trigger(&self) -> String {
        fs::read_to_string(self.path("trigger")).unwrap_or_default()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left for inspection: {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The head of most test configurations.
pub const HEAD: &str = "\
naming: {server_name: srv, project: test, region: 77}
logging: {logs_path: '{dir}/log', trigger_filepath: '{dir}/trigger'}
";

/// How a run of the program ended; the bench's directory shows as `{dir}`.
#[derive(Debug)]
pub struct Ran {
    /// Exit code, or minus the signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Everything must match, silence included.
    #[track_caller]
    pub fn gives(&self, code: i32, stdout: &str, stderr: &str) -> &Self {
        assert_eq!((self.code, self.stdout.as_str(), self.stderr.as_str()), (code, stdout, stderr));
        self
    }

    /// The exit code, and nothing on stdout.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "stderr: {}", self.stderr);
        self
    }
}

/// Whether `text` contains `part`, with a message that shows both.
#[track_caller]
pub fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "expected to find\n  {part}\nin\n{text}");
}

/// Whether `text` does not contain `part`.
#[track_caller]
pub fn lacks(text: &str, part: &str) {
    assert!(!text.contains(part), "did not expect to find\n  {part}\nin\n{text}");
}

/// Every file below `dir` that contains `needle` in its content or its name.
pub fn files_with(dir: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if path.file_name().unwrap().to_string_lossy().contains(needle) {
            found.push(path.clone());
        }
        if kind.is_dir() {
            found.extend(files_with(&path, needle));
        } else if kind.is_file() {
            let content = fs::read(&path).unwrap_or_default();
            if content.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}
