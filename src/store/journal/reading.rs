//! Reading the journal: bounded, whatever lies there.

use crate::error::{Doing, Error, Kind, Result};
use crate::store::journal::{LIMIT, Record};
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes that are read at most, the newest ones: a sound journal never gets there.
const MOST: u64 = 2 * LIMIT;

/// Every record of the journal at `path`, oldest first; none when there is no journal yet. Fails when it cannot be read, is no
/// regular file, or is mostly damaged: that must not look as if nothing ever ran.
pub fn read(path: &Path) -> Result<Vec<Record>> {
    let doing = || format!("reading the journal {}", path.display());
    let mut options = File::options();
    // without O_NONBLOCK a FIFO put there would hold up everybody who asks
    options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).doing(doing),
    };
    let meta = file.metadata().doing(doing)?;
    if !meta.is_file() {
        return Err(Error::new(Kind::Failed, "it is not a regular file: move it away")).doing(doing);
    }
    let skipped = meta.len().saturating_sub(MOST);
    file.seek(SeekFrom::Start(skipped)).doing(doing)?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).doing(doing)?;
    // the first line of a part is a part of a line
    let text = if skipped == 0 { &bytes[..] } else { after_first_line(&bytes) };
    let (records, damaged) = parse(text);
    if damaged > records.len() {
        let message = format!("{damaged} of its lines cannot be read: move it away, a new one will be begun");
        return Err(Error::new(Kind::Failed, message)).doing(doing);
    }
    Ok(records)
}

fn after_first_line(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
    bytes.get(end..).unwrap_or_default()
}

/// The records, and how many lines are none. What is JSON but no record is of a later version and not damaged.
fn parse(text: &[u8]) -> (Vec<Record>, usize) {
    let mut records = Vec::new();
    let mut damaged = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_) if serde_json::from_slice::<IgnoredAny>(line).is_ok() => {}
            Err(_) => damaged += 1,
        }
    }
    (records, damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::store::journal::testing::end;
    use std::path::PathBuf;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("kb-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn line(run: &str) -> String {
        serde_json::to_string(&end("t", run, Outcome::Ok)).unwrap() + "\n"
    }

    #[test]
    fn what_is_no_journal_is_refused_and_nobody_waits_for_it() {
        let path = path("odd");
        assert_eq!(read(&path).unwrap(), []);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not a regular file"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, [0x81; 5000]).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("1 of its lines cannot be read"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_torn_line_and_one_of_a_later_version_are_passed_over() {
        let path = path("torn");
        std::fs::write(&path, line("1") + "{\"event\": \"sta\n" + "{\"event\": \"new\"}\n" + &line("2")).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
        let later = "{\"event\": \"new\"}\n".repeat(9);
        std::fs::write(&path, later).unwrap();
        assert_eq!(read(&path).unwrap(), []);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn only_the_newest_part_of_a_huge_one_is_read() {
        let path = path("huge");
        let mut text = String::new();
        while text.len() < 3 * usize::try_from(MOST).unwrap() {
            text += &line(&text.len().to_string());
        }
        text += &line("last");
        std::fs::write(&path, &text).unwrap();
        let records = read(&path).unwrap();
        assert!(records.len() * line("12345678").len() <= usize::try_from(MOST).unwrap());
        assert_eq!(records.last(), Some(&end("t", "last", Outcome::Ok)));
        std::fs::remove_file(&path).unwrap();
    }
}
