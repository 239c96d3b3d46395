//! The central directory of a zip, entry by entry: what it holds is never held in memory as a whole.

use crate::archive::zip::records::{CENTRAL, END, END64, EXTRA_OWNER, EXTRA_TIMES, EXTRA_ZIP64, LIMIT, LOCATOR64};
use crate::archive::zip::times;
use crate::error::{Doing, Error, Result};
use crate::sys::tree::Stamp;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Length of the end record without its comment.
const END_LEN: usize = 22;
/// Length of what tells where the Zip64 end record is.
const LOCATOR_LEN: usize = 20;
/// Made on Unix: attributes hold a mode.
const UNIX: u16 = 3;

/// An entry of the directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Name, any bytes.
    pub name: Vec<u8>,
    /// Compression method.
    pub method: u16,
    /// Flags.
    pub flags: u16,
    /// Checksum of the content.
    pub crc: u32,
    /// Compressed length.
    pub packed: u64,
    /// Length of the content.
    pub plain: u64,
    /// Where the local header is.
    pub offset: u64,
    /// Kind and permissions as `st_mode` has them; none when it was not made on Unix.
    pub mode: Option<u32>,
    /// Owner and group, where they are recorded.
    pub owner: Option<(u32, u32)>,
    /// Last change of content.
    pub mtime: Stamp,
}

/// A part of a file.
pub struct Section {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Section {
    /// `len` bytes from `at` on.
    pub fn new(file: &Arc<File>, at: u64, len: u64) -> Self {
        Self { file: Arc::clone(file), at, left: len }
    }
}

impl Read for Section {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let wanted = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(bytes) = bytes.get_mut(..wanted) else { return Ok(0) };
        let len = self.file.read_at(bytes, self.at)?;
        self.at += len as u64;
        self.left -= len as u64;
        Ok(len)
    }
}

/// Reads the entries of an archive in the order of its directory.
pub struct Directory {
    input: BufReader<Section>,
    /// Entries not read yet.
    left: u64,
}

impl Directory {
    /// Finds the directory. Fails when the end of the archive is missing or damaged, or it is one of several disks.
    pub fn open(file: &Arc<File>) -> Result<Self> {
        let size = file.metadata().doing(reading)?.len();
        let tail_at = size.saturating_sub((END_LEN + LOCATOR_LEN + usize::from(u16::MAX)) as u64);
        let mut tail = Vec::new();
        Section::new(file, tail_at, size - tail_at).read_to_end(&mut tail).doing(reading)?;
        let at = (0..=tail.len().saturating_sub(END_LEN)).rev().find(|at| is_end(&tail, *at));
        let at = at.ok_or_else(|| broken("its end is missing"))?;
        let mut end = short_end(&tail, at).ok_or_else(|| broken("its end is damaged"))?;
        if let Some(place) = at.checked_sub(LOCATOR_LEN).and_then(|at| locator(&tail, at)) {
            end = long_end(file, place)?;
        }
        let fits = end.offset.checked_add(end.size).is_some_and(|after| after <= tail_at + at as u64);
        if !fits {
            return Err(broken("its end does not fit the rest"));
        }
        let input = BufReader::with_capacity(64 * 1024, Section::new(file, end.offset, end.size));
        Ok(Self { input, left: end.entries })
    }

    /// The next entry; none after the last one. Fails when it is damaged, or bytes are left at the end.
    pub fn record(&mut self) -> Result<Option<Record>> {
        let damaged = || broken("its directory is damaged");
        if self.left == 0 {
            let mut more = [0];
            return if self.input.read(&mut more).doing(reading)? == 0 { Ok(None) } else { Err(damaged()) };
        }
        self.left -= 1;
        let mut fixed = [0; 46];
        self.input.read_exact(&mut fixed).map_err(|_| damaged())?;
        let fields = Fields(&fixed);
        if fields.long(0) != Some(CENTRAL) {
            return Err(damaged());
        }
        let mut variable = |at| -> Result<Vec<u8>> {
            let mut bytes = vec![0; usize::from(fields.short(at).unwrap_or(0))];
            self.input.read_exact(&mut bytes).map_err(|_| damaged())?;
            Ok(bytes)
        };
        let (name, extra, _comment) = (variable(28)?, variable(30)?, variable(32)?);
        describe(&fields, name, &extra).map(Some).ok_or_else(damaged)
    }
}

fn describe(fields: &Fields<'_>, name: Vec<u8>, extra: &[u8]) -> Option<Record> {
    let made_on_unix = fields.short(4)? >> 8 == UNIX;
    let mut record = Record {
        name,
        flags: fields.short(8)?,
        method: fields.short(10)?,
        mtime: times::stamp(fields.short(14)?, fields.short(12)?),
        crc: fields.long(16)?,
        packed: u64::from(fields.long(20)?),
        plain: u64::from(fields.long(24)?),
        mode: Some(fields.long(38)? >> 16).filter(|_| made_on_unix),
        offset: u64::from(fields.long(42)?),
        owner: None,
    };
    let mut rest = Fields(extra);
    while let (Some(id), Some(len)) = (rest.short(0), rest.short(2)) {
        let field = Fields(rest.0.get(4..4 + usize::from(len))?);
        match id {
            EXTRA_ZIP64 => {
                let mut values = field.0.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
                for size in [&mut record.plain, &mut record.packed, &mut record.offset] {
                    if *size == LIMIT {
                        *size = values.next()?;
                    }
                }
            }
            // the first bit: the time of the last change is there
            EXTRA_TIMES if field.0.first().is_some_and(|flags| flags & 1 != 0) => {
                if let Some(seconds) = Fields(field.0.get(1..)?).long(0) {
                    record.mtime = Stamp { sec: i64::from(seconds.cast_signed()), nsec: 0 };
                }
            }
            EXTRA_OWNER if field.0.starts_with(&[1, 4]) && field.0.get(6) == Some(&4) => {
                record.owner = Fields(field.0.get(2..)?).long(0).zip(Fields(field.0.get(7..)?).long(0));
            }
            _ => {}
        }
        rest = Fields(rest.0.get(4 + usize::from(len)..)?);
    }
    Some(record)
}

/// Where the directory is.
struct End {
    entries: u64,
    size: u64,
    offset: u64,
}

/// Whether an end record begins here: its comment must reach exactly to the end of the file.
fn is_end(tail: &[u8], at: usize) -> bool {
    let Some(fields) = tail.get(at..).map(Fields) else { return false };
    let comment = fields.short(20).map(usize::from);
    fields.long(0) == Some(END) && comment.is_some_and(|len| at + END_LEN + len == tail.len())
}

fn short_end(tail: &[u8], at: usize) -> Option<End> {
    let fields = Fields(tail.get(at..)?);
    // this disk, the disk of the directory
    if (fields.short(4)?, fields.short(6)?) != (0, 0) && fields.short(4)? != u16::MAX {
        return None;
    }
    let (size, offset) = (fields.long(12)?, fields.long(16)?);
    Some(End { entries: u64::from(fields.short(10)?), size: u64::from(size), offset: u64::from(offset) })
}

/// Where the Zip64 end record is, if something says so here.
fn locator(tail: &[u8], at: usize) -> Option<u64> {
    let fields = Fields(tail.get(at..)?);
    if fields.long(0)? == LOCATOR64 { fields.huge(8) } else { None }
}

fn long_end(file: &File, at: u64) -> Result<End> {
    let mut bytes = [0; 56];
    file.read_exact_at(&mut bytes, at).map_err(|_| broken("its end is damaged"))?;
    let fields = Fields(&bytes);
    let end = || {
        let known = fields.long(0)? == END64 && (fields.long(16)?, fields.long(20)?) == (0, 0);
        let end = End { entries: fields.huge(32)?, size: fields.huge(40)?, offset: fields.huge(48)? };
        known.then_some(end)
    };
    end().ok_or_else(|| broken("its end is damaged"))
}

/// Numbers in a record, low byte first.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    /// Two bytes.
    pub fn short(&self, at: usize) -> Option<u16> {
        self.0.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Four bytes.
    pub fn long(&self, at: usize) -> Option<u32> {
        self.0.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Eight bytes.
    pub fn huge(&self, at: usize) -> Option<u64> {
        self.0.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }
}

/// What was being done.
pub fn reading() -> String {
    "reading the archive".to_owned()
}

/// An archive that is not what it should be.
pub fn broken(what: &str) -> Error {
    Error::failed(format!("reading the archive: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::zip::records::{self, Facts, Head};

    /// A sparse file that goes with the test.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str) -> (Self, File) {
            let path = std::env::temp_dir().join(format!("krista-zip-{name}-{}", std::process::id()));
            let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            (Self(path), file)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn head(name: &str, size: u64) -> Head {
        let mtime = Stamp { sec: 1_593_518_400, nsec: 0 };
        Head { name: name.into(), mode: libc::S_IFREG | 0o640, uid: 3_000_000, gid: 7, mtime, size }
    }

    /// The directory of these members, at this place in a file.
    fn archive(file: &File, at: u64, members: &[(Head, Facts)]) -> Vec<Record> {
        let mut bytes: Vec<u8> = members.iter().flat_map(|(head, facts)| records::central(head, facts)).collect();
        let end = records::end(members.len() as u64, at, bytes.len() as u64);
        bytes.extend(end);
        file.write_all_at(&bytes, at).unwrap();
        let mut directory = Directory::open(&Arc::new(file.try_clone().unwrap())).unwrap();
        let mut found = Vec::new();
        while let Some(record) = directory.record().unwrap() {
            found.push(record);
        }
        found
    }

    #[test]
    fn sizes_and_places_above_four_gib_come_back() {
        let (_scratch, file) = Scratch::new("huge");
        let big = 5 << 30;
        let facts = [
            Facts { method: 8, crc: 1, packed: 7, plain: big, offset: 0, flags: records::STREAMED },
            Facts { method: 8, crc: 2, packed: big, plain: big + 1, offset: 70, flags: records::STREAMED },
            Facts { method: 0, crc: 3, packed: 9, plain: 9, offset: LIMIT, flags: 0 },
            Facts { method: 0, crc: 4, packed: LIMIT, plain: LIMIT - 1, offset: LIMIT - 1, flags: 0 },
        ];
        let members: Vec<_> = facts.iter().map(|facts| (head("name", facts.plain), *facts)).collect();
        let found = archive(&file, 2 * big, &members);
        let places = |record: &Record| (record.packed, record.plain, record.offset, record.crc);
        let expected: Vec<_> = facts.iter().map(|facts| (facts.packed, facts.plain, facts.offset, facts.crc)).collect();
        assert_eq!(found.iter().map(places).collect::<Vec<_>>(), expected);
        let record = &found[0];
        assert_eq!((record.mode, record.owner), (Some(libc::S_IFREG | 0o640), Some((3_000_000, 7))));
        assert_eq!(record.mtime, Stamp { sec: 1_593_518_400, nsec: 0 });
    }

    #[test]
    fn more_members_than_sixteen_bits_count_come_back() {
        let (_scratch, file) = Scratch::new("many");
        let member = |number: u64| (head(&number.to_string(), 0), Facts { offset: number, ..Facts::default() });
        for count in [65_534, 65_535, 65_536, 70_000] {
            let members: Vec<_> = (0..count).map(member).collect();
            let found = archive(&file, 100, &members);
            assert_eq!((found.len() as u64, found.last().map(|record| record.offset)), (count, Some(count - 1)));
            file.set_len(0).unwrap();
        }
    }

    #[test]
    fn an_end_that_lies_is_an_error() {
        let (_scratch, file) = Scratch::new("liar");
        for (entries, offset, size) in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, u64::MAX - 1, 1), (1, 50, 100)] {
            file.set_len(0).unwrap();
            file.write_all_at(&records::end(entries, offset, size), 0).unwrap();
            let opened = Directory::open(&Arc::new(file.try_clone().unwrap()));
            assert!(opened.and_then(|mut directory| directory.record()).is_err(), "{entries} {offset} {size}");
        }
        file.set_len(0).unwrap();
        assert!(Directory::open(&Arc::new(file)).is_err());
    }
}
