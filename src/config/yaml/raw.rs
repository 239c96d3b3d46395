//! What `serde_yaml` reads, with nothing lost that it knows: every pair of a map, duplicates and `<<` too.

use crate::config::locate::Place;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// How many values a text may stand for, aliases expanded: more is an attack, or a mistake.
const NODE_LIMIT: usize = 100_000;

/// A node as the library understood it.
#[derive(Debug)]
pub(super) enum Raw {
    Null,
    /// A number or boolean, as the library would print it.
    Typed(String),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

/// Parses a text of one document.
pub(super) fn parse(text: &str) -> Result<Raw, (Place, String)> {
    let left = Cell::new(NODE_LIMIT);
    Seed { left: &left }.deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let message = error.to_string();
        let place = match error.location() {
            _ if message.contains(SEVERAL) => second_document(text),
            Some(at) => Place { line: at.line(), column: at.column() },
            None => Place { line: 1, column: 1 },
        };
        (place, explain(&message, character(text, place)))
    })
}

/// Part of the library's message about a text of several documents, for which it gives no place.
const SEVERAL: &str = "more than one document";

fn second_document(text: &str) -> Place {
    let is_content = |line: &&str| !line.is_empty() && !line.starts_with(['#', '%']);
    let first = text.lines().position(|line| is_content(&line)).unwrap_or(0);
    let next = text.lines().skip(first + 1).position(|line| line.starts_with("---"));
    Place { line: first + 2 + next.unwrap_or(0), column: 1 }
}

fn character(text: &str, place: Place) -> Option<char> {
    text.lines().nth(place.line.checked_sub(1)?)?.chars().nth(place.column.checked_sub(1)?)
}

/// The library's message without the place, which stands before it, and with what most likely was meant; `found` is the
/// character there.
fn explain(message: &str, found: Option<char>) -> String {
    // what we say ourselves comes with the library's idea of a path before it
    if let Some(at) = message.find(OURS) {
        return strip_place(message.get(at + OURS.len()..).unwrap_or_default()).to_owned();
    }
    let (what, context) = message.split_once(", while ").unwrap_or((message, ""));
    let what = strip_place(what);
    if what.contains("cannot start any token") {
        return match found {
            Some('\t') => "a tab in front: only blanks may indent a line".to_owned(),
            Some(sign) => format!("a text that begins with `{sign}` must be in quotes"),
            None => what.to_owned(),
        };
    }
    if what.contains(SEVERAL) {
        return "a second document begins here: there must be one only".to_owned();
    }
    if what.contains("mapping values are not allowed") {
        return "a `:` where no key can be: a text with `: ` in it must be in quotes, or the line is indented wrongly"
            .to_owned();
    }
    if what.contains("repetition limit") {
        return "aliases make it too large".to_owned();
    }
    if what.contains("recursion limit") {
        return "an alias that contains itself".to_owned();
    }
    for (thing, sign) in [("alias", '*'), ("anchor", '&')] {
        if context.contains(thing) {
            return format!("a text that begins with `{sign}` must be in quotes");
        }
    }
    match context.rsplit_once(" at line ") {
        Some((context, place)) => {
            let line: String = place.chars().take_while(char::is_ascii_digit).collect();
            format!("{what}, while {context} that begins in line {line}")
        }
        None => what.to_owned(),
    }
}

/// Marks messages of this file among those of the library.
const OURS: &str = "\u{1}";

fn strip_place(text: &str) -> &str {
    match text.rsplit_once(" at line ") {
        Some((what, place)) if place.starts_with(|c: char| c.is_ascii_digit()) => what,
        _ => text,
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    left: &'a Cell<usize>,
}

impl Seed<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| E::custom(format_args!("{OURS}more than {NODE_LIMIT} values, aliases expanded")))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Typed(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = pairs.next_key_seed(self)? {
            map.push((key, pairs.next_value_seed(self)?));
        }
        Ok(Raw::Map(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Raw, A::Error> {
        let (tag, _) = tagged.variant::<String>()?;
        Err(A::Error::custom(format_args!("{OURS}the tag `!{}` is not known", tag.trim_start_matches('!'))))
    }
}
