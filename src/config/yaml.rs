//! YAML 1.1 as PyYAML read it: text → values with their places. The only module that knows the YAML library.

mod raw;

use crate::actions::properties::{Problem, Severity};
use crate::config::Located;
use crate::config::locate::{DEPTH_LIMIT, Outline, Place, Shape, SpotId};
use crate::value::{Scalar, Value};
use raw::Raw;
use std::collections::HashMap;

/// The largest configuration in bytes.
pub const SIZE_LIMIT: usize = 1 << 20;

/// A text that was understood, though keys may be wrong.
#[derive(Debug)]
pub struct Document {
    /// What it says: aliases and merges applied, of duplicate keys the first.
    pub value: Value,
    /// Where everything stands.
    pub marks: Mark,
    /// Duplicate keys and the like: errors of the file as a whole.
    pub problems: Vec<Located>,
}

/// Place of an entry and of everything below it.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    place: Place,
    is_shared: bool,
    below: Vec<(String, Mark)>,
}

impl Mark {
    /// The place of a key path (of its key, or of the item of a list), or of the nearest entry around it.
    pub fn find(&self, path: &[String]) -> Place {
        self.nearest(path).place
    }

    /// Whether the value of a key path has an anchor that some alias refers to.
    pub fn is_shared(&self, path: &[String]) -> bool {
        self.nearest(path).is_shared
    }

    fn nearest(&self, path: &[String]) -> &Self {
        let mut mark = self;
        for key in path {
            match mark.below.iter().find(|(name, _)| name == key) {
                Some((_, below)) => mark = below,
                None => break,
            }
        }
        mark
    }
}

/// The text of a file, which must be UTF-8.
pub fn decode(bytes: &[u8]) -> Result<String, Located> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|wrong| {
        let good = bytes.get(..wrong.valid_up_to()).unwrap_or_default();
        let good = String::from_utf8_lossy(good);
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        error(Place { line, column }, Vec::new(), "not UTF-8: save the file in this encoding".to_owned())
    })
}

/// Reads a text. `Err` is the one problem that makes it no YAML at all.
pub fn read(text: &str) -> Result<Document, Located> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let whole = Place { line: 1, column: 1 };
    if text.len() > SIZE_LIMIT {
        return Err(error(whole, Vec::new(), format!("larger than {} KiB", SIZE_LIMIT >> 10)));
    }
    let outline = Outline::of(&text);
    if let Some(place) = outline.too_deep() {
        return Err(error(place, Vec::new(), format!("nested more than {DEPTH_LIMIT} levels deep")));
    }
    let raw = raw::parse(&text).map_err(|(place, message)| error(place, Vec::new(), message))?;
    let mut reader = Reader { outline: &outline, path: Vec::new(), problems: Vec::new() };
    let (value, below) = reader.value(&raw, Some(outline.root()), whole);
    let place = outline.place_of(outline.root()).unwrap_or(whole);
    let mut problems: Vec<Located> = Vec::new();
    for problem in reader.problems {
        // the text of an anchor is read once for every alias
        let known = |p: &Located| {
            (p.line, p.column, &p.problem.message) == (problem.line, problem.column, &problem.problem.message)
        };
        if !problems.iter().any(known) {
            problems.push(problem);
        }
    }
    Ok(Document { value, marks: Mark { place, is_shared: false, below }, problems })
}

fn error(place: Place, path: Vec<String>, message: String) -> Located {
    Located { line: place.line, column: place.column, problem: Problem { severity: Severity::Error, path, message } }
}

/// Brings together what the library read and what the outline knows about it.
struct Reader<'a> {
    outline: &'a Outline<'a>,
    path: Vec<String>,
    problems: Vec<Located>,
}

type Marked = (Value, Vec<(String, Mark)>);

impl Reader<'_> {
    fn value(&mut self, raw: &Raw, spot: Option<SpotId>, around: Place) -> Marked {
        match raw {
            Raw::Null => (Value::Null, Vec::new()),
            Raw::Typed(text) => (Value::Scalar(self.typed(text, spot)), Vec::new()),
            Raw::Text(text) => (Value::Scalar(self.text(text, spot)), Vec::new()),
            Raw::List(items) => self.list(items, spot, around),
            Raw::Map(pairs) => self.map(pairs, spot, around),
        }
    }

    /// A number or boolean, in its own spelling where the outline has it.
    fn typed(&self, shown: &str, spot: Option<SpotId>) -> Scalar {
        let text = match spot.and_then(|id| self.outline.spot(id)).map(|spot| &spot.shape) {
            Some(Shape::Plain(Some(range))) => self.outline.plain_text(range),
            _ => shown,
        };
        Scalar { text: text.to_owned(), quoted: false }
    }

    fn text(&self, text: &str, spot: Option<SpotId>) -> Scalar {
        let quoted = match spot.and_then(|id| self.outline.spot(id)).map(|spot| &spot.shape) {
            Some(Shape::Plain(Some(range))) => self.outline.plain_text(range) != text,
            Some(Shape::Quoted) => true,
            _ => false,
        };
        Scalar { text: text.to_owned(), quoted }
    }

    fn list(&mut self, items: &[Raw], spot: Option<SpotId>, around: Place) -> Marked {
        let spots = match spot.and_then(|id| self.outline.spot(id)).map(|spot| &spot.shape) {
            Some(Shape::List(spots)) if spots.len() == items.len() => spots.as_slice(),
            _ => &[],
        };
        let mut values = Vec::with_capacity(items.len());
        let mut marks = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let spot = spots.get(index).copied();
            let place = spot.and_then(|id| self.outline.place_of(id)).unwrap_or(around);
            self.path.push(index.to_string());
            let (value, below) = self.value(item, spot, place);
            self.path.pop();
            values.push(value);
            marks.push((index.to_string(), Mark { place, is_shared: false, below }));
        }
        (Value::List(values), marks)
    }

    fn map(&mut self, pairs: &[(Raw, Raw)], spot: Option<SpotId>, around: Place) -> Marked {
        let spots = match spot.and_then(|id| self.outline.spot(id)).map(|spot| &spot.shape) {
            Some(Shape::Map(spots)) if spots.len() == pairs.len() => spots.as_slice(),
            _ => &[],
        };
        let mut map = Entries::default();
        let mut merge: Option<(Value, Mark)> = None;
        for (index, (key, value)) in pairs.iter().enumerate() {
            let (key_spot, value_spot) = spots.get(index).copied().unzip();
            let place = key_spot.and_then(|id| self.outline.place_of(id)).unwrap_or(around);
            let Some(key) = self.key(key, key_spot, place) else { continue };
            let name = key.text();
            self.path.push(name.clone());
            let is_merge = key.text == "<<" && !key.quoted;
            let first =
                if is_merge { merge.as_ref().map(|(_, mark)| mark.place) } else { map.known.get(&name).copied() };
            if let Some(first) = first {
                let hint = if is_merge { "; write `<<: [*a, *b]`" } else { "" };
                let message = format!("duplicate key `{name}` in lines {} and {}{hint}", first.line, place.line);
                self.problems.push(error(place, self.path.clone(), message));
            } else {
                let (read, below) = self.value(value, value_spot, place);
                let is_shared = value_spot.is_some_and(|id| self.outline.is_shared(id));
                let mark = Mark { place, is_shared, below };
                if is_merge {
                    merge = Some((read, mark));
                } else {
                    map.add(name, read, mark);
                }
            }
            self.path.pop();
        }
        if let Some((value, mark)) = merge {
            self.merge(&mut map, value, mark);
        }
        (Value::Map(map.values), map.marks)
    }

    fn key(&mut self, key: &Raw, spot: Option<SpotId>, place: Place) -> Option<Scalar> {
        match self.value(key, spot, place).0 {
            Value::Scalar(scalar) => Some(scalar),
            Value::Null => {
                self.problems.push(error(
                    place,
                    self.path.clone(),
                    "a key is missing, or is a `null` that must be in quotes".to_owned(),
                ));
                None
            }
            other => {
                let message = format!("a key must be a single value, not {}", other.kind());
                self.problems.push(error(place, self.path.clone(), message));
                None
            }
        }
    }

    /// What `<<` brings, for the keys that are not there yet; of several maps the first that has a key wins.
    fn merge(&mut self, map: &mut Entries, value: Value, mark: Mark) {
        match value {
            Value::Map(pairs) => {
                for ((name, value), (_, mark)) in pairs.into_iter().zip(mark.below) {
                    if !map.known.contains_key(&name) {
                        map.add(name, value, mark);
                    }
                }
            }
            Value::List(items) if items.iter().all(|item| matches!(item, Value::Map(_))) => {
                for (item, (_, mark)) in items.into_iter().zip(mark.below) {
                    self.merge(map, item, mark);
                }
            }
            other => {
                let mut path = self.path.clone();
                path.push("<<".to_owned());
                let message = format!("`<<` must be a map or a list of maps, not {}", other.kind());
                self.problems.push(error(mark.place, path, message));
            }
        }
    }
}

/// A map while it is read.
#[derive(Default)]
struct Entries {
    values: Vec<(String, Value)>,
    marks: Vec<(String, Mark)>,
    known: HashMap<String, Place>,
}

impl Entries {
    fn add(&mut self, name: String, value: Value, mark: Mark) {
        self.known.insert(name.clone(), mark.place);
        self.marks.push((name.clone(), mark));
        self.values.push((name, value));
    }
}

#[cfg(test)]
mod tests;
