//! `status_file` and `metrics_file`: the document for servers where no port may be opened.

use crate::config::Logging;
use crate::error::Result;
use crate::run::places::Places;
use crate::status::{Status, metrics};
use crate::sys::files;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Monitoring agents read them under users of their own.
const MODE: u32 = 0o644;

/// Makes the document and replaces the files that `logging` names, one after the other with those of other runs, so that the
/// later document is the one that stays. Without such files nothing is made. Not waited for the disk: the next run writes
/// them anew.
pub fn write(logging: &Logging, status: impl FnOnce() -> Status) -> Vec<Result<()>> {
    if logging.status_file.is_none() && logging.metrics_file.is_none() {
        return Vec::new();
    }
    let places = Places { logs: logging.logs_path.clone(), group: logging.group };
    let _lock = lock(&places.state().join("status.lock"));
    let status = status();
    let replace = |path: &Path, text: String| files::replace_note(path, text.as_bytes(), MODE);
    let document = logging.status_file.as_ref().map(|path| replace(path, status.document() + "\n"));
    let metrics = logging.metrics_file.as_ref().map(|path| replace(path, metrics::text(&status)));
    document.into_iter().chain(metrics).collect()
}

/// Without a lock (a full or read-only log disk) the files still have to be written.
fn lock(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(path).ok()?;
    file.lock().ok().map(|()| file)
}
