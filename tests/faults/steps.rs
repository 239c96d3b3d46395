//! The steps that are disturbed, what was there before them, and what may be there afterwards.

use krista_backup::store::manifest::{FORMAT, FileRecord, Manifest, hex};
use krista_backup::store::publish::{Existing, Staging};
use sha2::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A step of the example `publish_one`.
pub struct Step {
    /// Its name there.
    pub name: &'static str,
    /// The main file of the set it is about.
    pub main: &'static str,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Adds,
    Replaces,
    Removes,
}

pub const STEPS: [Step; 5] = [
    Step { name: "new", main: "app-20200703_000000-0.tar.gz", kind: Kind::Adds },
    Step { name: "replace", main: "app-20200701_000000-0.tar.gz", kind: Kind::Replaces },
    Step { name: "folder", main: "app-x-20200703_000000.pgdump", kind: Kind::Adds },
    Step { name: "refolder", main: "app-x-20200701_000000.pgdump", kind: Kind::Replaces },
    Step { name: "withdraw", main: "app-20200701_000000-0.tar.gz", kind: Kind::Removes },
];

/// Every file below a directory, by its path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The example, built once for this test binary, so that it is never an old one.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--locked", "--example", "publish_one"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success());
        let own = std::env::current_exe().unwrap();
        let target = own.ancestors().nth(3).unwrap().join("debug/examples/publish_one");
        assert!(target.exists(), "{}", target.display());
        target
    })
}

/// Runs a step undisturbed.
pub fn run(step: &str, dir: &Path) -> Output {
    Command::new(program()).arg(step).arg(dir).output().unwrap()
}

/// Where the places are: in memory if possible, because every step flushes.
pub fn scratch() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// A directory with older sets in it, removed at the end.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let dir = scratch().join(format!("kb-faults-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        seed(&dir);
        Self(dir)
    }

    pub fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A set of ours and one of KB17's, of archives and of dumps, and something that is nobody's.
pub fn seed(dir: &Path) {
    let plain = ["tar.gz", "list", "hash"].map(|ext| format!("app-20200701_000000-0.{ext}"));
    let mut staging = Staging::begin(dir, Existing::Refuse, None).unwrap();
    for name in &plain {
        staging.create(name).unwrap().file.write_all(b"old").unwrap();
    }
    staging.commit(&manifest(plain.iter().map(|name| record(name)).collect())).unwrap();
    let dump = "app-x-20200701_000000.pgdump";
    let mut staging = Staging::begin(dir, Existing::Refuse, None).unwrap();
    let path = staging.create_dir(dump, None).unwrap();
    for name in ["0.dat", "toc.dat"] {
        fs::write(path.join(name), "old").unwrap();
    }
    staging.commit(&manifest(["0.dat", "toc.dat"].map(|name| record(&format!("{dump}/{name}"))).to_vec())).unwrap();
    for name in [
        "app-20200702_000000-0.tar.gz",
        "app-20200702_000000-0.list",
        "app-x-20200702_000000.pgdump",
        "app-20200709_000000-0.list",
        "README",
        ".app-20200703_000000-0.tar.gz.part.bak",
    ] {
        fs::write(dir.join(name), "old").unwrap();
    }
}

fn record(name: &str) -> FileRecord {
    FileRecord { name: name.to_owned(), size: 3, sha256: hex(&sha2::Sha256::digest("old")) }
}

fn manifest(files: Vec<FileRecord>) -> Manifest {
    let run_time = "2020-07-01T00:00:00+03:00".into();
    Manifest { format: FORMAT, action: "tested".into(), run_time, files, ..Manifest::default() }
}

/// Everything below `dir`.
pub fn files(dir: &Path) -> Files {
    fn below(dir: &Path, root: &Path, files: &mut Files) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, root, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = Files::new();
    below(dir, dir, &mut found);
    found
}

/// What is there before a step and after it went well, worked out once by doing it undisturbed.
pub struct Expected<'a> {
    pub step: &'a Step,
    pub before: Files,
    pub after: Files,
}

impl<'a> Expected<'a> {
    pub fn of(step: &'a Step) -> Self {
        let place = Place::new();
        let before = files(place.dir());
        let done = run(step.name, place.dir());
        assert!(done.status.success(), "{}: {}", step.name, String::from_utf8_lossy(&done.stderr));
        let after = files(place.dir());
        assert_ne!(before, after);
        assert!(!after.keys().any(|name| is_temporary(name)), "{after:?}");
        Self { step, before, after }
    }

    /// Whether a file is of the set that the step is about.
    fn is_target(&self, name: &str) -> bool {
        let stem = self.step.main.trim_end_matches(".tar.gz").trim_end_matches(".pgdump");
        name.starts_with(stem)
    }

    fn target_of(&self, files: &Files) -> Files {
        files
            .iter()
            .filter(|(name, _)| self.is_target(name))
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect()
    }

    fn main_of(&self, files: &Files) -> Files {
        let inside = format!("{}/", self.step.main);
        let is_main = |name: &str| name == self.step.main || name.starts_with(&inside);
        files.iter().filter(|(name, _)| is_main(name)).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    }

    /// What holds at any moment, whatever happened: P2 and P5.
    pub fn check_any_moment(&self, dir: &Path, what: &str) {
        let now = files(dir);
        for (name, bytes) in now.iter().filter(|(name, _)| !is_temporary(name)) {
            let known = [&self.before, &self.after].iter().any(|files| files.get(name) == Some(bytes));
            assert!(known, "{what}: {name} is neither old nor new ({} bytes)", bytes.len());
        }
        for name in self.before.keys().filter(|name| !self.is_target(name)) {
            assert!(now.contains_key(name), "{what}: {name} is gone");
        }
        let main = self.main_of(&now);
        if main.is_empty() {
            assert!(self.step.kind != Kind::Replaces, "{what}: neither the old nor the new set is there");
            return;
        }
        // a main file that has its name is complete, and what stands beside it is about it
        let target = self.target_of(&now);
        let whole = [&self.before, &self.after].iter().find(|files| self.main_of(files) == main).copied();
        let whole = self.target_of(whole.unwrap_or_else(|| panic!("{what}: a mixture under the final name")));
        for (name, bytes) in &target {
            assert_eq!(whole.get(name), Some(bytes), "{what}: {name} is of another set");
        }
        if self.step.kind != Kind::Replaces {
            assert_eq!(target, whole, "{what}: a set without its companions");
        }
    }

    /// What the next run leaves: no leftovers, and nothing but sets as a whole.
    pub fn check_after_sweep(&self, dir: &Path, what: &str) {
        let swept = run("sweep", dir);
        assert!(swept.status.success(), "{what}: {}", String::from_utf8_lossy(&swept.stderr));
        self.check_any_moment(dir, what);
        let now = files(dir);
        if self.step.kind == Kind::Replaces {
            assert!(!now.keys().any(|name| is_temporary(name)), "{what}: {:?}", now.keys());
        } else {
            assert!(now == self.before || now == self.after, "{what}: {:?}", now.keys());
        }
    }

    /// That the step can be done again.
    pub fn check_again(&self, dir: &Path, what: &str) {
        let done_already = files(dir) == self.after;
        if !done_already || self.step.kind == Kind::Replaces {
            let again = run(self.step.name, dir);
            assert!(again.status.success(), "{what}: {}", String::from_utf8_lossy(&again.stderr));
        }
        assert!(files(dir) == self.after, "{what}: {:?}", files(dir).keys());
    }

    /// What holds after the step failed by itself: P4.
    pub fn check_failed(&self, dir: &Path, what: &str) {
        self.check_any_moment(dir, what);
        let now = files(dir);
        match self.step.kind {
            Kind::Adds => assert!(now == self.before, "{what}: {:?}", now.keys()),
            Kind::Replaces => assert!(!now.keys().any(|name| is_temporary(name)), "{what}: {:?}", now.keys()),
            // what cannot be removed now is removed by the next run
            Kind::Removes => {}
        }
    }
}

fn is_temporary(name: &str) -> bool {
    let first = name.split('/').next().unwrap_or_default();
    first.starts_with('.') && [".part", ".old"].iter().any(|end| first.ends_with(end))
}
