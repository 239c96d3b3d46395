//! The records of extended (PAX) headers. Pure.

use super::{EXTENDED_LIMIT, RECORD_LIMIT, broken};
use crate::error::Result;
use crate::sys::tree::Stamp;

/// Records that a member's headers collected before its own.
#[derive(Default)]
pub struct Extended {
    pub records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Extended {
    /// Adds the records of an extended header.
    pub fn add(&mut self, mut body: &[u8]) -> Result<()> {
        while !body.is_empty() && body.first() != Some(&0) {
            let (key, value, rest) = record(body).ok_or_else(|| broken("an extended header is damaged"))?;
            self.set(key, value.to_vec())?;
            body = rest;
        }
        Ok(())
    }

    /// Adds a record, in the place of an earlier one with the same key.
    pub fn set(&mut self, key: &[u8], value: Vec<u8>) -> Result<()> {
        match self.records.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.records.push((key.to_vec(), value)),
        }
        let len: usize = self.records.iter().map(|(key, value)| key.len() + value.len()).sum();
        if self.records.len() > RECORD_LIMIT || len > EXTENDED_LIMIT {
            return Err(broken("there is too much in extended headers"));
        }
        Ok(())
    }

    pub fn take(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let at = self.records.iter().position(|(k, _)| k == key)?;
        Some(self.records.swap_remove(at).1)
    }

    pub fn number(&mut self, key: &[u8]) -> Result<Option<u64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let number = std::str::from_utf8(&value).ok().and_then(|text| text.trim().parse().ok());
        number.map(Some).ok_or_else(|| broken("a number in an extended header cannot be read"))
    }
}

fn record(body: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = body.iter().position(|byte| *byte == b' ')?;
    let len: usize = std::str::from_utf8(body.get(..space)?).ok()?.parse().ok()?;
    let (record, rest) = body.split_at_checked(len)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, rest))
}

pub fn attributes(extended: Extended) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = |key: &[u8]| {
        let key = key.strip_prefix(b"SCHILY.xattr.")?;
        let text = String::from_utf8_lossy(key).replace("%3D", "=").replace("%25", "%");
        Some(text.into_bytes())
    };
    extended.records.into_iter().filter_map(|(key, value)| Some((name(&key)?, value))).collect()
}

/// A PAX time: decimal seconds, perhaps negative, digits below nanoseconds dropped.
pub fn stamp(value: &[u8]) -> Option<Stamp> {
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
}
