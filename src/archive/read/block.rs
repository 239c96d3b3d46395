//! The fields of a tar header. Pure.

/// The fields of one header block.
pub struct Raw {
    pub path: Vec<u8>,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub size: u64,
    pub mtime: i64,
    pub flag: u8,
    pub target: Vec<u8>,
    pub user: Vec<u8>,
    pub group: Vec<u8>,
    pub device: (u64, u64),
}

impl Raw {
    pub fn parse(block: &[u8; 512]) -> Option<Self> {
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
pub fn text(field: &[u8]) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_notations() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"9999999\0"), None);
    }
}
