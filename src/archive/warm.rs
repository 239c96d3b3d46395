//! Files that are asked for before they are read, where they are not in memory: a disk that has many requests before it is
//! faster than one that gets the next when the last is done.
//!
//! Whether it helps shows in what the kernel counts: while neither the walk nor the thread here made a disk read anything,
//! there is nothing to do. It is advice only; what is wrong with a file is found out by the one who reads it.

use crate::archive::walk::Walk;
use crate::sys::tree::{Dir, Kind, Meta, blocks_asked_for};
use std::ffi::CString;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes asked for at the beginning of a file; the kernel itself reads ahead in what is longer.
const MOST: NonZeroU64 = NonZeroU64::new(256 * 1024).unwrap();
/// Files between two looks at what the kernel counted.
const INTERVAL: u32 = 16;
/// Files for which it goes on after the last time that a disk had to read.
const PATIENCE: u32 = 256;
/// Names of a directory asked for ahead of the walk, at most.
const AHEAD: usize = 64;
/// Names that travel together.
const BATCH: usize = 32;

/// Goes ahead of a walk.
#[derive(Default)]
pub struct Warmer {
    lane: Option<Lane>,
    /// The directory that was begun, and up to which of its names.
    reach: (u64, usize),
    files: u32,
    blocks: i64,
    left: u32,
}

/// The thread that asks.
struct Lane {
    batches: Option<SyncSender<(Dir, Vec<CString>)>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Blocks the thread has asked for.
    blocks: AtomicI64,
    over: AtomicBool,
}

impl Warmer {
    /// Looks at the walk's current entry before it is read.
    pub fn look(&mut self, walk: &Walk<'_>, meta: &Meta) {
        if meta.kind != Kind::File || !self.is_cold() {
            return;
        }
        let (directory, next) = walk.place();
        if self.reach.0 != directory {
            self.reach = (directory, next);
        }
        let begin = self.reach.1.max(next);
        if begin + BATCH > next + AHEAD {
            return;
        }
        let end = begin + BATCH;
        let names = walk.upcoming(begin..end);
        // where there is no thread or no room, the walk reads by itself
        if let Some(dir) = walk.holder().filter(|_| !names.is_empty())
            && let Ok(dir) = dir.twin()
        {
            let lane = self.lane.get_or_insert_with(Lane::start);
            if lane.batches.as_ref().is_none_or(|batches| batches.try_send((dir, names)).is_err()) {
                return;
            }
        }
        self.reach.1 = end;
    }

    /// Whether a disk had to read lately.
    fn is_cold(&mut self) -> bool {
        if self.files.is_multiple_of(INTERVAL) {
            let ahead = self.lane.as_ref().map_or(0, |lane| lane.shared.blocks.load(Ordering::Relaxed));
            let blocks = blocks_asked_for() + ahead;
            if self.files > 0 && blocks != self.blocks {
                self.left = PATIENCE;
            }
            self.blocks = blocks;
        }
        self.files = self.files.wrapping_add(1);
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}

impl Lane {
    fn start() -> Self {
        let (sender, batches) = sync_channel(1);
        let shared = Arc::new(Shared::default());
        let there = Arc::clone(&shared);
        let thread = thread::Builder::new().name("ahead".into()).spawn(move || ask(&batches, &there)).ok();
        Self { batches: thread.is_some().then_some(sender), shared, thread }
    }
}

impl Drop for Lane {
    /// Waits for the thread, which holds a directory open and would keep its file system from being unmounted.
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ask(batches: &Receiver<(Dir, Vec<CString>)>, shared: &Shared) {
    for (dir, names) in batches {
        for name in names {
            if shared.over.load(Ordering::Relaxed) {
                return;
            }
            dir.fetch(&name, MOST);
        }
        shared.blocks.store(blocks_asked_for(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::notes::Notes;
    use crate::archive::walk::Select;
    use crate::error::Result;
    use crate::patterns::{Patterns, Syntax};
    use rustix::fs::Advice;
    use std::fs::{self, File};

    struct Deaf;

    impl Notes for Deaf {
        fn trouble(&self, _: &[u8], _: &str) {}
        fn info(&self, _: &str) {}
        fn entry(&self, _: &[u8], _: &str) {}
        fn wants_entries(&self) -> bool {
            false
        }
        fn check(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn where_a_disk_has_to_read_files_are_asked_for_ahead() {
        let path = std::env::temp_dir().join(format!("krista-warm-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for number in 0..500 {
            fs::write(path.join(format!("{number:04}")), vec![7; 20_000]).unwrap();
        }
        let select = Select::default();
        let visit = |warmer: &mut Warmer| {
            let mut walk = Walk::start(&path, &select, &Deaf).unwrap();
            while let Some(meta) = walk.step().unwrap() {
                warmer.look(&walk, &meta);
                if meta.kind == Kind::File {
                    fs::read(path.join(walk.name().to_str().unwrap())).unwrap();
                }
            }
        };
        let mut idle = Warmer::default();
        visit(&mut idle);
        assert!(idle.lane.is_none(), "everything is in memory");
        for number in 0..500 {
            let file = File::open(path.join(format!("{number:04}"))).unwrap();
            file.sync_all().unwrap();
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        }
        let before = blocks_asked_for();
        let mut busy = Warmer::default();
        visit(&mut busy);
        let by_walk = blocks_asked_for() - before;
        fs::remove_dir_all(&path).unwrap();
        assert!(by_walk > 0, "is the temporary directory in memory?");
        assert!(busy.lane.unwrap().shared.blocks.load(Ordering::Relaxed) > 0);
    }

    #[test]
    fn what_is_left_out_is_not_asked_for() {
        let path = std::env::temp_dir().join(format!("krista-upcoming-{}", std::process::id()));
        fs::create_dir_all(path.join("b")).unwrap();
        for name in ["a", "b/1", "b/2.tmp", "b/3", "b/4", "c"] {
            fs::write(path.join(name), "").unwrap();
        }
        let exclusions = Patterns::compile(&["b/*.tmp".to_owned()], Syntax::Glob).unwrap();
        let select = Select { exclusions, ..Select::default() };
        let mut walk = Walk::start(&path, &select, &Deaf).unwrap();
        let mut seen = Vec::new();
        while walk.step().unwrap().is_some() {
            let (directory, next) = walk.place();
            seen.push((walk.path().to_vec(), directory, walk.upcoming(next..next + 2)));
        }
        fs::remove_dir_all(&path).unwrap();
        let step = |path: &[u8], directory, names: &[&std::ffi::CStr]| {
            (path.to_vec(), directory, names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let expected = [
            step(b"", 0, &[c"a", c"b"]),
            step(b"a", 0, &[c"b", c"c"]),
            step(b"b", 1, &[c"1"]),
            step(b"b/1", 1, &[c"3"]),
            step(b"b/3", 1, &[c"4"]),
            step(b"b/4", 1, &[]),
            step(b"c", 0, &[]),
        ];
        assert_eq!(seen, expected);
    }
}
