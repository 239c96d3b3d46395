//! A Python regular expression, rewritten for regex-lite: every flag is worked in, every set spelled out.

use super::charset::CharSet;
use std::fmt::Write;

/// A pattern regex-lite understands.
pub struct Translated {
    /// The pattern; it needs no flags.
    pub text: String,
    /// Whether a match may depend on what follows it (`$`, `\Z`, `\b`, `\B`).
    pub looks_ahead: bool,
}

/// Rewrites a pattern; the error says what is wrong or not supported, without the pattern itself.
pub fn translate(pattern: &str) -> Result<Translated, String> {
    let mut translation = Translation { rest: pattern, out: String::new(), looks_ahead: false };
    let mut flags = Flags::default();
    while let Some(inside) = translation.global_flags()? {
        flags = inside;
    }
    translation.alternatives(flags, MAX_DEPTH)?;
    if !translation.rest.is_empty() {
        return Err("unbalanced parenthesis".into());
    }
    Ok(Translated { text: translation.out, looks_ahead: translation.looks_ahead })
}

/// Groups within groups: regex-lite's own limit is 50.
const MAX_DEPTH: usize = 48;

#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
}

/// What a backslash and the characters after it mean.
enum Escape {
    Char(u32),
    Set(CharSet),
    Start,
    LookAhead(&'static str),
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
    looks_ahead: bool,
}

impl Translation<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, most: usize, wanted: fn(char) -> bool) -> &str {
        let end = self.rest.char_indices().take(most).find(|(_, c)| !wanted(*c)).map(|(at, _)| at);
        let end = end.or_else(|| self.rest.char_indices().nth(most).map(|(at, _)| at)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// `(?i)` and the like at the start; none when there is no such thing.
    fn global_flags(&mut self) -> Result<Option<Flags>, String> {
        let before = self.rest;
        if self.take("(?") && self.peek().is_some_and(|c| c.is_ascii_alphabetic() && c != 'P') {
            let flags = self.flags(Flags::default())?;
            if self.take(")") {
                return Ok(Some(flags));
            }
        }
        self.rest = before;
        Ok(None)
    }

    /// The letters of a flag group, up to `:` or `)`.
    fn flags(&mut self, outer: Flags) -> Result<Flags, String> {
        let mut flags = outer;
        let mut on = true;
        while let Some(c) = self.peek().filter(|c| !matches!(c, ')' | ':')) {
            match c {
                'i' => flags.ignore_case = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'u' if on => {}
                '-' if on => on = false,
                'a' | 'L' | 'x' => return Err(format!("the flag `{c}` is not supported")),
                _ => return Err(format!("unknown extension `(?{c}`")),
            }
            self.next();
        }
        Ok(flags)
    }

    /// Everything up to the end or the parenthesis that closes this group.
    fn alternatives(&mut self, flags: Flags, depth: usize) -> Result<(), String> {
        while let Some(c) = self.peek().filter(|c| *c != ')') {
            self.next();
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
                let set = self.set(flags)?;
                self.write_set(&set);
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
        match self.escape()? {
            Escape::Char(c) => self.write_char(c, flags),
            Escape::Set(set) => self.write_set(&set),
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
        let before = self.rest;
        let repeats = self.bounds()?.is_some();
        self.rest = before;
        if repeats { Err("nothing to repeat before `{`".into()) } else { Ok(()) }
    }

    /// Copies the repeat operator after an item, if there is one.
    fn repeat(&mut self, repeatable: bool) -> Result<(), String> {
        let Some(operator) = self.repeat_operator()? else { return Ok(()) };
        if !repeatable {
            return Err(format!("nothing to repeat before `{operator}`"));
        }
        self.out.push_str(&operator);
        if self.take("+") {
            return Err(format!("possessive repeat `{operator}+` is not supported"));
        }
        if self.take("?") {
            self.out.push('?');
        }
        match self.repeat_operator()? {
            Some(again) => Err(format!("multiple repeat `{operator}{again}`")),
            None => Ok(()),
        }
    }

    fn repeat_operator(&mut self) -> Result<Option<String>, String> {
        if let Some(c @ ('*' | '+' | '?')) = self.peek() {
            self.next();
            return Ok(Some(c.into()));
        }
        let before = self.rest;
        let bounds = if self.take("{") { self.bounds()? } else { None };
        if bounds.is_none() {
            self.rest = before;
        }
        Ok(bounds)
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}` after the opening brace; none when the brace is a plain character.
    fn bounds(&mut self) -> Result<Option<String>, String> {
        let low = self.take_while(usize::MAX, |c| c.is_ascii_digit()).to_owned();
        let comma = self.take(",");
        let high = if comma { self.take_while(usize::MAX, |c| c.is_ascii_digit()).to_owned() } else { low.clone() };
        if !self.take("}") || (low.is_empty() && !comma) {
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
        let flags = if self.take("?") { self.extension(outer)? } else { outer };
        let depth = depth.checked_sub(1).ok_or("groups are nested too deeply")?;
        self.out.push_str("(?:");
        self.alternatives(flags, depth)?;
        if !self.take(")") {
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
        if let Some((_, what)) = REFUSED.iter().find(|(prefix, _)| self.rest.starts_with(prefix)) {
            return Err(format!("{what} is not supported"));
        }
        if self.take(":") {
            return Ok(outer);
        }
        if self.take("P<") {
            let name = self.take_while(usize::MAX, |c| c != '>');
            let valid =
                name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
            if name.is_empty() || !valid {
                return Err(format!("bad group name `{name}`"));
            }
            return if self.take(">") { Ok(outer) } else { Err("a group name is not closed".into()) };
        }
        if !self.peek().is_some_and(|c| c.is_ascii_alphabetic() || c == '-') {
            return Err("unknown extension after `(?`".into());
        }
        let flags = self.flags(outer)?;
        if self.take(":") { Ok(flags) } else { Err("flags for the whole pattern must stand at its start".into()) }
    }

    /// A set, after its opening bracket.
    fn set(&mut self, flags: Flags) -> Result<CharSet, String> {
        let negated = self.take("^");
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            if !first && self.take("]") {
                break;
            }
            first = false;
            let low = match self.set_item()? {
                Escape::Char(low) => low,
                other => {
                    ranges.extend_from_slice(other.set().ranges());
                    if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                        return Err("a range in a set starts with a class".into());
                    }
                    continue;
                }
            };
            if self.rest.starts_with("-]") || !self.take("-") {
                ranges.push((low, low));
                continue;
            }
            let Escape::Char(high) = self.set_item()? else {
                return Err("a range in a set ends with a class".into());
            };
            if low > high {
                return Err("a range in a set is reversed".into());
            }
            ranges.push((low, high));
        }
        let mut set = CharSet::new(ranges);
        if flags.ignore_case {
            set = in_every_case(&set);
        }
        Ok(if negated { set.complement() } else { set })
    }

    fn set_item(&mut self) -> Result<Escape, String> {
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
    fn escape(&mut self) -> Result<Escape, String> {
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
            'd' => Escape::Set(digits()),
            'D' => Escape::Set(digits().complement()),
            's' => Escape::Set(spaces()),
            'S' => Escape::Set(spaces().complement()),
            'w' => Escape::Set(word_characters()),
            'W' => Escape::Set(word_characters().complement()),
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

    fn write_char(&mut self, c: u32, flags: Flags) {
        let one = CharSet::new(vec![(c, c)]);
        match char::from_u32(c) {
            Some(c) if !flags.ignore_case && (c.is_ascii_alphanumeric() || !c.is_ascii()) => self.out.push(c),
            _ if flags.ignore_case => self.write_set(&in_every_case(&one)),
            _ => self.write_set(&one),
        }
    }

    fn write_set(&mut self, set: &CharSet) {
        let escaped = |c: u32| (0xDC80..=0xDCFF).contains(&c);
        let mut class = String::new();
        for (low, high) in set.ranges() {
            for (from, to) in [(*low, (*high).min(0xD7FF)), ((*low).max(0xE000), *high)] {
                if from <= to {
                    // writing to a String cannot fail
                    let _ = write!(class, r"\x{{{from:X}}}-\x{{{to:X}}}");
                }
            }
            // what Python's surrogateescape calls U+DC00 + byte is U+10FF00 + byte here
            let (from, to) = ((*low).max(0xDC80), (*high).min(0xDCFF));
            if escaped(from) && from <= to {
                let _ = write!(class, r"\x{{{:X}}}-\x{{{:X}}}", from + 0x10_2300, to + 0x10_2300);
            }
        }
        if class.is_empty() {
            class.push_str(r"^\x{0}-\x{10FFFF}");
        }
        let _ = write!(self.out, "[{class}]");
    }
}

impl Escape {
    /// The characters it stands for; none for the assertions, which no set contains.
    fn set(self) -> CharSet {
        match self {
            Self::Char(c) => CharSet::new(vec![(c, c)]),
            Self::Set(set) => set,
            Self::Start | Self::LookAhead(_) => CharSet::default(),
        }
    }
}

fn digits() -> CharSet {
    CharSet::new(vec![(0x30, 0x39)])
}

/// What Python's `str.isspace` takes for white space.
fn spaces() -> CharSet {
    CharSet::new(vec![
        (0x09, 0x0D),
        (0x1C, 0x20),
        (0x85, 0x85),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
    ])
}

/// Letters and digits of the basic plane, and the underscore.
fn word_characters() -> CharSet {
    let letters =
        ('\0'..='\u{FFFF}').filter(|c| c.is_alphanumeric() || *c == '_').map(|c| (u32::from(c), u32::from(c)));
    CharSet::new(letters.collect())
}

/// The set with the small and capital forms of its characters up to U+FFFF.
fn in_every_case(set: &CharSet) -> CharSet {
    let mut ranges = set.ranges().to_vec();
    for (low, high) in set.ranges() {
        for c in (*low..=(*high).min(0xFFFF)).filter_map(char::from_u32) {
            ranges.extend(single(c.to_lowercase()));
            ranges.extend(single(c.to_uppercase()));
        }
    }
    CharSet::new(ranges)
}

/// The other form, when it is one character.
fn single(mut forms: impl Iterator<Item = char>) -> Option<(u32, u32)> {
    let form = u32::from(forms.next()?);
    forms.next().is_none().then_some((form, form))
}
