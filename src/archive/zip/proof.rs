//! Reading back what was written (P6): every member is unpacked again, on all cores, while one more thread computes the checksum
//! of the file.

use crate::archive::blocks::{Written, hex};
use crate::archive::notes::{Notes, show};
use crate::archive::proof::Counts;
use crate::archive::read::Type;
use crate::archive::zip::directory::{Directory, Record, reading};
use crate::archive::zip::read::{Content, kind};
use crate::error::{Doing, Error, Result};
use crate::sys::threads;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Reads a zip back and fails unless checksums, lengths, structure and counts are what was written.
pub fn prove(file: &File, threads: usize, expected: (&Written, Counts), notes: &dyn Notes) -> Result<()> {
    let (written, counts) = expected;
    let differs = |what: &str| Error::failed(format!("reading back: {what} differs from what was written"));
    let file = Arc::new(file.try_clone().doing(reading)?);
    let state = State { directory: Directory::open(&file)?, counts: Counts::default(), failure: None };
    let work = Work { file, notes, state: Mutex::new(state) };
    let seen = thread::scope(|scope| {
        threads::start_some(scope, ("decode", threads.max(1)), || || work.run())?;
        checksum(&work.file, notes)
    });
    let state = work.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = state.failure {
        return Err(failure);
    }
    if seen? != (written.size, written.sha256.clone()) {
        return Err(differs("the file"));
    }
    if state.counts != counts {
        return Err(differs("the number of entries or bytes"));
    }
    Ok(())
}

/// What the threads share.
struct Work<'a> {
    file: Arc<File>,
    notes: &'a dyn Notes,
    state: Mutex<State>,
}

struct State {
    directory: Directory,
    counts: Counts,
    failure: Option<Error>,
}

impl Work<'_> {
    /// Unpacks members until there are no more, or one is damaged.
    fn run(&self) {
        while let Some(record) = self.next() {
            let name = || format!("reading back {}", show(&record.name));
            let read = || Content::open(&self.file, &record)?.close().doing(reading);
            if let Err(failure) = self.notes.check().and_then(|()| read().doing(name)) {
                self.lock().failure.get_or_insert(failure);
            }
        }
    }

    fn next(&self) -> Option<Record> {
        let mut state = self.lock();
        if state.failure.is_some() {
            return None;
        }
        match state.directory.record() {
            Ok(Some(record)) => {
                state.counts.entries += 1;
                state.counts.bytes += if kind(&record) == Type::File { record.plain } else { 0 };
                Some(record)
            }
            Ok(None) => None,
            Err(failure) => {
                state.failure = Some(failure);
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Size and SHA-256 of a file.
fn checksum(file: &File, notes: &dyn Notes) -> Result<(u64, String)> {
    let mut sha = Sha256::new();
    let mut room = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        notes.check()?;
        match file.read_at(&mut room, size).doing(reading)? {
            0 => return Ok((size, hex(&sha.finalize()))),
            len => {
                sha.update(room.get(..len).unwrap_or_default());
                size += len as u64;
            }
        }
    }
}
