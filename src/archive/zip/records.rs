//! The bytes around the content: local headers, directory entries, the end of the archive. Pure.

use crate::archive::list::escape;
use crate::archive::zip::times;
use crate::sys::tree::Stamp;
use flate2::Crc;

/// From here on a 32-bit field says "see the Zip64 record".
pub const LIMIT: u64 = 0xffff_ffff;
/// Content of unknown compressed size from here on is described with Zip64 fields: what it becomes may be somewhat longer.
const STREAMED_LIMIT: u64 = 0xf000_0000;
/// Sizes and checksum follow the content.
pub const STREAMED: u16 = 1 << 3;
/// LZMA content ends with a marker.
pub const MARKED_END: u16 = 1 << 1;
/// The name is UTF-8.
const UTF8: u16 = 1 << 11;

/// Method: as it is.
pub const STORED: u16 = 0;
/// Method: deflate.
pub const DEFLATE: u16 = 8;
/// Method: bzip2.
pub const BZIP2: u16 = 12;
/// Method: LZMA.
pub const LZMA: u16 = 14;

/// Signature of a local header.
pub const LOCAL: u32 = 0x0403_4b50;
/// Signature of an entry of the directory.
pub const CENTRAL: u32 = 0x0201_4b50;
/// Signature of the end record.
pub const END: u32 = 0x0605_4b50;
/// Signature of the Zip64 end record.
pub const END64: u32 = 0x0606_4b50;
/// Signature of what tells where that one is.
pub const LOCATOR64: u32 = 0x0706_4b50;
/// Signature of what follows streamed content.
const DESCRIPTOR: u32 = 0x0807_4b50;

/// Extra field: Zip64.
pub const EXTRA_ZIP64: u16 = 1;
/// Extra field: times in seconds since 1970.
pub const EXTRA_TIMES: u16 = 0x5455;
/// Extra field: the name in UTF-8.
const EXTRA_NAME: u16 = 0x7075;
/// Extra field: owner and group.
pub const EXTRA_OWNER: u16 = 0x7875;

/// What is known of a member before its content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Name, any bytes, a directory's with its final slash, at most 65,535 bytes.
    pub name: Vec<u8>,
    /// Kind and permission bits as `st_mode` has them.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of content.
    pub mtime: Stamp,
    /// Bytes of content.
    pub size: u64,
}

impl Head {
    fn is_dir(&self) -> bool {
        self.name.ends_with(b"/")
    }

    fn is_long(&self) -> bool {
        self.size >= STREAMED_LIMIT
    }

    fn flags(&self, facts: &Facts) -> u16 {
        let utf8 = !self.name.is_ascii() && std::str::from_utf8(&self.name).is_ok();
        let marked = facts.method == LZMA;
        facts.flags | if utf8 { UTF8 } else { 0 } | if marked { MARKED_END } else { 0 }
    }

    /// The fields that local header and directory have in common, from the version on.
    fn common(&self, facts: &Facts, zip64: bool) -> Vec<u8> {
        let version: u16 = match facts.method {
            LZMA => 63,
            BZIP2 => 46,
            _ if zip64 => 45,
            _ => 20,
        };
        let (date, time) = times::dos(self.mtime);
        let mut out = Vec::with_capacity(64 + self.name.len());
        for field in [version, self.flags(facts), facts.method, time, date] {
            out.extend(field.to_le_bytes());
        }
        out
    }

    /// Extra fields that every header has.
    fn extra(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        // half the readers take it for unsigned
        if let Some(seconds) = i32::try_from(self.mtime.sec).ok().filter(|seconds| *seconds >= 0) {
            // one byte says which times follow: the last change only
            out.extend([EXTRA_TIMES.to_le_bytes(), 5u16.to_le_bytes()].concat());
            out.push(1);
            out.extend(seconds.to_le_bytes());
        }
        out.extend([EXTRA_OWNER.to_le_bytes(), 11u16.to_le_bytes()].concat());
        out.extend([1, 4]);
        out.extend(self.uid.to_le_bytes());
        out.push(4);
        out.extend(self.gid.to_le_bytes());
        if std::str::from_utf8(&self.name).is_err() {
            // without it some readers drop the odd bytes, and two files become one
            let shown = escape(&self.name);
            let mut crc = Crc::new();
            crc.update(&self.name);
            if let Ok(len) = u16::try_from(shown.len() + 5).map(u16::to_le_bytes) {
                out.extend([EXTRA_NAME.to_le_bytes(), len].concat());
                out.push(1);
                out.extend(crc.sum().to_le_bytes());
                out.extend(shown.as_bytes());
            }
        }
        out
    }
}

/// What is known of a member after its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// How it is compressed.
    pub method: u16,
    /// [`STREAMED`] or nothing.
    pub flags: u16,
    /// Checksum of the content.
    pub crc: u32,
    /// Compressed length.
    pub packed: u64,
    /// Length of the content.
    pub plain: u64,
    /// Where its local header is.
    pub offset: u64,
}

/// The header before the content. Of a streamed member it says neither sizes nor checksum.
pub fn local(head: &Head, facts: &Facts) -> Vec<u8> {
    let streamed = facts.flags & STREAMED != 0;
    let zip64 = if streamed { head.is_long() } else { facts.packed >= LIMIT || facts.plain >= LIMIT };
    let (packed, plain) = if streamed { (0, 0) } else { (facts.packed, facts.plain) };
    let mut out = LOCAL.to_le_bytes().to_vec();
    out.extend(head.common(facts, zip64));
    out.extend(if streamed { 0 } else { facts.crc }.to_le_bytes());
    let mut extra = Vec::new();
    if zip64 {
        out.extend([0xff; 8]);
        extra.extend([EXTRA_ZIP64.to_le_bytes(), 16u16.to_le_bytes()].concat());
        extra.extend(plain.to_le_bytes());
        extra.extend(packed.to_le_bytes());
    } else {
        out.extend(short(packed));
        out.extend(short(plain));
    }
    extra.extend(head.extra());
    out.extend(count(head.name.len()));
    out.extend(count(extra.len()));
    out.extend(&head.name);
    out.extend(extra);
    out
}

/// What follows the content of a streamed member.
pub fn descriptor(head: &Head, facts: &Facts) -> Vec<u8> {
    let mut out = [DESCRIPTOR.to_le_bytes(), facts.crc.to_le_bytes()].concat();
    for size in [facts.packed, facts.plain] {
        if head.is_long() { out.extend(size.to_le_bytes()) } else { out.extend(short(size)) }
    }
    out
}

/// The entry of the directory.
pub fn central(head: &Head, facts: &Facts) -> Vec<u8> {
    let long: Vec<u64> =
        [facts.plain, facts.packed, facts.offset].into_iter().filter(|value| *value >= LIMIT).collect();
    let mut extra = Vec::new();
    if !long.is_empty() {
        extra.extend(EXTRA_ZIP64.to_le_bytes());
        extra.extend(count(long.len() * 8));
        extra.extend(long.iter().flat_map(|value| value.to_le_bytes()));
    }
    extra.extend(head.extra());
    let mut out = CENTRAL.to_le_bytes().to_vec();
    // made on Unix, by version 3.0 of the format: the upper half of the attributes is a mode
    out.extend([30, 3]);
    out.extend(head.common(facts, !long.is_empty()));
    out.extend(facts.crc.to_le_bytes());
    out.extend(short(facts.packed));
    out.extend(short(facts.plain));
    out.extend(count(head.name.len()));
    out.extend(count(extra.len()));
    // no comment, the first disk, no internal attributes
    out.extend([0; 6]);
    let dos = if head.is_dir() { 0x10 } else { 0 };
    out.extend((head.mode << 16 | dos).to_le_bytes());
    out.extend(short(facts.offset));
    out.extend(&head.name);
    out.extend(extra);
    out
}

/// The end of an archive whose directory of `entries` begins at `offset` and is `size` bytes long.
pub fn end(entries: u64, offset: u64, size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let few = u16::try_from(entries).ok().filter(|entries| *entries < u16::MAX);
    if few.is_none() || offset >= LIMIT || size >= LIMIT {
        out.extend(END64.to_le_bytes());
        // length of the rest of this record, versions, disks
        out.extend(44u64.to_le_bytes());
        out.extend([45, 3, 45, 0]);
        out.extend([0; 8]);
        for value in [entries, entries, size, offset] {
            out.extend(value.to_le_bytes());
        }
        out.extend(LOCATOR64.to_le_bytes());
        out.extend([0; 4]);
        out.extend((offset + size).to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    let entries = few.unwrap_or(u16::MAX).to_le_bytes();
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    out.extend([entries, entries].concat());
    out.extend(short(size));
    out.extend(short(offset));
    out.extend([0; 2]);
    out
}

fn short(value: u64) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

fn count(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a streamed member has behind its content is as long as its header promised.
    #[test]
    fn a_long_member_is_described_with_long_fields() {
        for (size, header, behind) in [(10, 30 + 1 + 9 + 15, 16), (5 << 30, 30 + 1 + 20 + 9 + 15, 24)] {
            let head = Head { name: b"a".to_vec(), mode: 0, uid: 0, gid: 0, mtime: Stamp::default(), size };
            let facts = Facts { method: DEFLATE, flags: STREAMED, crc: 7, packed: size, plain: size, offset: 0 };
            assert_eq!((local(&head, &facts).len(), descriptor(&head, &facts).len()), (header, behind));
        }
    }
}
