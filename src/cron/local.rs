//! Wall-clock minutes → instants, where daylight saving or a law moves the clock.
//!
//! A minute that the clock jumps over runs at the first minute after the jump; a minute that comes twice runs the first time
//! only. Several minutes that fall on one instant that way are one run.

use super::expression::Expression;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// What the local clock shows against UTC at an instant.
pub type OffsetAt<'a> = &'a dyn Fn(OffsetDateTime) -> UtcOffset;

impl Expression {
    /// The first instant after `after` at which a minute that matches comes; none if there is none within 8 years.
    pub fn next_local(&self, after: OffsetDateTime, offset_at: OffsetAt<'_>) -> Option<OffsetDateTime> {
        let mut minute = wall_clock(after, offset_at(after))?;
        loop {
            minute = self.next(minute)?;
            // in the second pass of an hour that comes twice, its minutes have had their run
            if let Some(instant) = instant_of(minute, offset_at).filter(|instant| *instant > after) {
                return Some(instant);
            }
        }
    }

    /// The last instant that is not after `at` at which a minute that matched came; none if there is none within 8 years.
    pub fn previous_local(&self, at: OffsetDateTime, offset_at: OffsetAt<'_>) -> Option<OffsetDateTime> {
        // in the second pass of an hour that comes twice, minutes that the clock will show again have had their run
        let before = offset_at(at.checked_sub(Duration::DAY)?);
        let mut minute = wall_clock(at, offset_at(at).max(before))?;
        loop {
            minute = self.previous(minute)?;
            if let Some(instant) = instant_of(minute, offset_at).filter(|instant| *instant <= at) {
                return Some(instant);
            }
            minute = minute.checked_sub(Duration::MINUTE)?;
        }
    }
}

fn wall_clock(instant: OffsetDateTime, offset: UtcOffset) -> Option<PrimitiveDateTime> {
    let local = instant.checked_to_offset(offset)?;
    Some(PrimitiveDateTime::new(local.date(), local.time()))
}

/// When the clock shows this minute for the first time, or jumps over it.
fn instant_of(minute: PrimitiveDateTime, offset_at: OffsetAt<'_>) -> Option<OffsetDateTime> {
    let utc = minute.assume_utc();
    // no offset is as large as a day: these lie before and after the minute, wherever we are
    let before = offset_at(utc.checked_sub(Duration::DAY)?);
    let after = offset_at(utc.checked_add(Duration::DAY)?);
    let first = minute.assume_offset(before.max(after));
    let second = minute.assume_offset(before.min(after));
    for instant in [first, second] {
        if offset_at(instant) == instant.offset() {
            return Some(instant);
        }
    }
    end_of_jump(minute, (first, second), offset_at)
}

/// The first whole minute between two instants at which the clock shows `minute` or later.
fn end_of_jump(
    minute: PrimitiveDateTime,
    (mut before, mut after): (OffsetDateTime, OffsetDateTime),
    offset_at: OffsetAt<'_>,
) -> Option<OffsetDateTime> {
    while after - before > Duration::SECOND {
        let middle = before + Duration::seconds((after - before).whole_seconds() / 2);
        if wall_clock(middle, offset_at(middle))? < minute {
            before = middle;
        } else {
            after = middle;
        }
    }
    let local = after.checked_to_offset(offset_at(after))?;
    let into_minute = Duration::seconds(i64::from(local.second()));
    if into_minute.is_zero() { Some(local) } else { local.checked_add(Duration::MINUTE - into_minute) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::expression::Dialect;
    use time::{Date, Month, Time};

    /// One place: the offset before each instant (seconds of Unix time), and the last one.
    struct Place {
        changes: &'static [(i64, i8)],
        last: i8,
    }

    impl Place {
        fn offset(&self, at: OffsetDateTime) -> UtcOffset {
            let until = self.changes.iter().find(|(until, _)| at.unix_timestamp() < *until);
            UtcOffset::from_hms(until.map_or(self.last, |(_, hours)| *hours), 0, 0).unwrap()
        }
    }

    /// Moscow: +3, summer time from 2010-03-28 02:00 to 2010-10-31 03:00, +4 for good from 2011-03-27 02:00, +3 for good from
    /// 2014-10-26 02:00.
    const MOSCOW: Place =
        Place { changes: &[(1_269_730_800, 3), (1_288_479_600, 4), (1_301_180_400, 3), (1_414_274_400, 4)], last: 3 };

    /// Apia left out the whole of 2011-12-30: from -10 to +14.
    const APIA: Place = Place { changes: &[(1_325_239_200, -10)], last: 14 };

    fn at(place: &Place, text: &str, pass: usize) -> OffsetDateTime {
        let number = |from, to| text[from..to].parse::<u16>().unwrap();
        let small = |from, to| u8::try_from(number(from, to)).unwrap();
        let date =
            Date::from_calendar_date(i32::from(number(0, 4)), Month::try_from(small(5, 7)).unwrap(), small(8, 10));
        let wall = date.unwrap().with_time(Time::from_hms(small(11, 13), small(14, 16), small(17, 19)).unwrap());
        let instants = [-10, 3, 4, 14].map(|hours| wall.assume_offset(UtcOffset::from_hms(hours, 0, 0).unwrap()));
        let mut real: Vec<_> = instants.into_iter().filter(|i| place.offset(*i) == i.offset()).collect();
        real.sort();
        real[pass - 1]
    }

    fn shown(instant: Option<OffsetDateTime>) -> String {
        instant.map_or_else(String::new, |i| {
            format!("{} {:02}:{:02}:{:02} {}", i.date(), i.hour(), i.minute(), i.second(), i.offset())
        })
    }

    #[test]
    fn clock_changes() {
        for (cron, place, after, pass, next) in [
            // spring 2010: 02:00 becomes 03:00
            ("30 2 * * *", &MOSCOW, "2010-03-27 12:00:00", 1, "2010-03-28 03:00:00 +04:00:00"),
            ("30 2 * * *", &MOSCOW, "2010-03-28 03:00:00", 1, "2010-03-29 02:30:00 +04:00:00"),
            ("0 3 * * *", &MOSCOW, "2010-03-28 01:59:59", 1, "2010-03-28 03:00:00 +04:00:00"),
            ("*/20 * * * *", &MOSCOW, "2010-03-28 01:40:00", 1, "2010-03-28 03:00:00 +04:00:00"),
            ("*/20 * * * *", &MOSCOW, "2010-03-28 03:00:00", 1, "2010-03-28 03:20:00 +04:00:00"),
            ("59 1 * * *", &MOSCOW, "2010-03-28 01:58:30", 1, "2010-03-28 01:59:00 +03:00:00"),
            ("0 2 * * *", &MOSCOW, "2010-03-28 01:59:00", 1, "2010-03-28 03:00:00 +04:00:00"),
            // autumn 2010: 03:00 becomes 02:00, so that 02:30 comes twice
            ("30 2 * * *", &MOSCOW, "2010-10-30 12:00:00", 1, "2010-10-31 02:30:00 +04:00:00"),
            ("30 2 * * *", &MOSCOW, "2010-10-31 02:30:00", 1, "2010-11-01 02:30:00 +03:00:00"),
            ("30 2 * * *", &MOSCOW, "2010-10-31 02:10:00", 2, "2010-11-01 02:30:00 +03:00:00"),
            ("*/20 * * * *", &MOSCOW, "2010-10-31 02:40:00", 1, "2010-10-31 03:00:00 +03:00:00"),
            ("*/20 * * * *", &MOSCOW, "2010-10-31 02:05:00", 2, "2010-10-31 03:00:00 +03:00:00"),
            ("0 3 * * *", &MOSCOW, "2010-10-31 02:59:00", 1, "2010-10-31 03:00:00 +03:00:00"),
            // for good
            ("30 2 * * *", &MOSCOW, "2011-03-26 12:00:00", 1, "2011-03-27 03:00:00 +04:00:00"),
            ("30 1 * * *", &MOSCOW, "2014-10-26 00:00:00", 1, "2014-10-26 01:30:00 +04:00:00"),
            ("30 1 * * *", &MOSCOW, "2014-10-26 01:30:00", 1, "2014-10-27 01:30:00 +03:00:00"),
            ("30 1 * * *", &MOSCOW, "2020-01-01 00:00:00", 1, "2020-01-01 01:30:00 +03:00:00"),
            // a day that never was
            ("0 12 30 12 *", &APIA, "2011-12-29 13:00:00", 1, "2011-12-31 00:00:00 +14:00:00"),
            ("0 12 * * *", &APIA, "2011-12-29 13:00:00", 1, "2011-12-31 00:00:00 +14:00:00"),
            ("0 12 * * *", &APIA, "2011-12-31 00:00:00", 1, "2011-12-31 12:00:00 +14:00:00"),
            ("0 0 30 2 *", &MOSCOW, "2010-01-01 00:00:00", 1, ""),
        ] {
            let expression = Expression::parse(cron, Dialect::Crontab).unwrap();
            let after = at(place, after, pass);
            assert_eq!(shown(expression.next_local(after, &|i| place.offset(i))), next, "{cron} after {after}");
        }
        for (cron, at_text, pass, previous) in [
            ("30 2 * * *", "2010-03-28 03:00:00", 1, "2010-03-28 03:00:00 +04:00:00"),
            ("30 2 * * *", "2010-03-28 01:59:59", 1, "2010-03-27 02:30:00 +03:00:00"),
            ("30 2 * * *", "2010-10-31 02:29:00", 1, "2010-10-30 02:30:00 +04:00:00"),
            ("30 2 * * *", "2010-10-31 02:10:00", 2, "2010-10-31 02:30:00 +04:00:00"),
            ("30 2 * * *", "2010-10-31 02:30:00", 2, "2010-10-31 02:30:00 +04:00:00"),
            ("30 2 * * *", "2010-11-01 02:30:00", 1, "2010-11-01 02:30:00 +03:00:00"),
        ] {
            let expression = Expression::parse(cron, Dialect::Crontab).unwrap();
            let instant = at(&MOSCOW, at_text, pass);
            assert_eq!(
                shown(expression.previous_local(instant, &|i| MOSCOW.offset(i))),
                previous,
                "{cron} at {instant}"
            );
        }
    }

    /// The definition, minute by minute: runs come when the clock first reaches a matching minute.
    #[test]
    fn every_run_over_two_changes() {
        for cron in ["*/7 * * * *", "30 2 * * *", "15 1-3 * * *", "0 */5 * * *", "59 2 28,31 * *", "0 0 * * *"] {
            let expression = Expression::parse(cron, Dialect::Crontab).unwrap();
            let offset = |i: OffsetDateTime| MOSCOW.offset(i);
            let clock = |i: OffsetDateTime| wall_clock(i, MOSCOW.offset(i)).unwrap();
            let start = at(&MOSCOW, "2010-03-26 00:00:00", 1);
            let mut expected = Vec::new();
            let mut reached = clock(start);
            let mut now = start;
            for _ in 0..8 * 30 * 24 * 60 {
                now += Duration::MINUTE;
                let mut due = false;
                while reached < clock(now) {
                    reached += Duration::MINUTE;
                    due |= expression.matches(reached);
                }
                if due {
                    expected.push(now);
                }
            }
            let end = now;
            let runs = std::iter::successors(expression.next_local(start, &offset), |run| {
                expression.next_local(*run, &offset)
            });
            let runs: Vec<_> = runs.take_while(|run| *run <= end).collect();
            assert!(runs.len() > 2, "{cron}");
            assert_eq!(runs, expected, "{cron}");
            let back = std::iter::successors(expression.previous_local(end, &offset), |run| {
                expression.previous_local(*run - Duration::MINUTE, &offset)
            });
            let mut back: Vec<_> = back.take_while(|run| *run > start).collect();
            back.reverse();
            assert_eq!(back, expected, "{cron} backwards");
        }
    }
}
