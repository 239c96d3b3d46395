//! One xz stream of independent blocks (the .xz file format 1.2.1): every reader takes it for an ordinary file, and blocks can be
//! packed and unpacked by themselves. Both lengths stand in every block's header, so that `xz -T` unpacks in parallel, too.

use crate::archive::blocks::{Codec, Decoder, Encoder, Ending, Sum};
use crate::archive::gzip::looks_random;
use crate::error::{Doing, Result};
use flate2::Crc;
use lzma_rust2::{Lzma2Options, Lzma2Reader, Lzma2Writer, XzReader};
use std::io::{self, BufRead, Read, Write};

/// What a file begins with: magic, flags (checks are CRC-32), and their checksum.
const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// Stream flags: the check of every block is a CRC-32, as gzip has it.
const FLAGS: [u8; 2] = [0, 1];
/// Bytes of a check.
const CHECK: usize = 4;
/// Identifies LZMA2 in a block's header.
const LZMA2: u8 = 0x21;
/// Largest uncompressed chunk of LZMA2.
const STORED: usize = 64 * 1024;
/// Memory that unpacking a file of others may take, in KiB; `xz -9` needs a quarter.
const MEMORY_KIB: u32 = 256 * 1024;

/// xz at a level of 0 (stored) to 9.
#[derive(Clone, Copy, Debug)]
pub struct Xz {
    /// 0–9.
    pub level: u32,
}

impl Xz {
    /// Size of a block, and of the dictionary: a block cannot refer to more than itself. Every thread that compresses
    /// needs about twelve times as much.
    pub(super) fn dictionary(self) -> u32 {
        match self.level {
            0..=3 => 1 << 20,
            4..=6 => 4 << 20,
            _ => 8 << 20,
        }
    }
}

impl Codec for Xz {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(*self)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(*self)
    }

    fn block(&self) -> usize {
        self.dictionary() as usize
    }

    fn head(&self) -> Vec<u8> {
        [&MAGIC[..], &FLAGS, &checksum(&FLAGS)].concat()
    }

    fn ending(&self) -> Box<dyn Ending> {
        Box::new(Records::default())
    }
}

impl Encoder for Xz {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        let mut crc = Crc::new();
        crc.update(input);
        let start = output.len();
        // the longest header there can be, moved up to the data once that is known
        output.resize(start + HEADER_ROOM, 0);
        let stored = self.level == 0 || looks_random(input);
        if stored {
            store(input, output);
        } else {
            let mut options = Lzma2Options::with_preset(self.level);
            options.lzma_options.dict_size = self.dictionary();
            let mut writer = Lzma2Writer::new(&mut *output, options);
            writer.write_all(input).and_then(|()| writer.finish()).doing(|| "compressing".to_owned())?;
        }
        let packed = (output.len() - start - HEADER_ROOM) as u64;
        let header = self.header(packed, input.len() as u64);
        output.splice(start..start + HEADER_ROOM, header);
        output.resize(start + (output.len() - start).next_multiple_of(4), 0);
        output.extend_from_slice(&crc.sum().to_le_bytes());
        Ok(crc)
    }
}

/// Two sizes of at most nine bytes, what else is in a header, its checksum, and padding.
const HEADER_ROOM: usize = 32;

impl Xz {
    /// The header of a block whose data has these lengths, packed and unpacked.
    fn header(self, packed: u64, plain: u64) -> Vec<u8> {
        // one filter; both lengths are given
        let mut header = vec![0, 0xc0];
        put_number(packed, &mut header);
        put_number(plain, &mut header);
        header.extend([LZMA2, 1, dictionary_code(self.dictionary())]);
        header.resize(header.len().next_multiple_of(4), 0);
        // counted in fours, the four bytes of the checksum included, one left out
        let size = u8::try_from(header.len() / 4).unwrap_or(u8::MAX);
        header.splice(..1, [size]);
        let sum = checksum(&header);
        header.extend(sum);
        header
    }
}

/// LZMA2 chunks of uncompressed data.
fn store(input: &[u8], output: &mut Vec<u8>) {
    for (number, part) in input.chunks(STORED).enumerate() {
        // the first one resets the dictionary
        output.push(if number == 0 { 1 } else { 2 });
        let len = u16::try_from(part.len() - 1).unwrap_or(u16::MAX);
        output.extend_from_slice(&len.to_be_bytes());
        output.extend_from_slice(part);
    }
    output.push(0);
}

impl Decoder for Xz {
    fn decode(&mut self, packed: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let (packed_len, plain_len) = lengths(packed).ok_or_else(|| damaged("its header is damaged"))?;
        let header = self.header(packed_len, plain_len);
        let rest = packed.strip_prefix(&*header).ok_or_else(|| damaged("its header is damaged"))?;
        let packed_len = usize::try_from(packed_len).unwrap_or(usize::MAX);
        let (data, end) = rest.split_at_checked(packed_len).ok_or_else(|| damaged("it ends too early"))?;
        let start = plain.len();
        let room = plain.capacity() - start;
        let mut reader = Lzma2Reader::new(data, self.dictionary(), None);
        reader.by_ref().take(room as u64).read_to_end(plain)?;
        if plain.len() - start == room {
            return Err(damaged("it is longer than it should be"));
        }
        let mut crc = Crc::new();
        crc.update(plain.get(start..).unwrap_or_default());
        let mut expected = vec![0; (header.len() + packed_len).next_multiple_of(4) - header.len() - packed_len];
        expected.extend(crc.sum().to_le_bytes());
        if !reader.into_inner().is_empty() || end != expected || plain_len != (plain.len() - start) as u64 {
            return Err(damaged("it does not end where it should"));
        }
        Ok(())
    }
}

/// The index of a stream: what every block needs, in the order of the blocks.
#[derive(Default)]
struct Records {
    count: u64,
    bytes: Vec<u8>,
}

impl Ending for Records {
    fn block(&mut self, packed: &[u8], plain: u64) {
        let header = packed.first().map_or(0, |size| (u64::from(*size) + 1) * 4);
        let data = lengths(packed).map_or(0, |(packed, _)| packed);
        self.count += 1;
        put_number(header + data + CHECK as u64, &mut self.bytes);
        put_number(plain, &mut self.bytes);
    }

    fn tail(&self, _: &Sum) -> Vec<u8> {
        let mut tail = vec![0];
        put_number(self.count, &mut tail);
        tail.extend_from_slice(&self.bytes);
        tail.resize(tail.len().next_multiple_of(4), 0);
        let sum = checksum(&tail);
        tail.extend(sum);
        let size = u32::try_from(tail.len() / 4 - 1).unwrap_or(u32::MAX);
        let footer = [&size.to_le_bytes()[..], &FLAGS].concat();
        tail.extend(checksum(&footer));
        tail.extend(footer);
        tail.extend(b"YZ");
        tail
    }
}

/// The lengths that a block's header tells: packed and unpacked.
fn lengths(block: &[u8]) -> Option<(u64, u64)> {
    let (packed, rest) = number(block.get(2..)?)?;
    let (plain, _) = number(rest)?;
    Some((packed, plain))
}

/// Appends a number as the format writes it: seven bits to a byte, low ones first.
fn put_number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

/// A dictionary size that is a power of two, as LZMA2's property byte tells it.
fn dictionary_code(size: u32) -> u8 {
    u8::try_from((size.ilog2() - 12) * 2).unwrap_or(0)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// Unpacks xz streams one after the other, whoever made them; fails for one that needs more than 256 MiB.
pub fn reader(packed: impl BufRead) -> impl Read {
    XzReader::new_mem_limit(packed, true, MEMORY_KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::MAX >> 1] {
            let mut bytes = Vec::new();
            put_number(value, &mut bytes);
            bytes.push(7);
            assert_eq!(number(&bytes), Some((value, &[7][..])));
        }
        assert_eq!(number(&[0xff; 10]), None);
    }

    #[test]
    fn a_dictionary_is_named_by_its_power_of_two() {
        assert_eq!([1 << 12, 1 << 20, 4 << 20, 8 << 20].map(dictionary_code), [0, 16, 20, 22]);
    }
}
