//! What the archive engine tells, into the action's log.

use crate::actions::context::Context;
use crate::archive::list::escape;
use crate::archive::notes::{Notes, show};
use crate::error::Result;
use std::sync::{Mutex, PoisonError};

/// Troubles told at WARNING; the rest go to the debug log and are counted.
const TOLD: u64 = 100;
/// Paths kept for the manifest.
const KEPT: usize = 1000;

/// Listens to the engine.
pub struct Log<'a> {
    cx: &'a Context<'a>,
    files: Files,
    troubles: Mutex<Troubles>,
}

/// `log_files`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Files {
    /// Every path goes to the debug log.
    Logged,
    /// Only what is in trouble.
    Quiet,
}

#[derive(Default)]
struct Troubles {
    count: u64,
    paths: Vec<String>,
}

impl<'a> Log<'a> {
    /// Tells into this action's log.
    pub fn new(cx: &'a Context<'a>, files: Files) -> Self {
        Self { cx, files, troubles: Mutex::default() }
    }

    /// Says how much was not told; returns the paths that are not, or not completely, in the archive.
    pub fn finish(self) -> Vec<String> {
        let troubles = self.troubles.into_inner().unwrap_or_else(PoisonError::into_inner);
        if troubles.count > TOLD {
            let more = troubles.count - TOLD;
            self.cx.warn(format!("{more} more paths were not, or not completely, stored: the debug log names them"));
        }
        troubles.paths
    }
}

impl Notes for Log<'_> {
    fn trouble(&self, path: &[u8], what: &str) {
        let path = named(path);
        let message = format!("{}: {what}", show(path));
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.count += 1;
        if troubles.paths.len() < KEPT {
            troubles.paths.push(escape(path));
        }
        if troubles.count > TOLD { self.cx.debug(message) } else { self.cx.warn(message) }
    }

    fn info(&self, message: &str) {
        self.cx.info(message);
    }

    fn entry(&self, path: &[u8], what: &str) {
        self.cx.debug(format!("{what}: {}", show(named(path))));
    }

    fn wants_entries(&self) -> bool {
        self.files == Files::Logged
    }

    fn passed(&self, entries: u64, bytes: u64) {
        self.cx.passed(entries, bytes);
    }

    fn check(&self) -> Result<()> {
        self.cx.limits.check()
    }
}

/// The source itself has no path in a walk.
fn named(path: &[u8]) -> &[u8] {
    if path.is_empty() { b"." } else { path }
}
