//! ACLs as archives hold them, text, → as the kernel takes them (`posix_acl_xattr.h`).

use crate::sys::users;

/// The kernel's form of an ACL: entries `tag:qualifier:permissions`, separated by commas or line breaks, comments after `#`.
/// A name that this machine does not know counts only if a numeric id follows as a fourth field (star's form). None when it
/// cannot be understood.
pub fn parse(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut entries = Vec::new();
    for line in text.split(['\n', ',']) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            entries.push(entry(line)?);
        }
    }
    if entries.is_empty() {
        return None;
    }
    // the kernel refuses any other order
    entries.sort_unstable();
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, id, permissions) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    Some(bytes)
}

fn entry(line: &str) -> Option<(u16, u32, u16)> {
    let mut fields = line.split(':').map(str::trim);
    let (kind, who, what) = (fields.next()?, fields.next()?, fields.next()?);
    // `other::r--` may be written `other:r--`, `mask:rwx` likewise
    let (who, what) = if what.is_empty() && !who.is_empty() { ("", who) } else { (who, what) };
    let number = fields.next().and_then(|id| id.parse().ok());
    let mut permissions = 0;
    for letter in what.chars() {
        permissions |= match letter {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            '-' => 0,
            _ => return None,
        };
    }
    let (tag, id) = match (kind, who) {
        ("user" | "u", "") => (0x01, u32::MAX),
        ("user" | "u", name) => (0x02, id(name, number, |name| Some(users::by_name(name)?.uid))?),
        ("group" | "g", "") => (0x04, u32::MAX),
        ("group" | "g", name) => (0x08, id(name, number, users::group_id)?),
        ("mask" | "m", _) => (0x10, u32::MAX),
        ("other" | "o", _) => (0x20, u32::MAX),
        _ => return None,
    };
    Some((tag, id, permissions))
}

/// Numbers win: a name may belong to somebody else here.
fn id(name: &str, number: Option<u32>, look_up: impl Fn(&str) -> Option<u32>) -> Option<u32> {
    number.or_else(|| name.parse().ok()).or_else(|| look_up(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_writer() {
        let ours = parse(b"user::rw-\nuser:1000:r--\ngroup::r-x\nmask::rwx\nother::---\n").unwrap();
        assert_eq!(ours.len(), 4 + 5 * 8);
        assert_eq!(ours.get(..12), Some(&[2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255][..]));
        let others = [
            &b"user::rw-,user:nobody-knows:r--:1000,group::r-x,mask::rwx,other::---"[..],
            b"other::---\nmask::rwx #effective\nuser::rw-\ngroup::r-x\nuser:1000:r--",
            b"u::rw-,u:1000:r--,g::r-x,m::rwx,o::---",
        ];
        for text in others {
            assert_eq!(parse(text).as_ref(), Some(&ours), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(parse(b"user:root:r--"), parse(b"user:0:r--"));
        for bad in [&b""[..], b"user:nobody-knows:r--", b"x::r--", b"user::rwz", b"user", b"\xff"] {
            assert_eq!(parse(bad), None);
        }
    }
}
