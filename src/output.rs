//! The one place that writes to the terminal: data to stdout, everything else to stderr; a closed pipe is no error.

use crate::error::{Doing, Result};
use rustix::event::{PollFd, PollFlags};
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Prints one line of data. A reader that went away (`| head`) is not an error; a full disk behind `>` is.
pub fn line(text: &str) -> Result<()> {
    raw(format!("{text}\n").as_bytes())
}

/// Set once a JSON document was printed: there is never a second one.
static HAS_DOCUMENT: AtomicBool = AtomicBool::new(false);

/// Prints one JSON document.
pub fn json(document: &serde_json::Value) -> Result<()> {
    HAS_DOCUMENT.store(true, Ordering::SeqCst);
    line(&format!("{document:#}"))
}

/// Whether [`json`] was called.
pub fn has_document() -> bool {
    HAS_DOCUMENT.load(Ordering::SeqCst)
}

/// Prints bytes as they are.
pub fn raw(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.doing(|| "writing to standard output".to_owned()),
    }
}

/// Waits, at most this long, for whoever reads our data to go away; whether he has.
pub fn reader_is_gone(patience: std::time::Duration) -> bool {
    let patience = rustix::event::Timespec::try_from(patience).ok();
    let stdout = std::io::stdout();
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let ready = rustix::event::poll(&mut watched, patience.as_ref()).unwrap_or_default();
    ready > 0
}

/// A text on one line without anything that would control a terminal: line breaks as `\n`, other control characters but the
/// tab as `\x1b`.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            c if c.is_control() && c != '\t' => {
                // writing to a String cannot fail
                let _ = write!(shown, "\\x{:02x}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Whether the line of [`transient`] stands on the terminal.
static IS_TRANSIENT: AtomicBool = AtomicBool::new(false);

/// Takes the line of [`transient`] away.
const CLEAR: &str = "\r\x1b[K";

/// Tells a person something on stderr; a closed stderr changes nothing.
pub fn note(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let clear = if IS_TRANSIENT.swap(false, Ordering::SeqCst) { CLEAR } else { "" };
    let _ = stderr.write_all(format!("{clear}{text}\n").as_bytes());
}

/// Shows a line on a terminal's stderr that the next one, or the next [`note`], replaces; an empty one takes it away.
pub fn transient(text: &str) {
    let mut stderr = std::io::stderr().lock();
    if IS_TRANSIENT.swap(!text.is_empty(), Ordering::SeqCst) || !text.is_empty() {
        let _ = stderr.write_all(format!("{CLEAR}{text}").as_bytes());
    }
}

/// A colour for a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// Success.
    Green,
}

/// Where text is going, which decides whether it may be coloured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The text in this colour, when the target is a terminal and `NO_COLOR` is not set.
pub fn coloured(target: Target, colour: Colour, text: &str) -> String {
    let terminal = match target {
        Target::Stdout => std::io::stdout().is_terminal(),
        Target::Stderr => std::io::stderr().is_terminal(),
    };
    if !terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return text.to_owned();
    }
    let code = match colour {
        Colour::Red => 31,
        Colour::Yellow => 33,
        Colour::Green => 32,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Rows as a table: columns padded to the widest cell, two blanks between, no blanks at line ends.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let show = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_by_characters() {
        let rows = [vec!["имя".to_owned(), "x".to_owned()], vec!["a".to_owned(), "yy".to_owned()]];
        assert_eq!(table(&rows), ["имя  x", "a    yy"]);
    }
}
