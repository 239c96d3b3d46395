//! Answers that are kept for a moment: made by one request, shared by the others, so that a flood of requests costs no more
//! than one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer that cannot be renewed (a destination hangs) is better than none.
const STALE: Duration = Duration::from_secs(30);

/// How long a request waits for an answer that another one makes.
const PATIENCE: Duration = Duration::from_secs(4);

/// Something that is made anew when it is too old, or when what it depends on has changed.
pub struct Fresh<S, T> {
    max_age: Duration,
    state: Mutex<State<S, T>>,
    made: Condvar,
}

struct State<S, T> {
    kept: Option<Kept<S, T>>,
    /// Since when somebody makes a new one.
    making: Option<Instant>,
}

struct Kept<S, T> {
    value: Arc<T>,
    stamp: S,
    since: Instant,
}

impl<S: PartialEq, T> Fresh<S, T> {
    /// Kept for at most this long.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, state: Mutex::new(State { kept: None, making: None }), made: Condvar::new() }
    }

    /// The value that belongs to this stamp. While another request makes it, an older one has to do. None when the
    /// making takes so long that there is nothing honest to say.
    pub fn get(&self, stamp: S, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let age = |kept: &Kept<S, T>| now.saturating_duration_since(kept.since);
            if let Some(kept) = state.kept.as_ref().filter(|kept| kept.stamp == stamp && age(kept) < self.max_age) {
                return Some(kept.value.clone());
            }
            let Some(begun) = state.making else { break };
            if let Some(kept) = state.kept.as_ref().filter(|kept| age(kept) < STALE) {
                return Some(kept.value.clone());
            }
            let left = PATIENCE.checked_sub(now.saturating_duration_since(begun))?;
            state = self.made.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.making = Some(Instant::now());
        drop(state);
        let value = Arc::new(make());
        let mut state = self.lock();
        state.kept = Some(Kept { value: value.clone(), stamp, since: Instant::now() });
        state.making = None;
        self.made.notify_all();
        Some(value)
    }

    fn lock(&self) -> MutexGuard<'_, State<S, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn it_is_made_once_as_long_as_nothing_changes() {
        let fresh = Fresh::new(LONG);
        assert_eq!(fresh.get(1, || "one").as_deref(), Some(&"one"));
        assert_eq!(fresh.get(1, || "again").as_deref(), Some(&"one"));
        assert_eq!(fresh.get(2, || "two").as_deref(), Some(&"two"));
        let old = Fresh::new(Duration::ZERO);
        assert_eq!(old.get(1, || "one").as_deref(), Some(&"one"));
        assert_eq!(old.get(1, || "again").as_deref(), Some(&"again"));
    }

    /// One request that hangs does not take the others with it.
    #[test]
    fn while_one_is_made_the_older_one_has_to_do() {
        let fresh = Arc::new(Fresh::new(LONG));
        fresh.get(1, || "old");
        let (started, is_started) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let other = fresh.clone();
        let maker = std::thread::spawn(move || {
            other.get(2, || {
                started.send(()).unwrap();
                may_go_on.recv().unwrap();
                "new"
            })
        });
        is_started.recv().unwrap();
        assert_eq!(fresh.get(2, || "mine").as_deref(), Some(&"old"));
        go_on.send(()).unwrap();
        assert_eq!(maker.join().unwrap().as_deref(), Some(&"new"));
        assert_eq!(fresh.get(2, || "mine").as_deref(), Some(&"new"));
    }

    #[test]
    fn many_at_once_make_one() {
        let fresh = Fresh::new(LONG);
        let count = AtomicU32::new(0);
        let make = || count.fetch_add(1, Ordering::SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| assert_eq!(fresh.get(1, make).as_deref(), Some(&0)));
            }
        });
        assert_eq!(count.into_inner(), 1);
    }
}
