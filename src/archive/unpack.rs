//! A packed file → its stream, with the checksums of both on the way. Where a manifest says where the blocks are, several
//! threads unpack them; else one does, beside the one that reads. Memory does not depend on what a file claims.
//!
//! Every thread has its own lane of pieces and takes every n-th block, so the reader knows which lane comes next and no
//! thread can use up the buffers another one needs.

mod lane;

use crate::archive::blocks::{Sum, hex};
use crate::archive::open::Format;
use crate::error::{Doing, Error, Result};
use lane::{Chunk, Lane, Piece, Work};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;

/// A gzip header without any options, as we write it.
const HEAD: usize = 10;
/// Checksum and length at the end of a gzip member.
const TRAILER: usize = 8;

/// Which checksums of the file are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// SHA-256.
    pub sha256: bool,
    /// SHA-1.
    pub sha1: bool,
}

/// What a file turned out to be.
#[derive(Debug)]
pub struct Seen {
    /// Bytes of the file that were read: all of it.
    pub size: u64,
    /// SHA-256 in hex, if wanted.
    pub sha256: Option<String>,
    /// SHA-1 in hex, if wanted.
    pub sha1: Option<String>,
}

/// The unpacked stream of a file.
pub struct Stream {
    file: Arc<File>,
    lanes: Vec<Lane>,
    chunks: usize,
    /// The chunk being read.
    chunk: usize,
    current: Option<Piece>,
    /// Why nothing comes after the current piece.
    broken: Option<io::Error>,
    at: usize,
    /// Set when blocks of gzip are unpacked one by one: what the end of the file says has to be compared.
    sum: Option<Sum>,
    hashes: Hashes,
}

impl Stream {
    /// Begins to unpack a file. `blocks` are the places of its blocks, in the file and in the stream, as a manifest tells
    /// them; none, or ones that cannot be true, mean that it is unpacked from front to back.
    pub fn open(file: File, format: Format, blocks: &[(u64, u64)], wanted: Wanted) -> Result<Self> {
        let size = file.metadata().doing(reading)?.len();
        let chunks = match format {
            Format::Gzip => gzip_chunks(&file, blocks, size),
            Format::Bzip2 => chunks(blocks, (0, size)),
            Format::Xz | Format::Zip | Format::Tar => None,
        };
        let is_gzip_in_parts = format == Format::Gzip && chunks.is_some();
        let threads = if chunks.is_some() { threads() } else { 1 };
        let file = Arc::new(file);
        let chunks = chunks.map(Arc::<[Chunk]>::from);
        let mut stream = Self {
            file: Arc::clone(&file),
            lanes: Vec::new(),
            chunks: chunks.as_ref().map_or(1, |chunks| chunks.len()),
            chunk: 0,
            current: None,
            broken: None,
            at: 0,
            sum: is_gzip_in_parts.then(Sum::default),
            hashes: Hashes::new(wanted),
        };
        if stream.sum.is_some() {
            let mut head = [0; HEAD];
            file.read_exact_at(&mut head, 0).doing(reading)?;
            stream.hashes.update(&head);
        }
        for number in 0..threads {
            let work = Work { file: Arc::clone(&file), format, chunks: chunks.clone(), first: number, step: threads };
            stream.lanes.push(work.start()?);
        }
        Ok(stream)
    }

    /// Goes on to the next piece; false at the end of the stream.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(error) = self.broken.take() {
            self.chunks = 0;
            return Err(error);
        }
        if let Some(piece) = self.current.take() {
            if piece.last {
                self.chunk += 1;
            }
            let lane = self.lanes.get(self.previous(piece.last)).map(|lane| &lane.free);
            // a thread that has nothing left to do needs no buffers
            let _ = lane.map(|free| free.send(piece));
        }
        if self.chunk >= self.chunks {
            return Ok(false);
        }
        let ended = || io::Error::other("the unpacking thread ended unexpectedly");
        let lane = self.lanes.get(self.chunk % self.lanes.len().max(1)).ok_or_else(ended)?;
        let mut piece = lane.pieces.recv().map_err(|_| ended())?;
        self.hashes.update(&piece.packed);
        self.broken = piece.error.take();
        if let Some(error) = self.broken.take_if(|_| piece.plain.is_empty()) {
            self.chunks = 0;
            return Err(error);
        }
        if let Some(sum) = &mut self.sum {
            sum.join(&piece.crc, piece.plain.len() as u64);
        }
        self.at = 0;
        self.current = Some(piece);
        Ok(true)
    }

    /// The lane that the piece just read came from.
    fn previous(&self, ended_chunk: bool) -> usize {
        (self.chunk - usize::from(ended_chunk)) % self.lanes.len().max(1)
    }

    /// Reads what is left of the stream and the end of the file, and compares what that says about the stream.
    pub fn finish(mut self) -> Result<Seen> {
        while self.advance().doing(reading)? {}
        let mut end = [0; TRAILER];
        if let Some(sum) = &self.sum {
            self.file.read_exact_at(&mut end, self.hashes.size).doing(reading)?;
            self.hashes.update(&end);
            let [crc @ .., a, b, c, d] = end;
            let len = u32::from_le_bytes([a, b, c, d]);
            if crc != sum.crc.sum().to_le_bytes() || u64::from(len) != sum.len & 0xffff_ffff {
                return Err(Error::failed("the content does not match its checksum"));
            }
        }
        self.rest()?;
        Ok(self.hashes.finish())
    }

    /// What follows in the file.
    fn rest(&mut self) -> Result<()> {
        let mut rest = [0; 4096];
        loop {
            match self.file.read_at(&mut rest, self.hashes.size) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(Error::failed("there is something after its end")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).doing(reading),
            }
        }
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.as_ref().is_none_or(|piece| self.at >= piece.plain.len()) {
            if !self.advance()? {
                return Ok(&[]);
            }
        }
        Ok(self.current.as_ref().and_then(|piece| piece.plain.get(self.at..)).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.at += len;
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = self.fill_buf()?;
        let len = buffer.read(bytes)?;
        self.consume(len);
        Ok(len)
    }
}

/// The blocks of a gzip file of ours as chunks, see [`chunks`].
fn gzip_chunks(file: &File, blocks: &[(u64, u64)], size: u64) -> Option<Vec<Chunk>> {
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0).ok()?;
    let end = size.checked_sub(TRAILER as u64)?;
    if head.starts_with(&[0x1f, 0x8b, 8, 0]) { chunks(blocks, (HEAD as u64, end)) } else { None }
}

/// The blocks as chunks of what lies between `begin` and `end` of the file; none when they cannot be what it consists of.
fn chunks(blocks: &[(u64, u64)], (begin, end): (u64, u64)) -> Option<Vec<Chunk>> {
    if blocks.first() != Some(&(begin, 0)) {
        return None;
    }
    let next = blocks.iter().skip(1).map(|(at, start)| (*at, Some(*start))).chain([(end, None)]);
    blocks
        .iter()
        .zip(next)
        .map(|((from, start), (to, next))| {
            let len = next.map(|next| next.checked_sub(*start)).map_or(Some(None), |len| len.map(Some))?;
            (from < &to).then_some(Chunk { from: *from, to, len })
        })
        .collect()
}

/// More than these gain nothing: one thread writes.
fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(8)
}

/// Checksums of the file as it is read.
pub(super) struct Hashes {
    size: u64,
    sha256: Option<Sha256>,
    sha1: Option<Sha1>,
}

impl Hashes {
    /// Nothing was read yet.
    pub fn new(wanted: Wanted) -> Self {
        Self { size: 0, sha256: wanted.sha256.then(Sha256::new), sha1: wanted.sha1.then(Sha1::new) }
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(bytes);
        }
    }

    /// What the file turned out to be.
    pub fn finish(self) -> Seen {
        Seen {
            size: self.size,
            sha256: self.sha256.map(|sum| hex(&sum.finalize())),
            sha1: self.sha1.map(|sum| hex(&sum.finalize())),
        }
    }
}

fn reading() -> String {
    "reading the archive".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::blocks::{self, Checksums, Codec, Target, Written};
    use crate::archive::bzip::Bzip;
    use crate::archive::gzip::Gzip;
    use crate::archive::open::format_of;
    use std::io::Write;

    /// A packed file of ours, where its blocks are, and what is in it.
    fn packed() -> (File, Written, Vec<u8>) {
        packed_by(&Gzip { level: 1 })
    }

    fn packed_by(codec: &dyn Codec) -> (File, Written, Vec<u8>) {
        let path =
            std::env::temp_dir().join(format!("krista-unpack-{}-{:?}", std::process::id(), thread::current().id()));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let plain: Vec<u8> =
            (0..5_300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> (n % 25)).to_le_bytes()[0]).collect();
        let target = Target { file: &file, name: "test", checksums: Checksums::Sha256AndSha1 };
        let ((), written) = blocks::write(&target, codec, 2, |sink| sink.write(&plain)).unwrap();
        (file, written, plain)
    }

    fn unpack(file: &File, blocks: &[(u64, u64)]) -> Result<(Vec<u8>, Seen)> {
        let wanted = Wanted { sha256: true, sha1: true };
        let format = format_of(file).unwrap().unwrap();
        let mut stream = Stream::open(file.try_clone().unwrap(), format, blocks, wanted)?;
        let mut plain = Vec::new();
        stream.read_to_end(&mut plain).doing(reading)?;
        Ok((plain, stream.finish()?))
    }

    #[test]
    fn the_same_comes_out_however_many_blocks_are_known() {
        for codec in [&Gzip { level: 1 } as &dyn Codec, &Bzip { level: 3 }] {
            let (file, written, plain) = packed_by(codec);
            for limit in [0, 1, 2, 3, 5, 1000] {
                let blocks = if limit == 0 { Vec::new() } else { written.index.thinned(limit).places() };
                let (found, seen) = unpack(&file, &blocks).unwrap();
                assert!(found == plain, "{limit}");
                assert_eq!((seen.size, seen.sha256.as_ref()), (written.size, Some(&written.sha256)), "{limit}");
                assert_eq!(seen.sha1, written.sha1, "{limit}");
            }
        }
    }

    #[test]
    fn places_that_cannot_be_true_are_not_used_and_false_ones_are_noticed() {
        let (file, written, _) = packed_by(&Bzip { level: 3 });
        let good = written.index.thinned(1000).places();
        for (at, start) in [(1, 0), (0, 1)] {
            let mut bad = good.clone();
            bad[2] = (bad[2].0 + at, bad[2].1 + start);
            assert!(unpack(&file, &bad).is_err(), "{at} {start}");
        }
        let (file, written, plain) = packed();
        let good = written.index.thinned(1000).places();
        for bad in
            [vec![(0, 0)], vec![(10, 0), (5, 500)], vec![(10, 0), (50, 20), (60, 10)], vec![(10, 0), (u64::MAX, 1)]]
        {
            assert!(unpack(&file, &bad).unwrap().0 == plain, "{bad:?}");
        }
        let mut shifted = good.clone();
        shifted[2].0 += 1;
        assert!(unpack(&file, &shifted).is_err());
        let mut longer = good;
        longer[2].1 += 1;
        assert!(unpack(&file, &longer).is_err());
    }

    #[test]
    fn a_cut_or_longer_file_is_noticed() {
        let (mut file, written, _) = packed_by(&Bzip { level: 3 });
        file.write_all(b"x").unwrap();
        for length in [written.size + 1, written.size - 1, written.size / 2] {
            file.set_len(length).unwrap();
            assert!(unpack(&file, &written.index.thinned(3).places()).is_err(), "{length}");
        }
        let (mut file, written, _) = packed();
        let blocks = written.index.thinned(3).places();
        for length in [written.size - 1, written.size - 8, written.size - 9, written.size / 2, 30] {
            file.set_len(length).unwrap();
            assert!(unpack(&file, &blocks).is_err(), "{length}");
            assert!(unpack(&file, &[]).is_err(), "{length}");
        }
        let (mut other, written, _) = packed();
        other.write_all(b"x").unwrap();
        assert!(unpack(&other, &written.index.thinned(3).places()).is_err());
        assert!(unpack(&other, &[]).is_err());
        file.flush().unwrap();
    }
}
