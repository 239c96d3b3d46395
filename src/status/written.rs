//! `status_file` and `metrics_file`: the document for servers where no port may be opened.

use crate::config::Logging;
use crate::error::Result;
use crate::run::places::Places;
use crate::status::{Status, metrics};
use crate::sys::files;
use std::path::Path;
use std::time::Duration;

/// Monitoring agents read them under users of their own.
const MODE: u32 = 0o644;

/// How long another run's turn is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the document and replaces the files that `logging` names, one after the other with those of other runs, so that the
/// later document is the one that stays. Without such files nothing is made. Not waited for the disk: the next run writes
/// them anew.
pub fn write(logging: &Logging, status: impl FnOnce() -> Status) -> Vec<Result<()>> {
    if logging.status_file.is_none() && logging.metrics_file.is_none() {
        return Vec::new();
    }
    let places = Places { logs: logging.logs_path.clone(), group: logging.group };
    // without it (a full or read-only log disk, somebody who hangs) the files still have to be written
    let _lock = files::lock_within(&places.state().join("status.lock"), PATIENCE);
    let status = status();
    let replace = |path: &Path, text: String| files::replace_note(path, text.as_bytes(), MODE);
    let document = logging.status_file.as_ref().map(|path| replace(path, status.document() + "\n"));
    let metrics = logging.metrics_file.as_ref().map(|path| replace(path, metrics::text(&status)));
    document.into_iter().chain(metrics).collect()
}
