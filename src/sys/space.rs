//! Free and total space of a file system, asked of the kernel itself (`statvfs`), never of `df`.

use crate::error::{Doing, Result};
use std::path::Path;

/// Space of one file system, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Size of the file system.
    pub total: u64,
    /// What an unprivileged writer could still use (`f_bavail`).
    pub free: u64,
}

/// Space of the file system that holds `path`.
pub fn of(path: &Path) -> Result<Space> {
    let st = rustix::fs::statvfs(path).doing(|| format!("asking for the free space of {}", path.display()))?;
    Ok(Space { total: st.f_blocks.saturating_mul(st.f_frsize), free: st.f_bavail.saturating_mul(st.f_frsize) })
}
