//! The periods of a vault: where each one's copies go, when it is due, how long they stay. Pure, but for what stands in the
//! configuration.

use crate::actions::Common;
use crate::actions::common::wrong_file_name;
use crate::actions::properties::{Properties, Severity};
use crate::cron::expression::{Dialect, Expression};
use crate::store::retention::Policy;
use crate::value::Value;
use std::path::PathBuf;
use time::{PrimitiveDateTime, Time};

/// One entry under `periods`.
#[derive(Clone, Debug)]
pub struct Period {
    /// Its name.
    pub name: String,
    /// Where its copies go, absolute.
    pub dir: PathBuf,
    /// When it is due.
    pub cron: Expression,
    /// What becomes of a time at which nothing ran.
    pub missed: Missed,
    /// Its own limits; none means that nothing is ever removed.
    pub policy: Option<Policy>,
}

/// What becomes of a time at which nothing ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missed {
    /// The copy is not made.
    LetGo,
    /// The next run makes it (`catch_up`).
    CatchUp,
}

/// Why a period is to be served now, or that it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Its time is now.
    Now,
    /// Its time was then, and nothing was copied since.
    Since(PrimitiveDateTime),
    /// Not now.
    No,
}

impl Period {
    /// Whether there is something to do at `now` (wall clock, whole minutes count). `copied_at` is when the newest copy in the
    /// period was made. A period that never got a copy is caught up as if it had been missed.
    pub fn due(&self, now: PrimitiveDateTime, copied_at: Option<PrimitiveDateTime>) -> Due {
        if self.cron.matches(now) {
            return Due::Now;
        }
        if self.missed == Missed::LetGo {
            return Due::No;
        }
        let Some(last) = self.cron.previous(now) else { return Due::No };
        // where several minutes of a day match, one copy on that day serves them all: `* * 1 * *` means "on the first"
        let earlier = last.checked_sub(time::Duration::MINUTE).and_then(|before| self.cron.previous(before));
        let several = earlier.is_some_and(|earlier| earlier.date() == last.date());
        let served_from = if several { last.replace_time(Time::MIDNIGHT) } else { last };
        if copied_at.is_some_and(|at| at >= served_from) { Due::No } else { Due::Since(last) }
    }
}

/// Reads `periods`; every problem is recorded.
pub fn read(p: &mut Properties<'_>, common: &Common) -> Vec<Period> {
    let path = p.path_of("periods");
    let entries = p.map("periods").unwrap_or_default();
    if entries.is_empty() {
        p.problem(Severity::Error, "periods", "`periods` is required");
    }
    let mut periods: Vec<Period> = Vec::new();
    for (name, value) in entries {
        let entry: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        let pairs = match value {
            Value::Map(pairs) => pairs.as_slice(),
            other => {
                let message = format!("the period `{name}` must be a map, not {}", other.kind());
                p.problem_below(Severity::Error, entry, message);
                continue;
            }
        };
        let read = p.section(entry.clone(), pairs, |p| one(p, name));
        let Some(period) = read else { continue };
        let period = Period { dir: common.dest_path.join(&period.dir).components().collect(), ..period };
        if let Some(other) = periods.iter().find(|known| known.dir == period.dir) {
            let message = format!("the period `{name}` has the same directory as `{}`", other.name);
            p.problem_below(Severity::Error, entry, message);
        }
        periods.push(period);
    }
    periods
}

/// One period, its directory still relative to `dest_path`.
fn one(p: &mut Properties<'_>, name: &str) -> Option<Period> {
    let text = p.verbatim("cron");
    if text.is_none() && !p.has_errors() {
        p.problem(Severity::Error, "cron", "`cron` is required");
    }
    let cron = text.map(|text| Expression::parse(&text, Dialect::Period));
    if let Some(Err(message)) = &cron {
        p.problem(Severity::Error, "cron", format!("`cron`: {message}"));
    }
    let mut limit = |key| p.number(key, 1..=i64::from(u32::MAX)).and_then(|number| u32::try_from(number).ok());
    let policy = Policy { max_files: limit("max_files"), days: limit("days") };
    let policy = (policy != Policy::default()).then_some(policy);
    let missed = if p.flag("catch_up", false) { Missed::CatchUp } else { Missed::LetGo };
    let dir = directory(p, name);
    Some(Period { name: name.to_owned(), dir, cron: cron?.ok()?, missed, policy })
}

fn directory(p: &mut Properties<'_>, name: &str) -> PathBuf {
    let Some(path) = p.text("path").filter(|path| !path.is_empty()) else {
        if let Some(message) = wrong_file_name(name) {
            p.problem(Severity::Error, "", format!("without `path` the name of a period {message}"));
        }
        return PathBuf::from(name);
    };
    if path.split('/').any(|part| part == "..") {
        p.problem(Severity::Error, "path", "`path` must not contain `..`");
    }
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::{Date, Month};

    fn at(month: u8, day: u8, hour: u8, minute: u8) -> PrimitiveDateTime {
        let date = Date::from_calendar_date(2020, Month::try_from(month).unwrap(), day).unwrap();
        date.with_hms(hour, minute, 7).unwrap()
    }

    fn period(cron: &str, missed: Missed) -> Period {
        let cron = Expression::parse(cron, Dialect::Period).unwrap();
        Period { name: "p".into(), dir: "/vault/p".into(), cron, missed, policy: None }
    }

    #[test]
    fn without_catch_up_only_the_minute_counts() {
        let monthly = period("40 23 1 * *", Missed::LetGo);
        assert_eq!(monthly.due(at(7, 1, 23, 40), None), Due::Now);
        assert_eq!(monthly.due(at(7, 1, 23, 41), None), Due::No);
        assert_eq!(monthly.due(at(7, 2, 23, 40), None), Due::No);
    }

    #[test]
    fn a_missed_time_is_made_good_once() {
        let monthly = period("40 23 1 * *", Missed::CatchUp);
        let june = Some(at(6, 1, 23, 41));
        assert_eq!(monthly.due(at(6, 30, 23, 40), june), Due::No);
        assert_eq!(monthly.due(at(7, 3, 8, 0), june), Due::Since(at(7, 1, 23, 40).replace_second(0).unwrap()));
        assert_eq!(monthly.due(at(7, 4, 23, 40), Some(at(7, 3, 8, 1))), Due::No);
        assert_eq!(monthly.due(at(7, 3, 8, 0), None), Due::Since(at(7, 1, 23, 40).replace_second(0).unwrap()));
        // its own time is served as ever, whatever was copied before
        assert_eq!(monthly.due(at(8, 1, 23, 40), Some(at(8, 1, 23, 0))), Due::Now);
    }

    #[test]
    fn a_copy_on_the_day_serves_every_minute_of_it() {
        let first = period("* * 1 * *", Missed::CatchUp);
        assert_eq!(first.due(at(7, 2, 23, 40), Some(at(7, 1, 23, 41))), Due::No);
        assert!(matches!(first.due(at(7, 2, 23, 40), Some(at(6, 30, 23, 41))), Due::Since(_)));
        let fifth = period("*/5 22-23 1 * *", Missed::CatchUp);
        assert_eq!(fifth.due(at(7, 2, 9, 0), Some(at(7, 1, 22, 6))), Due::No);
    }

    /// A copy that made good for yesterday does not stand for this evening.
    #[test]
    fn a_daily_period_wants_its_own_copy() {
        let daily = period("40 23 * * *", Missed::CatchUp);
        assert!(matches!(daily.due(at(7, 3, 8, 0), Some(at(7, 1, 23, 41))), Due::Since(_)));
        assert_eq!(daily.due(at(7, 3, 12, 0), Some(at(7, 3, 8, 0))), Due::No);
        assert!(matches!(daily.due(at(7, 4, 8, 0), Some(at(7, 3, 8, 0))), Due::Since(_)));
    }
}
