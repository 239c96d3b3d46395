//! The head of a request: bytes of a client to what it asks for. What is not plain HTTP/1.0 or 1.1 is refused.

use crate::webapi::gate::path;
use crate::webapi::gate::refusal::Refusal;

/// Bytes of a head at most, its blank line included.
pub const LIMIT: usize = 8 * 1024;

/// Header fields at most.
const FIELDS: usize = 64;

/// What a client asks for, in our own words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whether the body is wanted too.
    pub method: Method,
    /// The decoded path without the query.
    pub path: String,
    /// Which HTTP the answer is for.
    pub version: Version,
    /// Whether the connection stays open after the answer.
    pub after: After,
    /// What the client sent as `Authorization: Bearer`.
    pub token: Option<String>,
}

/// What is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Head and body.
    Get,
    /// The head alone.
    Head,
}

/// The version of HTTP a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// HTTP/1.0: no chunks.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// It waits for the next request.
    Keep,
    /// It is closed.
    Close,
}

/// How far a head has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Its blank line has not come yet.
    Partial,
    /// It has this many bytes, the blank line included.
    Whole(usize),
}

/// Looks at what has come since `seen` bytes were there: whether the head is whole, and that it holds nothing but text in
/// lines that end with CR LF. Each byte is looked at once, whatever the pace.
pub fn scan(bytes: &[u8], seen: usize) -> Result<Progress, Refusal> {
    let new = bytes.iter().copied().enumerate().skip(seen);
    for (at, byte) in new {
        let before = bytes.get(..at).unwrap_or_default();
        match (before.last(), byte) {
            (Some(b'\r'), b'\n') if before.ends_with(b"\r\n\r") || at == 1 => return Ok(Progress::Whole(at + 1)),
            (Some(b'\r'), b'\n') => {}
            (Some(b'\r'), _) => return Err(Refusal::new(400, "a bare carriage return")),
            (_, b'\n') => return Err(Refusal::new(400, "a bare line feed")),
            (_, b'\r' | b'\t' | b' '..=b'~') => {}
            _ => return Err(Refusal::new(400, "a byte that is no text")),
        }
        if at + 1 >= LIMIT {
            let in_first_line = !before.contains(&b'\n');
            return Err(if in_first_line {
                Refusal::new(414, "a request line that is too long")
            } else {
                Refusal::new(431, "a request head that is too long")
            });
        }
    }
    Ok(Progress::Partial)
}

/// Reads a whole head, which [`scan`] has let through.
pub fn parse(head: &[u8]) -> Result<Head, Refusal> {
    let text = std::str::from_utf8(head).map_err(|_| Refusal::new(400, "a byte that is no text"))?;
    let mut lines = text.split("\r\n");
    let (method, target, version) = request_line(lines.next().unwrap_or_default())?;
    let fields = Fields::read(lines.take_while(|line| !line.is_empty()))?;
    fields.check_lengths()?;
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => return Err(Refusal::new(405, "only GET and HEAD are answered")),
    };
    fields.check_body()?;
    fields.check_rest(version)?;
    let path = path::decode(target)?;
    Ok(Head { method, path, version, after: fields.after(version), token: fields.token()? })
}

fn request_line(line: &str) -> Result<(&str, &str, Version), Refusal> {
    let odd = Refusal::new(400, "a request line that is not plain");
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(odd);
    };
    if !is_token(method) || target.is_empty() || target.contains('\t') {
        return Err(odd);
    }
    let version = match (version, version.as_bytes()) {
        ("HTTP/1.0", _) => Version::Http10,
        ("HTTP/1.1", _) => Version::Http11,
        (_, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => {
            return Err(Refusal::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken"));
        }
        _ => return Err(odd),
    };
    Ok((method, target, version))
}

/// The header fields that matter; all others are only looked at for their form.
#[derive(Default)]
struct Fields<'a> {
    hosts: Vec<&'a str>,
    lengths: Vec<&'a str>,
    encodings: usize,
    expects: usize,
    connection: Vec<&'a str>,
    authorization: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(lines: impl Iterator<Item = &'a str>) -> Result<Self, Refusal> {
        let mut fields = Self::default();
        for (number, line) in lines.enumerate() {
            if number >= FIELDS {
                return Err(Refusal::new(431, "too many header fields"));
            }
            if line.starts_with([' ', '\t']) {
                return Err(Refusal::new(400, "a folded header field"));
            }
            let (name, value) = line.split_once(':').ok_or(Refusal::new(400, "a header field without a colon"))?;
            if !is_token(name) {
                return Err(Refusal::new(400, "a header field with an odd name"));
            }
            let value = value.trim_matches([' ', '\t']);
            match name.to_ascii_lowercase().as_str() {
                "host" => fields.hosts.push(value),
                "content-length" => fields.lengths.push(value),
                "transfer-encoding" => fields.encodings += 1,
                "expect" => fields.expects += 1,
                "connection" => fields.connection.extend(value.split(',').map(str::trim)),
                "authorization" => fields.authorization.push(value),
                _ => {}
            }
        }
        Ok(fields)
    }

    /// Where the request ends must not be told in two ways.
    fn check_lengths(&self) -> Result<(), Refusal> {
        match (self.encodings, self.lengths.as_slice()) {
            (0, [length]) if *length != "0" && !is_length(length) => {
                Err(Refusal::new(400, "a length that is no number"))
            }
            (_, []) | (0, [_]) => Ok(()),
            (0, _) => Err(Refusal::new(400, "two lengths")),
            _ => Err(Refusal::new(400, "a length and a transfer encoding")),
        }
    }

    /// A body is not taken.
    fn check_body(&self) -> Result<(), Refusal> {
        if self.encodings > 0 {
            return Err(Refusal::new(501, "a transfer encoding"));
        }
        if self.lengths.iter().any(|length| *length != "0") {
            return Err(Refusal::new(413, "a request with a body"));
        }
        Ok(())
    }

    fn check_rest(&self, version: Version) -> Result<(), Refusal> {
        match (self.hosts.as_slice(), version) {
            ([], Version::Http10) => {}
            ([host], _) if is_host(host) => {}
            ([], Version::Http11) => return Err(Refusal::new(400, "no Host")),
            ([_], _) => return Err(Refusal::new(400, "an odd Host")),
            _ => return Err(Refusal::new(400, "two Hosts")),
        }
        if self.expects > 0 {
            return Err(Refusal::new(417, "no expectation can be met"));
        }
        Ok(())
    }

    fn after(&self, version: Version) -> After {
        let says = |word: &str| self.connection.iter().any(|token| token.eq_ignore_ascii_case(word));
        match version {
            Version::Http11 if !says("close") => After::Keep,
            Version::Http10 if says("keep-alive") && !says("close") => After::Keep,
            _ => After::Close,
        }
    }

    fn token(&self) -> Result<Option<String>, Refusal> {
        match self.authorization.as_slice() {
            [] => Ok(None),
            [value] => Ok(bearer(value).map(str::to_owned)),
            _ => Err(Refusal::new(400, "two Authorizations")),
        }
    }
}

/// The token of `Bearer TOKEN`; the word in any case (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Digits without a leading zero, of any size: nobody computes with them.
fn is_length(text: &str) -> bool {
    !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name or an address, with or without a port.
fn is_host(text: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_address = |address: &str| address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
    let (is_sound, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, port))) => (!address.is_empty() && is_address(address), port),
        Some(None) => return false,
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (!name.is_empty() && is_name(name), port)
        }
    };
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    is_sound && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

#[cfg(test)]
mod tests;
