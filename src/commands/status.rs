//! `status`: how this server stands, or many others through their webapis.

use crate::commands::list::Format;
use crate::error::{Error, Exit, Result};
use std::path::{Path, PathBuf};

/// What is asked.
pub struct Question {
    /// Addresses of webapis; none with [`Self::servers`] empty too for this server.
    pub urls: Vec<String>,
    /// A file with more of them.
    pub servers: Option<PathBuf>,
    /// A file with the token some webapis want.
    pub token_file: Option<PathBuf>,
    /// Deadline of one server's answer, as typed.
    pub timeout: Option<String>,
    /// Seconds between two rounds of asking.
    pub watch: Option<u64>,
    /// Table or JSON.
    pub format: Format,
}

/// Answers it: 0 when all is well, 3 with warnings or overdue tasks, 1 with failures or silent servers.
pub fn status(_config_file: Option<&Path>, _question: &Question) -> Result<Exit> {
    Err(Error::usage("`status` is not implemented yet"))
}
