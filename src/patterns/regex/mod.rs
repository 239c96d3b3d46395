//! Python's `re.match` on top of regex-lite: a pattern is read as Python reads it and written anew in the little that both
//! understand the same way.
//!
//! Known differences to Python: lookaround, backreferences, conditionals, comments, atomic groups, possessive repeats and the flags
//! `a`, `L`, `x` are refused; `\d` knows ASCII digits only; for `\b` and `\B` only ASCII letters are part of a word; `\w` knows
//! letters up to U+FFFF. `$` before a final line break takes that break with it,
//! so that nothing can be matched after it. A byte that is not UTF-8 is one character that `.` and negated sets match.

mod class;
mod cursor;
mod translate;

use std::borrow::Cow;
use translate::translate;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Regex {
    program: regex_lite::Regex,
    looks_ahead: bool,
}

impl Regex {
    /// Compiles a pattern; the error says what is wrong or not supported, without the pattern itself.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let translated = translate(pattern)?;
        let program = regex_lite::Regex::new(&format!(r"\A(?:{})", translated.text)).map_err(|e| e.to_string())?;
        Ok(Self { program, looks_ahead: translated.looks_ahead })
    }

    /// Whether the pattern matches at the start of the text.
    pub fn matches(&self, text: &str) -> bool {
        self.program.is_match(text)
    }

    /// Whether the pattern matches this text however it goes on. Proof: nothing in the pattern looks ahead, so a match
    /// that ends within `text` stays one whatever follows.
    pub fn matches_every_extension(&self, text: &str) -> bool {
        !self.looks_ahead && self.matches(text)
    }
}

/// The text as characters: every byte that is not UTF-8 becomes one private character (U+10FF00 + byte), so that nothing is lost
/// and no letter of a pattern matches it.
pub fn readable(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(text) {
        return Cow::Borrowed(text);
    }
    let mut readable = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        readable.push_str(chunk.valid());
        readable.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(0x0010_FF00 + u32::from(*byte))));
    }
    Cow::Owned(readable)
}
