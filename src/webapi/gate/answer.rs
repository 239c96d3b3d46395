//! The answer on its way back: what comes from inside is unwrapped and wrapped anew for the client.

use crate::webapi::gate::head::{After, Head, Method, Version};
use crate::webapi::gate::refusal::phrase;

/// Bytes of an answer's head at most; ours have some 200.
const HEAD_LIMIT: usize = 4 * 1024;

/// The head of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerHead {
    /// HTTP status code.
    pub code: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// `Date`.
    pub date: String,
    /// Bytes of the body when known beforehand.
    pub length: Option<u64>,
}

/// What is found in the bytes of an answer.
#[derive(PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// The head.
    Head(AnswerHead),
    /// Some of the body.
    Body(&'a [u8]),
    /// Nothing more comes.
    End,
}

/// Bytes from inside that are no answer.
#[derive(PartialEq, Eq, Debug)]
pub struct Garbled;

enum Stage {
    Head(Vec<u8>),
    /// Bytes still to come.
    Body(u64),
    /// The line with the size of a chunk.
    Size(Vec<u8>),
    /// Bytes of a chunk still to come, its line end included.
    Chunk(u64),
    /// The empty line behind the last chunk.
    Last(Vec<u8>),
    End,
    Done,
}

/// Takes an answer apart, in whatever pieces it comes.
pub struct Unwrapping {
    method: Method,
    stage: Stage,
}

impl Unwrapping {
    /// For the answer to a request with this method.
    pub fn new(method: Method) -> Self {
        Self { method, stage: Stage::Head(Vec::new()) }
    }

    /// The next part, taken off the front of `bytes`; none when more is needed.
    pub fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<Part<'a>>, Garbled> {
        loop {
            match &mut self.stage {
                Stage::Head(head) => {
                    if !take_until(bytes, head, b"\r\n\r\n", HEAD_LIMIT)? {
                        return Ok(None);
                    }
                    let (answer, stage) = read_head(head, self.method)?;
                    self.stage = stage;
                    return Ok(Some(Part::Head(answer)));
                }
                Stage::Body(0) => self.stage = Stage::End,
                Stage::Body(left) => {
                    let piece = take(bytes, *left);
                    *left -= piece.len() as u64;
                    return Ok((!piece.is_empty()).then_some(Part::Body(piece)));
                }
                Stage::Size(line) => {
                    if !take_until(bytes, line, b"\r\n", 20)? {
                        return Ok(None);
                    }
                    let digits = std::str::from_utf8(line).ok().map(str::trim_end).ok_or(Garbled)?;
                    let size = u64::from_str_radix(digits, 16).map_err(|_| Garbled)?;
                    self.stage = match size {
                        0 => Stage::Last(Vec::new()),
                        _ => Stage::Chunk(size.checked_add(2).ok_or(Garbled)?),
                    };
                }
                Stage::Chunk(0) => self.stage = Stage::Size(Vec::new()),
                Stage::Chunk(left @ 1..=2) => {
                    let end = take(bytes, *left);
                    *left -= end.len() as u64;
                    if end.is_empty() {
                        return Ok(None);
                    }
                }
                Stage::Chunk(left) => {
                    let piece = take(bytes, *left - 2);
                    *left -= piece.len() as u64;
                    return Ok((!piece.is_empty()).then_some(Part::Body(piece)));
                }
                Stage::Last(line) => {
                    if !take_until(bytes, line, b"\r\n", 2)? {
                        return Ok(None);
                    }
                    self.stage = Stage::End;
                }
                Stage::End => {
                    self.stage = Stage::Done;
                    return Ok(Some(Part::End));
                }
                Stage::Done => return if bytes.is_empty() { Ok(None) } else { Err(Garbled) },
            }
        }
    }
}

/// Takes up to `most` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let count = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

/// Moves bytes until what was moved ends with `end`. False when they have run out before.
fn take_until(bytes: &mut &[u8], moved: &mut Vec<u8>, end: &[u8], limit: usize) -> Result<bool, Garbled> {
    while let Some((byte, rest)) = bytes.split_first() {
        if moved.len() >= limit {
            return Err(Garbled);
        }
        moved.push(*byte);
        *bytes = rest;
        if moved.ends_with(end) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_head(head: &[u8], method: Method) -> Result<(AnswerHead, Stage), Garbled> {
    let text = std::str::from_utf8(head).map_err(|_| Garbled)?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or(Garbled)?;
    let code = status.get(..3).and_then(|code| code.parse().ok()).ok_or(Garbled)?;
    let mut answer = AnswerHead { code, content_type: String::new(), date: String::new(), length: None };
    let mut chunked = false;
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name {
            "Content-Type" => value.clone_into(&mut answer.content_type),
            "Date" => value.clone_into(&mut answer.date),
            "Content-Length" => answer.length = Some(value.parse().map_err(|_| Garbled)?),
            "Transfer-Encoding" => chunked = true,
            _ => {}
        }
    }
    let stage = match (method, chunked, answer.length) {
        (Method::Head, _, _) => Stage::End,
        (Method::Get, true, None) => Stage::Size(Vec::new()),
        (Method::Get, false, Some(length)) => Stage::Body(length),
        _ => return Err(Garbled),
    };
    Ok((answer, stage))
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Framing {
    Plain,
    Chunks,
}

/// Puts an answer together for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wrapping {
    framing: Framing,
    /// What becomes of the connection after the answer.
    pub after: After,
}

impl Wrapping {
    /// Writes the head of the answer to `request`.
    pub fn begin(request: &Head, answer: &AnswerHead, output: &mut Vec<u8>) -> Self {
        let AnswerHead { code, content_type, date, length } = answer;
        let (length, framing, after) = match (length, request.version) {
            (Some(length), _) => (format!("Content-Length: {length}"), Framing::Plain, request.after),
            (None, Version::Http11) => ("Transfer-Encoding: chunked".to_owned(), Framing::Chunks, request.after),
            (None, Version::Http10) => ("Pragma: no-cache".to_owned(), Framing::Plain, After::Close),
        };
        let framing = if request.method == Method::Head { Framing::Plain } else { framing };
        let connection = match after {
            After::Keep => "keep-alive",
            After::Close => "close",
        };
        let phrase = phrase(*code);
        let head = format!(
            "HTTP/1.1 {code} {phrase}\r\nServer: krista-backup\r\nDate: {date}\r\nContent-Type: {content_type}\r\n{length}\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: {connection}\r\n\r\n"
        );
        output.extend_from_slice(head.as_bytes());
        Self { framing, after }
    }

    /// Writes some of the body.
    pub fn body(self, piece: &[u8], output: &mut Vec<u8>) {
        if self.framing == Framing::Chunks {
            output.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            output.extend_from_slice(piece);
            output.extend_from_slice(b"\r\n");
        } else {
            output.extend_from_slice(piece);
        }
    }

    /// Writes what ends the body.
    pub fn end(self, output: &mut Vec<u8>) {
        if self.framing == Framing::Chunks {
            output.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, method: Method) -> Head {
        Head { method, path: "/".into(), version, after: After::Keep, token: None }
    }

    /// Through both, cut into pieces of every size.
    fn through(answer: &[u8], request: &Head, size: usize) -> Option<String> {
        let mut unwrapping = Unwrapping::new(request.method);
        let (mut output, mut wrapping, mut ended) = (Vec::new(), None, false);
        for mut piece in answer.chunks(size) {
            while let Some(part) = unwrapping.next(&mut piece).ok()? {
                match part {
                    Part::Head(head) => wrapping = Some(Wrapping::begin(request, &head, &mut output)),
                    Part::Body(body) => wrapping?.body(body, &mut output),
                    Part::End => {
                        wrapping?.end(&mut output);
                        ended = true;
                    }
                }
            }
        }
        ended.then(|| String::from_utf8(output).unwrap())
    }

    #[test]
    fn answers_pass_in_pieces_of_any_size() {
        let long = "HTTP/1.1 200 OK\r\nServer: x\r\nDate: D\r\nContent-Type: t\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let known = "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Length: 5\r\n\r\nwhat?";
        for size in 1..=long.len() {
            let body = |answer: &str, version| {
                let all = through(answer.as_bytes(), &request(version, Method::Get), size).unwrap();
                all.split_once("\r\n\r\n").unwrap().1.to_owned()
            };
            assert_eq!(body(long, Version::Http10), "abc0123456789");
            let chunks = body(long, Version::Http11);
            assert!(chunks.ends_with("\r\n0\r\n\r\n") && chunks.starts_with(['1', '2', '3']), "{chunks}");
            assert_eq!(body(known, Version::Http11), "what?");
        }
        let head = through(
            long.split_inclusive("\r\n\r\n").next().unwrap().as_bytes(),
            &request(Version::Http11, Method::Head),
            7,
        );
        assert!(head.unwrap().ends_with("Connection: keep-alive\r\n\r\n"));
        assert_eq!(
            through(&long.as_bytes()[..long.len() - 1], &request(Version::Http11, Method::Get), 64),
            None,
            "not ended"
        );
    }

    #[test]
    fn what_is_no_answer_is_garbled() {
        for answer in [
            "GET / HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        ] {
            assert_eq!(through(answer.as_bytes(), &request(Version::Http11, Method::Get), 9), None, "{answer}");
        }
    }
}
