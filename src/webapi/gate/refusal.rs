//! Being turned away: a code, a reason, and never a byte of what the client sent.

/// Why a request does not get in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// HTTP status code, 400 and above.
    pub code: u16,
    /// The reason in a few words.
    pub why: &'static str,
}

impl Refusal {
    /// Refuses with this code.
    pub const fn new(code: u16, why: &'static str) -> Self {
        Self { code, why }
    }

    /// The whole answer. The connection is closed after it: where the next request would begin is not known for sure.
    pub fn answer(self) -> Vec<u8> {
        let Self { code, why } = self;
        let body = format!("{{\"error\": \"{why}\"}}\n");
        let more = match code {
            401 => "WWW-Authenticate: Bearer\r\n",
            405 => "Allow: GET, HEAD\r\n",
            503 => "Retry-After: 5\r\n",
            _ => "",
        };
        let length = body.len();
        let phrase = phrase(code);
        format!(
            "HTTP/1.1 {code} {phrase}\r\nServer: krista-backup\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             {more}Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// The words that go with a code (RFC 9110, section 15).
pub fn phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}
