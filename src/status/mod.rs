//! How this server stands, as one versioned document: for `status`, the webapi, `status_file` and metrics.

pub mod metrics;

use crate::config::Config;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Version of the document's shape: readers refuse a higher one.
pub const SCHEMA: u32 = 1;

/// How a server stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `server_name`.
    pub server: String,
    /// Version of this program.
    pub version: String,
    /// The server's clock, RFC 3339 with the local offset.
    pub clock: String,
}

impl Status {
    /// Looks at the journal, the crontab and the destinations. What cannot be read is said in the document.
    pub fn of(config: &Config, now: OffsetDateTime) -> Self {
        Self {
            schema: SCHEMA,
            server: config.server_name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            clock: now.to_string(),
        }
    }
}
