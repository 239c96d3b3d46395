//! The file that blocks are written to, with its checksums.

use crate::archive::blocks::Sum;
use crate::error::{Doing, Result};
use crate::store::manifest::{Blocks, hex};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;

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

/// Where compressed bytes go.
pub struct Target<'a> {
    /// Open for writing, at its beginning.
    pub file: &'a File,
    /// What it will be called, for messages.
    pub name: &'a str,
    /// Checksums to compute on the way.
    pub checksums: Checksums,
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
