//! The only place that makes and reads the names of backup files.

mod dates;
pub mod dbname;
mod template;

use std::collections::BTreeMap;
use template::Piece;
pub use template::{Reading, Template};
use time::PrimitiveDateTime;

/// The longest name of a main file in bytes: 255, less what the temporary name of its manifest (`.NAME.manifest.part`) adds.
pub const MAX_NAME_BYTES: usize = 255 - ".".len() - ".manifest".len() - ".part".len();

/// The templates of the scheme `default`.
const DEFAULT: [(&str, &str); 4] = [
    ("fsdump_fileformat", "{basename}-{date:%Y%m%d_%H%M%S}-{level}.{ext}"),
    ("fsdump_hash_fileformat", "{basename}-{date:%Y%m%d_%H%M%S}-{level}.hash"),
    ("pgdump_fileformat", "{basename}-{dbname}-{date:%Y%m%d_%H%M%S}.pgdump"),
    ("pgdump_hash_fileformat", "{basename}-{dbname}-{date:%Y%m%d_%H%M%S}.hash"),
];

/// What kind of files a source writes, which decides the templates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Archives of files: `fsdump_*`.
    Files,
    /// Database dumps: `pgdump_*`.
    Dumps,
}

/// What a name is made of. Fields that a template does not use are ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// Base name of the action.
    pub basename: String,
    /// 0 full, 1 differential.
    pub level: Option<u8>,
    /// Extension without the leading dot, such as `tar.gz`.
    pub ext: String,
    /// Database name as the server knows it, not escaped.
    pub dbname: Option<String>,
    /// Run time, local wall clock; none when the template has no date or one too coarse to order.
    pub time: Option<PrimitiveDateTime>,
}

/// What is known before a name is recognised.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Base name that must stand in the name.
    pub basename: &'a str,
    /// Extensions that may stand in the name.
    pub extensions: &'a [String],
}

/// A naming scheme: how archives, dumps and their checksum files are named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheme {
    /// `scheme_id`, `default` for the built-in one.
    pub id: String,
    /// `fsdump_fileformat`: archives and, with the list extension as `ext`, list files.
    pub fsdump: Template,
    /// `fsdump_hash_fileformat`.
    pub fsdump_hash: Template,
    /// `pgdump_fileformat`.
    pub pgdump: Template,
    /// `pgdump_hash_fileformat`.
    pub pgdump_hash: Template,
}

impl Scheme {
    /// Compiles a scheme from its keys; missing templates come from `default`. One message per template that is wrong:
    /// (key, message).
    pub fn compile(keys: &BTreeMap<String, String>) -> Result<Self, Vec<(String, String)>> {
        let mut wrong = Vec::new();
        let [fsdump, fsdump_hash, pgdump, pgdump_hash] = DEFAULT.map(|(key, default)| {
            let text = keys.get(key).map_or(default, String::as_str);
            let compiled = Template::parse(text, keys).and_then(|template| suits(key, template));
            compiled.map_err(|message| wrong.push((key.to_owned(), message))).ok()
        });
        match (fsdump, fsdump_hash, pgdump, pgdump_hash) {
            (Some(fsdump), Some(fsdump_hash), Some(pgdump), Some(pgdump_hash)) => {
                let id = keys.get("scheme_id").map_or("default", String::as_str).to_owned();
                Ok(Self { id, fsdump, fsdump_hash, pgdump, pgdump_hash })
            }
            _ => Err(wrong),
        }
    }

    /// The built-in scheme `default`.
    pub fn default_scheme() -> Self {
        let template = |key: &str| {
            let text = DEFAULT.iter().find(|(name, _)| *name == key).map_or("", |(_, text)| text);
            // the templates are constants, and a test compiles them
            Template::parse(text, &BTreeMap::new()).unwrap_or_default()
        };
        Self {
            id: "default".into(),
            fsdump: template("fsdump_fileformat"),
            fsdump_hash: template("fsdump_hash_fileformat"),
            pgdump: template("pgdump_fileformat"),
            pgdump_hash: template("pgdump_hash_fileformat"),
        }
    }

    /// The template of main files.
    pub fn main(&self, family: Family) -> &Template {
        match family {
            Family::Files => &self.fsdump,
            Family::Dumps => &self.pgdump,
        }
    }

    /// The template of checksum files.
    pub fn hash(&self, family: Family) -> &Template {
        match family {
            Family::Files => &self.fsdump_hash,
            Family::Dumps => &self.pgdump_hash,
        }
    }

    /// Whether each set has a checksum file of its own. Where several share one, it is the newest set's and says nothing about
    /// the others.
    pub fn has_own_hash(&self, family: Family) -> bool {
        self.hash(family).tells_apart_as(self.main(family))
    }

    /// Name of the archive or dump.
    pub fn main_name(&self, family: Family, parts: &Parts) -> String {
        self.main(family).format(parts)
    }

    /// Name of the list file of an archive: as KB17, the archive's with another extension. Where the template has no
    /// extension that would be the archive's own name, so the list's is added to it.
    pub fn list_name(&self, parts: &Parts, list_extension: &str) -> String {
        let name = self.fsdump.format(&Parts { ext: list_extension.to_owned(), ..parts.clone() });
        apart(name, &self.fsdump.format(parts), list_extension)
    }

    /// Name of the checksum file.
    pub fn hash_name(&self, family: Family, parts: &Parts) -> String {
        apart(self.hash(family).format(parts), &self.main_name(family, parts), "hash")
    }
}

impl Scheme {
    /// The names of list file (archives only) and checksum file that belong to the main file `main`.
    pub fn beside(&self, family: Family, main: &str, known: &Known<'_>, list_extension: &str) -> Vec<String> {
        let Some(reading) = self.main(family).read(main, known) else { return Vec::new() };
        let list = (family == Family::Files).then(|| self.fsdump.rewrite(&reading, known, list_extension)).flatten();
        let hash = self.hash(family).rewrite(&reading, known, "hash");
        let named = [(list, list_extension), (hash, "hash")];
        named.into_iter().filter_map(|(name, extension)| Some(apart(name?, main, extension))).collect()
    }

    /// The names of the archives, one for each known extension, that the list file `list` may belong to.
    pub fn archives_of(&self, list: &str, known: &Known<'_>, list_extension: &str) -> Vec<String> {
        let listed = Known { extensions: &[list_extension.to_owned()], ..known.clone() };
        let Some(reading) = self.fsdump.read(list, &listed) else { return Vec::new() };
        known.extensions.iter().filter_map(|ext| self.fsdump.rewrite(&reading, known, ext)).collect()
    }
}

fn apart(name: String, main: &str, extension: &str) -> String {
    if name == main { format!("{main}.{extension}") } else { name }
}

/// A template may use only what is known for its kind of files.
fn suits(key: &str, template: Template) -> Result<Template, String> {
    let files = key.starts_with("fsdump");
    let foreign = [(Piece::Dbname, files, "dbname"), (Piece::Level, !files, "level")];
    match foreign.iter().find(|(piece, here, _)| *here && template.uses(piece)) {
        Some((_, _, name)) => {
            Err(format!("`{{{name}}}` is not known for {}", if files { "archives" } else { "dumps" }))
        }
        None => Ok(template),
    }
}

/// The temporary name of a file that will be called `name`, or of a set that is being removed.
pub fn part_name(name: &str) -> String {
    format!(".{name}.part")
}

/// The final name that a temporary name stands for.
pub fn final_name(part: &str) -> Option<&str> {
    part.strip_prefix('.')?.strip_suffix(".part").filter(|name| !name.is_empty())
}

/// Refuses a main file's name that would be too long for a file system, its companions' and temporary names included.
pub fn check_length(name: &str) -> Result<(), String> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    Err(format!("the file name `{name}` has {} bytes, {MAX_NAME_BYTES} are possible", name.len()))
}

#[cfg(test)]
mod tests;
