//! The answer of an HTTP/1.1 server (RFC 9112), read with caps: nothing it sends can cost more memory than a line.

use crate::units::show_bytes;
use std::io::{self, BufRead, ErrorKind, Read};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Most bytes of head, interim answers and trailers included.
const HEAD_LIMIT: u64 = 64 << 10;

/// Most bytes of a line that says how large a chunk is.
const CHUNK_LINE_LIMIT: u64 = 1 << 10;

/// What is read of a head.
#[derive(Debug)]
pub struct Head {
    pub code: u16,
    pub content_type: String,
    pub date: Option<OffsetDateTime>,
    pub framing: Framing,
}

/// Where a body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the chunk of size 0.
    Chunked,
    /// With the connection.
    Close,
}

/// Reads up to the end of the head of the final answer.
pub fn head(reader: &mut impl BufRead) -> io::Result<Head> {
    let mut left = HEAD_LIMIT;
    loop {
        let code = status_code(&line(reader, &mut left)?)?;
        let mut head = Head { code, content_type: String::new(), date: None, framing: Framing::Close };
        while let Some((name, value)) = field(&line(reader, &mut left)?)? {
            take(&mut head, &name, &value)?;
        }
        // 100 and 103 only announce the answer
        if !(100..200).contains(&code) {
            if matches!(code, 204 | 304) {
                head.framing = Framing::Length(0);
            }
            return Ok(head);
        }
    }
}

fn status_code(line: &str) -> io::Result<u16> {
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    code.filter(|code| (100..600).contains(code)).ok_or_else(|| wrong("the answer is no HTTP"))
}

/// A header field with its name in lower case; none for the empty line that ends them.
fn field(line: &str) -> io::Result<Option<(String, String)>> {
    if line.is_empty() {
        return Ok(None);
    }
    let (name, value) = line.split_once(':').ok_or_else(|| wrong("the head of the answer is broken"))?;
    Ok(Some((name.to_ascii_lowercase(), value.trim().to_owned())))
}

fn take(head: &mut Head, name: &str, value: &str) -> io::Result<()> {
    match name {
        "content-type" => value.clone_into(&mut head.content_type),
        "date" => head.date = OffsetDateTime::parse(value, &Rfc2822).ok(),
        "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => head.framing = Framing::Chunked,
        "transfer-encoding" => return Err(wrong("the answer is coded in a way we did not ask for")),
        // chunks win over a length (RFC 9112, 6.3)
        "content-length" if head.framing != Framing::Chunked => {
            let length = value.parse().map_err(|_| wrong("the length of the answer is no number"))?;
            if matches!(head.framing, Framing::Length(other) if other != length) {
                return Err(wrong("the answer has two different lengths"));
            }
            head.framing = Framing::Length(length);
        }
        _ => {}
    }
    Ok(())
}

/// One line without its end, of at most `left` bytes, which are taken off.
fn line(reader: &mut impl BufRead, left: &mut u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    let read = reader.by_ref().take(*left).read_until(b'\n', &mut bytes)?;
    *left = left.saturating_sub(read as u64);
    if bytes.pop() != Some(b'\n') {
        return Err(if *left == 0 { wrong("the head of the answer is too long") } else { broken_off() });
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The body of an answer; ends where the server said it would, and fails when it does not or is larger than the cap.
#[derive(Debug)]
pub struct Body<R> {
    reader: R,
    framing: Framing,
    /// Bytes left of the body or of the current chunk.
    left: u64,
    begun: bool,
    done: bool,
    /// Bytes that may still come, and how many those were at first.
    allowed: u64,
    cap: u64,
}

impl<R: BufRead> Body<R> {
    /// Fails when the head announced more than `cap` bytes.
    pub fn new(reader: R, framing: Framing, cap: u64) -> io::Result<Self> {
        let left = match framing {
            Framing::Length(length) if length > cap => return Err(too_large(cap)),
            Framing::Length(length) => length,
            Framing::Chunked => 0,
            Framing::Close => u64::MAX,
        };
        Ok(Self {
            reader,
            framing,
            left,
            begun: false,
            done: left == 0 && framing != Framing::Chunked,
            allowed: cap,
            cap,
        })
    }

    /// Reads the size of the next chunk; the last one is followed by trailers.
    fn next_chunk(&mut self) -> io::Result<()> {
        let mut limit = CHUNK_LINE_LIMIT;
        if self.begun && !line(&mut self.reader, &mut limit)?.is_empty() {
            return Err(wrong("the chunks of the answer are broken"));
        }
        self.begun = true;
        let size = line(&mut self.reader, &mut limit)?;
        let size = size.split(';').next().unwrap_or_default().trim();
        self.left = u64::from_str_radix(size, 16).map_err(|_| wrong("the chunks of the answer are broken"))?;
        if self.left == 0 {
            self.done = true;
            let mut limit = HEAD_LIMIT;
            while !line(&mut self.reader, &mut limit)?.is_empty() {}
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.framing == Framing::Chunked && self.left == 0 && !self.done {
            self.next_chunk()?;
        }
        if self.done {
            return Ok(0);
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(buffer.get_mut(..want).unwrap_or_default())?;
        if read == 0 {
            self.done = true;
            return if self.framing == Framing::Close { Ok(0) } else { Err(broken_off()) };
        }
        self.allowed = self.allowed.checked_sub(read as u64).ok_or_else(|| too_large(self.cap))?;
        if self.framing != Framing::Close {
            self.left -= read as u64;
            self.done = self.left == 0 && self.framing != Framing::Chunked;
        }
        Ok(read)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn broken_off() -> io::Error {
    ErrorKind::UnexpectedEof.into()
}

fn too_large(cap: u64) -> io::Error {
    wrong(&format!("the answer is larger than {}", show_bytes(cap)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<(u16, String), String> {
        let mut reader = answer.as_bytes();
        let head = head(&mut reader).map_err(|error| error.to_string())?;
        let mut body = Body::new(reader, head.framing, 20).map_err(|error| error.to_string())?;
        let mut text = String::new();
        body.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok((head.code, text))
    }

    #[test]
    fn bodies_with_a_length_in_chunks_and_to_the_end() {
        for (answer, code, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellomore", 200, "hello"),
            ("HTTP/1.0 200 OK\nX: y\n\nhello", 200, "hello"),
            (
                "HTTP/1.1 200\r\ntransfer-encoding: Chunked\r\nContent-Length: 3\r\n\r\n3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nT: x\r\n\r\n",
                200,
                "hello",
            ),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 404, ""),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345678901234567890", 200, "12345678901234567890"),
        ] {
            assert_eq!(read(answer), Ok((code, body.to_owned())), "{answer}");
        }
    }

    #[test]
    fn the_date_of_an_answer() {
        let of = |date: &str| head(&mut format!("HTTP/1.1 200 OK\r\nDate: {date}\r\n\r\n").as_bytes()).unwrap().date;
        assert_eq!(of("Mon, 23 Nov 2026 08:20:15 GMT").map(OffsetDateTime::unix_timestamp), Some(1_795_422_015));
        assert_eq!(of("today"), None);
    }

    #[test]
    fn what_does_not_end_as_it_should_is_an_error() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000));
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(21));
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (answer, reason) in [
            ("", "unexpected end"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
            ("HTTP/1.1 99 x\r\n\r\n", "no HTTP"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "unexpected end"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "two different lengths"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "did not ask"),
            ("HTTP/1.1 200 OK\r\nbroken\r\n\r\n", "head of the answer is broken"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n", "larger than 20 B"),
            (&long, "too long"),
            (&endless, "larger than 20 B"),
            (&format!("{chunks}15\r\n{}\r\n0\r\n\r\n", "x".repeat(21)), "larger than 20 B"),
            (&format!("{chunks}5\r\nhello"), "unexpected end"),
            (&format!("{chunks}2\r\nhello\r\n0\r\n\r\n"), "chunks of the answer"),
            (&format!("{chunks}-2\r\nhello\r\n0\r\n\r\n"), "chunks of the answer"),
            (&format!("{chunks}{}\r\n", "0".repeat(2000)), "too long"),
            (&format!("{chunks}ffffffffffffffff\r\nhello"), "unexpected end"),
        ] {
            let error = read(answer).unwrap_err();
            assert!(error.contains(reason), "{:?}: {error}", &answer[..answer.len().min(60)]);
        }
    }
}
