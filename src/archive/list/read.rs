//! A list of ours, read line by line.

use super::{Entry, FORMAT, Head, Line, MARK, State, Style, split, unescape};
use crate::error::{Doing, Error, Result};
use crate::sys::tree::{Kind, Stamp};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Reads a list of ours, line by line.
pub struct Reader {
    input: BufReader<File>,
    /// What its beginning says.
    pub head: Head,
    line: Vec<u8>,
    entries: u64,
    deleted: u64,
}

impl Reader {
    /// Reads the beginning of a list; none when it is not one of ours (KB17's, say). Fails when it is of a newer format or damaged.
    pub fn open(file: File) -> Result<Option<Self>> {
        let input = BufReader::with_capacity(64 * 1024, file);
        let head = Head { scan: Stamp::default(), level: 0, style: Style::default(), base: None };
        let mut list = Self { input, head, line: Vec::new(), entries: 0, deleted: 0 };
        list.raw_line()?;
        list.raw_line()?;
        let Some(format) = list.line.strip_prefix(MARK.as_bytes()) else { return Ok(None) };
        let format = std::str::from_utf8(format).ok().and_then(|text| text.parse::<u32>().ok());
        if format.is_none_or(|format| format == 0 || format > FORMAT) {
            return Err(Error::failed("the list is of a newer format than this program knows"));
        }
        while list.next_is_head()? {
            list.read_line()?;
            list.head_line().ok_or_else(damaged)?;
        }
        Ok(Some(list))
    }

    /// The next line; none at the end. Fails when the list is damaged or cut off.
    pub fn line(&mut self) -> Result<Option<Line>> {
        self.read_line()?;
        if let Some(path) = self.line.strip_prefix(b"#-") {
            self.deleted += 1;
            let path = unescape(path).and_then(|path| self.head.style.walked(&path)).ok_or_else(damaged)?;
            return Ok(Some(Line::Deleted(path)));
        }
        if let Some(end) = self.line.strip_prefix(b"# end ") {
            let complete = format!("{} {}", self.entries, self.deleted).as_bytes() == end;
            return if complete { Ok(None) } else { Err(damaged()) };
        }
        self.entries += 1;
        let facts = Facts::parse(&self.line).ok_or_else(damaged)?;
        self.read_line()?;
        let entry = self.entry(&facts).ok_or_else(damaged)?;
        Ok(Some(Line::Entry(entry)))
    }

    fn entry(&self, facts: &Facts) -> Option<Entry> {
        let (_, size, path) = split(&self.line)?;
        let path = if facts.escaped { unescape(path)? } else { path.to_vec() };
        Some(Entry {
            path: self.head.style.walked(&path)?,
            kind: facts.kind,
            size: std::str::from_utf8(size).ok()?.parse().ok()?,
            mtime: facts.mtime,
            ctime: facts.ctime,
            ino: facts.ino,
            state: facts.state,
        })
    }

    fn next_is_head(&mut self) -> Result<bool> {
        let buffer = self.input.fill_buf().doing(reading)?;
        // a head line is `# key value`; only ` end ` ends the list with the same first bytes
        Ok(buffer.starts_with(b"# ") && !buffer.starts_with(b"# end "))
    }

    fn head_line(&mut self) -> Option<()> {
        let text = std::str::from_utf8(&self.line).ok()?;
        let text = text.strip_prefix("# ")?;
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        match key {
            "scan" => self.head.scan = Stamp::from_nanos(value.parse().ok()?),
            "level" => self.head.level = value.parse().ok()?,
            "prefix" => self.head.style.prefix = unescape(value.as_bytes())?,
            "base" => self.head.base = Some(String::from_utf8(unescape(value.as_bytes())?).ok()?),
            // an older program may meet a key that came later
            _ => {}
        }
        Some(())
    }

    /// Reads a line that must be there and complete.
    fn read_line(&mut self) -> Result<()> {
        if self.raw_line()? { Ok(()) } else { Err(damaged()) }
    }

    /// Reads a line without its end; false when that was missing.
    fn raw_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.input.read_until(b'\n', &mut self.line).doing(reading)?;
        let complete = self.line.ends_with(b"\n");
        if complete {
            self.line.pop();
        }
        Ok(complete)
    }
}

/// What stands before an entry's line.
struct Facts {
    kind: Kind,
    mtime: Stamp,
    ctime: Stamp,
    ino: u64,
    escaped: bool,
    state: State,
}

impl Facts {
    fn parse(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let mut words = text.strip_prefix('#')?.split(' ');
        let mut facts = Self {
            kind: kind_of(words.next()?)?,
            mtime: Stamp::from_nanos(words.next()?.parse().ok()?),
            ctime: Stamp::from_nanos(words.next()?.parse().ok()?),
            ino: words.next()?.parse().ok()?,
            escaped: false,
            state: State::Whole,
        };
        for word in words {
            match word {
                "escaped" => facts.escaped = true,
                "damaged" => facts.state = State::Damaged,
                _ => return None,
            }
        }
        Some(facts)
    }
}

fn kind_of(letter: &str) -> Option<Kind> {
    Some(match letter {
        "f" => Kind::File,
        "d" => Kind::Dir,
        "l" => Kind::Symlink,
        "p" => Kind::Fifo,
        "c" => Kind::Char,
        "b" => Kind::Block,
        "s" => Kind::Socket,
        _ => return None,
    })
}

fn reading() -> String {
    "reading the list".to_owned()
}

fn damaged() -> Error {
    Error::failed("the list is damaged")
}
