//! What is added to a log, as it is added.

use super::show_line;
use crate::error::{Doing, Exit, Result};
use crate::logbook::lines::LINE_LIMIT;
use crate::output;
use crate::sys::signals;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// Time between two looks.
const NAP: Duration = Duration::from_millis(200);

/// Shows what is added behind `from`, line by line, until interrupted or until nobody reads it any more.
pub(super) fn follow(file: &File, from: u64, path: &Path) -> Result<Exit> {
    signals::install()?;
    let cancel = signals::process_cancel();
    let mut at = from;
    let mut begun: Vec<u8> = Vec::new();
    let mut room = vec![0; 64 << 10];
    loop {
        let count = read(file, &mut room, at).doing(|| format!("reading {}", path.display()))?;
        at += count as u64;
        for part in room.get(..count).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            begun.extend(part);
            // a line without an end must not grow for ever
            if part.ends_with(b"\n") || begun.len() > LINE_LIMIT {
                show_line(&String::from_utf8_lossy(&begun))?;
                begun.clear();
            }
        }
        if let Some(signal) = cancel.signal() {
            return Ok(Exit::Signal(signal));
        }
        if count == 0 && output::reader_is_gone(NAP) {
            return Ok(Exit::Done);
        }
    }
}

fn read(file: &File, room: &mut [u8], at: u64) -> std::io::Result<usize> {
    match file.read_at(room, at) {
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(0),
        other => other,
    }
}
