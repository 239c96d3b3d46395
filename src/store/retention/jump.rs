//! Did the clock jump? A clock that is years ahead makes every set look old, and `days` would then remove all but one.
//!
//! What gives it away is a gap that does not fit the rhythm of the sets: either between the newest one and now, or, when a
//! backup was already made under the wrong clock, between the last sets of before and the first of after. A long pause of an
//! innocent kind looks the same; then nothing is lost but space, until the sets after the gap cover the whole of `days`
//! themselves.

use time::{Duration, PrimitiveDateTime};

/// A gap below this is never implausible.
const LEAST: Duration = Duration::days(30);

/// A gap is implausible when it is this many times longer than what is usual between these sets.
const TIMES_USUAL: i32 = 30;

/// What is taken for usual where there are too few sets to tell.
const USUAL: Duration = Duration::days(1);

/// Says in one line why `days` must not remove anything now; none when time seems to have passed as usual. `times` are those
/// of the good sets, oldest first, none of them after `now`.
pub(super) fn find(times: &[PrimitiveDateTime], now: PrimitiveDateTime, days: u32) -> Option<String> {
    let newest = *times.last()?;
    if is_implausible(now - newest, &gaps(times, None), days) {
        return Some(format!("the newest set is of {}, which is too long ago to be right", newest.date()));
    }
    let (before, after) = last_gap(times, days)?;
    let covered = (now - after).whole_days();
    (covered < i64::from(days)).then(|| format!("there is a gap between {} and {}", before.date(), after.date()))
}

/// The newest two sets with an implausible gap between them.
fn last_gap(times: &[PrimitiveDateTime], days: u32) -> Option<(PrimitiveDateTime, PrimitiveDateTime)> {
    let pairs = times.windows(2).enumerate().rev();
    let mut pairs = pairs.filter_map(|(index, pair)| Some((index, *pair.first()?, *pair.last()?)));
    let found = pairs.find(|(index, before, after)| {
        let gap = *after - *before;
        // most gaps are not worth the sorting
        gap > LEAST && is_implausible(gap, &gaps(times, Some(*index)), days)
    });
    found.map(|(_, before, after)| (before, after))
}

/// The times between one set and the next, without the one that is being judged.
fn gaps(times: &[PrimitiveDateTime], judged: Option<usize>) -> Vec<Duration> {
    let pairs = times.windows(2).enumerate().filter(|(index, _)| Some(*index) != judged);
    let mut gaps: Vec<_> = pairs.filter_map(|(_, pair)| Some(*pair.last()? - *pair.first()?)).collect();
    gaps.sort();
    gaps
}

fn is_implausible(gap: Duration, others: &[Duration], days: u32) -> bool {
    let usual = others.get(others.len().saturating_sub(1) / 2).copied().unwrap_or(USUAL);
    let usual = usual.checked_mul(TIMES_USUAL).unwrap_or(Duration::MAX);
    // a gap shorter than `days` leaves enough sets on this side of it
    gap > usual.max(LEAST).max(Duration::days(i64::from(days)))
}
