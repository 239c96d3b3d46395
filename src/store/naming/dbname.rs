//! Database names inside file names: anything a server allows, written so that it can be nothing but part of one name.
//!
//! Ordinary names, blanks and Cyrillic included, stand as they are, as KB17 wrote them. A slash, a control character, a
//! leading dot and `%` itself become `%XX`, byte by byte. Only what is written that way is read back that way, so that a
//! lone `%` in a KB17 name stays what it is.

use std::fmt::Write;

/// The name as it stands in a file name.
pub fn escape(dbname: &str) -> String {
    let mut escaped = String::with_capacity(dbname.len());
    for (at, c) in dbname.char_indices() {
        if is_plain(c, at) {
            escaped.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // writing to a String cannot fail
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The name that [`escape`] made this of; what it never writes is taken literally.
pub fn unescape(escaped: &str) -> String {
    let mut dbname = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(c) = rest.chars().next() {
        let (decoded, taken) = escape_at(rest, dbname.len()).unwrap_or((c, c.len_utf8()));
        dbname.push(decoded);
        rest = rest.get(taken..).unwrap_or_default();
    }
    dbname
}

fn is_plain(c: char, at: usize) -> bool {
    !(c == '/' || c == '%' || c.is_control() || (c == '.' && at == 0))
}

/// The escaped character at the start of `text`, which stands at `at` in the name, and how many bytes its escape takes.
fn escape_at(text: &str, at: usize) -> Option<(char, usize)> {
    let first = hex_byte(text)?;
    let (c, taken) = match first {
        // the control characters above ASCII are two bytes in UTF-8
        0xC2 => (char::from(hex_byte(text.get(3..)?).filter(|byte| (0x80..=0xBF).contains(byte))?), 6),
        byte if byte.is_ascii() => (char::from(byte), 3),
        _ => return None,
    };
    (!is_plain(c, at)).then_some((c, taken))
}

fn hex_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let upper = digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b));
    upper.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &[&str] = &[
        "a b; touch X",
        "$(id)",
        "host=evil.example",
        "--file=x",
        "../x",
        "'\"",
        "a\nb",
        ".",
        "..",
        ".hidden",
        "a/b",
        "/",
        "%",
        "%%",
        "%2F",
        "%252F",
        "100%",
        "tab\there",
        "del\u{7f}",
        "c1\u{85}\u{9f}x",
        "база данных",
        "a\u{a0}b",
        "%C2%85",
        "\u{0}",
        "-",
        "a-20200101_000000",
    ];

    #[test]
    fn p14_hostile_names_round_trip_and_are_safe() {
        for name in HOSTILE {
            let escaped = escape(name);
            assert_eq!(unescape(&escaped), *name, "{escaped}");
            assert!(!escaped.contains('/') && !escaped.starts_with('.'), "{escaped}");
            assert!(!escaped.chars().any(char::is_control), "{escaped}");
        }
    }

    #[test]
    fn p14_no_two_names_share_a_file_name() {
        let mut seen: Vec<_> = HOSTILE.iter().map(|name| escape(name)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), HOSTILE.len());
    }

    #[test]
    fn ordinary_names_stay_as_kb17_wrote_them() {
        for name in ["app", "база данных", "a b; touch X", "$(id)", "--file=x", "x.y", "1C_БУХ-2020"] {
            assert_eq!(escape(name), name);
        }
        assert_eq!(escape("../x"), "%2E.%2Fx");
        assert_eq!(escape("a\nb%"), "a%0Ab%25");
    }

    #[test]
    fn what_we_never_write_is_literal() {
        for raw in ["50%", "a%20b", "%zz", "%2f", "a%2Eb", "%C2%A0", "%", "%2", "%C2", ".kb17"] {
            assert_eq!(unescape(raw), raw);
        }
    }
}
