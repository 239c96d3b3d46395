//! Extended attributes and ACLs → PAX records, as GNU tar, star and bsdtar read them.

use crate::archive::header::Records;
use crate::sys::tree::Attribute;
use std::fmt::Write;

/// Adds the records of an inode's attributes: `SCHILY.acl.access` and `.default` as text with numeric ids, everything else as
/// `SCHILY.xattr.NAME` with its bytes. An ACL that cannot be understood is kept as an attribute.
pub fn add_records(attributes: &[Attribute], records: &mut Records) {
    for Attribute { name, value } in attributes {
        let name = name.to_bytes();
        let acl_key = match name {
            b"system.posix_acl_access" => Some(&b"SCHILY.acl.access"[..]),
            b"system.posix_acl_default" => Some(&b"SCHILY.acl.default"[..]),
            _ => None,
        };
        match acl_key.zip(acl_text(value)) {
            Some((key, text)) => records.add(key, text.as_bytes()),
            None => records.add(&[b"SCHILY.xattr.", escaped(name).as_slice()].concat(), value),
        }
    }
}

/// GNU tar's escape of the two bytes that a keyword cannot hold.
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'=' => out.extend_from_slice(b"%3D"),
            other => out.push(*other),
        }
    }
    out
}

/// The text form of a kernel ACL (`posix_acl_xattr.h`: version 2, then tag, permissions and id of each entry).
fn acl_text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    let (entries, rest) = entries.as_chunks::<8>();
    if u32::from_le_bytes(*version) != 2 || !rest.is_empty() || entries.is_empty() {
        return None;
    }
    let mut text = String::new();
    for [t0, t1, p0, p1, i0, i1, i2, i3] in entries {
        let id = u32::from_le_bytes([*i0, *i1, *i2, *i3]);
        let permissions = u16::from_le_bytes([*p0, *p1]);
        let flag = |bit: u16, letter| if permissions & bit == 0 { '-' } else { letter };
        let (r, w, x) = (flag(4, 'r'), flag(2, 'w'), flag(1, 'x'));
        let who = match u16::from_le_bytes([*t0, *t1]) {
            0x01 => "user:".to_owned(),
            0x02 => format!("user:{id}"),
            0x04 => "group:".to_owned(),
            0x08 => format!("group:{id}"),
            0x10 => "mask:".to_owned(),
            0x20 => "other:".to_owned(),
            _ => return None,
        };
        writeln!(text, "{who}:{r}{w}{x}").ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acl_becomes_text() {
        let mut acl = 2u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in
            [(1u16, 6u16, u32::MAX), (2, 4, 1000), (4, 5, u32::MAX), (0x10, 7, u32::MAX), (0x20, 0, u32::MAX)]
        {
            acl.extend_from_slice(&tag.to_le_bytes());
            acl.extend_from_slice(&permissions.to_le_bytes());
            acl.extend_from_slice(&id.to_le_bytes());
        }
        assert_eq!(acl_text(&acl).unwrap(), "user::rw-\nuser:1000:r--\ngroup::r-x\nmask::rwx\nother::---\n");
        acl.push(0);
        assert_eq!(acl_text(&acl), None);
    }

    #[test]
    fn names_that_would_break_a_record_are_escaped() {
        assert_eq!(escaped(b"user.a=b%c"), b"user.a%3Db%25c");
    }
}
