//! What the engine tells whoever started it, and how that one can stop it.

use crate::error::Result;

/// The engine's only way to talk: it neither logs nor knows who listens.
pub trait Notes: Sync {
    /// Something is not, or not completely, in the archive.
    fn trouble(&self, path: &[u8], what: &str);

    /// Worth knowing; nothing is missing.
    fn info(&self, message: &str);

    /// An entry went into the archive or was left out on purpose. Called only when [`Notes::wants_entries`].
    fn entry(&self, path: &[u8], what: &str);

    /// Whether [`Notes::entry`] is listened to.
    fn wants_entries(&self) -> bool;

    /// So many more entries were looked at and bytes of content read. Cheap.
    fn passed(&self, _entries: u64, _bytes: u64) {}

    /// `Err` when the work has to end now. Cheap.
    fn check(&self) -> Result<()>;
}

/// A path for people: UTF-8 as it is, everything that could break a line or a terminal escaped.
pub fn show(path: &[u8]) -> String {
    let mut shown = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        shown.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    shown
}
