//! The only place that asks for the time of day.

use time::{OffsetDateTime, UtcOffset};

/// The wall clock now, with the local zone's offset (UTC where there is no zone information).
pub fn now() -> OffsetDateTime {
    local(OffsetDateTime::now_utc())
}

/// The same instant with the local zone's offset at that instant.
pub fn local(instant: OffsetDateTime) -> OffsetDateTime {
    instant.to_offset(UtcOffset::local_offset_at(instant).unwrap_or(UtcOffset::UTC))
}
