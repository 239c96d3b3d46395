//! From the target of a request to a decoded path, and back for the way inside.

use crate::webapi::gate::refusal::Refusal;
use std::fmt::Write;

const ENCODED: Refusal = Refusal::new(400, "a character that must not be percent-encoded");

/// The decoded path of a request target such as `/api/rl/2026/%D1%8F.log?x=1`: without the query, beginning with `/`, valid
/// UTF-8 without control characters. Only the origin form is taken. Dots, slashes and backslashes cannot hide behind percent
/// signs, and no segment is empty, `.` or `..`, except an empty last one.
pub fn decode(target: &str) -> Result<String, Refusal> {
    if !target.starts_with('/') {
        return Err(Refusal::new(400, "a request target that is no path"));
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'%' => escaped(rest.next(), rest.next())?,
            b'/' => byte,
            _ if may_stand(byte) => byte,
            _ => return Err(Refusal::new(400, "a character that must be percent-encoded")),
        });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| Refusal::new(400, "a path that is not UTF-8"))?;
    if decoded.chars().any(char::is_control) {
        return Err(ENCODED);
    }
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if matches!(segment, "." | "..") || (segment.is_empty() && segments.peek().is_some()) {
            return Err(Refusal::new(400, "a path that is not plain"));
        }
    }
    Ok(decoded)
}

/// The byte behind `%` and two hexadecimal digits, unless it would change how the path is read.
fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, Refusal> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)?.try_into().ok());
    match digit(high).zip(digit(low)).map(|(high, low): (u8, u8)| (high << 4) | low) {
        None => Err(Refusal::new(400, "a broken percent sign")),
        Some(b'/' | b'\\' | b'.') => Err(ENCODED),
        Some(byte) => Ok(byte),
    }
}

/// What a path may hold as it is: RFC 3986, `pchar` without the percent sign.
fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

/// A path as a request target that [`decode`] takes back.
pub fn encode(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut target, byte| {
        if byte == b'/' || may_stand(byte) {
            target.push(char::from(byte));
        } else {
            let _ = write!(target, "%{byte:02X}"); // a String takes everything
        }
        target
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_decoded() {
        for (target, path) in [
            ("/", "/"),
            ("/api/si", "/api/si"),
            ("/api/si/", "/api/si/"),
            ("/api/si?", "/api/si"),
            ("/api/si?a=/../%00&b", "/api/si"),
            ("/api/rl/2026/77-%D1%8F-20261123_010203.log", "/api/rl/2026/77-я-20261123_010203.log"),
            ("/a%20b%25c%3f", "/a b%c?"),
            ("/...", "/..."),
            ("/.state", "/.state"),
        ] {
            assert_eq!(decode(target).as_deref(), Ok(path), "{target}");
            assert_eq!(decode(&encode(path)).as_deref(), Ok(path), "{target}");
        }
    }

    /// P28: nothing hides behind an encoding.
    #[test]
    fn tricks_are_refused() {
        for target in [
            "",
            "*",
            "api",
            "http://x/",
            "//",
            "//etc/passwd",
            "/api//si",
            "/..",
            "/../x",
            "/api/../x",
            "/api/.",
            "/./api",
            "/%2e%2e/x",
            "/a%2Fb",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%c2%85",
            "/%",
            "/%1",
            "/%zz",
            "/%+1",
            "/% 1",
            "/%c0%af",
            "/%ff",
            "/%e2%82",
            "/%ed%a0%80",
            "/a b",
            "/a#b",
            "/<a>",
            "/\"",
            "/я",
            "/a%c0%ae%c0%ae/",
        ] {
            assert_eq!(decode(target).map_err(|refusal| refusal.code), Err(400), "{target}");
        }
    }
}
