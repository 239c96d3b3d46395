//! Any bytes on a line of text, and back. Pure.

use crate::archive::blocks::hex;

/// Bytes as one line without commas: `%`, `,`, line breaks and everything that is not UTF-8 become `%XX`.
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '%' | ',' | '\n' | '\r' => escape_byte(&mut out, u8::try_from(c).unwrap_or(b'?')),
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            escape_byte(&mut out, *byte);
        }
    }
    out
}

fn escape_byte(out: &mut String, byte: u8) {
    out.push('%');
    out.push_str(&hex(&[byte]).to_ascii_uppercase());
}

/// The bytes that [`escape`] was given.
pub fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
        out.push(u8::try_from(value).ok()?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_survives_escaping() {
        let name: Vec<u8> = (1..=255).collect();
        let text = escape(&name);
        assert!(!text.contains([',', '\n', '\r']));
        assert_eq!(unescape(text.as_bytes()), Some(name));
        assert_eq!(unescape(b"a%4"), None);
        assert_eq!(unescape(b"a%zz"), None);
    }
}
