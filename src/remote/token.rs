//! What a webapi with `web.token` wants to hear, out of a file of its own.

use crate::error::{Error, Result};
use std::path::Path;

/// Reads it. Fails (kind `Usage`) when the file holds anything but one word.
pub fn read(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("the token in {} cannot be read: {error}", path.display())))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::usage(format!(
            "{} does not hold one word of ASCII letters, digits and signs",
            path.display()
        )));
    }
    Ok(token.to_owned())
}
