//! Who may run now: `flock` on files that are never deleted, so that a dead holder never blocks anyone (P22).

use crate::error::{Doing, Error, Kind, Result};
use crate::store::manifest::hex;
use crate::sys::signals::Cancel;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a waiting run looks again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a holder writes into its lock file, for those who are turned away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Task or action it runs.
    pub unit: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// A lock that is held until this is dropped or the process ends.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// How a lock is asked for.
pub struct Asking<'a> {
    /// What is written into the lock file.
    pub holder: Holder,
    /// Until when it is asked for.
    pub deadline: Instant,
    /// Ends the waiting.
    pub cancel: &'a Cancel,
}

/// Takes the lock at `path`, which is created when missing. `Err` of kind `Locked` names the holder.
pub fn take(path: &Path, asking: &Asking<'_>) -> Result<Held> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let mut file = options.open(path).doing(|| format!("taking the lock {}", path.display()))?;
    wait_for(&mut file, path, asking)?;
    // what is written here only informs; a full disk must not stop the backup
    let _ = write_holder(&mut file, &asking.holder);
    Ok(Held { _file: file })
}

/// Locks a file that exists, without writing to it: for when lock files cannot be made.
pub fn take_existing(path: &Path, asking: &Asking<'_>) -> Result<Held> {
    let mut file = File::open(path).doing(|| format!("taking a lock on {}", path.display()))?;
    wait_for(&mut file, path, asking)?;
    Ok(Held { _file: file })
}

fn wait_for(file: &mut File, path: &Path, asking: &Asking<'_>) -> Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                return Err(error).doing(|| format!("taking the lock {}", path.display()));
            }
        }
        if let Some(signal) = asking.cancel.signal() {
            let message = format!("stopped by signal {signal} while waiting for {}", describe(file));
            return Err(Error::new(Kind::Interrupted(signal), message));
        }
        if Instant::now() >= asking.deadline {
            return Err(Error::new(Kind::Locked, format!("another run is at work: {}", describe(file))));
        }
        std::thread::sleep(PAUSE);
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())
}

/// Who has a lock now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Keeper {
    /// It is free, or was never taken.
    Nobody,
    /// This one.
    Known(Holder),
    /// Somebody who has not said so yet, or could not.
    Unknown,
}

/// Asks who has the lock at `path`, without keeping it.
pub fn keeper(path: &Path) -> Result<Keeper> {
    let doing = || format!("looking at the lock {}", path.display());
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Keeper::Nobody),
        Err(error) => return Err(error).doing(doing),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Keeper::Nobody),
        Err(TryLockError::WouldBlock) => Ok(read_holder(&mut file).map_or(Keeper::Unknown, Keeper::Known)),
        Err(TryLockError::Error(error)) => Err(error).doing(doing),
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(4096).read_to_string(&mut text));
    read.ok().and_then(|_| serde_json::from_str(&text).ok())
}

fn describe(file: &mut File) -> String {
    match read_holder(file) {
        Some(Holder { unit, pid, since }) => {
            let to_the_second = since.get(..19).unwrap_or(&since).replace('T', " ");
            format!("`{unit}`, process {pid}, since {to_the_second}")
        }
        None => "its name is not known yet".to_owned(),
    }
}

/// The lock of one unit of one configuration.
pub fn unit_lock(state: &Path, config: &Path, unit: &str) -> PathBuf {
    state.join(format!("unit-{}.lock", key(&[config.as_os_str().as_encoded_bytes(), unit.as_bytes()])))
}

/// The lock of a whole configuration (`allow_parallel: false`).
pub fn config_lock(state: &Path, config: &Path) -> PathBuf {
    state.join(format!("config-{}.lock", key(&[config.as_os_str().as_encoded_bytes()])))
}

/// Any name makes a safe file name.
fn key(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(hash.finalize().get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking<'a>(unit: &str, seconds: u64, cancel: &'a Cancel) -> Asking<'a> {
        let holder = Holder { pid: 42, unit: unit.into(), since: "2026-11-23T01:00:00+03:00".into() };
        Asking { holder, deadline: Instant::now() + Duration::from_secs(seconds), cancel }
    }

    /// P22: one holder; the one turned away learns who holds it.
    #[test]
    fn a_second_taker_is_told_who_holds_it() {
        let path = std::env::temp_dir().join(format!("kb-lock-{}", std::process::id()));
        let cancel = Cancel::new();
        let held = take(&path, &asking("full", 0, &cancel)).unwrap();
        let refused = take(&path, &asking("diff", 0, &cancel)).unwrap_err();
        assert_eq!(take_existing(&path, &asking("diff", 0, &cancel)).unwrap_err().kind(), Kind::Locked);
        assert_eq!(refused.kind(), Kind::Locked);
        assert_eq!(refused.to_string(), "another run is at work: `full`, process 42, since 2026-11-23 01:00:00");
        cancel.request(15);
        let stopped = take(&path, &asking("diff", 60, &cancel)).unwrap_err();
        assert_eq!(stopped.kind(), Kind::Interrupted(15));
        drop(held);
        take(&path, &asking("diff", 0, &Cancel::new())).unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn different_names_have_different_locks() {
        let state = Path::new("/s");
        assert_ne!(unit_lock(state, Path::new("/a"), "b/c"), unit_lock(state, Path::new("/a/b"), "c"));
        assert_ne!(unit_lock(state, Path::new("/a"), "x"), unit_lock(state, Path::new("/a"), "y"));
    }
}
