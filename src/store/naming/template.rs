//! One file name template: compiled once, then used both to make names and to recognise them.

use crate::store::naming::dates::{DateField, DateFields};
use crate::store::naming::dbname;
use crate::store::naming::{Known, Parts};
use std::collections::BTreeMap;

/// One of the four templates of a scheme, compiled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    Text(String),
    Basename,
    Level,
    Ext,
    Dbname,
    Date(DateField),
}

impl Template {
    /// Compiles a template such as `{basename}-{date:%Y%m%d_%H%M%S}-{level}.{ext}`; `keys` are the scheme's own keys.
    /// `{{` and `}}` stand for braces, as in Python. The error is one line for `check`.
    pub fn parse(text: &str, keys: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut template = Self { pieces: Vec::new() };
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, from) = rest.split_at(at);
            template.push_text(literal)?;
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                template.push_text(from.get(..1).unwrap_or_default())?;
                rest = after;
                continue;
            }
            let field = from.strip_prefix('{').ok_or("a `}` without its `{`")?;
            let (field, after) = field.split_once('}').ok_or("a `{` without its `}`")?;
            template.push_field(field, keys)?;
            rest = after;
        }
        template.push_text(rest)?;
        template.check()
    }

    fn check(self) -> Result<Self, String> {
        // a database may be called anything, so there a word of the template's own says too little
        let any_dbname = self.has_dbname();
        let identifying = |piece: &Piece| match piece {
            Piece::Basename | Piece::Date(_) => true,
            Piece::Text(text) => !any_dbname && text.chars().any(char::is_alphanumeric),
            Piece::Level | Piece::Ext | Piece::Dbname => false,
        };
        if self.pieces.is_empty() {
            return Err("the template is empty".into());
        }
        if !self.pieces.iter().any(identifying) {
            return Err("without {basename} and {date:…} any file could be taken for a backup".into());
        }
        Ok(self)
    }

    fn push_text(&mut self, text: &str) -> Result<(), String> {
        if let Some(c) = text.chars().find(|c| *c == '/' || c.is_control()) {
            return Err(format!("`{}` cannot stand in a file name", c.escape_default()));
        }
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
        Ok(())
    }

    fn push_field(&mut self, field: &str, keys: &BTreeMap<String, String>) -> Result<(), String> {
        let (name, spec) = field.split_once(':').map_or((field, None), |(name, spec)| (name, Some(spec)));
        let piece = match (name, spec) {
            ("date", Some(spec)) => return self.push_date(spec),
            ("date", None) => return Err("`{date}` needs a format, such as {date:%Y%m%d_%H%M%S}".into()),
            (_, Some(_)) => return Err(format!("`{{{field}}}`: only the date takes a format")),
            ("basename", None) => Piece::Basename,
            ("level", None) => Piece::Level,
            ("ext", None) => Piece::Ext,
            ("dbname", None) => Piece::Dbname,
            (other, None) => {
                let unknown = || format!("`{{{other}}}` is neither basename, level, ext, dbname, date nor a key here");
                return self.push_text(keys.get(other).ok_or_else(unknown)?);
            }
        };
        self.pieces.push(piece);
        Ok(())
    }

    fn push_date(&mut self, spec: &str) -> Result<(), String> {
        let mut chars = spec.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                self.push_text(c.encode_utf8(&mut [0; 4]))?;
                continue;
            }
            match chars.next() {
                Some('%') => self.push_text("%")?,
                Some(letter) => match DateField::by_letter(letter) {
                    Some(field) => self.pieces.push(Piece::Date(field)),
                    None => return Err(format!("`%{letter}` is not one of %d %m %Y %H %M %S %%")),
                },
                None => return Err("a lone `%` at the end of the date format".into()),
            }
        }
        Ok(())
    }

    pub(super) fn uses(&self, wanted: &Piece) -> bool {
        self.pieces.contains(wanted)
    }

    /// Whether names this makes differ wherever those of `other` do, whatever the base name and the extension.
    pub fn tells_apart_as(&self, other: &Self) -> bool {
        let varying = |piece: &&Piece| matches!(piece, Piece::Level | Piece::Dbname | Piece::Date(_));
        other.pieces.iter().filter(varying).all(|piece| self.uses(piece))
    }

    /// Whether the base name stands in the names this makes.
    pub fn has_basename(&self) -> bool {
        self.uses(&Piece::Basename)
    }

    /// Whether the level stands in the names this makes.
    pub fn has_level(&self) -> bool {
        self.uses(&Piece::Level)
    }

    /// Whether the extension stands in the names this makes.
    pub fn has_ext(&self) -> bool {
        self.uses(&Piece::Ext)
    }

    /// Whether the database name stands in the names this makes.
    pub fn has_dbname(&self) -> bool {
        self.uses(&Piece::Dbname)
    }

    /// The file name. Database names are escaped so that they can be nothing but part of a file name.
    pub fn format(&self, parts: &Parts) -> String {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Basename => name.push_str(&parts.basename),
                Piece::Level => name.push_str(&parts.level.map(|level| level.to_string()).unwrap_or_default()),
                Piece::Ext => name.push_str(&parts.ext),
                Piece::Dbname => name.push_str(&dbname::escape(parts.dbname.as_deref().unwrap_or_default())),
                Piece::Date(field) => name.push_str(&field.format(parts.time)),
            }
        }
        name
    }

    /// The parts of a name this template could have made, exactly, or none.
    pub fn recognise(&self, name: &str, known: &Known<'_>) -> Option<Parts> {
        Some(self.read(name, known)?.parts(known.basename))
    }

    /// As [`Template::recognise`], but every variable as it stands in the name.
    pub fn read(&self, name: &str, known: &Known<'_>) -> Option<Reading> {
        walk(&self.pieces, name, known, Reading::default())
    }

    /// The name that belongs to what was read from another one, such as the checksum file's to the archive's; none when
    /// that does not say enough.
    pub fn rewrite(&self, reading: &Reading, known: &Known<'_>, ext: &str) -> Option<String> {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Basename => name.push_str(known.basename),
                Piece::Level => name.push(char::from(b'0' + reading.level?)),
                Piece::Ext => name.push_str(ext),
                Piece::Dbname => name.push_str(reading.dbname.as_ref()?),
                Piece::Date(field) => name.push_str(&reading.date.text(*field)?),
            }
        }
        Some(name)
    }
}

/// What was read from a name, every variable as it stands there.
#[derive(Clone, Default, Debug)]
pub struct Reading {
    level: Option<u8>,
    ext: Option<String>,
    dbname: Option<String>,
    date: DateFields,
}

impl Reading {
    /// What it means.
    pub fn parts(&self, basename: &str) -> Parts {
        Parts {
            basename: basename.to_owned(),
            level: self.level,
            ext: self.ext.clone().unwrap_or_default(),
            dbname: self.dbname.as_deref().map(dbname::unescape),
            time: self.date.time(),
        }
    }
}

/// Matches the remaining pieces against the rest of the name. Only the extension and the first database name leave a choice.
fn walk(pieces: &[Piece], rest: &str, known: &Known<'_>, mut found: Reading) -> Option<Reading> {
    let Some((piece, pieces)) = pieces.split_first() else {
        return (rest.is_empty() && found.date.is_valid()).then_some(found);
    };
    match piece {
        Piece::Text(text) => walk(pieces, rest.strip_prefix(text.as_str())?, known, found),
        Piece::Basename => walk(pieces, rest.strip_prefix(known.basename)?, known, found),
        Piece::Level => {
            let digit = rest.bytes().next().filter(u8::is_ascii_digit)? - b'0';
            agree(&mut found.level, digit)?;
            walk(pieces, rest.get(1..)?, known, found)
        }
        Piece::Date(field) => {
            let rest = found.date.read(*field, rest)?;
            walk(pieces, rest, known, found)
        }
        Piece::Ext => known.extensions.iter().find_map(|ext| {
            let mut found = found.clone();
            agree(&mut found.ext, ext.clone())?;
            walk(pieces, rest.strip_prefix(ext.as_str())?, known, found)
        }),
        Piece::Dbname => {
            let ends = rest.char_indices().skip(1).map(|(at, _)| at).chain([rest.len()]);
            ends.filter(|end| *end > 0).find_map(|end| {
                let (raw, rest) = rest.split_at(end);
                let mut found = found.clone();
                agree(&mut found.dbname, raw.to_owned())?;
                walk(pieces, rest, known, found)
            })
        }
    }
}

/// Every use of a variable must say the same.
fn agree<T: PartialEq>(slot: &mut Option<T>, value: T) -> Option<()> {
    if let Some(earlier) = slot {
        return (*earlier == value).then_some(());
    }
    *slot = Some(value);
    Some(())
}
