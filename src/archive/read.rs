//! Tar bytes → members, as a stream: ustar, PAX and GNU long names, ours and KB17's (Python's `tarfile`). Verifying and
//! restoring share it. What it reads may come from an attacker: sizes are bounded, names are handed on as they are.

mod block;
mod extended;
mod member;

use crate::archive::header::padding;
use crate::archive::open::Members;
use crate::error::{Doing, Error, Result};
use crate::sys::tree::{Extent, Stamp};
pub use block::is_header;
use block::{Raw, text};
use extended::{Extended, attributes, stamp};
pub use member::{Member, Type};
use std::io::{self, BufRead, Read};

/// Longest extended header that is read, and most bytes of the records that all of them bring to a member.
const EXTENDED_LIMIT: usize = 16 << 20;
/// Most records of a member: the kernel lists attributes in 64 KiB, and the shortest name, `user.a`, takes seven bytes.
const RECORD_LIMIT: usize = 10_000;
/// More than any file system holds, and far enough from where numbers end.
const SIZE_LIMIT: u64 = 1 << 62;
/// Most parts a sparse file may have.
const EXTENT_LIMIT: u64 = 1 << 20;

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
                    extended.add(&body)?;
                    if raw.flag == b'g' {
                        self.global.clone_from(&extended.records);
                    }
                }
                b'L' => extended.set(b"path", text(&self.body(raw.size)?))?,
                b'K' => extended.set(b"linkpath", text(&self.body(raw.size)?))?,
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
        let sparse = extended.number(b"GNU.sparse.realsize")?;
        if stored.max(sparse.unwrap_or(0)) > SIZE_LIMIT {
            return Err(broken("a member claims an impossible size"));
        }
        // links and the like have no content whatever their header claims
        self.left = if kind == Type::File { stored } else { 0 };
        self.fill = padding(self.left);
        let mut size = self.left;
        let mut extents = None;
        if let Some(real) = sparse {
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
        let len = usize::try_from(size).ok().filter(|len| *len <= EXTENDED_LIMIT);
        let mut body = vec![0; len.ok_or_else(|| broken("an extended header is too long"))?];
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
    use crate::archive::header::{self, Flag, Header, Records};

    #[test]
    fn a_stream_that_ends_early_is_an_error() {
        assert!(Reader::new(&b""[..]).member().is_err());
        assert!(Reader::new(&[0u8; 512][..]).member().is_err());
        assert!(Reader::new(&[0u8; 1024][..]).member().unwrap().is_none());
        assert!(Reader::new(&[1u8; 1024][..]).member().is_err());
    }

    /// The header of a file of this content, with these extended records before it.
    fn headers(records: &[(&[u8], &[u8])], content: &[u8]) -> Vec<u8> {
        let mut extended = Records::default();
        for (key, value) in records {
            extended.add(key, value);
        }
        let (flag, size, mtime, device) = (Flag::File, content.len() as u64, Stamp::default(), (0, 0));
        let (path, target, user) = (&b"a"[..], &b""[..], "");
        let header = Header { path, flag, mode: 0, uid: 0, gid: 0, size, mtime, target, user, group: user, device };
        let mut bytes = Vec::new();
        header::write(&header, &mut extended, &mut bytes);
        bytes
    }

    fn first(bytes: &[u8]) -> Result<Member> {
        Reader::new(bytes).member().map(Option::unwrap)
    }

    #[test]
    fn a_sparse_file_larger_than_any_can_be_is_an_error() {
        let map = |end: u64| {
            let mut map = format!("1\n{end}\n0\n").into_bytes();
            map.resize(512, 0);
            map
        };
        let of_size = |size: u64| {
            let real = size.to_string();
            let records: [(&[u8], &[u8]); 2] = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", real.as_bytes())];
            first(&[headers(&records, &map(size)), map(size)].concat())
        };
        assert_eq!(of_size(SIZE_LIMIT).unwrap().size, SIZE_LIMIT);
        assert!(of_size(SIZE_LIMIT + 1).is_err());
        assert!(of_size(u64::MAX).is_err());
    }

    /// Without a limit a header of a few megabytes would be read for hours, and many of them would fill the memory.
    #[test]
    fn the_extended_records_of_a_member_have_limits() {
        let keys: Vec<Vec<u8>> =
            (0..=RECORD_LIMIT).map(|number| format!("SCHILY.xattr.user.{number}").into_bytes()).collect();
        let all: Vec<(&[u8], &[u8])> = keys.iter().map(|key| (&key[..], &b"v"[..])).collect();
        assert_eq!(first(&headers(&all[1..], b"")).unwrap().attributes.len(), RECORD_LIMIT);
        assert!(first(&headers(&all, b"")).is_err());
        // each is short enough, and together they are not
        let value = vec![b'v'; 6 << 20];
        let many = |count: usize| {
            let mut bytes = Vec::new();
            for (key, _) in &all[..count] {
                bytes.truncate(bytes.len().saturating_sub(512));
                bytes.extend(headers(&[(key, &value)], b""));
            }
            first(&bytes)
        };
        assert_eq!(many(2).unwrap().attributes.len(), 2);
        assert!(many(3).is_err());
    }
}
