//! Tar bytes → members, as a stream: ustar, PAX and GNU long names, ours and KB17's (Python's `tarfile`). Verifying and
//! restoring share it. What it reads may come from an attacker: sizes are bounded, names are handed on as they are.

use crate::archive::header::padding;
use crate::archive::open::Members;
use crate::error::{Doing, Error, Result};
use crate::sys::tree::{Extent, Stamp};
use std::io::{self, BufRead, Read};

/// Longest extended header that is read.
const EXTENDED_LIMIT: u64 = 16 << 20;
/// More than any file system holds, and far enough from where numbers end.
const SIZE_LIMIT: u64 = 1 << 62;
/// Most parts a sparse file may have.
const EXTENT_LIMIT: u64 = 1 << 20;

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// A regular file.
    File,
    /// Another name of an earlier member.
    Link,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A directory.
    Dir,
    /// A named pipe.
    Fifo,
}

/// A member of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Name, any bytes, a directory's with its final slash.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Type,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Name of the owner, may be empty.
    pub user: Vec<u8>,
    /// Name of the group, may be empty.
    pub group: Vec<u8>,
    /// Size of the file once restored.
    pub size: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Target of a link, any bytes.
    pub target: Vec<u8>,
    /// Device numbers.
    pub device: (u64, u64),
    /// Extended attributes: name with its namespace, value.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Access ACL as text.
    pub acl: Option<Vec<u8>>,
    /// Default ACL of a directory as text.
    pub default_acl: Option<Vec<u8>>,
    /// The parts of a sparse file that hold data, whose bytes follow each other in the content; none for an ordinary file.
    pub extents: Option<Vec<Extent>>,
}

/// Records that a member's headers collected before its own.
#[derive(Default)]
struct Extended {
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Extended {
    fn set(&mut self, key: &[u8], value: Vec<u8>) {
        match self.records.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.records.push((key.to_vec(), value)),
        }
    }

    fn take(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let at = self.records.iter().position(|(k, _)| k == key)?;
        Some(self.records.swap_remove(at).1)
    }

    fn number(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = std::str::from_utf8(&value).ok().and_then(|text| text.trim().parse().ok());
        number.map(Some).ok_or_else(|| broken("a number in an extended header cannot be read"))
    }
}

/// Reads an archive member by member. After [`Reader::member`] the member's content is read from the reader itself; what is left
/// of it is skipped by the next call.
pub struct Reader<R> {
    input: R,
    /// Content bytes of the current member not read yet.
    left: u64,
    /// Zeros after them.
    fill: u64,
    position: u64,
    global: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: BufRead> Reader<R> {
    /// Reads from the beginning of a tar stream.
    pub fn new(input: R) -> Self {
        Self { input, left: 0, fill: 0, position: 0, global: Vec::new() }
    }

    /// Bytes of the stream read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// What the stream comes from.
    pub fn input(&mut self) -> &mut R {
        &mut self.input
    }

    /// What the stream comes from, where it stands.
    pub fn into_input(self) -> R {
        self.input
    }

    /// The next member; none after the end marker. Fails when the stream ends early or a header is damaged.
    pub fn member(&mut self) -> Result<Option<Member>> {
        self.skip(self.left + self.fill)?;
        (self.left, self.fill) = (0, 0);
        let mut extended = Extended { records: self.global.clone() };
        loop {
            let at = self.position;
            let block = self.block()?;
            if block.iter().all(|byte| *byte == 0) {
                // one zero record is half an end marker; nothing but zeros may follow
                let second = self.block()?;
                if !extended.records.is_empty() && extended.records.len() > self.global.len()
                    || second.iter().any(|byte| *byte != 0)
                {
                    return Err(broken(&format!("the end marker at byte {at} is damaged")));
                }
                return Ok(None);
            }
            let raw = Raw::parse(&block).ok_or_else(|| broken(&format!("the header at byte {at} is damaged")))?;
            match raw.flag {
                b'x' | b'g' => {
                    let body = self.body(raw.size)?;
                    for (key, value) in records(&body)? {
                        extended.set(&key, value);
                    }
                    if raw.flag == b'g' {
                        self.global.clone_from(&extended.records);
                    }
                }
                b'L' => extended.set(b"path", text(&self.body(raw.size)?)),
                b'K' => extended.set(b"linkpath", text(&self.body(raw.size)?)),
                _ => return self.describe(&raw, extended).map(Some),
            }
        }
    }

    /// Reads what follows the end marker and fails when anything but zeros is there.
    pub fn finish(&mut self) -> Result<()> {
        loop {
            let buffer = self.input.fill_buf().doing(reading)?;
            let len = buffer.len();
            if len == 0 {
                return Ok(());
            }
            if buffer.iter().any(|byte| *byte != 0) {
                return Err(broken("there is something after the end marker"));
            }
            self.input.consume(len);
            self.position += len as u64;
        }
    }

    fn describe(&mut self, raw: &Raw, mut extended: Extended) -> Result<Member> {
        let kind = match raw.flag {
            b'0' | b'7' | 0 => Type::File,
            b'1' => Type::Link,
            b'2' => Type::Symlink,
            b'3' => Type::Char,
            b'4' => Type::Block,
            b'5' => Type::Dir,
            b'6' => Type::Fifo,
            other => return Err(broken(&format!("member type {:?} is not supported", char::from(other)))),
        };
        let stored = extended.number(b"size")?.unwrap_or(raw.size);
        if stored > SIZE_LIMIT {
            return Err(broken("a member claims an impossible size"));
        }
        // links and the like have no content whatever their header claims
        self.left = if kind == Type::File { stored } else { 0 };
        self.fill = padding(self.left);
        let mut size = self.left;
        let mut extents = None;
        if let Some(real) = extended.number(b"GNU.sparse.realsize")? {
            if extended.take(b"GNU.sparse.major").as_deref() != Some(b"1") {
                return Err(broken("this kind of sparse file is not supported"));
            }
            extents = Some(self.sparse_map(real)?);
            size = real;
        }
        let mtime = match extended.take(b"mtime") {
            Some(value) => stamp(&value).ok_or_else(|| broken("a time in an extended header cannot be read"))?,
            None => Stamp { sec: raw.mtime, nsec: 0 },
        };
        let path = extended.take(b"path").unwrap_or_else(|| raw.path.clone());
        let path = extended.take(b"GNU.sparse.name").unwrap_or(path);
        Ok(Member {
            kind: if kind == Type::File && raw.flag == 0 && path.ends_with(b"/") { Type::Dir } else { kind },
            path,
            mode: raw.mode,
            uid: extended.number(b"uid")?.unwrap_or(raw.uid),
            gid: extended.number(b"gid")?.unwrap_or(raw.gid),
            user: extended.take(b"uname").unwrap_or_else(|| raw.user.clone()),
            group: extended.take(b"gname").unwrap_or_else(|| raw.group.clone()),
            size,
            mtime,
            target: extended.take(b"linkpath").unwrap_or_else(|| raw.target.clone()),
            device: raw.device,
            acl: extended.take(b"SCHILY.acl.access"),
            default_acl: extended.take(b"SCHILY.acl.default"),
            attributes: attributes(extended),
            extents,
        })
    }

    /// The map at the beginning of a sparse member's content (GNU format 1.0): decimal numbers, one per line.
    fn sparse_map(&mut self, size: u64) -> Result<Vec<Extent>> {
        let mut lines = MapLines { reader: self, block: [0; 512], at: 512 };
        let count = lines.number()?;
        if count > EXTENT_LIMIT {
            return Err(broken("a sparse file has too many parts"));
        }
        let mut extents = Vec::new();
        let mut end = 0;
        let mut data = 0;
        for _ in 0..count {
            let extent = Extent { start: lines.number()?, len: lines.number()? };
            let next = extent.start.checked_add(extent.len).filter(|next| *next <= size);
            end = next.filter(|_| extent.start >= end).ok_or_else(|| broken("the map of a sparse file is damaged"))?;
            data += extent.len;
            extents.push(extent);
        }
        if data != self.left {
            return Err(broken("the map of a sparse file does not fit its content"));
        }
        Ok(extents)
    }

    fn body(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENDED_LIMIT {
            return Err(broken("an extended header is too long"));
        }
        let mut body = vec![0; usize::try_from(size).unwrap_or(0)];
        self.exactly(&mut body)?;
        self.skip(padding(size))?;
        Ok(body)
    }

    fn block(&mut self) -> Result<[u8; 512]> {
        let mut block = [0; 512];
        self.exactly(&mut block)?;
        Ok(block)
    }

    fn exactly(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.input.read_exact(bytes).map_err(early).doing(reading)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn skip(&mut self, mut count: u64) -> Result<()> {
        self.position += count;
        while count > 0 {
            let len = self.input.fill_buf().doing(reading)?.len();
            if len == 0 {
                return Err(early(io::ErrorKind::UnexpectedEof.into())).doing(reading);
            }
            let now = usize::try_from(count).unwrap_or(usize::MAX).min(len);
            self.input.consume(now);
            count -= now as u64;
        }
        Ok(())
    }
}

impl<R: BufRead> Members for Reader<R> {
    fn member(&mut self) -> Result<Option<Member>> {
        Reader::member(self)
    }

    fn content(&mut self) -> &mut dyn BufRead {
        self
    }

    fn finish(&mut self) -> Result<()> {
        Reader::finish(self)
    }
}

impl<R: BufRead> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        let buffer = self.input.fill_buf()?;
        if buffer.is_empty() {
            return Err(early(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(buffer.get(..limit).unwrap_or(buffer))
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.left -= len as u64;
        self.position += len as u64;
    }
}

impl<R: BufRead> Read for Reader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(bytes) = bytes.get_mut(..wanted).filter(|bytes| !bytes.is_empty()) else { return Ok(0) };
        let len = self.input.read(bytes)?;
        if len == 0 {
            return Err(early(io::ErrorKind::UnexpectedEof.into()));
        }
        self.left -= len as u64;
        self.position += len as u64;
        Ok(len)
    }
}

/// Reads the numbers of a sparse map, record by record, from the content.
struct MapLines<'a, R> {
    reader: &'a mut Reader<R>,
    block: [u8; 512],
    at: usize,
}

impl<R: BufRead> MapLines<'_, R> {
    fn number(&mut self) -> Result<u64> {
        let mut number: u64 = 0;
        let damaged = || broken("the map of a sparse file is damaged");
        loop {
            if self.at == self.block.len() {
                self.reader.left = self.reader.left.checked_sub(512).ok_or_else(damaged)?;
                self.block = self.reader.block()?;
                self.at = 0;
            }
            let byte = self.block.get(self.at).copied().unwrap_or(0);
            self.at += 1;
            match byte {
                b'\n' => return Ok(number),
                b'0'..=b'9' => {
                    let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(byte - b'0')));
                    number = next.ok_or_else(damaged)?;
                }
                _ => return Err(damaged()),
            }
        }
    }
}

/// The fields of one header block.
struct Raw {
    path: Vec<u8>,
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    mtime: i64,
    flag: u8,
    target: Vec<u8>,
    user: Vec<u8>,
    group: Vec<u8>,
    device: (u64, u64),
}

impl Raw {
    fn parse(block: &[u8; 512]) -> Option<Self> {
        let field = |at: usize, len: usize| block.get(at..at + len).unwrap_or_default();
        let stated = number(field(148, 8))?;
        let sum: i64 = block.iter().map(|byte| i64::from(*byte)).sum();
        let own: i64 = field(148, 8).iter().map(|byte| i64::from(*byte)).sum();
        if sum - own + 8 * i64::from(b' ') != stated {
            return None;
        }
        let flag = field(156, 1).first().copied()?;
        let ustar = field(257, 5) == b"ustar";
        let mut path = text(field(0, 100));
        // GNU's own format keeps other things where ustar has the prefix
        let prefix = text(field(345, 155));
        if field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            path = [prefix, path].join(&b'/');
        }
        let positive = |at, len| number(field(at, len)).and_then(|n| u64::try_from(n).ok());
        Some(Self {
            path,
            mode: u32::try_from(number(field(100, 8))? & 0o7777).ok()?,
            uid: positive(108, 8)?,
            gid: positive(116, 8)?,
            size: positive(124, 12)?,
            mtime: number(field(136, 12))?,
            flag,
            target: text(field(157, 100)),
            user: if ustar { text(field(265, 32)) } else { Vec::new() },
            group: if ustar { text(field(297, 32)) } else { Vec::new() },
            device: if ustar { (positive(329, 8).unwrap_or(0), positive(337, 8).unwrap_or(0)) } else { (0, 0) },
        })
    }
}

/// Whether this is the header of a member: its checksum holds.
pub fn is_header(block: &[u8; 512]) -> bool {
    Raw::parse(block).is_some()
}

/// Up to the first NUL.
fn text(field: &[u8]) -> Vec<u8> {
    field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// An octal field, or GNU's base-256 when the highest bit is set.
fn number(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let mut value = i64::from(first & 0x3f);
        if first & 0x40 != 0 {
            value -= 0x40;
        }
        for byte in rest {
            value = value.checked_mul(256)?.checked_add(i64::from(*byte))?;
        }
        return Some(value);
    }
    let digits = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if digits.is_empty() { Some(0) } else { i64::from_str_radix(digits, 8).ok() }
}

/// The records of an extended header.
fn records(mut body: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut found = Vec::new();
    while !body.is_empty() && body.first() != Some(&0) {
        let (key, value, rest) = record(body).ok_or_else(|| broken("an extended header is damaged"))?;
        found.push((key.to_vec(), value.to_vec()));
        body = rest;
    }
    Ok(found)
}

fn record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = body.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(body.get(..space)?).ok()?.parse().ok()?;
    let (record, rest) = body.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, rest))
}

fn attributes(extended: Extended) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = |key: &[u8]| {
        let key = key.strip_prefix(b"SCHILY.xattr.")?;
        let text = String::from_utf8_lossy(key).replace("%3D", "=").replace("%25", "%");
        Some(text.into_bytes())
    };
    extended.records.into_iter().filter_map(|(key, value)| Some((name(&key)?, value))).collect()
}

/// A PAX time: decimal seconds, perhaps negative, digits below nanoseconds dropped.
fn stamp(value: &[u8]) -> Option<Stamp> {
    let text = std::str::from_utf8(value).ok()?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let fraction = format!("{:0<9}", fraction.get(..9).unwrap_or(fraction));
    let fraction: u32 = fraction.parse().ok()?;
    let nanos = i128::from(whole) * 1_000_000_000 + i128::from(fraction);
    Some(Stamp::from_nanos(if negative { -nanos } else { nanos }))
}

fn early(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")
    } else {
        error
    }
}

fn reading() -> String {
    "reading the archive".to_owned()
}

fn broken(what: &str) -> Error {
    Error::failed(format!("reading the archive: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_sign() {
        assert_eq!(stamp(b"5.12"), Some(Stamp { sec: 5, nsec: 120_000_000 }));
        assert_eq!(stamp(b"-0.5"), Some(Stamp { sec: -1, nsec: 500_000_000 }));
        assert_eq!(stamp(b"7"), Some(Stamp { sec: 7, nsec: 0 }));
        assert_eq!(stamp(b"1.1234567899"), Some(Stamp { sec: 1, nsec: 123_456_789 }));
        assert_eq!(stamp(b"x"), None);
    }

    #[test]
    fn numbers_in_both_notations() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"9999999\0"), None);
    }

    #[test]
    fn a_stream_that_ends_early_is_an_error() {
        assert!(Reader::new(&b""[..]).member().is_err());
        assert!(Reader::new(&[0u8; 512][..]).member().is_err());
        assert!(Reader::new(&[0u8; 1024][..]).member().unwrap().is_none());
        assert!(Reader::new(&[1u8; 1024][..]).member().is_err());
    }
}
