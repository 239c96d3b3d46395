//! What an entry says and what is wrong with it.

use crate::value::Value;
use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing; changes nothing.
    Note,
    /// Probably not what was meant; runs go on.
    Warning,
    /// Cannot be run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong in the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Where: keys (and indexes of list items, as text) from the top of the file.
    pub path: Vec<String>,
    /// What, in one line.
    pub message: String,
}

/// One property with where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Property {
    /// The key.
    pub key: String,
    /// What was written.
    pub value: Value,
    /// Key path of the entry it was written in: the action itself or an ancestor.
    pub entry: Vec<String>,
    /// Whether it comes from an ancestor.
    pub inherited: bool,
}

impl Property {
    /// What an entry itself says.
    pub fn own(entry: &[String], pairs: &[(String, Value)]) -> Vec<Self> {
        let property = |(key, value): &(String, Value)| Self {
            key: key.clone(),
            value: value.clone(),
            entry: entry.to_vec(),
            inherited: false,
        };
        pairs.iter().map(property).collect()
    }
}
