//! What a log says in short, as KB17 did: whether a line has `ERROR`, `CRITICAL` or `WARNING`, and the first or last of them.
//! What was read once is not read again: only what was added since.

use crate::logbook::mask::{self, Mask, Secrets};
use crate::logbook::origin::{self, Origin};
use std::fmt::Display;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Instant;

/// Bytes read at once.
const BLOCK: usize = 128 << 10;

/// Bytes of a line that are kept as its message.
const MESSAGE: usize = 1 << 10;

/// Bytes before a block in which the entry is looked for that a line belongs to.
const LOOK_BACK: usize = 64 << 10;

/// What a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word {
    Error,
    Warning,
}

/// The words with their first five letters, by which they are found.
const WORDS: [(&[u8], Word); 3] = [(b"ERROR", Word::Error), (b"CRITICAL", Word::Error), (b"WARNING", Word::Warning)];
const STEP: usize = 5;

/// How far a window of [`STEP`] bytes that ends in this byte may move on without missing a word (Horspool's table).
const SHIFTS: [u8; 256] = shifts();

#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)] // constant: checked by the compiler
const fn shifts() -> [u8; 256] {
    let mut table = [STEP as u8; 256];
    let mut word = 0;
    while word < WORDS.len() {
        let mut at = 0;
        while at < STEP - 1 {
            let shift = (STEP - 1 - at) as u8;
            let byte = WORDS[word].0[at] as usize;
            if shift < table[byte] {
                table[byte] = shift;
            }
            at += 1;
        }
        word += 1;
    }
    table
}

/// The next word at or after this place, with the place behind it.
fn find(text: &[u8], from: usize) -> Option<(Word, usize, usize)> {
    let mut at = from;
    while let Some(last) = text.get(at + STEP - 1) {
        if matches!(last, b'R' | b'I') {
            let rest = text.get(at..)?;
            if let Some((word, kind)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
                return Some((*kind, at, at + word.len()));
            }
        }
        at += usize::from(*SHIFTS.get(usize::from(*last))?);
    }
    None
}

/// What was found in a log so far, and up to where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    /// Bytes that need not be read again: whole lines.
    read: u64,
    error: Option<Box<str>>,
    warning: Option<Box<str>>,
    /// Whether the error stands in a last line without an end, which may get longer.
    open: bool,
    /// Whether it could not be read, which is what the warning says.
    unreadable: bool,
}

impl Verdict {
    /// That of a log which cannot be read: nobody may take it for a clean one.
    pub fn unreadable(why: &dyn Display) -> Self {
        let warning = Some(format!("this log cannot be read: {why}\n").into());
        Self { warning, unreadable: true, ..Self::default() }
    }

    /// Whether it is that of a log which cannot be read.
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Whether some line is an error.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// Whether some line is a warning.
    pub fn is_warning(&self) -> bool {
        self.warning.is_some()
    }

    /// The first error line, else the last warning line, else nothing; with the line break, masked when it is not ours.
    pub fn message(&self) -> &str {
        self.error.as_deref().or(self.warning.as_deref()).unwrap_or_default()
    }
}

/// A log that is read for its verdict.
pub struct Reading<'a> {
    /// The log.
    pub file: &'a File,
    /// Its name.
    pub name: &'a str,
    /// What must not be shown.
    pub secrets: &'a Secrets,
    /// Room for a block, reused from log to log.
    pub room: &'a mut Vec<u8>,
    /// When to stop, and to go on another time.
    pub deadline: Option<Instant>,
}

impl Reading<'_> {
    /// Reads on up to `size`, the size that the log has now; whether it got there.
    pub fn go_on(&mut self, verdict: &mut Verdict, size: u64) -> std::io::Result<bool> {
        self.room.resize(BLOCK, 0);
        if std::mem::take(&mut verdict.open) {
            verdict.error = None;
        }
        // what has an error and a warning says nothing new any more
        let mut kept = 0;
        let mut long: Option<Vec<u8>> = None;
        let mut at = verdict.read;
        while at < size && !(verdict.is_error() && verdict.is_warning()) {
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Ok(false);
            }
            let want = self.room.len().min(kept + usize::try_from(size - at).unwrap_or(usize::MAX));
            let count = self.file.read_at(self.room.get_mut(kept..want).unwrap_or_default(), at)?;
            if count == 0 {
                break;
            }
            at += count as u64;
            let filled = kept + count;
            let block = std::mem::take(self.room);
            let text = block.get(..filled).unwrap_or_default();
            let whole = text.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
            let used = match whole {
                Some(end) => {
                    let lines = text.get(..end).unwrap_or_default();
                    let begin = long.take();
                    look(verdict, &Block { text: lines, begin: begin.as_deref(), at: at - filled as u64 }, self);
                    verdict.read = at - (filled - end) as u64;
                    end
                }
                None if filled == block.len() => {
                    // a line longer than the room: its beginning is what is shown of it
                    let begin = long.get_or_insert_with(|| text.iter().take(MESSAGE + 1).copied().collect());
                    look(verdict, &Block { text, begin: Some(begin), at: at - filled as u64 }, self);
                    filled - MESSAGE.min(filled)
                }
                None => 0,
            };
            *self.room = block;
            self.room.copy_within(used..filled, 0);
            kept = filled - used;
        }
        if verdict.is_error() && verdict.is_warning() {
            verdict.read = size;
            return Ok(true);
        }
        let rest = std::mem::take(self.room);
        let had_error = verdict.is_error();
        let text = rest.get(..kept).unwrap_or_default();
        look(verdict, &Block { text, begin: long.as_deref(), at: at - kept as u64 }, self);
        verdict.open = verdict.is_error() && !had_error;
        *self.room = rest;
        Ok(true)
    }
}

/// Lines of a log that are at hand.
struct Block<'a> {
    text: &'a [u8],
    /// How the first line begins when that is not here any more.
    begin: Option<&'a [u8]>,
    /// Where in the log this is.
    at: u64,
}

fn look(verdict: &mut Verdict, block: &Block<'_>, log: &Reading<'_>) {
    let mut warning = None;
    let mut from = 0;
    while let Some((word, at, end)) = find(block.text, from) {
        match word {
            Word::Error if verdict.error.is_none() => verdict.error = Some(message(block, at, log)),
            Word::Error => {}
            Word::Warning => warning = Some(at),
        }
        from = end;
    }
    if let Some(at) = warning {
        verdict.warning = Some(message(block, at, log));
    }
}

/// The line around this place of a block, as it may be shown.
fn message(block: &Block<'_>, at: usize, log: &Reading<'_>) -> Box<str> {
    let (before, after) = block.text.split_at_checked(at).unwrap_or((block.text, &[]));
    let start = before.iter().rposition(|byte| *byte == b'\n').map(|end| end + 1);
    let end = after.iter().position(|byte| *byte == b'\n').map(|length| at + length + 1);
    let line = match (start, block.begin) {
        (None, Some(begin)) => begin,
        _ => block.text.get(start.unwrap_or(0)..end.unwrap_or(block.text.len())).unwrap_or_default(),
    };
    let shown = shortened(line);
    if origin::of(log.file, log.name) == Origin::Ours {
        return shown.into();
    }
    mask_of(block, start.unwrap_or(0), line, log).line(&shown).into()
}

/// The mask as it stands before a line: one without a time belongs to the entry before it, and is hidden with it.
fn mask_of(block: &Block<'_>, start: usize, line: &[u8], log: &Reading<'_>) -> Mask {
    if mask::begins_entry(line) {
        return Mask::new(log.secrets);
    }
    let here = block.text.get(..start).unwrap_or_default();
    let back = usize::try_from(block.at).unwrap_or(usize::MAX).min(LOOK_BACK);
    let mut earlier = vec![0; back];
    let from = block.at - back as u64;
    // what cannot be read again hides the line
    let known = log.file.read_exact_at(&mut earlier, from).is_ok();
    earlier.extend(here);
    let lines: Vec<_> = earlier.split_inclusive(|byte| *byte == b'\n').collect();
    let entry = lines.iter().rposition(|line| mask::begins_entry(line));
    let mut mask =
        if known && (entry.is_some() || from == 0) { Mask::new(log.secrets) } else { Mask::in_the_middle(log.secrets) };
    for line in lines.get(entry.unwrap_or(0)..).unwrap_or_default() {
        mask.line(&String::from_utf8_lossy(line));
    }
    mask
}

/// The beginning of a line, with its break when it has one.
fn shortened(line: &[u8]) -> String {
    if line.len() <= MESSAGE {
        return String::from_utf8_lossy(line).into_owned();
    }
    let begin = String::from_utf8_lossy(line.get(..MESSAGE).unwrap_or_default()).into_owned();
    begin.trim_end_matches('\u{fffd}').to_owned() + "…\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A log that goes with the value.
    struct Sample(std::path::PathBuf);

    impl Sample {
        fn new(name: &str, text: &[u8]) -> Self {
            let path = std::env::temp_dir().join(format!("kb-verdict-{}-{name}", std::process::id()));
            std::fs::write(&path, text).unwrap();
            Self(path)
        }

        fn add(&self, text: &[u8]) {
            std::fs::OpenOptions::new().append(true).open(&self.0).unwrap().write_all(text).unwrap();
        }

        fn read(&self, verdict: &mut Verdict) {
            let file = File::open(&self.0).unwrap();
            let size = file.metadata().unwrap().len();
            let mut room = Vec::new();
            let mut reading =
                Reading { file: &file, name: "x.log", secrets: &Secrets::default(), room: &mut room, deadline: None };
            assert!(reading.go_on(verdict, size).unwrap());
        }
    }

    impl Drop for Sample {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn of(name: &str, text: &[u8]) -> (bool, bool, String) {
        let mut verdict = Verdict::default();
        Sample::new(name, text).read(&mut verdict);
        (verdict.is_error(), verdict.is_warning(), verdict.message().to_owned())
    }

    #[test]
    fn the_first_error_or_the_last_warning_speaks() {
        let line = |level: &str, text: &str| format!("2020-07-07 05:00:00.602 s {level} a {text}\n");
        let (info, w1, w2) = (line("INFO", "x"), line("WARNING", "1"), line("WARNING", "2"));
        let (e1, e2, critical) = (line("ERROR", "1"), line("ERROR", "2"), line("CRITICAL", "3"));
        let say = |parts: &[&String]| of("speaks", parts.iter().copied().cloned().collect::<String>().as_bytes());
        assert_eq!(say(&[]), (false, false, String::new()));
        assert_eq!(say(&[&info]), (false, false, String::new()));
        assert_eq!(say(&[&w1, &info, &w2, &info]), (false, true, w2.clone()));
        assert_eq!(say(&[&w1, &e1, &e2, &info]), (true, true, e1.clone()));
        assert_eq!(say(&[&e1, &w2]), (true, true, e1.clone()));
        assert_eq!(say(&[&info, &critical, &e1]), (true, false, critical.clone()));
        assert_eq!(of("tail", b"a ERROR"), (true, false, "a ERROR".into()));
        assert_eq!(of("bytes", b"\xff\xfe ERROR \xff\n"), (true, false, "\u{fffd}\u{fffd} ERROR \u{fffd}\n".into()));
    }

    /// The quick search finds exactly what a simple one finds.
    #[test]
    fn no_word_is_missed() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % bound as u64).unwrap()
        };
        let pieces: [&[u8]; 9] = [b"ERROR", b"CRITICAL", b"WARNING", b"ERR", b"CRITI", b"WARN", b"R", b"xIN", b"\n"];
        let mut found = 0;
        for _ in 0..20_000 {
            let text: Vec<u8> = (0..next(6)).flat_map(|_| pieces[next(pieces.len())].to_vec()).collect();
            let simple = (0..text.len()).find_map(|at| {
                let (word, kind) = WORDS.iter().find(|(word, _)| text[at..].starts_with(word))?;
                Some((*kind, at, at + word.len()))
            });
            assert_eq!(find(&text, 0), simple, "{:?}", String::from_utf8_lossy(&text));
            found += usize::from(simple.is_some());
        }
        assert!(found > 1000);
    }

    /// P26: a line of 100 MB, no line break at all, a word on the border of two blocks: bounded memory, right answers.
    #[test]
    fn lines_longer_than_the_room() {
        for at in [BLOCK - 7, BLOCK - 1, BLOCK, 3 * BLOCK - 2] {
            let mut text = b"2020-07-07 05:00:00.6 s INFO a ".to_vec();
            text.resize(at, b'x');
            let want = format!("{}…\n", String::from_utf8_lossy(&text[..MESSAGE]));
            text.extend(b"ERROR");
            text.extend(vec![b'y'; 2 * BLOCK]);
            let (error, warning, message) = of("long", &text);
            assert!(error && !warning && message == want, "{at}: {message}");
            text.extend(b"\nWARNING last\n");
            let (error, warning, message) = of("long", &text);
            assert!(error && warning && message == want, "{at}: {message}");
        }
    }

    /// What was added is read, and nothing else; a line that was not finished counts again when it is.
    #[test]
    fn what_is_added_is_read_on() {
        let log = Sample::new("grow", b"2020-07-07 05:00:00.602 s INFO a x\n2020-07-07 05:00:01.602 s ERR");
        let mut verdict = Verdict::default();
        log.read(&mut verdict);
        assert!(!verdict.is_error());
        assert_eq!(verdict.read, 35);
        log.add(b"OR a boo");
        log.read(&mut verdict);
        assert_eq!(verdict.message(), "2020-07-07 05:00:01.602 s ERROR a boo");
        log.add(b"m\n");
        log.read(&mut verdict);
        assert_eq!(verdict.message(), "2020-07-07 05:00:01.602 s ERROR a boom\n");
        log.add(b"2020-07-07 05:00:02.602 s ERROR a later\nWARNING\n");
        log.read(&mut verdict);
        assert_eq!(verdict.message(), "2020-07-07 05:00:01.602 s ERROR a boom\n");
        assert!(verdict.is_warning());
    }

    /// P27: what belongs to a hidden entry is hidden, also when the entry was read earlier; nothing else is.
    #[test]
    fn the_entry_of_an_added_line_is_found() {
        for (begin, want) in [("INFO a Выполняется x", "***\n"), ("INFO a y", "boom ERROR\n")] {
            let log = Sample::new("entry", format!("2020-07-07 05:00:00.602 s {begin}\n").as_bytes());
            let mut verdict = Verdict::default();
            log.read(&mut verdict);
            log.add(b"boom ERROR\n");
            log.read(&mut verdict);
            assert_eq!(verdict.message(), want);
        }
    }

    /// P27: what stands for a whole log is masked like its lines.
    #[test]
    fn the_message_is_masked() {
        let text = "2020-07-07 05:00:00.6 s ERROR a password=CANARY\n";
        assert_eq!(of("mask", text.as_bytes()).2, "2020-07-07 05:00:00.6 s ERROR a password=***\n");
        let text = "2020-07-07 05:00:00.6 s INFO a Выполняется x\n2 ERROR CANARY\n";
        assert_eq!(of("mask", text.as_bytes()).2, "***\n");
    }
}
