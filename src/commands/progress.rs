//! The line on a terminal that says how far a long piece of work is.

use crate::archive::restore::Watch;
use crate::error::Result;
use crate::output;
use crate::sys::signals::Limits;
use crate::units::show_progress;
use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// No line for what takes less.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks of the line.
const STEP: Duration = Duration::from_millis(200);

/// Counts what is done and shows it, if somebody can see it.
pub struct Progress {
    limits: Limits,
    /// Bytes in all, as far as that is known.
    total: Option<u64>,
    entries: Cell<u64>,
    bytes: Cell<u64>,
    started: Instant,
    /// When the line is due; none without a terminal.
    due: Cell<Option<Instant>>,
}

impl Progress {
    /// Starts counting; `total` is the number of bytes to come.
    pub fn new(limits: &Limits, total: Option<u64>) -> Self {
        let started = Instant::now();
        Self {
            limits: limits.clone(),
            total: total.filter(|total| *total > 0),
            entries: Cell::new(0),
            bytes: Cell::new(0),
            started,
            due: Cell::new(std::io::stderr().is_terminal().then(|| started + PATIENCE)),
        }
    }

    fn show(&self, now: Instant) {
        let total = self.total.unwrap_or_default();
        output::transient(&show_progress(self.entries.get(), self.bytes.get(), total, now - self.started));
        self.due.set(Some(now + STEP));
    }
}

impl Watch for Progress {
    fn passed(&self, entries: u64, bytes: u64) -> Result<()> {
        self.entries.set(self.entries.get() + entries);
        self.bytes.set(self.bytes.get() + bytes);
        if let Some(due) = self.due.get() {
            let now = Instant::now();
            if now >= due {
                self.show(now);
            }
        }
        self.limits.check()
    }
}
