//! Exclusion patterns: Python's `fnmatch` and `re.match`, over bytes, because file names are bytes.
//!
//! Both see a name as Python's `os.fsdecode` does: UTF-8 characters, and every byte that is not UTF-8 as one character of its own.

mod charset;
mod glob;
mod regex;

use glob::Glob;
use regex::Regex;

/// How a pattern is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Syntax {
    /// Python `fnmatch.fnmatchcase` on the whole text: `*` matches `/` too.
    #[default]
    Glob,
    /// Python `re.match`: anchored at the start only. What is refused: see `regex/mod.rs`.
    Regex,
}

/// A list of compiled patterns.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    globs: Vec<Glob>,
    regexes: Vec<Regex>,
}

impl Patterns {
    /// Compiles every pattern; `Err` has one message per pattern that does not compile, with its index.
    /// A glob always compiles: whatever has no special meaning stands for itself.
    pub fn compile(patterns: &[String], syntax: Syntax) -> Result<Self, Vec<(usize, String)>> {
        let mut compiled = Self::default();
        let mut errors = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match syntax {
                Syntax::Glob => compiled.globs.push(Glob::new(pattern)),
                Syntax::Regex => match Regex::new(pattern) {
                    Ok(regex) => compiled.regexes.push(regex),
                    Err(why) => errors.push((index, format!("pattern `{}`: {why}", pattern.escape_debug()))),
                },
            }
        }
        if errors.is_empty() { Ok(compiled) } else { Err(errors) }
    }

    /// Whether any pattern matches this text.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.any(text, Glob::matches, Regex::matches)
    }

    /// Whether some pattern provably matches everything below this directory (`path` without a trailing slash; the
    /// empty path is the root of relative names, `/` that of absolute ones). One pattern has to do it alone: what several
    /// cover together, and what only a look at the pattern's meaning would show, counts as not covered.
    pub fn covers_below(&self, path: &[u8]) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut below = path.to_vec();
        if !path.is_empty() && path != b"/" {
            below.push(b'/');
        }
        self.any(&below, Glob::matches_every_extension, Regex::matches_every_extension)
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty() && self.regexes.is_empty()
    }

    /// Decodes `text` once per kind of pattern and asks each pattern.
    fn any(&self, text: &[u8], glob: fn(&Glob, &[u32]) -> bool, regex: fn(&Regex, &str) -> bool) -> bool {
        if !self.globs.is_empty() {
            let characters = glob::characters(text);
            if self.globs.iter().any(|pattern| glob(pattern, &characters)) {
                return true;
            }
        }
        if self.regexes.is_empty() {
            return false;
        }
        let text = regex::readable(text);
        self.regexes.iter().any(|pattern| regex(pattern, &text))
    }
}

#[cfg(test)]
mod tests;
