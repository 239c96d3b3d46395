//! The only place that makes and reads the names of backup files.

use std::collections::BTreeMap;
use time::PrimitiveDateTime;

/// One of the four templates of a scheme, compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Text(String),
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

impl Template {
    /// Compiles a template such as `{basename}-{date:%Y%m%d_%H%M%S}-{level}.{ext}`; `keys` are the scheme's own keys.
    /// The error is one line for `check`.
    pub fn parse(text: &str, keys: &BTreeMap<String, String>) -> Result<Self, String> {
        let _ = keys;
        Ok(Self { pieces: vec![Piece::Text(text.to_owned())] })
    }

    /// The file name. Database names are escaped so that they can be nothing but part of a file name.
    pub fn format(&self, parts: &Parts) -> String {
        let _ = (parts, &self.pieces);
        String::new()
    }

    /// The parts of a name this template could have made, exactly, or none.
    pub fn recognise(&self, name: &str, known: &Known<'_>) -> Option<Parts> {
        let _ = (name, known);
        None
    }
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
        let _ = keys;
        Err(Vec::new())
    }

    /// The built-in scheme `default`.
    pub fn default_scheme() -> Self {
        let template = Template { pieces: Vec::new() };
        Self {
            id: "default".into(),
            fsdump: template.clone(),
            fsdump_hash: template.clone(),
            pgdump: template.clone(),
            pgdump_hash: template,
        }
    }
}
