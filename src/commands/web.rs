//! `web`: the webapi in the foreground, and the end of one that runs.

use crate::error::{Error, Exit, Result};
use std::path::Path;

/// Serves until SIGTERM or SIGINT.
pub fn start(_config_file: Option<&Path>) -> Result<Exit> {
    Err(Error::usage("`web start` is not implemented yet"))
}

/// Ends the one that runs.
pub fn stop(_config_file: Option<&Path>) -> Result<Exit> {
    Err(Error::usage("`web stop` is not implemented yet"))
}
