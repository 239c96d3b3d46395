//! The journal: what ran, when, and how it ended. One JSON line when a run starts and one when it ends.
//!
//! Readers need no lock: a line is written whole, the file is only ever appended to or replaced by rename. A line that does
//! not parse (torn by a full disk, or of a later version) is skipped.

mod reading;
mod standing;

use crate::error::{Doing, Result};
use crate::outcome::Outcome;
pub use reading::read;
use serde::{Deserialize, Serialize};
pub use standing::{Standing, last_run, last_run_of_action, last_success};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// File name under `logs_path`.
pub const FILE_NAME: &str = "journal.jsonl";

/// Size in bytes above which the journal is rewritten with what must be remembered.
const LIMIT: u64 = 4 << 20;

/// Bytes of newest records that survive a rewrite, besides what every unit needs.
const RECENT: usize = 1 << 20;

/// One line of the journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record {
    /// A run began.
    Start(Start),
    /// A run ended, or was refused before it began.
    End(End),
}

/// A run began.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// Identifies the run: run time and process id.
    pub run: String,
    /// Task or action.
    pub unit: String,
    /// Run time, RFC 3339 with the local offset.
    pub time: String,
    /// Whether nothing is to be changed.
    #[serde(default)]
    pub dry: bool,
    /// The process, so that a reader can tell whether it still lives.
    pub process: Process,
    /// Version of this program.
    pub version: String,
}

/// A run ended, or was refused.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct End {
    /// The run of the matching [`Start`]; empty when the run was refused.
    pub run: String,
    /// Task or action.
    pub unit: String,
    /// When it started, RFC 3339 with the local offset.
    pub started: String,
    /// When it ended.
    pub time: String,
    /// Whether nothing was to be changed.
    #[serde(default)]
    pub dry: bool,
    /// The worst of the actions' outcomes.
    pub outcome: Outcome,
    /// Exit code of the program.
    pub exit: u8,
    /// The signal that ended the run early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The first thing that went wrong, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Files dealt with.
    pub files: u64,
    /// Number of WARNING and ERROR lines.
    pub warnings: u64,
    /// Per action, in the order they ran.
    pub actions: Vec<ActionEnd>,
    /// Version of this program.
    pub version: String,
}

/// How one action of a run ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ActionEnd {
    /// Name of the action.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it changed nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not end as `ok`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Duration in milliseconds.
    pub duration_ms: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Files dealt with.
    pub files: u64,
    /// Number of WARNING and ERROR lines.
    pub warnings: u64,
    /// Main files of the sets it published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<PathBuf>,
    /// Sets it removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<PathBuf>,
}

/// A process, told apart from a later one with the same number.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of `/proc/PID/stat`); 0 when it could not be read.
    pub started_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: String,
}

impl Process {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started_ticks: ticks_of(pid).unwrap_or(0), boot: boot_id() }
    }

    /// Whether it still runs.
    pub fn lives(&self) -> bool {
        self.boot == boot_id() && ticks_of(self.pid).is_some_and(|ticks| ticks == self.started_ticks)
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn ticks_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // the second field is the program's name in parentheses and may itself hold anything
    let rest = stat.get(stat.rfind(')')? + 1..)?;
    let mut fields = rest.split_ascii_whitespace();
    (fields.next()? != "Z").then_some(())?;
    fields.nth(18)?.parse().ok()
}

/// Appends to the journal of one log directory.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
    lock: PathBuf,
    mode: u32,
    group: Option<u32>,
}

impl Journal {
    /// The journal under `logs_path`; `state_dir` holds its lock; `mode` are the permission bits of the file.
    pub fn new(logs_path: &Path, state_dir: &Path, mode: u32) -> Self {
        Self { path: logs_path.join(FILE_NAME), lock: state_dir.join("journal.lock"), mode, group: None }
    }

    /// The same with a group that owns the file, so that `mode` can let it read.
    #[must_use]
    pub fn of_group(self, group: Option<u32>) -> Self {
        Self { group, ..self }
    }

    /// Appends one record. An end is made durable; a start reaches the disk by itself long before it matters, and a short
    /// run should not wait for the disk twice.
    pub fn append(&self, record: &Record) -> Result<()> {
        let doing = || format!("writing the journal {}", self.path.display());
        let lock = open(&self.lock, 0o600, None).doing(doing)?;
        lock.lock().doing(doing)?;
        let mut file = open(&self.path, self.mode, self.group).doing(doing)?;
        let mut line = serde_json::to_vec(record).doing(doing)?;
        line.push(b'\n');
        if !ends_with_newline(&mut file).doing(doing)? {
            line.insert(0, b'\n'); // the last writer died in the middle of a line
        }
        let before = file.seek(SeekFrom::End(0)).doing(doing)?;
        let flush = |file: &File| if matches!(record, Record::End(_)) { file.sync_data() } else { Ok(()) };
        if let Err(error) = file.write_all(&line).and_then(|()| flush(&file)) {
            // a torn line must not swallow the next record; what cannot be undone is skipped by readers
            let _ = file.set_len(before);
            return Err(error).doing(doing);
        }
        if before > LIMIT {
            self.shorten()?;
        }
        Ok(())
    }

    /// Replaces the journal by the records that must be remembered. The caller holds the lock.
    fn shorten(&self) -> Result<()> {
        let doing = || format!("shortening the journal {}", self.path.display());
        let text = worth_keeping(&read(&self.path)?).doing(doing)?;
        let temporary = self.path.with_extension("jsonl.new");
        let _ = std::fs::remove_file(&temporary);
        let mut file = open(&temporary, self.mode, self.group).doing(doing)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).doing(doing)?;
        std::fs::rename(&temporary, &self.path).doing(doing)
    }
}

fn open(path: &Path, mode: u32, group: Option<u32>) -> std::io::Result<File> {
    let new = !path.exists();
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(mode).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    if new {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?; // whatever the umask says
        std::os::unix::fs::fchown(&file, None, group)?;
    }
    Ok(file)
}

fn ends_with_newline(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The lines of the newest records, and of every unit: its last start and end, its last success, and what never ended.
fn worth_keeping(records: &[Record]) -> serde_json::Result<String> {
    let mut needed = needed(records);
    let mut lines = Vec::new();
    let mut size = 0;
    for (index, record) in records.iter().enumerate().rev() {
        let line = serde_json::to_string(record)?;
        size += line.len();
        if size <= RECENT || needed.remove(&index) {
            lines.push(line + "\n");
        }
    }
    lines.reverse();
    Ok(lines.concat())
}

fn needed(records: &[Record]) -> BTreeSet<usize> {
    let mut last: BTreeMap<(&str, u8), usize> = BTreeMap::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        match record {
            Record::Start(start) => {
                last.insert((&start.unit, 0), index);
                open.insert(&start.run, index);
            }
            Record::End(end) => {
                last.insert((&end.unit, 1), index);
                if matches!(end.outcome, Outcome::Ok | Outcome::Warning) {
                    last.insert((&end.unit, 2), index);
                }
                open.remove(end.run.as_str());
            }
        }
    }
    last.into_values().chain(open.into_values()).collect()
}

#[cfg(test)]
mod testing {
    use super::{End, Outcome, Process, Record, Start};

    pub fn start(unit: &str, run: &str, process: Process) -> Record {
        Record::Start(Start { run: run.into(), unit: unit.into(), process, ..Start::default() })
    }

    pub fn end(unit: &str, run: &str, outcome: Outcome) -> Record {
        Record::End(End {
            run: run.into(),
            unit: unit.into(),
            started: "2026-11-23T01:00:00+03:00".into(),
            time: "2026-11-23T01:00:01+03:00".into(),
            dry: false,
            outcome,
            exit: outcome.exit().code(),
            signal: None,
            message: String::new(),
            duration_ms: 1000,
            bytes: 0,
            files: 0,
            warnings: 0,
            actions: Vec::new(),
            version: "2".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{end, start};
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("kb-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let dir = dir("torn");
        let journal = Journal::new(&dir, &dir, 0o600);
        journal.append(&end("a", "1", Outcome::Ok)).unwrap();
        let mut file = std::fs::OpenOptions::new().append(true).open(dir.join(FILE_NAME)).unwrap();
        file.write_all(b"{\"event\":\"end\",\"un").unwrap();
        journal.append(&end("b", "2", Outcome::Failed)).unwrap();
        let records = read(&dir.join(FILE_NAME)).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(last_run(&records, "b").unwrap().word(), "failed");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn shortening_keeps_the_last_of_every_unit() {
        let mut records = vec![end("yearly", "y", Outcome::Ok), end("yearly", "z", Outcome::Failed)];
        records.push(start("hung", "h", Process::default()));
        records.extend((0..10_000).map(|n| end("hourly", &n.to_string(), Outcome::Warning)));
        let lines = worth_keeping(&records).unwrap();
        let kept: Vec<Record> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(kept.len() < 9000, "nothing was left out");
        assert_eq!(last_success(&kept, "yearly").map(|e| e.run.as_str()), Some("y"));
        assert_eq!(last_run(&kept, "yearly").unwrap().word(), "failed");
        assert_eq!(last_run(&kept, "hung").unwrap().word(), "interrupted");
        assert_eq!(last_success(&kept, "hourly").map(|e| e.run.as_str()), Some("9999"));
    }

    /// A number that was given to somebody else, a boot that is over, a process that ended and was not waited for: none of them
    /// is a run at work.
    #[test]
    fn a_process_is_told_from_every_other() {
        let this = Process::this();
        assert!(this.lives());
        assert!(
            !Process { started_ticks: this.started_ticks + 1, ..this.clone() }.lives(),
            "the number was given again"
        );
        assert!(!Process { boot: "an earlier boot".into(), ..this }.lives(), "before the machine was started");
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id();
        let process = Process { pid, started_ticks: ticks_of(pid).unwrap(), boot: boot_id() };
        assert!(process.lives());
        child.kill().unwrap();
        let begun = std::time::Instant::now();
        while process.lives() {
            assert!(begun.elapsed().as_secs() < 60, "a zombie is taken for a living process");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "it is a zombie still");
        child.wait().unwrap();
    }

    /// Whoever shortens the journal loses nothing that another run writes at the same moment.
    #[test]
    fn nothing_is_lost_when_many_write_and_it_is_shortened() {
        let dir = dir("many");
        let journal = Journal::new(&dir, &dir, 0o600);
        let line = serde_json::to_string(&end("old", "o", Outcome::Ok)).unwrap() + "\n";
        std::fs::write(dir.join(FILE_NAME), line.repeat(usize::try_from(LIMIT).unwrap() / line.len() + 9)).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let journal = &journal;
                scope.spawn(move || {
                    for number in 0..5 {
                        journal.append(&end(&format!("{writer}-{number}"), "r", Outcome::Ok)).unwrap();
                    }
                });
            }
        });
        assert!(std::fs::metadata(dir.join(FILE_NAME)).unwrap().len() < LIMIT, "it was shortened");
        let records = read(&dir.join(FILE_NAME)).unwrap();
        for unit in (0..8).flat_map(|writer| (0..5).map(move |number| format!("{writer}-{number}"))) {
            assert!(last_run(&records, &unit).is_some(), "{unit} is lost");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_file_is_bounded() {
        let dir = dir("bounded");
        let journal = Journal::new(&dir, &dir, 0o640);
        let mut long = end("a", "1", Outcome::Ok);
        if let Record::End(end) = &mut long {
            end.message = "x".repeat(100_000);
        }
        for _ in 0..60 {
            journal.append(&long).unwrap();
        }
        let meta = std::fs::metadata(dir.join(FILE_NAME)).unwrap();
        assert!(meta.len() < LIMIT, "60 records of 100 kB are in the file of {} bytes", meta.len());
        assert_eq!(meta.permissions().mode() & 0o777, 0o640);
        std::fs::remove_dir_all(dir).unwrap();
    }
}
