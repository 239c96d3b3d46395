//! The lines of one log, read in bounded memory whatever is in it.

use crate::logbook::mask::{MASK, Mask, Secrets};
use crate::logbook::origin::{self, Origin};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// Bytes of one line that are shown.
pub const LINE_LIMIT: usize = 16 << 10;

/// Bytes of a log that are shown when it is larger than both together: from its beginning and from its end.
pub const BEGIN_LIMIT: u64 = 2 << 20;
/// See [`BEGIN_LIMIT`].
pub const END_LIMIT: u64 = 14 << 20;

/// A log that is open.
pub struct Log {
    /// The file.
    pub file: File,
    /// Its name.
    pub name: String,
    /// Its size when it was opened: what is added later is not read.
    pub size: u64,
}

/// Its lines, one after the other, each with its line break if it has one.
pub struct Lines {
    source: BufReader<std::io::Take<File>>,
    mask: Option<Mask>,
    /// Bytes left out between beginning and end, as long as the end is still to come.
    left_out: Option<u64>,
    secrets: Secrets,
}

impl Lines {
    /// The whole log as it is, for whoever may read the file itself.
    pub fn whole(log: Log) -> Self {
        Self {
            source: BufReader::new(log.file.take(log.size)),
            mask: None,
            left_out: None,
            secrets: Secrets::default(),
        }
    }

    /// The log for strangers: masked unless it is ours, the middle of a very large one left out.
    pub fn for_strangers(log: Log, secrets: &Secrets) -> Self {
        let mask = (origin::of(&log.file, &log.name) == Origin::Foreign).then(|| Mask::new(secrets));
        let too_much = log.size.checked_sub(BEGIN_LIMIT + END_LIMIT).filter(|bytes| *bytes > 0);
        let first = if too_much.is_some() { BEGIN_LIMIT } else { log.size };
        Self { source: BufReader::new(log.file.take(first)), mask, left_out: too_much, secrets: secrets.clone() }
    }

    /// The next line; none at the end.
    pub fn next_line(&mut self) -> std::io::Result<Option<String>> {
        if let Some((line, lost)) = self.read_line()? {
            let text = String::from_utf8_lossy(&line);
            let shown = match &mut self.mask {
                Some(mask) => mask.line(&text).into_owned(),
                None => text.into_owned(),
            };
            return Ok(Some(if lost == 0 { shown } else { noted(&shown, lost) }));
        }
        self.left_out.take().map(|left_out| self.skip(left_out)).transpose()
    }

    /// Goes on with the end of the log, and says what is missing.
    fn skip(&mut self, left_out: u64) -> std::io::Result<String> {
        let take = self.source.get_mut();
        take.set_limit(END_LIMIT);
        take.get_mut().seek(SeekFrom::Start(BEGIN_LIMIT + left_out))?;
        // the line that this falls into was cut in two
        let (half, lost) = self.read_line()?.unwrap_or_default();
        if self.mask.is_some() {
            self.mask = Some(Mask::in_the_middle(&self.secrets));
        }
        let left_out = left_out + half.len() as u64 + lost;
        Ok(format!("[krista-backup: {left_out} bytes of this log are not shown here]\n"))
    }

    /// A line and how many of its bytes are not in it.
    fn read_line(&mut self) -> std::io::Result<Option<(Vec<u8>, u64)>> {
        let mut line = Vec::new();
        let mut lost = 0;
        loop {
            let available = match self.source.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                return Ok((!line.is_empty()).then_some((line, lost)));
            }
            let end = available.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            let fits = part.len().min(LINE_LIMIT - line.len().min(LINE_LIMIT));
            line.extend(part.iter().take(fits));
            lost += (part.len() - fits) as u64;
            let used = part.len();
            self.source.consume(used);
            if end.is_some() {
                return Ok(Some((line, lost)));
            }
        }
    }
}

/// A line that was cut, with a note that says so.
fn noted(line: &str, lost: u64) -> String {
    let note = format!(" [krista-backup: {lost} bytes of this line are not shown]\n");
    // a character that was cut in two is not one of the log's own
    if line.ends_with(MASK) { line.to_owned() + "\n" } else { line.trim_end_matches('\u{fffd}').to_owned() + &note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn log(name: &str, write: impl Fn(&mut File)) -> Log {
        let path = std::env::temp_dir().join(format!("kb-lines-{}-{name}", std::process::id()));
        write(&mut File::create(&path).unwrap());
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let size = file.metadata().unwrap().len();
        Log { file, name: "x.log".into(), size }
    }

    fn all(mut lines: Lines) -> Vec<String> {
        std::iter::from_fn(|| lines.next_line().unwrap()).collect()
    }

    #[test]
    fn lines_keep_their_ends() {
        let log = log("ends", |file| file.write_all(b"a\r\n\n\xffb\nlast").unwrap());
        assert_eq!(all(Lines::for_strangers(log, &Secrets::default())), ["a\r\n", "\n", "\u{fffd}b\n", "last"]);
    }

    /// P26: a visible note, and no more than the limit of one line at once.
    #[test]
    fn a_long_line_is_cut_with_a_note() {
        let text = format!("{}й{}\nnext\n", "x".repeat(LINE_LIMIT - 1), "y".repeat(9 << 20));
        let log = log("long", |file| file.write_all(text.as_bytes()).unwrap());
        let lost = text.len() - "\nnext\n".len() - LINE_LIMIT + 1;
        let want = format!("{} [krista-backup: {lost} bytes of this line are not shown]\n", "x".repeat(LINE_LIMIT - 1));
        assert_eq!(all(Lines::for_strangers(log, &Secrets::default())), [want, "next\n".to_owned()]);
    }

    /// P26: of a log of a gigabyte the beginning and the end are shown, with a note between them. P27: what follows the
    /// gap may belong to a hidden entry.
    #[test]
    fn the_middle_of_a_huge_log_is_left_out() {
        let size: u64 = 1 << 30;
        let log = log("huge", |file| {
            file.write_all(b"first\n").unwrap();
            file.seek(SeekFrom::Start(BEGIN_LIMIT)).unwrap();
            file.write_all(b"\n").unwrap();
            file.seek(SeekFrom::Start(size - 100)).unwrap();
            file.write_all(b"\nCANARY\n2020-07-07 05:00:00.6 s INFO a end\n").unwrap();
            file.set_len(size).unwrap();
            file.seek(SeekFrom::Start(size - 1)).unwrap();
            file.write_all(b"\n").unwrap();
        });
        let lines = all(Lines::for_strangers(log, &Secrets::default()));
        let short: Vec<_> = lines.iter().map(|line| line.trim_matches('\0')).collect();
        assert_eq!(short[0], "first\n");
        let note = short.iter().position(|line| line.contains("bytes of this log are not shown here")).unwrap();
        assert_eq!(short[note + 1..note + 3], ["***\n", "2020-07-07 05:00:00.6 s INFO a end\n"]);
        assert!(lines.iter().map(String::len).sum::<usize>() < 200 << 10, "the long line of the end is cut as well");
    }

    #[test]
    fn what_is_added_later_is_not_read() {
        let mut log = log("later", |file| file.write_all(b"one\ntwo\n").unwrap());
        log.size = 4;
        assert_eq!(all(Lines::whole(log)), ["one\n"]);
    }
}
