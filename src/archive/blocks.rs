//! A stream cut into blocks, each compressed by itself on any core, written in order. The number of blocks under way is
//! fixed, so memory stays the same however long the stream is.

mod output; // the file they are written to
mod pipeline; // blocks on their way

use crate::error::{Doing, Result};
pub use crate::store::manifest::hex;
use flate2::Crc;
pub use output::{Checksums, Index, Output, Target, Written};
pub use pipeline::{Crew, Job, Mark, Sink, Worker, buffers, run};
use std::io;

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
        stream.join(&crc, job.input().len() as u64);
        let len = u32::try_from(job.output.len()).doing(|| "compressing a block".to_owned())?;
        index.lengths.push(len);
        ending.block(&job.output, job.input().len() as u64);
        out.write(&job.output)
    })?;
    out.write(&ending.tail(&stream))?;
    Ok((value, Written { stream, index, ..out.finish() }))
}
