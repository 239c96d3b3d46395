//! What is answered to which path. Nothing here writes, and nothing here knows of sockets.

use crate::error::Result;
use std::io::Read;
use std::path::Path;

/// A request that passed the gate: GET or HEAD, no body, a path that begins with `/`, decoded and free of tricks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The decoded path without the query.
    pub path: String,
}

/// What is answered.
pub struct Answer {
    /// HTTP status code.
    pub code: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body; a large one is read while it is sent.
    pub body: Body,
}

/// A body.
pub enum Body {
    /// At hand.
    Bytes(Vec<u8>),
    /// Produced while it is sent; its length is not known before.
    Stream(Box<dyn Read + Send>),
}

/// What is served.
pub struct Site;

impl Site {
    /// Reads the configuration.
    pub fn new(_config: &Path) -> Result<Self> {
        Ok(Self)
    }

    /// Answers.
    pub fn answer(&self, request: &Request) -> Answer {
        let (code, text) = if request.path == "/healthz" { (200, "ok\n") } else { (404, "{\"error\": \"no such path\"}\n") };
        Answer { code, content_type: "text/plain; charset=utf-8", body: Body::Bytes(text.into()) }
    }
}
