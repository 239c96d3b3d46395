//! An entry → its exact header bytes: ustar, with PAX extended headers for what does not fit (POSIX.1-2017, pax).

use crate::sys::tree::Stamp;

/// Everything in a tar archive is a multiple of this.
pub const RECORD: u64 = 512;

/// Zero bytes that fill up to the next record after `len` bytes.
pub fn padding(len: u64) -> u64 {
    len.next_multiple_of(RECORD) - len
}

/// What a member is; the value is its type flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// A regular file.
    File = b'0' as isize,
    /// Another name of an earlier member.
    Link = b'1' as isize,
    /// A symbolic link.
    Symlink = b'2' as isize,
    /// A character device.
    Char = b'3' as isize,
    /// A block device.
    Block = b'4' as isize,
    /// A directory.
    Dir = b'5' as isize,
    /// A named pipe.
    Fifo = b'6' as isize,
    /// Extended header records for the next member.
    Extended = b'x' as isize,
    /// GNU: the next member's name.
    LongName = b'L' as isize,
    /// GNU: the next member's link target.
    LongTarget = b'K' as isize,
}

/// What a header says.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Name of the member.
    pub path: &'a [u8],
    /// What it is.
    pub flag: Flag,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes that follow the header.
    pub size: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Target of a link.
    pub target: &'a [u8],
    /// Name of the owner, may be empty.
    pub user: &'a str,
    /// Name of the group, may be empty.
    pub group: &'a str,
    /// Device numbers.
    pub device: (u32, u32),
}

/// Extended header records, in the form they have in the archive.
#[derive(Clone, Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
}

impl Records {
    /// Adds `LENGTH KEY=VALUE\n`, where the length counts its own digits.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + digits(len) > len {
            len = rest + digits(len);
        }
        self.bytes.extend_from_slice(len.to_string().as_bytes());
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(key);
        self.bytes.push(b'=');
        self.bytes.extend_from_slice(value);
        self.bytes.push(b'\n');
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

fn digits(mut number: usize) -> usize {
    let mut count = 1;
    while number >= 10 {
        number /= 10;
        count += 1;
    }
    count
}

/// Largest value of an octal field of 7 and of 11 digits.
const OCTAL_7: u64 = 0o777_7777;
const OCTAL_11: u64 = 0o777_7777_7777;

/// Name of an extended header itself, the same for all: nobody needs it (a reader without PAX support extracts it as a file),
/// and headers that are equal cost almost nothing once compressed.
const EXTENDED_NAME: &[u8] = b"././@PaxHeader";

/// Appends the complete header of a member to `out`: an extended one when anything, `records` included, needs it, then the
/// plain one. `records` are used up.
pub fn write(header: &Header<'_>, records: &mut Records, out: &mut Vec<u8>) {
    let name = split(header.path);
    if name.is_none() {
        long(header.path, (b"path", Flag::LongName), records, out);
    }
    if header.target.len() > 100 {
        long(header.target, (b"linkpath", Flag::LongTarget), records, out);
    }
    if u64::from(header.uid) > OCTAL_7 {
        records.add(b"uid", header.uid.to_string().as_bytes());
    }
    if u64::from(header.gid) > OCTAL_7 {
        records.add(b"gid", header.gid.to_string().as_bytes());
    }
    if header.size > OCTAL_11 {
        records.add(b"size", header.size.to_string().as_bytes());
    }
    let seconds = u64::try_from(header.mtime.sec).ok().filter(|sec| *sec <= OCTAL_11);
    if header.mtime.nsec != 0 || seconds.is_none() {
        records.add(b"mtime", decimal(header.mtime).as_bytes());
    }
    if !records.bytes.is_empty() {
        let size = records.bytes.len() as u64;
        let extended = Header {
            path: EXTENDED_NAME,
            flag: Flag::Extended,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size,
            mtime: Stamp::default(),
            target: &[],
            user: "",
            group: "",
            device: (0, 0),
        };
        plain(&extended, (&[], EXTENDED_NAME), out);
        out.extend_from_slice(&records.bytes);
        out.resize(out.len() + usize::try_from(padding(size)).unwrap_or(0), 0);
        records.clear();
    }
    plain(header, name.unwrap_or_else(|| (&[], cut(header.path))), out);
}

/// A name that does not fit. Extended records hold UTF-8, and some readers complain about anything else in them; GNU's
/// older way takes any bytes and is read by all.
fn long(name: &[u8], (key, flag): (&[u8], Flag), records: &mut Records, out: &mut Vec<u8>) {
    if std::str::from_utf8(name).is_ok() {
        records.add(key, name);
        return;
    }
    let size = name.len() as u64 + 1;
    let mtime = Stamp::default();
    let (path, target, device) = (&b"././@LongLink"[..], &[][..], (0, 0));
    let header = Header { path, flag, mode: 0o644, uid: 0, gid: 0, size, mtime, target, user: "", group: "", device };
    plain(&header, (&[], path), out);
    out.extend_from_slice(name);
    out.push(0);
    out.resize(out.len() + usize::try_from(padding(size)).unwrap_or(0), 0);
}

/// Appends one ustar header.
fn plain(header: &Header<'_>, (prefix, name): (&[u8], &[u8]), out: &mut Vec<u8>) {
    let start = out.len();
    text(out, name, 100);
    octal(out, u64::from(header.mode), 8);
    octal(out, u64::from(header.uid), 8);
    octal(out, u64::from(header.gid), 8);
    octal(out, header.size, 12);
    octal(out, u64::try_from(header.mtime.sec).unwrap_or(0), 12);
    out.extend_from_slice(b"        ");
    out.push(header.flag as u8);
    text(out, header.target, 100);
    out.extend_from_slice(b"ustar\x0000");
    text(out, header.user.as_bytes(), 32);
    text(out, header.group.as_bytes(), 32);
    octal(out, u64::from(header.device.0), 8);
    octal(out, u64::from(header.device.1), 8);
    text(out, prefix, 155);
    out.resize(start + 512, 0);
    let sum: u32 = out.get(start..).unwrap_or_default().iter().map(|byte| u32::from(*byte)).sum();
    if let Some(field) = out.get_mut(start + 148..start + 155) {
        field.copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

/// A text field: cut or filled with NUL. A text that fills it exactly has no NUL, as the standard allows for names.
fn text(out: &mut Vec<u8>, value: &[u8], width: usize) {
    let end = out.len() + width;
    out.extend_from_slice(value.get(..width).unwrap_or(value));
    out.resize(end, 0);
}

/// A number field: octal digits and a NUL. A number too big for that is written as GNU's base-256, so that even a reader
/// without PAX support finds the next member.
fn octal(out: &mut Vec<u8>, value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, 0);
    let Some(field) = out.get_mut(start..) else { return };
    let digits = width - 1;
    if digits < 21 && value >> (3 * digits) != 0 {
        let bytes = value.to_be_bytes();
        for (place, byte) in field.iter_mut().rev().zip(bytes.iter().rev()) {
            *place = *byte;
        }
        if let Some(first) = field.first_mut() {
            *first |= 0x80;
        }
        return;
    }
    let mut rest = value;
    for place in field.iter_mut().take(digits).rev() {
        *place = b'0' + u8::try_from(rest & 7).unwrap_or(0);
        rest >>= 3;
    }
}

/// The prefix and name fields that hold a path, if it fits.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((&[], path));
    }
    // the slash between the two is not stored; the name must not be empty
    let earliest = path.len().checked_sub(101)?;
    let candidates = path.get(earliest..path.len().min(156))?;
    let at = earliest + candidates.iter().position(|byte| *byte == b'/')?;
    let (prefix, name) = (path.get(..at)?, path.get(at + 1..)?);
    (at > 0 && !name.is_empty()).then_some((prefix, name))
}

fn cut(path: &[u8]) -> &[u8] {
    path.get(..100).unwrap_or(path)
}

/// Seconds as PAX writes times, whole or with all nine decimals: cutting zeros off would make the headers of every tenth file
/// unlike all others, which costs more once compressed.
pub fn decimal(stamp: Stamp) -> String {
    let nanos = stamp.nanos();
    let (sign, size) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let (whole, fraction) = (size / 1_000_000_000, size % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{fraction:09}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for len in 0..1100 {
            let mut records = Records::default();
            records.add(b"k", &vec![b'v'; len]);
            let text = String::from_utf8(records.bytes).unwrap();
            let (stated, _) = text.split_once(' ').unwrap();
            assert_eq!(stated.parse::<usize>().unwrap(), text.len());
        }
    }

    #[test]
    fn paths_are_split_only_where_both_parts_fit() {
        assert_eq!(split(b"short"), Some((&b""[..], &b"short"[..])));
        let path = [vec![b'a'; 155], vec![b'b'; 100]].join(&b'/');
        assert_eq!(split(&path), Some((&path[..155], &path[156..])));
        assert_eq!(split(&[vec![b'a'; 156], vec![b'b'; 50]].join(&b'/')), None);
        assert_eq!(split(&[vec![b'a'; 50], vec![b'b'; 101]].join(&b'/')), None);
        assert_eq!(split(&[b'x'; 101]), None);
        assert_eq!(split(&[&[b'd'; 100][..], b"/"].concat()), None);
        assert_eq!(split(&[&b"/"[..], &[b'd'; 100]].concat()), None);
    }

    #[test]
    fn times_are_written_as_pax_wants_them() {
        assert_eq!(decimal(Stamp { sec: 5, nsec: 120_000_000 }), "5.120000000");
        assert_eq!(decimal(Stamp { sec: -1, nsec: 500_000_000 }), "-0.500000000");
        assert_eq!(decimal(Stamp { sec: -2, nsec: 999_999_999 }), "-1.000000001");
        assert_eq!(decimal(Stamp { sec: -2, nsec: 0 }), "-2");
    }
}
