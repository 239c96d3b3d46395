//! Sets of characters in regular expressions: read as Python reads them, written for regex-lite.

use super::cursor::{Cursor, Escape};
use super::translate::Flags;
use crate::patterns::charset::CharSet;
use std::fmt::Write;
use std::sync::LazyLock;

/// Reads a set, after its opening bracket.
pub fn read(cursor: &mut Cursor<'_>, flags: Flags) -> Result<CharSet, String> {
    let negated = cursor.take("^");
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        if !first && cursor.take("]") {
            break;
        }
        first = false;
        let low = match cursor.set_item()? {
            Escape::Char(low) => low,
            other => {
                ranges.extend_from_slice(other.set().ranges());
                if cursor.ahead("-") && !cursor.ahead("-]") {
                    return Err("a range in a set starts with a class".into());
                }
                continue;
            }
        };
        if cursor.ahead("-]") || !cursor.take("-") {
            ranges.push((low, low));
            continue;
        }
        let Escape::Char(high) = cursor.set_item()? else {
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

/// ASCII digits.
pub fn digits() -> CharSet {
    CharSet::new(vec![(0x30, 0x39)])
}

/// What Python's `str.isspace` takes for white space.
pub fn spaces() -> CharSet {
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
pub fn word_characters() -> CharSet {
    static WORD: LazyLock<CharSet> = LazyLock::new(|| {
        let letters = ('\0'..='\u{FFFF}').filter(|c| c.is_alphanumeric() || *c == '_').map(u32::from);
        CharSet::new(letters.map(|c| (c, c)).collect())
    });
    WORD.clone()
}

/// The set with the small and capital forms of its characters up to U+FFFF.
pub fn in_every_case(set: &CharSet) -> CharSet {
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

/// The set as regex-lite reads it.
pub fn written(set: &CharSet) -> String {
    let mut class = String::from("[");
    for (low, high) in set.ranges() {
        // regex-lite knows no surrogates; what Python's surrogateescape calls U+DC00 + byte is U+10FF00 + byte here
        let bad_bytes = ((*low).max(0xDC80) + 0x10_2300, (*high).min(0xDCFF) + 0x10_2300);
        for (from, to) in [(*low, (*high).min(0xD7FF)), ((*low).max(0xE000), *high), bad_bytes] {
            if from <= to {
                // writing to a String cannot fail
                let _ = write!(class, r"\x{{{from:X}}}-\x{{{to:X}}}");
            }
        }
    }
    if class.len() == 1 {
        class.push_str(r"^\x{0}-\x{10FFFF}");
    }
    class.push(']');
    class
}
