//! Files that may change while they are read: opened without being led astray, copied as exactly as many bytes as were
//! promised, and compared afterwards with what they were (P8, P9).

use crate::archive::blocks::{Mark, Sink};
use crate::archive::notes::Notes;
use crate::archive::walk::vanished_or;
use crate::error::Result;
use crate::sys::tree::{self, Dir, Extent, Kind, Meta};
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Largest size believed on a file system that the kernel makes up: `/proc/kcore` claims 128 TiB.
const MADE_UP_LIMIT: u64 = 16 << 20;
/// Bytes after which somebody may stop us or slow us down.
const SLICE: usize = 256 * 1024;

/// Most bytes kept of a file that says it is empty and is not: its member's header needs the length first.
const EARLY_LIMIT: usize = 1 << 20;

/// A file that is being stored.
pub struct Live {
    /// The file.
    pub file: File,
    /// As it is stored.
    pub meta: Meta,
    /// What was read already, of a file that says it is empty and is not: there are such in `/proc` and on FUSE.
    pub early: Option<Vec<u8>>,
    /// What the kernel said when it was opened.
    opened: Meta,
    fault: Option<String>,
}

impl Live {
    /// What is wrong with what was stored, so far as that is not known from copying it.
    pub fn fault(&self) -> Option<String> {
        self.fault.clone().or_else(|| changed(&self.file, &self.opened))
    }
}

/// Opens the regular file that a walk has `seen` at a path; none when that is not what is there any more, which was noted.
pub fn open(dir: &Dir, name: &CStr, (path, seen): (&[u8], &Meta), notes: &dyn Notes) -> Option<Live> {
    let opened = dir.open_file(name).and_then(|file| tree::meta_of(&file).map(|meta| (file, meta)));
    let (file, meta) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // ELOOP: a link stands there now
            let replaced = error.raw_os_error() == Some(libc::ELOOP);
            let what = if replaced {
                "was replaced before it was read".to_owned()
            } else {
                vanished_or(&error, "cannot be opened")
            };
            notes.trouble(path, &what);
            return None;
        }
    };
    if meta.kind != Kind::File || meta.id() != seen.id() {
        notes.trouble(path, "was replaced before it was read");
        return None;
    }
    if meta.size > MADE_UP_LIMIT && meta.allocated == 0 && tree::made_up_by_kernel(&file) {
        notes.trouble(path, "is made up by the kernel and has no end");
        return None;
    }
    let mut live = Live { file, meta, early: None, opened: meta, fault: None };
    if meta.size == 0 {
        let (content, fault) = read_early(&live.file);
        live.meta.size = content.len() as u64;
        live.early = (!content.is_empty()).then_some(content);
        live.fault = fault;
    }
    Some(live)
}

/// The content of a file that says it is empty, and what is wrong with it.
fn read_early(file: &File) -> (Vec<u8>, Option<String>) {
    let mut content = Vec::new();
    let end = file.take(EARLY_LIMIT as u64 + 1).read_to_end(&mut content);
    let fault = match end {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(_) if content.len() > EARLY_LIMIT => {
            content.truncate(EARLY_LIMIT);
            Some("says it is empty and holds more than 1 MiB: only that much of it was stored".to_owned())
        }
        Ok(_) => None,
    };
    (content, fault)
}

/// What happened to a file since `before` was taken, if anything did.
fn changed(file: &File, before: &Meta) -> Option<String> {
    let after = match tree::meta_of(file) {
        Ok(after) => after,
        Err(error) => return Some(format!("cannot be looked at again: {error}")),
    };
    if after.size > before.size {
        return Some("grew while it was read".to_owned());
    }
    if after.size < before.size {
        return Some("shrank while it was read".to_owned());
    }
    (after.mtime != before.mtime).then(|| "changed while it was read".to_owned())
}

/// Copies content.
pub struct Copier<'a> {
    notes: &'a dyn Notes,
    brake: Brake,
}

impl<'a> Copier<'a> {
    /// A copier that reads at most `limit` bytes per second.
    pub fn new(notes: &'a dyn Notes, limit: Option<u64>) -> Self {
        Self { notes, brake: Brake::new(limit) }
    }

    /// Copies all of a file into the stream, as [`Copier::copy`].
    pub fn copy_whole<M: Mark>(&mut self, sink: &mut Sink<M>, live: &Live) -> Result<Option<String>> {
        match &live.early {
            Some(content) => sink.write(content).map(|()| None),
            None => self.copy(sink, &live.file, Extent { start: 0, len: live.meta.size }),
        }
    }

    /// Copies a part of a file into the stream, exactly as long as it should be; returns what was wrong with it.
    pub fn copy<M: Mark>(&mut self, sink: &mut Sink<M>, file: &File, part: Extent) -> Result<Option<String>> {
        if part.len > 1 << 20 {
            tree::read_in_order(file);
        }
        let mut done = 0;
        while done < part.len {
            let room = sink.room()?;
            let len = room.len().min(SLICE).min(usize::try_from(part.len - done).unwrap_or(usize::MAX));
            match file.read_at(room.split_at_mut(len).0, part.start + done) {
                Ok(0) => {
                    sink.zeros(part.len - done)?;
                    return Ok(Some("shrank while it was read: the rest is filled with zeros".to_owned()));
                }
                Ok(len) => {
                    sink.filled(len);
                    done += len as u64;
                    self.notes.passed(0, len as u64);
                    if part.len > SLICE as u64 {
                        self.notes.check()?;
                    }
                    self.brake.passed(len, self.notes)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    sink.zeros(part.len - done)?;
                    return Ok(Some(format!("cannot be read from byte {} on: {error}", part.start + done)));
                }
            }
        }
        Ok(None)
    }
}

/// Keeps the reading rate down.
struct Brake {
    limit: Option<u64>,
    since: Instant,
    passed: u64,
}

impl Brake {
    fn new(limit: Option<u64>) -> Self {
        Self { limit: limit.filter(|limit| *limit > 0), since: Instant::now(), passed: 0 }
    }

    fn passed(&mut self, bytes: usize, notes: &dyn Notes) -> Result<()> {
        let Some(limit) = self.limit else { return Ok(()) };
        self.passed += bytes as u64;
        let millis = u128::from(self.passed) * 1000 / u128::from(limit);
        let due = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        while let Some(early) = due.checked_sub(self.since.elapsed()) {
            if early.is_zero() {
                break;
            }
            notes.check()?;
            std::thread::sleep(early.min(Duration::from_millis(100)));
        }
        Ok(())
    }
}
