//! A base's list, read and parsed on a thread of its own while the walk asks the kernel.

use crate::archive::changes::{Facts, Known};
use crate::archive::list::{self, Line, State};
use crate::error::{Doing, Error, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Entries that travel together.
const BATCH: usize = 512;
/// Batches read ahead at most: bounds the memory.
const BATCHES: usize = 4;

/// Entries in the order of the list. The thread ends with the list, or when nobody asks any more.
pub(super) struct Ahead {
    batches: Receiver<Result<Vec<Known>>>,
    batch: std::vec::IntoIter<Known>,
    ended: bool,
}

impl Ahead {
    /// Begins to read.
    pub(super) fn of(reader: list::Reader) -> Result<Self> {
        let (sender, batches) = sync_channel(BATCHES);
        let thread = thread::Builder::new().name("list".into());
        thread.spawn(move || read(reader, &sender)).doing(|| "starting a thread to read the list".to_owned())?;
        Ok(Self { batches, batch: Vec::new().into_iter(), ended: false })
    }

    /// The next entry; none at the end. Fails when the list is damaged or cut off.
    pub(super) fn next(&mut self) -> Result<Option<Known>> {
        loop {
            if let Some(known) = self.batch.next() {
                return Ok(Some(known));
            }
            if self.ended {
                return Ok(None);
            }
            // a thread that went away without a word must not look like the end: everything would count as new
            let gone = || Error::failed("reading the list ended unexpectedly");
            let batch = self.batches.recv().map_err(|_| gone())??;
            // the last batch alone is not full
            self.ended = batch.len() < BATCH;
            self.batch = batch.into_iter();
        }
    }
}

fn read(mut reader: list::Reader, sender: &SyncSender<Result<Vec<Known>>>) {
    loop {
        let batch = fill(&mut reader);
        let last = batch.as_ref().map_or(true, |batch| batch.len() < BATCH);
        if sender.send(batch).is_err() || last {
            return;
        }
    }
}

fn fill(reader: &mut list::Reader) -> Result<Vec<Known>> {
    let mut batch = Vec::with_capacity(BATCH);
    while batch.len() < BATCH {
        match reader.line()? {
            // a full archive has none
            Some(Line::Deleted(_)) => {}
            None => break,
            Some(Line::Entry(entry)) => {
                let list::Entry { path, kind, size, mtime, ctime, ino, state } = entry;
                let facts = match state {
                    State::Whole => Facts::Exact { kind, size, mtime, ctime, ino },
                    State::Damaged => Facts::Nothing,
                };
                batch.push(Known { path, facts, sure: true });
            }
        }
    }
    Ok(batch)
}
