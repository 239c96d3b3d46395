//! `--at`: text → wall clock.

use crate::error::{Error, Result};
use crate::sys::clock;
use time::format_description::well_known::Rfc3339;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Reads `YYYY-MM-DD[ HH:MM[:SS]]`, local, or RFC 3339. What is left out is meant whole: a day means its last second, so that
/// what was backed up on that day is found.
pub fn parse(text: &str) -> Result<PrimitiveDateTime> {
    let wrong =
        || Error::usage(format!("--at `{text}` is no time: write it as 2026-11-20, '2026-11-20 12:00' or RFC 3339"));
    if let Ok(instant) = OffsetDateTime::parse(text, &Rfc3339) {
        let local = clock::local(instant);
        return Ok(PrimitiveDateTime::new(local.date(), local.time()));
    }
    local(text.trim()).ok_or_else(wrong)
}

fn local(text: &str) -> Option<PrimitiveDateTime> {
    let (date, time) = text.split_once([' ', 'T']).map_or((text, None), |(date, time)| (date, Some(time.trim())));
    let [year, month, day] = numbers(date, '-')?.try_into().ok()?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()?;
    let time = match time.map(|time| numbers(time, ':')) {
        None => [23, 59, 59],
        Some(numbers) => match numbers?.as_slice() {
            [hour, minute] => [*hour, *minute, 59],
            [hour, minute, second] => [*hour, *minute, *second],
            _ => return None,
        },
    };
    let [hour, minute, second] = time.map(u8::try_from);
    let time = Time::from_hms_nano(hour.ok()?, minute.ok()?, second.ok()?, 999_999_999).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

fn numbers(text: &str, separator: char) -> Option<Vec<u16>> {
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    text.split(separator).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_meant_whole() {
        let shown = |text: &str| parse(text).map(|at| at.to_string());
        assert_eq!(shown("2026-11-20").unwrap(), "2026-11-20 23:59:59.999999999");
        assert_eq!(shown("2026-11-20 12:00").unwrap(), "2026-11-20 12:00:59.999999999");
        assert_eq!(shown("2026-11-20T12:00:05").unwrap(), "2026-11-20 12:00:05.999999999");
        assert!(shown("2026-11-20T12:00:05+03:00").is_ok());
        for bad in
            ["", "yesterday", "2026-13-01", "2026-11-31", "20.11.2026", "2026-11-20 25:00", "2026-11-20 1", "+026-1-1"]
        {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage, "{bad}");
        }
    }
}
