//! Blocks on their way: filled by whoever makes the stream, worked on by any core, handed on in order.

use crate::archive::blocks::Encoder;
use crate::error::{Error, Result};
use crate::sys::threads;
use flate2::Crc;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Blocks from this size on are expensive: no more of them are kept than are needed.
const LARGE: usize = 1 << 20;

/// What travels with a block from whoever makes the stream to whoever writes it.
pub trait Mark: Default + Send {
    /// The mark of the block after this one, which was full.
    #[must_use]
    fn next(&self) -> Self {
        Self::default()
    }
}

impl Mark for () {}

/// A block on its way; its buffers are used again and again.
pub struct Job<M> {
    number: u64,
    input: Vec<u8>,
    used: usize,
    /// What becomes of it.
    pub output: Vec<u8>,
    /// Checksum of what it holds, or why it could not be compressed.
    pub result: Result<Crc>,
    /// What travels with it.
    pub mark: M,
}

impl<M> Job<M> {
    /// What it holds.
    pub fn input(&self) -> &[u8] {
        self.input.get(..self.used).unwrap_or_default()
    }

    /// The checksum, or why there is none.
    pub fn take_result(&mut self) -> Result<Crc> {
        std::mem::replace(&mut self.result, Ok(Crc::new()))
    }

    /// Leaves it as it is.
    pub fn store(&mut self) {
        self.output.clear();
        self.output.extend_from_slice(self.input.get(..self.used).unwrap_or_default());
    }

    /// Compresses it with an encoder.
    pub fn encode(&mut self, encoder: &mut dyn Encoder) {
        self.result = encoder.encode(self.input.get(..self.used).unwrap_or_default(), &mut self.output);
    }
}

/// Where the stream is written to.
pub struct Sink<M = ()> {
    job: Option<Job<M>>,
    next: u64,
    len: u64,
    free: Receiver<Job<M>>,
    work: SyncSender<Job<M>>,
}

impl<M: Mark> Sink<M> {
    /// Room for the next bytes of the stream, at least one byte long.
    pub fn room(&mut self) -> Result<&mut [u8]> {
        let full = self.job.as_ref().filter(|job| job.used == job.input.len());
        if let Some(mark) = full.map(|job| job.mark.next()) {
            self.send()?;
            self.begin(mark)?;
        }
        let job = self.job()?;
        job.input.get_mut(job.used..).ok_or_else(stopped)
    }

    /// What travels with the block that is being filled, which may still be empty.
    pub fn mark(&mut self) -> Result<&mut M> {
        self.job().map(|job| &mut job.mark)
    }

    /// Ends the block that is being filled.
    pub fn cut(&mut self) -> Result<()> {
        self.send()
    }

    fn job(&mut self) -> Result<&mut Job<M>> {
        if self.job.is_none() {
            self.begin(M::default())?;
        }
        self.job.as_mut().ok_or_else(stopped)
    }

    fn begin(&mut self, mark: M) -> Result<()> {
        let mut job = self.free.recv().map_err(|_| stopped())?;
        (job.number, job.used, job.mark) = (self.next, 0, mark);
        self.next += 1;
        self.job = Some(job);
        Ok(())
    }

    /// Says how many bytes of the room were filled.
    pub fn filled(&mut self, len: usize) {
        if let Some(job) = &mut self.job {
            job.used = (job.used + len).min(job.input.len());
            self.len += len as u64;
        }
    }

    /// Appends bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.room()?;
            let len = room.len().min(bytes.len());
            let (now, later) = bytes.split_at(len);
            room.split_at_mut(len).0.copy_from_slice(now);
            self.filled(len);
            bytes = later;
        }
        Ok(())
    }

    /// Appends zeros.
    pub fn zeros(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let room = self.room()?;
            let len = room.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            room.split_at_mut(len).0.fill(0);
            self.filled(len);
            count -= len as u64;
        }
        Ok(())
    }

    /// Bytes of the stream so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn send(&mut self) -> Result<()> {
        match self.job.take() {
            Some(job) => self.work.send(job).map_err(|_| stopped()),
            None => Ok(()),
        }
    }
}

/// What the producer sees when the writer has ended early; the writer's own error is the one that is reported.
fn stopped() -> Error {
    Error::failed("the writer stopped")
}

/// How many blocks are under way: one being filled, one being written, one for each thread, and, where they are small, as
/// many waiting.
pub fn buffers(threads: usize, block: usize) -> usize {
    if block < LARGE { threads * 2 + 2 } else { threads + 2 }
}

/// How many threads share how much.
#[derive(Clone, Copy, Debug)]
pub struct Crew {
    /// Compressing threads.
    pub threads: usize,
    /// Bytes of the stream in every block but the last.
    pub block: usize,
}

/// Runs `produce` on the calling thread, has what it writes compressed on `crew.threads` others and handed to `consume`, in
/// order, on one more. Every compressing thread gets a worker of its own. Any error ends all of them.
pub fn run<M: Mark, T>(
    crew: Crew,
    worker: &(dyn Fn() -> Worker<M> + Sync),
    produce: impl FnOnce(&mut Sink<M>) -> Result<T>,
    mut consume: impl FnMut(&mut Job<M>) -> Result<()> + Send,
) -> Result<T> {
    let count = buffers(crew.threads.max(1), crew.block);
    let (free_in, free) = sync_channel(count);
    let (work, queue) = sync_channel::<Job<M>>(count);
    let (done_in, done) = channel();
    for _ in 0..count {
        let input = vec![0; crew.block];
        let job = Job { number: 0, input, used: 0, output: Vec::new(), result: Ok(Crc::new()), mark: M::default() };
        free_in.send(job).map_err(|_| stopped())?;
    }
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        let writer = threads::start(scope, "write", move || in_order(&done, &free_in, &mut consume))?;
        threads::start_some(scope, ("compress", crew.threads.max(1)), || {
            let (queue, done) = (&queue, done_in.clone());
            move || compress(worker(), queue, &done)
        })?;
        drop(done_in);
        let mut sink = Sink { job: None, next: 0, len: 0, free, work };
        let produced = produce(&mut sink).and_then(|value| sink.send().map(|()| value));
        drop(sink);
        let written = writer.join().map_err(|_| Error::failed("the writing thread ended unexpectedly"))?;
        match (produced, written) {
            (Ok(value), Ok(())) => Ok(value),
            // a producer that saw the writer stop has nothing of its own to say
            (Err(error), Err(cause)) if error.to_string() == stopped().to_string() => Err(cause),
            (Ok(_), Err(error)) | (Err(error), _) => Err(error),
        }
    })
}

/// What a compressing thread does with a block.
pub type Worker<M> = Box<dyn FnMut(&mut Job<M>)>;

fn compress<M>(mut worker: Worker<M>, queue: &Mutex<Receiver<Job<M>>>, done: &Sender<Job<M>>) {
    loop {
        // the lock is held while waiting: one thread waits for the queue, the others for the lock
        let next = queue.lock().ok().and_then(|queue| queue.recv().ok());
        let Some(mut job) = next else { return };
        job.output.clear();
        worker(&mut job);
        if done.send(job).is_err() {
            return;
        }
    }
}

/// Hands compressed blocks on in their order and gives their buffers back.
fn in_order<M>(
    done: &Receiver<Job<M>>,
    free: &SyncSender<Job<M>>,
    consume: &mut dyn FnMut(&mut Job<M>) -> Result<()>,
) -> Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    while let Ok(job) = done.recv() {
        waiting.insert(job.number, job);
        while let Some(mut job) = waiting.remove(&next) {
            next += 1;
            consume(&mut job)?;
            // the producer may be gone already
            let _ = free.send(job);
        }
    }
    Ok(())
}
