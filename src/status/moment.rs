//! A point in time as the document shows it.

use serde::{Serialize, Serializer};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time, written as RFC 3339 with its offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(pub OffsetDateTime);

impl Moment {
    /// Reads RFC 3339; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Self)
    }

    /// RFC 3339 with milliseconds at most, which every reader takes; only a year beyond 9999 cannot be written so.
    pub fn text(self) -> String {
        let whole = self.0.replace_millisecond(self.0.millisecond()).unwrap_or(self.0);
        whole.format(&Rfc3339).unwrap_or_default()
    }

    /// `2026-11-23 02:26`, by the clock of its offset.
    pub fn minute(self) -> String {
        self.text().get(..16).unwrap_or_default().replace('T', " ")
    }

    /// How long ago it was; nothing for what lies ahead.
    pub fn age(self, now: OffsetDateTime) -> Duration {
        Duration::try_from(now - self.0).unwrap_or_default()
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}
