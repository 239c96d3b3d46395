//! Any archive → its members, by what it begins with and not by its name: KB17 called a tar.xz and a zip `.xz` alike.
//!
//! A new compression of tar is an arm in [`unpacker`]; a new kind of archive is an arm in [`members`] and an `impl` of [`Archive`].

use crate::archive::bzip;
use crate::archive::read::{self, Member, Reader};
use crate::archive::unpack::{Seen, Stream, Wanted};
use crate::archive::xz;
use crate::archive::zip;
use crate::error::{Doing, Error, Result};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;

/// Bytes read from the disk at once.
const ROOM: usize = 64 * 1024;

/// What a file is, going by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// gzip (RFC 1952).
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// zip.
    Zip,
    /// tar without compression.
    Tar,
}

impl Format {
    /// As messages call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zip => "zip",
            Self::Tar => "tar",
        }
    }
}

/// The members of an archive, one after the other, each with its content.
pub trait Members {
    /// The next member; what is left of the content of the one before is passed over. None after the last one.
    fn member(&mut self) -> Result<Option<Member>>;

    /// The content of the current member; of a sparse file the parts that hold data, one after the other.
    fn content(&mut self) -> &mut dyn BufRead;

    /// Forgets the rest of the current member, damaged or not. False when those after it cannot be told from it then.
    fn pass_over(&mut self) -> bool {
        false
    }

    /// Reads what follows the last member; fails when that is not what the format wants there.
    fn finish(&mut self) -> Result<()>;
}

/// What an open file is; none when it is nothing that can be read here. The position is left where it is.
pub fn format_of(file: &File) -> Result<Option<Format>> {
    let mut start = [0; 512];
    let mut have = 0;
    while let Some(rest) = start.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, have as u64).doing(reading)? {
            0 => break,
            len => have += len,
        }
    }
    Ok(known(start.get(..have).unwrap_or_default()))
}

fn known(start: &[u8]) -> Option<Format> {
    let formats: [(&[u8], Format); 6] = [
        (&[0x1f, 0x8b], Format::Gzip),
        (b"BZh", Format::Bzip2),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], Format::Xz),
        (b"PK\x03\x04", Format::Zip),
        (b"PK\x05\x06", Format::Zip),
        (b"PK\x06\x06", Format::Zip),
    ];
    let found = formats.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, format)| *format);
    let is_tar = start.get(257..262) == Some(b"ustar") || start.len() == 512 && start.iter().all(|byte| *byte == 0);
    found.or(is_tar.then_some(Format::Tar))
}

/// What unpacks a stream of packed bytes into the tar stream inside, on the calling thread. Fails for what is no tar inside.
pub fn unpacker(packed: impl Read + 'static, format: Format) -> Result<Box<dyn Read>> {
    let raw = BufReader::with_capacity(ROOM, packed);
    match format {
        Format::Tar => Ok(Box::new(raw)),
        Format::Gzip => Ok(Box::new(MultiGzDecoder::new(raw))),
        Format::Bzip2 => Ok(Box::new(bzip::reader(raw))),
        Format::Xz => Ok(Box::new(xz::reader(raw))),
        Format::Zip => Err(Error::failed("a zip holds no tar")),
    }
}

/// An archive that is being read: its members, and at the end what the file turned out to be.
pub trait Archive: Members {
    /// Reads the rest of the file after [`Members::finish`]; fails when its checksums do not hold.
    fn end(self: Box<Self>) -> Result<Seen>;
}

impl Archive for Reader<Stream> {
    fn end(self: Box<Self>) -> Result<Seen> {
        self.into_input().finish()
    }
}

/// Whether a file is an archive, whole or not: packed things that hold no tar, such as a packed dump, are none.
pub fn is_archive(file: &File) -> bool {
    let Ok(Some(format)) = format_of(file) else { return false };
    if matches!(format, Format::Tar | Format::Zip) {
        return true;
    }
    let Ok(mut file) = file.try_clone() else { return false };
    let mut start = [0; 512];
    let unpacked = file.rewind().doing(reading).and_then(|()| unpacker(file, format));
    match unpacked.map(|mut plain| plain.read_exact(&mut start)) {
        Ok(Ok(())) => start.iter().all(|byte| *byte == 0) || read::is_header(&start),
        // damaged right at the beginning: nothing says that it was not one
        _ => true,
    }
}

/// The members of a file. `blocks` and `wanted` as for [`Stream::open`].
pub fn members(file: File, blocks: &[(u64, u64)], wanted: Wanted) -> Result<Box<dyn Archive>> {
    match format_of(&file)? {
        None => Err(Error::failed("it is no archive that this program can read")),
        Some(Format::Zip) => Ok(Box::new(zip::Reader::open(file, wanted)?)),
        Some(format) => Ok(Box::new(Reader::new(Stream::open(file, format, blocks, wanted)?))),
    }
}

fn reading() -> String {
    "reading the archive".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_it_begins_with() {
        assert_eq!(known(&[0x1f, 0x8b, 8]), Some(Format::Gzip));
        assert_eq!(known(b"BZh9"), Some(Format::Bzip2));
        assert_eq!(known(b"\xfd7zXZ\0\0"), Some(Format::Xz));
        assert_eq!(known(b"PK\x03\x04"), Some(Format::Zip));
        assert_eq!(known(&[0; 512]), Some(Format::Tar));
        assert_eq!(known(&[0; 511]), None);
        assert_eq!(known(b"-- PostgreSQL"), None);
        assert_eq!(known(b""), None);
    }
}
