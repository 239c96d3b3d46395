//! Members of a zip in the order of its directory, with the view that tar archives have. What it reads may come from an
//! attacker: nothing is believed that costs memory, names are handed on as they are.

use crate::archive::bzip;
use crate::archive::open::{Archive, Members};
use crate::archive::read::{Member, Type};
use crate::archive::unpack::{Hashes, Seen, Wanted};
use crate::archive::zip::directory::{Directory, Fields, Record, Section, broken, reading};
use crate::archive::zip::records::{BZIP2, DEFLATE, LOCAL, LZMA, MARKED_END, STORED};
use crate::error::{Doing, Error, Result};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use lzma_rust2::LzmaReader;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes read, and handed on, at once.
const ROOM: u64 = 64 * 1024;
/// Longest target of a link.
const TARGET_LIMIT: u64 = 64 * 1024;
/// Largest dictionary of LZMA that is believed: twice what the highest level of any packer asks for.
const DICTIONARY_LIMIT: u32 = 256 << 20;
const WRONG: &str = "the content of a member does not match its checksum";

/// Reads an archive member by member.
pub struct Reader {
    file: Arc<File>,
    wanted: Wanted,
    directory: Directory,
    content: Content,
}

impl Reader {
    /// Finds the directory. Fails when the end of the archive is missing or damaged.
    pub fn open(file: File, wanted: Wanted) -> Result<Self> {
        let file = Arc::new(file);
        let directory = Directory::open(&file)?;
        Ok(Self { file, wanted, directory, content: Content::default() })
    }
}

impl Members for Reader {
    fn member(&mut self) -> Result<Option<Member>> {
        self.content.close().doing(reading)?;
        let Some(record) = self.directory.record()? else { return Ok(None) };
        let named = || format!("member {}", crate::archive::notes::show(&record.name));
        self.content = Content::open(&self.file, &record).doing(named)?;
        let mut member = describe(record);
        if member.kind == Type::Symlink {
            if member.size > TARGET_LIMIT {
                return Err(broken("the target of a link is too long"));
            }
            self.content.read_to_end(&mut member.target).doing(reading)?;
            self.content.close().doing(reading)?;
            member.size = 0;
        }
        Ok(Some(member))
    }

    fn content(&mut self) -> &mut dyn BufRead {
        &mut self.content
    }

    fn pass_over(&mut self) -> bool {
        self.content = Content::default();
        true
    }

    fn finish(&mut self) -> Result<()> {
        match self.member()? {
            Some(_) => Err(broken("it was not read to its end")),
            None => Ok(()),
        }
    }
}

impl Archive for Reader {
    /// Members are read wherever they are, so the checksums take a second pass.
    fn end(self: Box<Self>) -> Result<Seen> {
        let mut hashes = Hashes::new(self.wanted);
        let mut room = vec![0; 256 * 1024];
        let mut at = 0;
        loop {
            match self.file.read_at(&mut room, at).doing(reading)? {
                0 => return Ok(hashes.finish()),
                len => {
                    hashes.update(room.get(..len).unwrap_or_default());
                    at += len as u64;
                }
            }
        }
    }
}

/// What a member is: the mode says, or else its name.
pub fn kind(record: &Record) -> Type {
    match record.mode.unwrap_or(0) & libc::S_IFMT {
        libc::S_IFLNK => Type::Symlink,
        libc::S_IFDIR => Type::Dir,
        libc::S_IFREG => Type::File,
        _ if record.name.ends_with(b"/") => Type::Dir,
        _ => Type::File,
    }
}

fn describe(record: Record) -> Member {
    let kind = kind(&record);
    let usual = if kind == Type::Dir { 0o755 } else { 0o644 };
    let (uid, gid) = record.owner.unwrap_or((0, 0));
    Member {
        // some packers know no modes at all
        mode: record.mode.filter(|mode| *mode != 0).map_or(usual, |mode| mode & 0o7777),
        kind,
        uid: uid.into(),
        gid: gid.into(),
        user: Vec::new(),
        group: Vec::new(),
        size: if kind == Type::Dir { 0 } else { record.plain },
        mtime: record.mtime,
        target: Vec::new(),
        device: (0, 0),
        attributes: Vec::new(),
        acl: None,
        default_acl: None,
        extents: None,
        path: record.name,
    }
}

/// The content of a member, unpacked: exactly as long as the directory says, and compared with its checksum at the end.
pub struct Content {
    input: Box<dyn BufRead>,
    left: u64,
    crc: Crc,
    expected: u32,
}

impl Default for Content {
    fn default() -> Self {
        Self { input: Box::new(io::empty()), left: 0, crc: Crc::new(), expected: 0 }
    }
}

impl Content {
    /// Begins to unpack a member. Fails when its local header is not what the directory says, or it cannot be unpacked.
    pub fn open(file: &Arc<File>, record: &Record) -> Result<Self> {
        let mut header = [0; 30];
        file.read_exact_at(&mut header, record.offset).map_err(|_| broken("its header is missing"))?;
        let fields = Fields(&header);
        let (name, extra) = (fields.short(26).unwrap_or(0), fields.short(28).unwrap_or(0));
        let same = (fields.long(0), fields.short(8)) == (Some(LOCAL), Some(record.method));
        let mut local = vec![0; usize::from(name)];
        file.read_exact_at(&mut local, record.offset + 30).map_err(|_| broken("its header is missing"))?;
        if !same || local != record.name {
            return Err(broken("its header is not what the directory says"));
        }
        if record.flags & 1 != 0 {
            return Err(broken("it is encrypted"));
        }
        let at = record.offset + 30 + u64::from(name) + u64::from(extra);
        let section = Section::new(file, at, record.packed);
        let input = unpack(room(section, record.packed), record)?;
        Ok(Self { input, left: record.plain, crc: Crc::new(), expected: record.crc })
    }

    /// Reads what is left; fails when that is not what the directory says.
    pub fn close(&mut self) -> io::Result<()> {
        loop {
            let len = self.fill_buf()?.len();
            if len == 0 {
                break;
            }
            self.consume(len);
        }
        // LZMA's end marker is behind the last byte
        if !self.input.fill_buf()?.is_empty() {
            return Err(damaged("a member is longer than it should be"));
        }
        *self = Self::default();
        Ok(())
    }
}

impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            // whoever reads to the end is told before it takes what it has for the content
            return if self.crc.sum() == self.expected { Ok(&[]) } else { Err(damaged(WRONG)) };
        }
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a member ends too early"));
        }
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(buffer.get(..limit).unwrap_or(buffer))
    }

    fn consume(&mut self, len: usize) {
        // what was filled is still there, so this reads nothing
        if let Ok(buffer) = self.input.fill_buf() {
            self.crc.update(buffer.get(..len).unwrap_or_default());
        }
        self.input.consume(len);
        self.left = self.left.saturating_sub(len as u64);
    }
}

impl Read for Content {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = self.fill_buf()?;
        let len = buffer.read(bytes)?;
        self.consume(len);
        Ok(len)
    }
}

fn unpack(mut packed: BufReader<Section>, record: &Record) -> Result<Box<dyn BufRead>> {
    let plain = record.plain;
    Ok(match record.method {
        STORED => Box::new(packed),
        DEFLATE => Box::new(room(DeflateDecoder::new(packed), plain)),
        BZIP2 => Box::new(room(bzip::single(packed), plain)),
        LZMA => {
            let mut header = [0; 9];
            packed.read_exact(&mut header).doing(reading)?;
            let fields = Fields(&header);
            let (Some(5), Some(dictionary)) = (fields.short(2), fields.long(5)) else {
                return Err(broken("its LZMA header is not supported"));
            };
            let [.., properties, _, _, _, _] = header;
            // nothing before the first byte can be referred to
            let needed = u32::try_from(plain).unwrap_or(u32::MAX).max(4096);
            let dictionary = dictionary.min(needed);
            if dictionary > DICTIONARY_LIMIT {
                return Err(broken("it needs too much memory"));
            }
            let marked = record.flags & MARKED_END != 0;
            let size = if marked { u64::MAX } else { plain };
            Box::new(room(
                LzmaReader::new_with_props(packed, size, properties, dictionary, None).doing(reading)?,
                plain,
            ))
        }
        other => return Err(Error::failed(format!("its compression method {other} is not supported"))),
    })
}

/// A buffer no larger than what will go through it.
fn room<R: Read>(inner: R, len: u64) -> BufReader<R> {
    BufReader::with_capacity(usize::try_from(len.clamp(64, ROOM)).unwrap_or(0), inner)
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
