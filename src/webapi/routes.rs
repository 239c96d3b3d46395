//! What is answered to which path. Nothing here writes, and nothing here knows of sockets.

use crate::error::Result;
use crate::webapi::kb17::Kb17;
use crate::webapi::live::Live;
use crate::webapi::ours::Ours;
use serde_json::json;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

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

/// The type of every answer but the metrics.
pub const JSON: &str = "application/json";

/// Bytes up to which a body is copied to be at hand; a larger one is shared.
const SMALL: usize = 256 << 10;

impl Answer {
    /// A JSON document.
    pub fn json(code: u16, text: impl Into<Vec<u8>>) -> Self {
        Self { code, content_type: JSON, body: Body::Bytes(text.into()) }
    }

    /// `{"error": …}`.
    pub fn error(code: u16, message: &str) -> Self {
        Self::json(code, json!({"error": message}).to_string())
    }

    /// A text that many requests share.
    pub fn shared(content_type: &'static str, text: &Arc<String>) -> Self {
        let body = if text.len() <= SMALL {
            Body::Bytes(text.as_bytes().to_vec())
        } else {
            Body::Stream(Box::new(Cursor::new(Shared(text.clone()))))
        };
        Self { code: 200, content_type, body }
    }
}

struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Everything that can be asked of this server. One serves all threads.
pub struct Site {
    live: Live,
    kb17: Kb17,
    ours: Ours,
}

impl Site {
    /// Reads the configuration, which is read again whenever it changes. Fails as `Config::load` does.
    pub fn new(config_path: &Path) -> Result<Self> {
        Ok(Self { live: Live::new(config_path)?, kb17: Kb17::new(), ours: Ours::new() })
    }

    /// The answer to a request. Never fails: what is wrong is said in the answer.
    pub fn answer(&self, request: &Request) -> Answer {
        let now = || self.live.current();
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["api", "si"] => self.kb17.server_info(&now()),
            ["api", "cf"] => self.kb17.overview(&now()),
            ["api", "rl", dir, name] => self.kb17.log(&now(), dir, name),
            ["api", "v1", "status"] => self.ours.status(&now()),
            ["api", "v1", "backups"] => self.ours.backups(&now()),
            ["metrics"] => self.ours.metrics(&now()),
            ["healthz"] => self.ours.health(&now()),
            _ => Answer::error(404, "there is nothing at this address"),
        }
    }
}

/// Where a path leads, in our own words: what a client made up is not written down.
pub fn address(path: &str) -> &'static str {
    const ADDRESSES: [&str; 7] =
        ["/api/si", "/api/cf", "/api/rl", "/api/v1/status", "/api/v1/backups", "/metrics", "/healthz"];
    let is_here = |address: &&str| path == *address || (*address == "/api/rl" && path.starts_with("/api/rl/"));
    ADDRESSES.into_iter().find(is_here).unwrap_or("what is not there")
}

#[cfg(test)]
mod tests;
