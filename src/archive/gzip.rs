//! One gzip member made of independent deflate blocks (RFC 1951, RFC 1952): every reader takes it for an ordinary gzip file,
//! and ours can decode any block without the ones before it.
//!
//! Every block ends with a full flush, so it ends on a byte and forgets its dictionary; an empty final block closes the member.

use crate::archive::blocks::{Codec, Decoder, Encoder, Ending, Sum};
use crate::error::{Doing, Error, Result};
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};
use std::io;

/// The header: magic, deflate, no flags, no time (equal content gives equal files), no hint, made on Unix.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// An empty final block with fixed codes.
pub(super) const FINAL_BLOCK: [u8; 2] = [3, 0];
/// Bytes of the stream in every block but the last. Half as much would cost 0.13 % of the size, twice as much
/// twice the memory.
const BLOCK: usize = 1 << 20;
/// Largest stored block of deflate.
const STORED: usize = 65_535;

/// gzip at a level of 0 (stored) to 9.
#[derive(Clone, Copy, Debug)]
pub struct Gzip {
    /// 0–9.
    pub level: u32,
}

impl Codec for Gzip {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(Deflate::new(self.level))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Inflate { inflate: Decompress::new(false) })
    }

    fn block(&self) -> usize {
        BLOCK
    }

    fn head(&self) -> Vec<u8> {
        HEAD.to_vec()
    }

    fn ending(&self) -> Box<dyn Ending> {
        Box::new(Trailer)
    }
}

/// The end of the member depends on nothing but its content.
struct Trailer;

impl Ending for Trailer {
    fn block(&mut self, _: &[u8], _: u64) {}

    fn tail(&self, stream: &Sum) -> Vec<u8> {
        let len = u32::try_from(stream.len & 0xffff_ffff).unwrap_or(0);
        [&FINAL_BLOCK[..], &stream.crc.sum().to_le_bytes(), &len.to_le_bytes()].concat()
    }
}

/// Makes independent deflate blocks.
pub(super) struct Deflate {
    level: Compression,
    /// None: everything is stored.
    deflate: Option<Compress>,
}

impl Deflate {
    /// A compressor of level 0 (stored) to 9.
    pub fn new(level: u32) -> Self {
        let level = Compression::new(level.min(9));
        Self { level, deflate: (level != Compression::none()).then(|| raw(level)) }
    }
}

fn raw(level: Compression) -> Compress {
    Compress::new(level, false)
}

impl Encoder for Deflate {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        let start = output.len();
        let limit = input.len() + 5 * input.len().div_ceil(STORED);
        output.reserve_exact(limit);
        let shrunk = match &mut self.deflate {
            Some(deflate) if !looks_random(input) => {
                let fits = squeeze(deflate, input, output)?;
                if !fits {
                    // a reset in the middle of a block does not clear everything: level 1 of zlib-rs 0.6.8 panics afterwards
                    *deflate = raw(self.level);
                }
                fits
            }
            _ => false,
        };
        if !shrunk {
            output.truncate(start);
            store(input, output);
        }
        Ok(crc)
    }
}

struct Inflate {
    inflate: Decompress,
}

impl Decoder for Inflate {
    fn decode(&mut self, packed: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        self.inflate.reset(false);
        self.inflate.decompress_vec(packed, plain, FlushDecompress::Sync).map_err(|_| damaged("it is damaged"))?;
        if plain.len() == plain.capacity() {
            return Err(damaged("it is longer than it should be"));
        }
        if self.inflate.total_in() != packed.len() as u64 {
            return Err(damaged("it does not end where it should"));
        }
        Ok(())
    }
}

/// Deflates a block; false when it does not fit into the room there is, which is that of the stored form.
fn squeeze(deflate: &mut Compress, input: &[u8], output: &mut Vec<u8>) -> Result<bool> {
    deflate.reset();
    loop {
        let rest = usize::try_from(deflate.total_in()).ok().and_then(|done| input.get(done..));
        let rest = rest.ok_or_else(|| Error::failed("compressing: the block was read past its end"))?;
        let status = deflate.compress_vec(rest, output, FlushCompress::Full).doing(|| "compressing".to_owned())?;
        if output.len() == output.capacity() {
            return Ok(false);
        }
        // room left over means that the flush is complete
        if deflate.total_in() == input.len() as u64 {
            return Ok(true);
        }
        if status == Status::BufError {
            return Err(Error::failed("compressing: the block could not be finished"));
        }
    }
}

/// Writes a block as it is.
fn store(input: &[u8], output: &mut Vec<u8>) {
    for part in input.chunks(STORED) {
        let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
        output.push(0);
        output.extend_from_slice(&len.to_le_bytes());
        output.extend_from_slice(&(!len).to_le_bytes());
        output.extend_from_slice(part);
    }
}

/// Whether trying to compress is a waste of time, as with what is compressed or encrypted already: every byte value is about
/// equally frequent, and nothing comes twice. Judged by samples.
pub(super) fn looks_random(input: &[u8]) -> bool {
    is_flat(input) && !repeats(input)
}

/// Whether all byte values are about equally frequent, in samples of one eighth of the block.
fn is_flat(input: &[u8]) -> bool {
    const SAMPLE: usize = 4096;
    let mut counts = [[0u32; 256]; 4];
    let mut total: u32 = 0;
    for chunk in input.chunks(SAMPLE * 8) {
        let sample = chunk.get(..SAMPLE).unwrap_or(chunk);
        // four tables: one after the other they would wait for each other's increments
        for bytes in sample.as_chunks::<4>().0 {
            for (table, byte) in counts.iter_mut().zip(bytes) {
                if let Some(count) = table.get_mut(usize::from(*byte)) {
                    *count += 1;
                }
            }
        }
        total += u32::try_from(sample.len() / 4 * 4).unwrap_or(0);
    }
    if total < 16 * 1024 {
        return false;
    }
    // sum of squares of the frequencies: 1/256 for noise, more for anything else
    let [a, b, c, d] = &counts;
    let squares: u64 = a.iter().zip(b).zip(c).zip(d).map(|(((a, b), c), d)| u64::from(a + b + c + d).pow(2)).sum();
    let noise = u64::from(total).pow(2) / 256;
    // random samples of this size scatter by a share of 256/total around the noise level
    squares < noise + noise / 50 + u64::from(total)
}

/// Whether the middle of the block holds sequences that come twice within deflate's reach of 32 KiB: flat frequencies alone
/// are also those of a counter.
fn repeats(input: &[u8]) -> bool {
    const SLOTS: usize = 1 << 14;
    const LOOK: usize = 96 * 1024;
    let start = input.len().saturating_sub(LOOK) / 2;
    let window = input.get(start..).unwrap_or_default();
    let window = window.get(..LOOK).unwrap_or(window);
    let mut seen = vec![0u32; SLOTS];
    let mut hits = 0;
    for (at, quad) in window.windows(4).enumerate() {
        let Ok(quad) = quad.try_into().map(u32::from_le_bytes) else { continue };
        // the upper bits of a multiplicative hash are the good ones
        let slot = (quad.wrapping_mul(0x9e37_79b1) >> 18) as usize;
        let Some(last) = seen.get_mut(slot) else { continue };
        hits += usize::from(*last == quad);
        // every fourth place is enough to find anything of seven bytes and more
        if at % 4 == 0 {
            *last = quad;
        }
    }
    hits > window.len() / 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(len)
        .collect()
    }

    #[test]
    fn blocks_of_every_kind_make_one_readable_member() {
        let text = b"the quick brown fox ".repeat(20_000);
        for level in [0, 1, 5, 9] {
            let gzip = Gzip { level };
            let mut encoder = gzip.encoder();
            let mut file = gzip.head();
            let mut stream = Sum::default();
            let mut plain = Vec::new();
            for block in [&text[..], &noise(300_000), &[], b"x", &noise(70_000), &text] {
                let crc = encoder.encode(block, &mut file).unwrap();
                stream.join(&crc, block.len() as u64);
                plain.extend_from_slice(block);
            }
            file.extend(gzip.ending().tail(&stream));
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut back).unwrap();
            assert!(back == plain, "level {level}");
        }
    }

    /// zlib-rs 0.6.8 panics at level 1 when it is reset in the middle of a block that did not fit, and used again.
    #[test]
    fn blocks_that_grow_are_stored_at_every_level_and_the_next_one_is_not_harmed() {
        // bytes above 143 are the long ones of deflate's fixed code, the only one that level 1 has
        let grows: Vec<u8> = noise(200_000).iter().map(|byte| 144 + byte % 111).collect();
        assert!(!looks_random(&grows));
        let text: Vec<u8> = noise(200_000).iter().map(|byte| b'a' + byte % 16).collect();
        for level in 1..=9 {
            let mut encoder = Gzip { level }.encoder();
            for block in [&grows, &text, &grows, &grows, &text] {
                let mut packed = Vec::new();
                encoder.encode(block, &mut packed).unwrap();
                assert!(packed.len() <= block.len() + 5 * block.len().div_ceil(STORED));
                assert!(level > 1 || block != &grows || packed.len() > block.len(), "this block does not grow");
                let mut plain = Vec::with_capacity(block.len() + 1);
                Gzip { level }.decoder().decode(&packed, &mut plain).unwrap();
                assert!(plain == *block, "level {level}");
            }
        }
    }

    #[test]
    fn noise_is_told_from_data() {
        assert!(looks_random(&noise(512 * 1024)));
        assert!(!looks_random(&b"the quick brown fox ".repeat(20_000)));
        assert!(!looks_random(&vec![0; 512 * 1024]));
        let counter: Vec<u8> = (0..512 * 1024u32).map(|i| i.to_le_bytes()[0]).collect();
        assert!(is_flat(&counter) && !looks_random(&counter));
        assert!(!looks_random(&noise(20_000).repeat(20)));
        let base64: Vec<u8> = noise(512 * 1024).iter().map(|byte| b'A' + (byte & 31)).collect();
        assert!(!looks_random(&base64));
    }
}
