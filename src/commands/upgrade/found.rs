//! What KB17 left behind: backups on disk, and its web processes.

use crate::config::Config;
use crate::error::Result;
use crate::status::stock::{self, Stock};
use crate::store::sets::{self, Origin, Set};
use std::path::{Path, PathBuf};
use time::PrimitiveDateTime;

/// The sets of KB17 of one family.
pub struct Backups {
    /// The actions that write it.
    pub actions: Vec<String>,
    /// How many.
    pub sets: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// Local wall clock of the newest.
    pub newest: Option<PrimitiveDateTime>,
    /// Where they are.
    pub dirs: Vec<PathBuf>,
}

/// A running process.
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

/// The sets of KB17, family by family; why an action could not be asked is what `check` says.
pub fn backups(config: &Config) -> Result<Vec<Backups>> {
    let (stocks, _) = stock::all(config);
    stocks.iter().map(|stock| Ok(of_stock(stock, &sets::find(&stock.source)?))).collect()
}

fn of_stock(stock: &Stock, sets: &[Set]) -> Backups {
    let sets: Vec<&Set> = sets.iter().filter(|set| set.origin == Origin::Kb17).collect();
    let mut dirs: Vec<PathBuf> = sets.iter().filter_map(|set| set.main.parent().map(Path::to_owned)).collect();
    dirs.sort();
    dirs.dedup();
    Backups {
        actions: stock.actions.clone(),
        sets: sets.len(),
        bytes: sets.iter().map(|set| set.size).sum(),
        newest: sets.last().map(|set| set.time),
        dirs,
    }
}

/// KB17's webapi and web page, as far as they are running.
pub fn web() -> Vec<Process> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // a process that ended meanwhile has nothing to say
        let bytes = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<_> = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).filter(|word| !word.is_empty()).collect();
        if is_web(&words) {
            found.push(Process { pid, command: words.join(" ") });
        }
    }
    found.sort_by_key(|process| process.pid);
    found
}

/// Whether these words are KB17 with the verb `web`. Its name stands first, or second when Python runs it.
fn is_web(words: &[&str]) -> bool {
    let is_program = |word: &str| matches!(word.rsplit('/').next(), Some("KristaBackup" | "KristaBackup.py"));
    let at = words.iter().take(3).position(|word| is_program(word));
    at.and_then(|at| words.get(at + 1)).is_some_and(|verb| *verb == "web")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kb17s_web_is_recognised() {
        assert!(is_web(&["/opt/KristaBackup/KristaBackup", "web", "--api", "start"]));
        assert!(is_web(&["/usr/bin/python3", "-u", "/opt/KristaBackup/KristaBackup.py", "web", "start"]));
        assert!(!is_web(&["/opt/KristaBackup/KristaBackup.py", "run", "web"]));
        assert!(!is_web(&["/usr/bin/krista-backup", "web", "start", "--api"]));
        assert!(!is_web(&["vi", "KristaBackup.py"]));
    }
}
