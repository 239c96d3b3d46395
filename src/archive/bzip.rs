//! Concatenated bzip2 streams, one for each block: `bzip2` itself joins files like this, and every reader of `.bz2` files takes
//! them. Each block can be packed and unpacked by itself.

use crate::archive::blocks::{Codec, Decoder, Encoder, Ending, Sum};
use crate::error::{Doing, Result};
use bzip2::bufread::{BzDecoder, MultiBzDecoder};
use bzip2::{Action, Compress, Compression, Decompress, Status};
use flate2::Crc;
use std::io::{self, BufRead, Read};

/// The format counts in units of 100,000 bytes.
const UNIT: usize = 100_000;

/// bzip2 at a level of 1 to 9; 0 is taken as 1, since the format cannot store.
#[derive(Clone, Copy, Debug)]
pub struct Bzip {
    /// 0–9.
    pub level: u32,
}

impl Codec for Bzip {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(*self)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(*self)
    }

    fn block(&self) -> usize {
        // one block of the format: no context is lost by ending the stream with it
        self.clamped() as usize * UNIT
    }

    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    fn ending(&self) -> Box<dyn Ending> {
        Box::new(Nothing)
    }
}

impl Bzip {
    fn clamped(self) -> u32 {
        self.level.clamp(1, 9)
    }
}

impl Encoder for Bzip {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        // a level above what the input fills only costs memory
        let level = u32::try_from(input.len().div_ceil(UNIT)).unwrap_or(9).clamp(1, self.clamped());
        let mut stream = Compress::new(Compression::new(level), 0);
        // what bzip2's documentation promises to be enough
        output.reserve(input.len() + input.len() / 100 + 600);
        let mut rest = input;
        loop {
            let before = stream.total_in();
            let status = stream.compress_vec(rest, output, Action::Finish).doing(packing)?;
            let read = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            match status {
                Status::StreamEnd => return Ok(crc),
                _ if output.len() == output.capacity() => output.reserve(64 * 1024),
                _ => {}
            }
        }
    }
}

impl Decoder for Bzip {
    fn decode(&mut self, packed: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut stream = Decompress::new(false);
        let status = stream.decompress_vec(packed, plain).map_err(|_| damaged("it is damaged"))?;
        if plain.len() == plain.capacity() {
            return Err(damaged("it is longer than it should be"));
        }
        if status != Status::StreamEnd || stream.total_in() != packed.len() as u64 {
            return Err(damaged("it does not end where it should"));
        }
        Ok(())
    }
}

/// Every stream ends by itself.
struct Nothing;

impl Ending for Nothing {
    fn block(&mut self, _: &[u8], _: u64) {}

    fn tail(&self, _: &Sum) -> Vec<u8> {
        Vec::new()
    }
}

/// Unpacks bzip2 streams one after the other, whoever made them.
pub fn reader(packed: impl BufRead) -> impl Read {
    Wary { decoder: MultiBzDecoder::new(packed), failed: false }
}

/// Unpacks one bzip2 stream, whoever made it.
pub fn single(packed: impl BufRead) -> impl Read {
    Wary { decoder: BzDecoder::new(packed), failed: false }
}

/// Does not ask a decoder again that has failed: the library's (`libbz2-rs-sys` 0.2.6) may then panic.
struct Wary<R> {
    decoder: R,
    failed: bool,
}

impl<R: Read> Read for Wary<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
        }
        let read = self.decoder.read(bytes);
        self.failed = read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}

fn packing() -> String {
    "compressing".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that uses no byte at all.
    #[test]
    fn what_has_failed_fails_again() {
        let damaged = [&b"BZh91AY&SY"[..], &[0; 12]].concat();
        let (mut many, mut one) = (reader(&damaged[..]), single(&damaged[..]));
        for decoder in [&mut many as &mut dyn Read, &mut one] {
            assert!(decoder.read(&mut [0; 9]).is_err());
            assert!(decoder.read(&mut [0; 9]).is_err());
        }
    }
}
