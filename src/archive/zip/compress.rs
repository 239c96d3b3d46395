//! Content → the compressed form of a member. A file that fits into one block is compressed by itself and stored when that
//! gains nothing. A longer one is cut into independent blocks where the method allows it (deflate); where it does not, its
//! blocks go through one compressor in turn.

use crate::archive::blocks::{Encoder, Job, Mark, Worker};
use crate::archive::bzip::Bzip;
use crate::archive::gzip::{self, Deflate};
use crate::archive::xz;
use crate::archive::zip::records::{BZIP2, DEFLATE, Head, LZMA, STORED};
use crate::error::{Doing, Error, Result};
use bzip2::write::BzEncoder;
use flate2::Crc;
use lzma_rust2::{LzmaOptions, LzmaWriter};
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of content in every block of a member but the last.
pub const BLOCK: usize = 512 * 1024;

/// How content is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Method {
    /// Method 8.
    #[default]
    Deflate,
    /// Method 12.
    Bzip2,
    /// Method 14.
    Lzma,
}

/// Method and level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// How.
    pub method: Method,
    /// 0 (stored) to 9.
    pub level: u32,
}

/// What travels with a block of content.
#[derive(Default)]
pub struct Piece {
    /// With the first block of a member: the member.
    pub head: Option<Box<Head>>,
    /// Whether the member ends with it.
    pub end: bool,
    /// The method its member has; known once it is compressed.
    pub method: u16,
    /// Of a member of many blocks: what they share, and the place of this one among them.
    pub chain: Option<(Arc<Chain>, u64)>,
}

impl Mark for Piece {
    fn next(&self) -> Self {
        let chain = self.chain.as_ref().map(|(chain, turn)| (Arc::clone(chain), turn + 1));
        Self { chain, ..Self::default() }
    }
}

/// What one thread does with blocks.
pub fn worker(compression: Compression) -> Worker<Piece> {
    let Compression { method, level } = compression;
    let mut deflate = Deflate::new(level);
    Box::new(move |job: &mut Job<Piece>| {
        // nothing but deflate can store a long member and still tell where it ends
        let method = if level == 0 { Method::Deflate } else { method };
        job.mark.method = match method {
            Method::Deflate => DEFLATE,
            Method::Bzip2 => BZIP2,
            Method::Lzma => LZMA,
        };
        if job.mark.head.is_some() && job.mark.end {
            whole(job, method, (level, &mut deflate));
        } else if let Some((chain, turn)) = job.mark.chain.clone().filter(|_| method != Method::Deflate) {
            let mut link = Link { chain: &chain, turn, end: job.mark.end, compression };
            job.encode(&mut link);
        } else {
            job.encode(&mut deflate);
            if job.mark.end {
                job.output.extend(gzip::FINAL_BLOCK);
            }
        }
    })
}

/// Compresses a member of one block.
fn whole(job: &mut Job<Piece>, method: Method, (level, deflate): (u32, &mut Deflate)) {
    match method {
        Method::Deflate => {
            job.encode(deflate);
            job.output.extend(gzip::FINAL_BLOCK);
        }
        _ if gzip::looks_random(job.input()) => job.encode(&mut AsIs),
        Method::Bzip2 => job.encode(&mut Bzip { level }),
        Method::Lzma => job.encode(&mut Lzma { level }),
    }
    if job.result.is_ok() && job.output.len() >= job.input().len() {
        job.store();
        job.mark.method = STORED;
    }
}

struct AsIs;

impl Encoder for AsIs {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        output.extend_from_slice(input);
        Ok(crc)
    }
}

/// A member's LZMA stream by itself.
struct Lzma {
    level: u32,
}

impl Encoder for Lzma {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        // a dictionary larger than the content only costs memory
        let most = u32::try_from(input.len().max(4096).next_power_of_two()).unwrap_or(u32::MAX);
        let mut stream = Box::new(lzma(self.level, most, std::mem::take(output))?);
        stream.write_all(input).doing(compressing)?;
        *output = stream.finish().doing(compressing)?;
        Ok(crc)
    }
}

/// Begins an LZMA stream after the header a zip wants before it (APPNOTE 5.8.8): version of the SDK it is like, and the
/// properties. It ends with a marker.
fn lzma(level: u32, most: u32, mut out: Vec<u8>) -> Result<LzmaWriter<Vec<u8>>> {
    let mut options = LzmaOptions::with_preset(level);
    options.dict_size = xz::Xz { level }.dictionary().min(most);
    out.extend([9, 20, 5, 0]);
    out.push(options.get_props());
    out.extend(options.dict_size.to_le_bytes());
    LzmaWriter::new_no_header(out, &options, true).doing(compressing)
}

/// The compressor that all blocks of one member go through, one after the other.
#[derive(Default)]
pub struct Chain {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    stream: Option<Stream>,
}

enum Stream {
    Bzip2(Box<BzEncoder<Vec<u8>>>),
    Lzma(Box<LzmaWriter<Vec<u8>>>),
}

impl Stream {
    fn begin(compression: Compression) -> Result<Self> {
        let level = compression.level;
        Ok(match compression.method {
            Method::Lzma => Self::Lzma(Box::new(lzma(level, u32::MAX, Vec::new())?)),
            _ => Self::Bzip2(Box::new(BzEncoder::new(Vec::new(), bzip2::Compression::new(level.clamp(1, 9))))),
        })
    }

    /// Takes in some content; what has come out so far goes to `output`.
    fn write(&mut self, input: &[u8], output: &mut Vec<u8>) -> std::io::Result<()> {
        let ready = match self {
            Self::Bzip2(stream) => {
                stream.write_all(input)?;
                stream.get_mut()
            }
            Self::Lzma(stream) => {
                stream.write_all(input)?;
                stream.inner_mut()
            }
        };
        output.append(ready);
        Ok(())
    }

    fn finish(self, output: &mut Vec<u8>) -> std::io::Result<()> {
        output.append(&mut match self {
            Self::Bzip2(stream) => stream.finish()?,
            Self::Lzma(stream) => stream.finish()?,
        });
        Ok(())
    }
}

/// One block of a chain.
struct Link<'a> {
    chain: &'a Chain,
    turn: u64,
    end: bool,
    compression: Compression,
}

impl Encoder for Link<'_> {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        let mut state = self.chain.state.lock().unwrap_or_else(PoisonError::into_inner);
        // blocks are taken in their order, so somebody is at work on the one before
        while state.next < self.turn {
            state = self.chain.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let done = self.pass(&mut state, input, output);
        state.next += 1;
        drop(state);
        self.chain.moved.notify_all();
        done.map(|()| crc)
    }
}

impl Link<'_> {
    fn pass(&self, state: &mut State, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let mut stream = match state.stream.take() {
            Some(stream) => stream,
            None if self.turn == 0 => Stream::begin(self.compression)?,
            None => return Err(Error::failed("compressing: an earlier block of the file could not be compressed")),
        };
        stream.write(input, output).doing(compressing)?;
        if self.end {
            return stream.finish(output).doing(compressing);
        }
        state.stream = Some(stream);
        Ok(())
    }
}

fn compressing() -> String {
    "compressing".to_owned()
}
