//! What is answered to which path. Nothing here writes, and nothing here knows of sockets.

use std::io::Read;

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
