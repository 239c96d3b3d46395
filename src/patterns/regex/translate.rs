//! A Python regular expression, rewritten for regex-lite: every flag is worked in, every set spelled out.

use super::class;
use super::cursor::{Cursor, Escape};
use crate::patterns::charset::CharSet;

/// A pattern regex-lite understands.
pub struct Translated {
    /// The pattern; it needs no flags.
    pub text: String,
    /// Whether a match may depend on what follows it (`$`, `\Z`, `\b`, `\B`).
    pub looks_ahead: bool,
}

/// Rewrites a pattern; the error says what is wrong or not supported, without the pattern itself.
pub fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translation = Translation { cursor: Cursor::new(pattern), out: String::new(), looks_ahead: false };
    let mut flags = Flags::default();
    while let Some(inside) = translation.global_flags()? {
        flags = inside;
    }
    translation.alternatives(flags, MAX_DEPTH)?;
    if translation.cursor.peek().is_some() {
        return Err("unbalanced parenthesis".into());
    }
    Ok(Translated { text: translation.out, looks_ahead: translation.looks_ahead })
}

/// Groups within groups: regex-lite's own limit is 50.
const MAX_DEPTH: usize = 48;

/// The flags in force at some place of a pattern.
#[derive(Clone, Copy, Default)]
pub struct Flags {
    pub ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
}

struct Translation<'a> {
    cursor: Cursor<'a>,
    out: String,
    looks_ahead: bool,
}

impl Translation<'_> {
    /// `(?i)` and the like at the start; none when there is no such thing.
    fn global_flags(&mut self) -> Result<Option<Flags>, String> {
        let before = self.cursor;
        if self.cursor.take("(?") && self.cursor.peek().is_some_and(|c| c.is_ascii_alphabetic() && c != 'P') {
            let flags = self.flags(Flags::default())?;
            if self.cursor.take(")") {
                return Ok(Some(flags));
            }
        }
        self.cursor = before;
        Ok(None)
    }

    /// The letters of a flag group, up to `:` or `)`.
    fn flags(&mut self, outer: Flags) -> Result<Flags, String> {
        let mut flags = outer;
        let mut on = true;
        while let Some(c) = self.cursor.peek().filter(|c| !matches!(c, ')' | ':')) {
            match c {
                'i' => flags.ignore_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'u' if on => {}
                '-' if on => on = false,
                'a' | 'L' | 'x' => return Err(format!("the flag `{c}` is not supported")),
                _ => return Err(format!("unknown extension `(?{c}`")),
            }
            self.cursor.next();
        }
        Ok(flags)
    }

    /// Everything up to the end or the parenthesis that closes this group.
    fn alternatives(&mut self, flags: Flags, depth: usize) -> Result<(), String> {
        while let Some(c) = self.cursor.peek().filter(|c| *c != ')') {
            self.cursor.next();
            if c == '|' {
                self.out.push('|');
                continue;
            }
            let repeatable = self.item(c, flags, depth)?;
            self.repeat(repeatable)?;
        }
        Ok(())
    }

    /// One item that starts with `c`; whether it may be repeated.
    fn item(&mut self, c: char, flags: Flags, depth: usize) -> Result<bool, String> {
        match c {
            '(' => self.group(flags, depth)?,
            '[' => {
                let set = class::read(&mut self.cursor, flags)?;
                self.out.push_str(&class::written(&set));
            }
            '.' if flags.dot_all => self.out.push_str("(?s:.)"),
            '.' => self.out.push_str(r"[^\n]"),
            '^' => {
                self.out.push_str(if flags.multi_line { "(?m:^)" } else { "^" });
                return Ok(false);
            }
            '$' => {
                // Python's `$` also matches before a line break at the very end.
                self.look_ahead(if flags.multi_line { "(?m:$)" } else { r"(?:\n?\z)" });
                return Ok(false);
            }
            '*' | '+' | '?' => return Err(format!("nothing to repeat before `{c}`")),
            '\\' => return self.escaped_item(flags),
            '{' => {
                self.rest_before_brace_is_literal()?;
                self.write_char(u32::from('{'), flags);
            }
            c => self.write_char(u32::from(c), flags),
        }
        Ok(true)
    }

    fn escaped_item(&mut self, flags: Flags) -> Result<bool, String> {
        match self.cursor.escape()? {
            Escape::Char(c) => self.write_char(c, flags),
            Escape::Set(set) => self.out.push_str(&class::written(&set)),
            Escape::Start => {
                self.out.push('^');
                return Ok(false);
            }
            Escape::LookAhead(assertion) => {
                self.look_ahead(assertion);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn look_ahead(&mut self, assertion: &str) {
        self.looks_ahead = true;
        self.out.push_str(assertion);
    }

    /// After a `{` where an item was expected: fails when it would repeat.
    fn rest_before_brace_is_literal(&mut self) -> Result<(), String> {
        let before = self.cursor;
        let repeats = self.bounds()?.is_some();
        self.cursor = before;
        if repeats { Err("nothing to repeat before `{`".into()) } else { Ok(()) }
    }

    /// Copies the repeat operator after an item, if there is one.
    fn repeat(&mut self, repeatable: bool) -> Result<(), String> {
        let Some(operator) = self.repeat_operator()? else { return Ok(()) };
        if !repeatable {
            return Err(format!("nothing to repeat before `{operator}`"));
        }
        self.out.push_str(&operator);
        if self.cursor.take("+") {
            return Err(format!("possessive repeat `{operator}+` is not supported"));
        }
        if self.cursor.take("?") {
            self.out.push('?');
        }
        match self.repeat_operator()? {
            Some(again) => Err(format!("multiple repeat `{operator}{again}`")),
            None => Ok(()),
        }
    }

    fn repeat_operator(&mut self) -> Result<Option<String>, String> {
        if let Some(c @ ('*' | '+' | '?')) = self.cursor.peek() {
            self.cursor.next();
            return Ok(Some(c.into()));
        }
        let before = self.cursor;
        let bounds = if self.cursor.take("{") { self.bounds()? } else { None };
        if bounds.is_none() {
            self.cursor = before;
        }
        Ok(bounds)
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}` after the opening brace; none when the brace is a plain character.
    fn bounds(&mut self) -> Result<Option<String>, String> {
        let low = self.cursor.take_while(usize::MAX, |c| c.is_ascii_digit()).to_owned();
        let comma = self.cursor.take(",");
        let high =
            if comma { self.cursor.take_while(usize::MAX, |c| c.is_ascii_digit()).to_owned() } else { low.clone() };
        if !self.cursor.take("}") || (low.is_empty() && !comma) {
            return Ok(None);
        }
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| "a repeat count is too large".to_owned());
        let low = if low.is_empty() { 0 } else { number(&low)? };
        if high.is_empty() {
            return Ok(Some(format!("{{{low},}}")));
        }
        let high = number(&high)?;
        if low > high {
            return Err(format!("repeat from {low} to {high}: the first number is larger"));
        }
        Ok(Some(format!("{{{low},{high}}}")))
    }

    /// A group, after its opening parenthesis. Nothing is captured: only whether a name matches is asked.
    fn group(&mut self, outer: Flags, depth: usize) -> Result<(), String> {
        let flags = if self.cursor.take("?") { self.extension(outer)? } else { outer };
        let depth = depth.checked_sub(1).ok_or("groups are nested too deeply")?;
        self.out.push_str("(?:");
        self.alternatives(flags, depth)?;
        if !self.cursor.take(")") {
            return Err("a parenthesis is not closed".into());
        }
        self.out.push(')');
        Ok(())
    }

    /// What follows `(?`, up to the contents of the group.
    fn extension(&mut self, outer: Flags) -> Result<Flags, String> {
        const REFUSED: &[(&str, &str)] = &[
            ("=", "lookahead `(?=…)`"),
            ("!", "lookahead `(?!…)`"),
            ("<=", "lookbehind `(?<=…)`"),
            ("<!", "lookbehind `(?<!…)`"),
            ("P=", "backreference `(?P=…)`"),
            ("#", "comment `(?#…)`"),
            ("(", "condition `(?(…)…)`"),
            (">", "atomic group `(?>…)`"),
        ];
        if let Some((_, what)) = REFUSED.iter().find(|(prefix, _)| self.cursor.ahead(prefix)) {
            return Err(format!("{what} is not supported"));
        }
        if self.cursor.take(":") {
            return Ok(outer);
        }
        if self.cursor.take("P<") {
            let name = self.cursor.take_while(usize::MAX, |c| c != '>');
            let valid =
                name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
            if name.is_empty() || !valid {
                return Err(format!("bad group name `{}`", name.escape_debug()));
            }
            return if self.cursor.take(">") { Ok(outer) } else { Err("a group name is not closed".into()) };
        }
        if !self.cursor.peek().is_some_and(|c| c.is_ascii_alphabetic() || c == '-') {
            return Err("unknown extension after `(?`".into());
        }
        let flags = self.flags(outer)?;
        if self.cursor.take(":") {
            Ok(flags)
        } else {
            Err("flags for the whole pattern must stand at its start".into())
        }
    }

    fn write_char(&mut self, c: u32, flags: Flags) {
        let one = CharSet::new(vec![(c, c)]);
        match char::from_u32(c) {
            _ if flags.ignore_case => self.out.push_str(&class::written(&class::in_every_case(&one))),
            Some(c) if c.is_ascii_alphanumeric() || !c.is_ascii() => self.out.push(c),
            _ => self.out.push_str(&class::written(&one)),
        }
    }
}
