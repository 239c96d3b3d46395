//! Looking at file systems that may hang: every look has a thread that can be left behind.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Reading manifests takes a little stack.
const STACK: usize = 256 << 10;

/// Looks that have not come back yet: whoever asks every minute must not leave a thread behind every time.
static PENDING: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn pending() -> MutexGuard<'static, BTreeSet<String>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Something to look at, by a name that is the same whenever the same thing is looked at.
pub type Look<A> = (String, Box<dyn FnOnce() -> A + Send>);

/// Takes all looks at the same time; none where no answer came within `patience`, or none has come since an earlier look.
pub fn take_all<A: Send + 'static>(looks: Vec<Look<A>>, patience: Duration) -> Vec<Option<A>> {
    let deadline = Instant::now() + patience;
    let (sender, answers) = mpsc::channel();
    let mut found: Vec<Option<A>> = looks.iter().map(|_| None).collect();
    for (index, (name, look)) in looks.into_iter().enumerate() {
        if !pending().insert(name.clone()) {
            continue;
        }
        let (sender, own) = (sender.clone(), name.clone());
        let work = move || {
            let answer = look();
            pending().remove(&own);
            // nobody listens any more when the answer comes too late
            let _ = sender.send((index, answer));
        };
        if thread::Builder::new().name("look".into()).stack_size(STACK).spawn(work).is_err() {
            pending().remove(&name);
        }
    }
    drop(sender);
    while let Ok((index, answer)) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(place) = found.get_mut(index) {
            *place = Some(answer);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str, act: impl FnOnce() -> u32 + Send + 'static) -> Look<u32> {
        (name.to_owned(), Box::new(act))
    }

    #[test]
    fn what_hangs_hides_nothing_else_and_is_not_asked_again_until_it_answers() {
        let (release, held) = mpsc::channel::<()>();
        let hang = look("hung", move || held.recv().map_or(1, |()| 2));
        let answers = take_all(vec![look("good", || 7), hang], Duration::from_millis(300));
        assert_eq!(answers, [Some(7), None]);
        let again = take_all(vec![look("hung", || 8), look("good", || 9)], Duration::from_secs(60));
        assert_eq!(again, [None, Some(9)], "no second thread for what still hangs");
        release.send(()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while pending().contains("hung") && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(take_all(vec![look("hung", || 8)], Duration::from_secs(60)), [Some(8)]);
    }
}
