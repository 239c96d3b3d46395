//! `logs`: the logs of this server, or of another one through its webapi.

use crate::commands::list::Format;
use crate::error::{Error, Exit, Result};
use std::path::{Path, PathBuf};

/// What is to be read.
pub struct Reading {
    /// An address, a log as DIR/NAME, both in this order, or nothing.
    pub what: Vec<String>,
    /// The debug log of the same run.
    pub debug: bool,
    /// The newest log of this unit.
    pub last: Option<String>,
    /// Go on with what is added.
    pub follow: bool,
    /// A file with the token the webapi wants.
    pub token_file: Option<PathBuf>,
    /// For people or JSON.
    pub format: Format,
}

/// Lists or shows logs.
pub fn logs(_config_file: Option<&Path>, _reading: &Reading) -> Result<Exit> {
    Err(Error::usage("`logs` is not implemented yet"))
}
