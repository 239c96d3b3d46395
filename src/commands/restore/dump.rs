//! Dumps: copied out, or restored into a new database.

use super::Job;
use crate::error::{Error, Exit, Result};

/// Restores dumps.
pub fn restore(job: &Job<'_>) -> Result<Exit> {
    let _ = job;
    Err(Error::failed("not yet"))
}
