//! The times of a zip: local wall clock in steps of two seconds, as MS-DOS kept it.

use crate::sys::clock;
use crate::sys::tree::Stamp;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Date and time fields; what cannot be said becomes the nearest that can: the years are 1980 to 2107.
pub fn dos(stamp: Stamp) -> (u16, u16) {
    let first = fields([0, 1, 1], [0, 0, 0]);
    let last = fields([127, 12, 31], [23, 59, 58]);
    let Ok(instant) = OffsetDateTime::from_unix_timestamp(stamp.sec) else {
        return if stamp.sec < 0 { first } else { last };
    };
    let local = clock::local(instant);
    match local.year() {
        ..1980 => first,
        2108.. => last,
        year => {
            let year = u16::try_from(year - 1980).unwrap_or(0);
            let date = [year, u16::from(u8::from(local.month())), u16::from(local.day())];
            fields(date, [local.hour(), local.minute(), local.second()].map(u16::from))
        }
    }
}

/// Year since 1980, month, day; hour, minute, second.
fn fields([year, month, day]: [u16; 3], [hour, minute, second]: [u16; 3]) -> (u16, u16) {
    (year << 9 | month << 5 | day, hour << 11 | minute << 5 | (second / 2))
}

/// The instant of date and time fields; 1970 when they are none.
pub fn stamp(date: u16, time: u16) -> Stamp {
    let wall = || {
        let month = Month::try_from(u8::try_from(date >> 5 & 15).ok()?).ok()?;
        let day = u8::try_from(date & 31).ok()?;
        let date = Date::from_calendar_date(1980 + i32::from(date >> 9), month, day).ok()?;
        let part = |value: u16| u8::try_from(value).ok();
        let time = Time::from_hms(part(time >> 11)?, part(time >> 5 & 63)?, part((time & 31) * 2)?).ok()?;
        Some(PrimitiveDateTime::new(date, time))
    };
    wall().map_or(Stamp::default(), |wall| Stamp { sec: clock::instant(wall).unix_timestamp(), nsec: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_there_and_back() {
        for sec in [315_705_600, 1_593_518_400, 4_102_444_798] {
            let stamp_in = Stamp { sec, nsec: 7 };
            let (date, time) = dos(stamp_in);
            assert_eq!(stamp(date, time), Stamp { sec, nsec: 0 });
        }
        assert_eq!(dos(Stamp { sec: -1, nsec: 0 }), (33, 0));
        assert_eq!(dos(Stamp { sec: i64::MAX, nsec: 0 }).0 >> 9, 127);
        assert_eq!(stamp(0, 0), Stamp::default());
        assert_eq!(stamp(u16::MAX, u16::MAX), Stamp::default());
    }
}
