//! The only place that asks for the time of day.

use crate::sys::tree::Stamp;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// The wall clock now, with the local zone's offset (UTC where there is no zone information).
pub fn now() -> OffsetDateTime {
    local(OffsetDateTime::now_utc())
}

/// The same instant with the local zone's offset at that instant, in whole minutes; UTC where that is a day or more. RFC 3339
/// can say nothing else, and no zone has it today.
pub fn local(instant: OffsetDateTime) -> OffsetDateTime {
    let offset = UtcOffset::local_offset_at(instant).unwrap_or(UtcOffset::UTC);
    let (hours, minutes, _) = offset.as_hms();
    instant
        .to_offset(UtcOffset::from_hms(hours, minutes, 0).ok().filter(|_| hours.abs() < 24).unwrap_or(UtcOffset::UTC))
}

/// The instant of a local wall-clock time; of a time that the clock shows twice or never, one of those it could be.
pub fn instant(wall: PrimitiveDateTime) -> OffsetDateTime {
    // the offset of the zone at that instant, found from a first guess that is at most a day off
    let guess = local(wall.assume_utc());
    let offset = local(wall.assume_offset(guess.offset()).to_offset(UtcOffset::UTC)).offset();
    wall.assume_offset(offset)
}

/// The clock that stamps inodes, to compare with their times: it moves every few milliseconds only.
pub fn file_stamp() -> Stamp {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    Stamp { sec: now.tv_sec, nsec: u32::try_from(now.tv_nsec).unwrap_or(0) }
}
