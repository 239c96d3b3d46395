//! Asking many servers at once.

use crate::error::{Doing, Error, Kind, Result};
use crate::remote::report::{Asking, Report};
use crate::remote::url::Url;
use crate::sys::signals::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How many servers are asked at the same time. Each that hangs holds a place until its deadline, so there must be more places
/// than servers that usually hang; a place costs some 30 KiB of memory.
const PLACES: usize = 192;

/// Only what is touched of it costs memory.
const STACK: usize = 256 << 10;

/// How often we look at whether we are to stop.
const NAP: Duration = Duration::from_millis(100);

/// What every server says, or why nothing is known of it, in the order of `urls`. Fails when `cancel` is requested; what is
/// still being asked then is left behind.
pub fn ask_all(urls: &[Url], asking: &Asking, cancel: &Cancel) -> Result<Vec<std::result::Result<Report, String>>> {
    let work = Arc::new((urls.to_vec(), asking.clone(), AtomicUsize::new(0)));
    let (sender, answers) = mpsc::channel();
    for place in 0..urls.len().min(PLACES) {
        let (work, sender) = (Arc::clone(&work), sender.clone());
        let ask = move || {
            let (urls, asking, next) = &*work;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(url) = urls.get(index) else { break };
                if sender.send((index, asking.ask(url))).is_err() {
                    break;
                }
            }
        };
        match thread::Builder::new().name("ask".into()).stack_size(STACK).spawn(ask) {
            // a limit on threads: those that could be had do all the work
            Err(_) if place > 0 => break,
            other => drop(other.doing(|| "starting a thread".into())?),
        }
    }
    drop(sender);
    let mut found: Vec<_> = urls.iter().map(|_| Err("it was not asked".to_owned())).collect();
    loop {
        match answers.recv_timeout(NAP) {
            Ok((index, answer)) => {
                if let Some(place) = found.get_mut(index) {
                    *place = answer;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(found),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(signal) = cancel.signal() {
            return Err(Error::new(Kind::Interrupted(signal), format!("stopped by signal {signal}")));
        }
    }
}
