//! Reading back what was written (P6): every block is decoded again, on all cores, and compared with what the writer knew.

use crate::archive::blocks::{Codec, Decoder, Ending, Index, Sum, Written, buffers, hex};
use crate::archive::notes::Notes;
use crate::archive::read::{Reader, Type};
use crate::error::{Doing, Error, Result};
use crate::sys::threads;
use flate2::Crc;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What an archive holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Members.
    pub entries: u64,
    /// Bytes of content of all files.
    pub bytes: u64,
}

/// Reads a file back and fails unless checksums, lengths, tar structure and counts are what was written.
pub fn prove(
    file: &File,
    codec: &dyn Codec,
    threads: usize,
    expected: (&Written, Counts),
    notes: &dyn Notes,
) -> Result<()> {
    let (written, counts) = expected;
    let differs = |what: &str| Error::failed(format!("reading back: {what} differs from what was written"));
    let check = || notes.check();
    let (found, seen) = decode(file, codec, threads, (&written.index, &check), |blocks| {
        let mut reader = Reader::new(blocks);
        let mut counts = Counts::default();
        while let Some(member) = reader.member()? {
            counts.entries += 1;
            if member.kind == Type::File {
                counts.bytes += member.size;
            }
        }
        reader.finish()?;
        Ok(counts)
    })
    // being asked to stop shows as a read error, but is none
    .map_err(|error| notes.check().err().unwrap_or(error))?;
    if seen.stream.len != written.stream.len || seen.stream.crc.sum() != written.stream.crc.sum() {
        return Err(differs("the content"));
    }
    if seen.size != written.size || seen.sha256 != written.sha256 {
        return Err(differs("the file"));
    }
    if found != counts {
        return Err(differs("the number of entries or bytes"));
    }
    Ok(())
}

/// What a file turned out to be.
#[derive(Debug, Default)]
pub struct Seen {
    /// Size of the file.
    pub size: u64,
    /// SHA-256 of the file in hex.
    pub sha256: String,
    /// Checksum and length of the decoded stream.
    pub stream: Sum,
}

/// Decodes a file of independent blocks on `threads` threads and hands the stream to `consume`, in order. What `consume`
/// leaves is read, too. `check` is asked before every block and can end it. Fails when a block or the ends of the file are not what the format wants.
pub fn decode<T>(
    file: &File,
    codec: &dyn Codec,
    threads: usize,
    (index, check): (&Index, Check<'_>),
    consume: impl FnOnce(&mut Blocks<'_>) -> Result<T>,
) -> Result<(T, Seen)> {
    let threads = threads.max(1);
    let (work, queue) = channel::<Job>();
    let (done_in, done) = channel();
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        threads::start_some(scope, ("decode", threads), || {
            let (queue, done) = (&queue, done_in.clone());
            move || decompress(file, codec, queue, &done)
        })?;
        drop(done_in);
        let mut blocks = Blocks::new(index, (check, codec.ending()), (work, done));
        blocks.begin(file, codec, buffers(threads, index.block))?;
        let value = consume(&mut blocks)?;
        blocks.drain()?;
        let seen = blocks.end(file)?;
        Ok((value, seen))
    })
}

/// Fails when the work has to end.
pub type Check<'a> = &'a dyn Fn() -> Result<()>;

/// A block on its way back; its buffers are used again and again.
#[derive(Default)]
struct Job {
    number: usize,
    /// Most bytes it may hold.
    block: usize,
    offset: u64,
    packed: Vec<u8>,
    plain: Vec<u8>,
    crc: Crc,
    error: Option<io::Error>,
}

fn decompress(file: &File, codec: &dyn Codec, queue: &Mutex<Receiver<Job>>, done: &Sender<Job>) {
    let mut decoder = codec.decoder();
    loop {
        let next = queue.lock().ok().and_then(|queue| queue.recv().ok());
        let Some(mut job) = next else { return };
        job.error = read_block(file, decoder.as_mut(), &mut job).err();
        if done.send(job).is_err() {
            return;
        }
    }
}

fn read_block(file: &File, decoder: &mut dyn Decoder, job: &mut Job) -> io::Result<()> {
    file.read_exact_at(&mut job.packed, job.offset)?;
    job.plain.clear();
    job.plain.reserve_exact(job.block + 1);
    decoder.decode(&job.packed, &mut job.plain)?;
    job.crc.reset();
    job.crc.update(&job.plain);
    Ok(())
}

/// The decoded stream, block by block.
pub struct Blocks<'a> {
    index: &'a Index,
    check: Check<'a>,
    /// Next block to be decoded, and where it begins.
    next: usize,
    offset: u64,
    /// Block that is being read, and how far.
    current: Option<Job>,
    at: usize,
    number: usize,
    waiting: BTreeMap<usize, Job>,
    work: Sender<Job>,
    done: Receiver<Job>,
    ending: Box<dyn Ending>,
    sha: Sha256,
    stream: Sum,
}

impl<'a> Blocks<'a> {
    fn new(
        index: &'a Index,
        (check, ending): (Check<'a>, Box<dyn Ending>),
        (work, done): (Sender<Job>, Receiver<Job>),
    ) -> Self {
        let (waiting, sha, stream) = (BTreeMap::new(), Sha256::new(), Sum::default());
        Self {
            index,
            check,
            next: 0,
            offset: index.head,
            current: None,
            at: 0,
            number: 0,
            waiting,
            work,
            done,
            ending,
            sha,
            stream,
        }
    }

    fn begin(&mut self, file: &File, codec: &dyn Codec, count: usize) -> Result<()> {
        let mut head = vec![0; usize::try_from(self.index.head).unwrap_or(0)];
        file.read_exact_at(&mut head, 0).doing(reading)?;
        if head != codec.head() {
            return Err(Error::failed("reading back: the beginning of the file is damaged"));
        }
        self.sha.update(&head);
        for _ in 0..count {
            self.order(Job::default());
        }
        Ok(())
    }

    /// Has the next block decoded, if there is one.
    fn order(&mut self, mut job: Job) {
        let Some(len) = self.index.lengths.get(self.next) else { return };
        job.number = self.next;
        job.block = self.index.block;
        job.offset = self.offset;
        job.packed.resize(usize::try_from(*len).unwrap_or(0), 0);
        self.next += 1;
        self.offset += u64::from(*len);
        // a thread that is gone shows when its block is missing
        let _ = self.work.send(job);
    }

    /// Goes on to the next block; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(job) = self.current.take() {
            self.order(job);
        }
        if self.number == self.index.lengths.len() {
            return Ok(false);
        }
        (self.check)().map_err(io::Error::other)?;
        let mut job = loop {
            if let Some(job) = self.waiting.remove(&self.number) {
                break job;
            }
            let job = self.done.recv().map_err(|_| io::Error::other("the decoding threads ended unexpectedly"))?;
            self.waiting.insert(job.number, job);
        };
        if let Some(error) = job.error.take() {
            return Err(io::Error::new(error.kind(), format!("block {} at byte {}: {error}", job.number, job.offset)));
        }
        self.number += 1;
        self.sha.update(&job.packed);
        self.stream.join(&job.crc, job.plain.len() as u64);
        self.ending.block(&job.packed, job.plain.len() as u64);
        self.at = 0;
        self.current = Some(job);
        Ok(true)
    }

    fn drain(&mut self) -> Result<()> {
        while self.advance().doing(reading)? {}
        Ok(())
    }

    fn end(mut self, file: &File) -> Result<Seen> {
        let expected = self.ending.tail(&self.stream);
        // one byte more than there should be, to see that nothing follows
        let mut tail = vec![0; expected.len() + 1];
        let mut have = 0;
        while let Some(rest) = tail.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, self.offset + have as u64).doing(reading)? {
                0 => break,
                len => have += len,
            }
        }
        tail.truncate(have);
        if tail != expected {
            return Err(Error::failed("reading back: the end of the file is damaged"));
        }
        self.sha.update(&tail);
        let size = self.offset + tail.len() as u64;
        Ok(Seen { size, sha256: hex(&self.sha.finalize()), stream: self.stream })
    }
}

impl BufRead for Blocks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.as_ref().is_none_or(|job| self.at >= job.plain.len()) {
            if !self.advance()? {
                return Ok(&[]);
            }
        }
        Ok(self.current.as_ref().and_then(|job| job.plain.get(self.at..)).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.at += len;
    }
}

impl Read for Blocks<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = self.fill_buf()?;
        let len = buffer.read(bytes)?;
        self.consume(len);
        Ok(len)
    }
}

fn reading() -> String {
    "reading back".to_owned()
}
