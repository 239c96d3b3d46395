//! Opening, naming and flushing files so that nobody can redirect us and nothing is lost.

use crate::error::{Doing, Result};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Replaces a small file atomically.
pub fn replace_file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let doing = || format!("writing {}", path.display());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let _ = std::fs::remove_file(&temporary);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary).doing(doing)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode)).doing(doing)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).doing(doing)?;
    std::fs::rename(&temporary, path).doing(doing)
}
