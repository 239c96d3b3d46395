//! A stream cut into blocks, each compressed by itself on any core, written in order. The number of blocks under way is
//! fixed, so memory stays the same however long the stream is.

use crate::error::{Doing, Error, Result};
use crate::store::manifest::Blocks;
pub use crate::store::manifest::hex;
use crate::sys::threads;
use flate2::Crc;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Blocks from this size on are expensive: no more of them are kept than are needed.
const LARGE: usize = 1 << 20;

/// A compressed format whose blocks do not depend on each other.
pub trait Codec: Sync {
    /// A compressor for one thread.
    fn encoder(&self) -> Box<dyn Encoder>;

    /// A decompressor for one thread.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Bytes of the stream in every block but the last.
    fn block(&self) -> usize;

    /// What the file begins with.
    fn head(&self) -> Vec<u8>;

    /// Who knows what the file ends with.
    fn ending(&self) -> Box<dyn Ending>;
}

/// Sees the blocks of a file go by, and knows then what it ends with.
pub trait Ending: Send {
    /// The next block, and how long it is unpacked.
    fn block(&mut self, packed: &[u8], plain: u64);

    /// What the file ends with; `stream` is checksum and length of everything before compression.
    fn tail(&self, stream: &Sum) -> Vec<u8>;
}

/// Compresses blocks on one thread.
pub trait Encoder {
    /// Appends the compressed form of a block to `output` and returns the CRC-32 of the input.
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc>;
}

/// Decompresses blocks on one thread.
pub trait Decoder {
    /// Appends the plain form of one whole block to `plain`, whose spare capacity is more than a block. Fails when the block is
    /// damaged, too long, or followed by anything.
    fn decode(&mut self, packed: &[u8], plain: &mut Vec<u8>) -> io::Result<()>;
}

/// CRC-32 and length of a stream.
#[derive(Debug, Default)]
pub struct Sum {
    /// CRC-32 as gzip uses it.
    pub crc: Crc,
    /// Length in bytes.
    pub len: u64,
}

impl Sum {
    /// Adds the block that follows.
    pub fn join(&mut self, crc: &Crc, len: u64) {
        self.crc.combine(crc);
        self.len += len;
    }
}

/// Which checksums of the written file are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksums {
    /// SHA-256, for the manifest.
    Sha256,
    /// SHA-1 as well, for the checksum file.
    Sha256AndSha1,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Written {
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file in hex.
    pub sha256: String,
    /// SHA-1 of the file in hex, if asked for.
    pub sha1: Option<String>,
    /// Checksum and length of the stream before compression.
    pub stream: Sum,
    /// Where the blocks are.
    pub index: Index,
}

/// Where the blocks of a file are: the length of its head and of every compressed block.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Bytes of the stream in every block but the last.
    pub block: usize,
    /// Bytes before the first block.
    pub head: u64,
    /// Compressed length of each block: four bytes of memory for some hundred KB of the stream or more.
    pub lengths: Vec<u32>,
}

impl Index {
    /// The blocks for a manifest, as many of them taken together as it needs for at most `limit`.
    pub fn thinned(&self, limit: usize) -> Blocks {
        let mut stride = 1;
        while self.lengths.len().div_ceil(stride) > limit.max(1) {
            stride *= 2;
        }
        let together = |lengths: &[u32]| lengths.iter().map(|len| u64::from(*len)).sum();
        Blocks {
            begin: self.head,
            plain: (self.block * stride) as u64,
            packed: self.lengths.chunks(stride).map(together).collect(),
        }
    }
}

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

/// Runs `produce` on the calling thread, compresses what it writes on `threads` others and writes it to the target on one
/// more. Any error ends all of them.
pub fn write<T>(
    target: &Target<'_>,
    codec: &dyn Codec,
    threads: usize,
    produce: impl FnOnce(&mut Sink) -> Result<T>,
) -> Result<(T, Written)> {
    let mut out = Output::new(target);
    let head = codec.head();
    out.write(&head)?;
    let mut ending = codec.ending();
    let mut stream = Sum::default();
    let mut index = Index { block: codec.block(), head: head.len() as u64, lengths: Vec::new() };
    let worker = || -> Worker<()> {
        let mut encoder = codec.encoder();
        Box::new(move |job| job.encode(&mut *encoder))
    };
    let value = run(Crew { threads, block: codec.block() }, &worker, produce, |job| {
        let crc = job.take_result()?;
        stream.join(&crc, job.used as u64);
        let len = u32::try_from(job.output.len()).doing(|| "compressing a block".to_owned())?;
        index.lengths.push(len);
        ending.block(&job.output, job.used as u64);
        out.write(&job.output)
    })?;
    out.write(&ending.tail(&stream))?;
    Ok((value, Written { stream, index, ..out.finish() }))
}

/// Where compressed bytes go.
pub struct Target<'a> {
    /// Open for writing, at its beginning.
    pub file: &'a File,
    /// What it will be called, for messages.
    pub name: &'a str,
    /// Checksums to compute on the way.
    pub checksums: Checksums,
}

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

/// The file with its checksums.
pub struct Output<'a> {
    target: &'a Target<'a>,
    size: u64,
    sha256: Sha256,
    sha1: Option<Sha1>,
}

impl<'a> Output<'a> {
    /// Nothing is written yet.
    pub fn new(target: &'a Target<'a>) -> Self {
        let sha1 = (target.checksums == Checksums::Sha256AndSha1).then(Sha1::new);
        Self { target, size: 0, sha256: Sha256::new(), sha1 }
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut file = self.target.file;
        file.write_all(bytes).doing(|| format!("writing {}", self.target.name))?;
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
        Ok(())
    }

    /// Size and checksums of all that was written.
    pub fn finish(self) -> Written {
        Written {
            size: self.size,
            sha256: hex(&self.sha256.finalize()),
            sha1: self.sha1.map(|sha1| hex(&sha1.finalize())),
            ..Written::default()
        }
    }
}
