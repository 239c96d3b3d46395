//! Being asked to stop: signals become a counter that every long operation looks at.

use crate::error::{Error, Kind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::time::Instant;

/// A request to stop that several threads can look at.
#[derive(Clone, Debug)]
pub struct Cancel {
    state: Arc<State>,
    /// How many requests there must be before this token counts as cancelled.
    threshold: usize,
}

#[derive(Debug, Default)]
struct State {
    requests: AtomicUsize,
    signal: AtomicI32,
}

impl Cancel {
    /// A token that nobody has cancelled yet.
    pub fn new() -> Self {
        Self { state: Arc::new(State::default()), threshold: 1 }
    }

    /// Asks everyone who holds a clone to stop, as if `signal` had arrived.
    pub fn request(&self, signal: i32) {
        self.state.signal.store(signal, Ordering::SeqCst);
        self.state.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// The same token for clean-up work: what was requested so far does not count, the next request does.
    #[must_use]
    pub fn shielded(&self) -> Self {
        let seen = self.state.requests.load(Ordering::SeqCst);
        Self { state: Arc::clone(&self.state), threshold: seen + 1 }
    }

    /// The signal that asked us to stop, if one did.
    pub fn signal(&self) -> Option<i32> {
        (self.state.requests.load(Ordering::SeqCst) >= self.threshold).then(|| self.state.signal.load(Ordering::SeqCst))
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

/// Until when, and unless told otherwise: what bounds a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Ends the work when requested.
    pub cancel: Cancel,
    /// Ends the work when passed; none means no bound.
    pub deadline: Option<Instant>,
}

impl Limits {
    /// `Err` of kind `Interrupted` or `TimedOut` when the work has to end now. Cheap: call it often.
    pub fn check(&self) -> Result<()> {
        if let Some(signal) = self.cancel.signal() {
            return Err(Error::new(Kind::Interrupted(signal), format!("stopped by signal {signal}")));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Error::new(Kind::TimedOut, "the timeout passed"));
        }
        Ok(())
    }
}
