//! Reading a pattern character by character, and what a backslash means.

use super::class;
use crate::patterns::charset::CharSet;

/// What a backslash and the characters after it mean.
pub enum Escape {
    /// One character.
    Char(u32),
    /// One of several characters.
    Set(CharSet),
    /// The start of the text.
    Start,
    /// An assertion, in regex-lite's spelling, that depends on what follows.
    LookAhead(&'static str),
}

impl Escape {
    /// The characters it stands for; none for the assertions, which no set contains.
    pub fn set(self) -> CharSet {
        match self {
            Self::Char(c) => CharSet::new(vec![(c, c)]),
            Self::Set(set) => set,
            Self::Start | Self::LookAhead(_) => CharSet::default(),
        }
    }
}

/// What of the pattern has not been read yet.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// The whole pattern.
    pub fn new(pattern: &'a str) -> Self {
        Self { rest: pattern }
    }

    /// The next character, taken.
    pub fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    /// The next character, left where it is.
    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Whether this stands next, left where it is.
    pub fn ahead(&self, prefix: &str) -> bool {
        self.rest.starts_with(prefix)
    }

    /// Whether this stands next, taken if so.
    pub fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next characters of a kind, at most so many, taken.
    pub fn take_while(&mut self, most: usize, wanted: fn(char) -> bool) -> &'a str {
        let end = self.rest.char_indices().take(most).find(|(_, c)| !wanted(*c)).map(|(at, _)| at);
        let end = end.or_else(|| self.rest.char_indices().nth(most).map(|(at, _)| at)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The next item of a set.
    pub fn set_item(&mut self) -> Result<Escape, String> {
        match self.next().ok_or("a set is not closed")? {
            '\\' => self.set_escape(),
            c => Ok(Escape::Char(u32::from(c))),
        }
    }

    fn set_escape(&mut self) -> Result<Escape, String> {
        match self.peek() {
            Some('b') => {
                self.next();
                Ok(Escape::Char(8))
            }
            Some('0'..='7') => self.octal(3),
            Some(c @ ('A' | 'Z' | 'B' | '8' | '9')) => Err(format!(r"bad escape `\{c}` in a set")),
            _ => self.escape(),
        }
    }

    /// What follows a backslash outside of a set.
    pub fn escape(&mut self) -> Result<Escape, String> {
        let is_octal = |c: char| ('0'..='7').contains(&c);
        let c = self.peek().ok_or("a backslash at the end")?;
        if c == '0' {
            return self.octal(3);
        }
        if c.is_ascii_digit() {
            let three: Vec<char> = self.rest.chars().take(3).collect();
            if three.len() == 3 && three.iter().all(|c| is_octal(*c)) {
                return self.octal(3);
            }
            return Err(format!(r"backreference `\{c}` is not supported"));
        }
        self.next();
        Ok(match c {
            'A' => Escape::Start,
            'Z' => Escape::LookAhead(r"\z"),
            'b' => Escape::LookAhead(r"\b"),
            'B' => Escape::LookAhead(r"\B"),
            'd' => Escape::Set(class::digits()),
            'D' => Escape::Set(class::digits().complement()),
            's' => Escape::Set(class::spaces()),
            'S' => Escape::Set(class::spaces().complement()),
            'w' => Escape::Set(class::word_characters()),
            'W' => Escape::Set(class::word_characters().complement()),
            'a' => Escape::Char(7),
            't' => Escape::Char(9),
            'n' => Escape::Char(10),
            'v' => Escape::Char(11),
            'f' => Escape::Char(12),
            'r' => Escape::Char(13),
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            c if c.is_ascii_alphabetic() => return Err(format!(r"bad escape `\{c}`")),
            c => Escape::Char(u32::from(c)),
        })
    }

    fn octal(&mut self, most: usize) -> Result<Escape, String> {
        let digits = self.take_while(most, |c| ('0'..='7').contains(&c));
        match u32::from_str_radix(digits, 8) {
            Ok(value) if value <= 0o377 => Ok(Escape::Char(value)),
            _ => Err(format!(r"octal escape `\{digits}` is out of range")),
        }
    }

    fn hex(&mut self, length: usize) -> Result<Escape, String> {
        let digits = self.take_while(length, |c| c.is_ascii_hexdigit());
        match u32::from_str_radix(digits, 16) {
            Ok(value) if digits.len() == length && value <= u32::from(char::MAX) => Ok(Escape::Char(value)),
            _ => Err(format!("`{digits}` is not the {length} hexadecimal digits of a character")),
        }
    }
}
