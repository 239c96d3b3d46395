//! The trigger file: one word for the monitoring agent, raised the moment something goes wrong, settled at the end.
//!
//! A unit's success must not hide another unit's fresh failure, so what every unit last said is remembered beside the
//! locks; the file shows the worst of this unit's result and of what the others said within [`MEMORY`]. The file itself has
//! the last word, as with KB17, which remembered nothing else: whoever takes it away, puts a better word into it or makes it
//! old has dealt with what it said.

use crate::error::{Doing, Result};
use crate::outcome::Outcome;
use crate::sys::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// How long a result stands against a less severe one of another unit, in seconds (5 hours, as KB17).
const MEMORY: i64 = 5 * 3600;

/// How long the others' turn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a unit last said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Said {
    outcome: Outcome,
    /// Seconds since the epoch.
    at: i64,
    /// Whether it has not got into the file yet: then the file does not speak against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unwritten: bool,
}

impl Said {
    fn now(outcome: Outcome, now: OffsetDateTime) -> Self {
        Self { outcome, at: now.unix_timestamp(), unwritten: true }
    }
}

type Memory = BTreeMap<String, Said>;

/// Who wrote a word that none of our units said: KB17's crontab line, or a person.
const STRANGER: &str = "";

/// The trigger file of a configuration, as seen by one unit.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// `logging.trigger_filepath`; without one nothing is written.
    pub path: Option<PathBuf>,
    /// Where the memory is kept.
    pub state: PathBuf,
    /// The unit that speaks.
    pub unit: String,
}

impl Trigger {
    /// Something went wrong: shows it at once, unless something as bad is shown already.
    pub fn raise(&self, outcome: Outcome, now: OffsetDateTime) -> Result<()> {
        self.say(now, |memory| {
            let worse = memory.get(&self.unit).is_none_or(|said| outcome >= said.outcome);
            if worse {
                memory.insert(self.unit.clone(), Said::now(outcome, now));
            }
        })
    }

    /// The run has ended like this.
    pub fn settle(&self, outcome: Outcome, now: OffsetDateTime) -> Result<()> {
        self.say(now, |memory| {
            memory.insert(self.unit.clone(), Said::now(outcome, now));
        })
    }

    fn say(&self, now: OffsetDateTime, change: impl FnOnce(&mut Memory)) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let lock = self.state.join("trigger.lock");
        // without the lock (a full or missing log disk, somebody who hangs) the word still has to get out
        let guard = files::lock_within(&lock, PATIENCE);
        let mut memory = remembered(&self.memory_path(), path);
        change(&mut memory);
        memory.retain(|unit, said| *unit == self.unit || fresh(*said, now));
        let word = worst(&memory, |_| true).trigger();
        let written = write(path, word);
        if written.is_ok() {
            for said in memory.values_mut() {
                said.unwritten = false;
            }
        }
        if guard.is_some() {
            let text = serde_json::to_vec(&memory).unwrap_or_default();
            let _ = files::replace_note(&self.memory_path(), &text, 0o600); // informs only: see `remembered`
        }
        written
    }

    fn memory_path(&self) -> PathBuf {
        self.state.join("trigger.json")
    }
}

/// Puts a word into a trigger file whose path cannot be trusted: only where a regular file already holds such a word, so that
/// whoever made the path up can at most change an alarm.
pub fn overrule(path: &Path, outcome: Outcome) -> Result<()> {
    match shown(path) {
        Some(_) => write(path, outcome.trigger()),
        None => Ok(()),
    }
}

fn write(path: &Path, word: &str) -> Result<()> {
    if files::read_note(path).is_ok_and(|now| now == word.as_bytes()) {
        // the agent looks at the age, too
        let file = File::options().write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
        if file.and_then(|file| file.set_modified(SystemTime::now())).is_ok() {
            return Ok(());
        }
    }
    // the monitoring has to get there, so unlike other directories of ours it may be entered
    if let Some(dir) = path.parent().filter(|dir| !dir.exists()) {
        let doing = || format!("creating {} for the trigger file", dir.display());
        DirBuilder::new().recursive(true).mode(0o755).create(dir).doing(doing)?;
    }
    files::replace_file(path, word.as_bytes(), 0o644)
}

/// What the units said, as far as the file still says it, and what the file says when nobody of ours said it.
fn remembered(memory: &Path, trigger: &Path) -> Memory {
    let text = files::read_note(memory).unwrap_or_default();
    let mut memory: Memory = serde_json::from_slice(&text).unwrap_or_default();
    let told = worst(&memory, |said| !said.unwritten);
    let Some(found) = shown(trigger) else {
        memory.retain(|_, said| said.unwritten);
        return memory;
    };
    let changed = std::fs::metadata(trigger).and_then(|meta| meta.modified());
    let changed = changed.map_or(0, |at| OffsetDateTime::from(at).unix_timestamp());
    if found.trigger() != told.trigger() {
        memory.retain(|_, said| said.unwritten || said.outcome <= found);
        memory.insert(STRANGER.to_owned(), Said { outcome: found, at: changed, unwritten: false });
    }
    // every word of ours made the file as young as it is
    memory.values_mut().filter(|said| !said.unwritten).for_each(|said| said.at = said.at.min(changed));
    memory
}

/// What a trigger file says; none when it is no file that holds one of the three words.
pub fn shown(path: &Path) -> Option<Outcome> {
    let text = files::read_note(path).ok()?;
    let word = str::from_utf8(&text).ok()?.trim();
    [Outcome::Ok, Outcome::Warning, Outcome::Failed].into_iter().find(|outcome| outcome.trigger() == word)
}

fn worst(memory: &Memory, counts: impl Fn(&Said) -> bool) -> Outcome {
    memory.values().filter(|said| counts(said)).map(|said| said.outcome).max().unwrap_or(Outcome::Ok)
}

/// Said within the last 5 hours; a time in the future is a clock that was wrong.
fn fresh(said: Said, now: OffsetDateTime) -> bool {
    (0..=MEMORY).contains(&(now.unix_timestamp() - said.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        dir: PathBuf,
        start: OffsetDateTime,
    }

    impl Bench {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("kb-trigger-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            Self { dir, start: OffsetDateTime::now_utc() }
        }

        fn settle(&self, unit: &str, outcome: Outcome, hours: i64) -> String {
            self.of(unit).settle(outcome, self.start + time::Duration::hours(hours)).unwrap();
            self.shown()
        }

        fn of(&self, unit: &str) -> Trigger {
            Trigger { path: Some(self.dir.join("t")), state: self.dir.clone(), unit: unit.into() }
        }

        fn shown(&self) -> String {
            std::fs::read_to_string(self.dir.join("t")).unwrap()
        }
    }

    #[test]
    fn a_success_hides_only_its_own_units_failure() {
        let bench = Bench::new("hide");
        assert_eq!(bench.settle("full", Outcome::Failed, 0), "ERROR");
        assert_eq!(bench.settle("diff", Outcome::Ok, 1), "ERROR");
        assert_eq!(bench.settle("diff", Outcome::Failed, 2), "ERROR");
        assert_eq!(bench.settle("diff", Outcome::Ok, 3), "ERROR", "the failure of `full` is 3 hours old");
        assert_eq!(bench.settle("full", Outcome::Ok, 4), "SUCCESS");
        assert_eq!(bench.settle("full", Outcome::Timeout, 5), "ERROR");
        assert_eq!(bench.settle("diff", Outcome::Warning, 11), "WARNING", "6 hours later it no longer counts");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    #[test]
    fn what_someone_else_wrote_counts_for_5_hours_too() {
        let bench = Bench::new("stranger");
        std::fs::write(bench.dir.join("t"), "ERROR\n").unwrap();
        assert_eq!(bench.settle("full", Outcome::Ok, 1), "ERROR");
        assert_eq!(bench.settle("full", Outcome::Ok, 6), "SUCCESS");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    /// KB17 knew nothing but the file, and so do the people who reset it.
    #[test]
    fn whoever_takes_the_word_away_or_makes_it_old_has_dealt_with_it() {
        let bench = Bench::new("reset");
        let file = bench.dir.join("t");
        let resets: [(&str, &dyn Fn()); 3] = [
            ("removed", &|| std::fs::remove_file(&file).unwrap()),
            ("a better word", &|| std::fs::write(&file, "SUCCESS\n").unwrap()),
            ("old", &|| {
                let long_ago = SystemTime::now() - Duration::from_secs(5 * 3600 + 60);
                File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
            }),
        ];
        for (how, reset) in resets {
            assert_eq!(bench.settle("full", Outcome::Failed, 0), "ERROR");
            reset();
            assert_eq!(bench.settle("diff", Outcome::Ok, 0), "SUCCESS", "{how}");
            assert_eq!(bench.settle("full", Outcome::Failed, 0), "ERROR", "{how}");
            assert_eq!(bench.settle("diff", Outcome::Ok, 0), "ERROR", "{how}: not twice");
        }
        std::fs::write(&file, "WARNING").unwrap();
        assert_eq!(bench.settle("diff", Outcome::Ok, 0), "WARNING", "not more than it says");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    /// A failure that could not be written is not taken for one that somebody has dealt with.
    #[test]
    fn what_never_got_into_the_file_is_not_forgotten() {
        let bench = Bench::new("unwritten");
        std::fs::create_dir(bench.dir.join("t")).unwrap();
        assert!(bench.of("full").settle(Outcome::Failed, bench.start).is_err());
        std::fs::remove_dir(bench.dir.join("t")).unwrap();
        assert_eq!(bench.settle("diff", Outcome::Ok, 1), "ERROR");
        assert_eq!(bench.settle("full", Outcome::Ok, 1), "SUCCESS");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    #[test]
    fn a_missing_directory_is_made_so_that_the_monitoring_can_enter_it() {
        use std::os::unix::fs::PermissionsExt;
        let bench = Bench::new("directory");
        let path = bench.dir.join("no/such/t");
        let trigger = Trigger { path: Some(path.clone()), ..bench.of("full") };
        trigger.settle(Outcome::Ok, bench.start).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "SUCCESS");
        let mode = std::fs::metadata(bench.dir.join("no")).unwrap().permissions().mode();
        assert_eq!(mode & 0o500, 0o500);
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    /// P19: what another unit said under a clock that was ahead must not stand until that time comes.
    #[test]
    fn p19_a_result_of_the_future_does_not_count() {
        let bench = Bench::new("future");
        assert_eq!(bench.settle("full", Outcome::Failed, 24 * 365 * 10), "ERROR");
        // that clock stamped the file, too
        let ahead = SystemTime::now() + Duration::from_secs(10 * 365 * 86_400);
        File::options().write(true).open(bench.dir.join("t")).unwrap().set_modified(ahead).unwrap();
        assert_eq!(bench.settle("diff", Outcome::Ok, 0), "SUCCESS");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }

    #[test]
    fn raising_never_lowers() {
        let bench = Bench::new("raise");
        bench.of("full").raise(Outcome::Failed, bench.start).unwrap();
        bench.of("full").raise(Outcome::Warning, bench.start).unwrap();
        assert_eq!(bench.shown(), "ERROR");
        assert_eq!(bench.settle("full", Outcome::Warning, 0), "WARNING");
        std::fs::remove_dir_all(&bench.dir).unwrap();
    }
}
