//! A cron expression: does a minute match, and which minute matches next. Pure.

use super::days::{MonthDays, WeekDays};
use super::fields::{HOUR, MINUTE, MONTH, Values};
use time::{Date, PrimitiveDateTime, Time};

/// Which dialect an expression may use.
///
/// Both take lists, ranges (also over the end: `22-2`, `fri-mon`), steps after `*` or a range (`5/10` is an error, as it is for
/// cron), three-letter names, 7 for Sunday, and `@daily` and its like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// What cron itself takes: task times in a crontab, with `@reboot`.
    Crontab,
    /// KB17's periods: also `L`, `W`, `#` and `?`.
    Period,
}

/// A compiled expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expression {
    text: String,
    /// None: `@reboot`.
    times: Option<Times>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Times {
    minutes: Values,
    hours: Values,
    month_days: MonthDays,
    months: Values,
    week_days: WeekDays,
    rule: DayRule,
    /// The fields as every cron reads them.
    plain: [String; 5],
}

/// How the two day fields work together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DayRule {
    /// Cron's own (crontab(5)): either is enough when both restrict the day, that is when neither starts with `*`.
    Either,
    /// Both have to match: `all_fields_match`.
    Both,
}

/// The words for whole expressions, and what they stand for.
const WORDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// How far a match is looked for: eight years, because 29 February can be that far away (1896, 1904).
const HORIZON_DAYS: usize = 8 * 366;

impl Expression {
    /// Compiles five fields or an `@…` word. The error is one line saying which field and why.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, String> {
        let text = text.trim();
        if text == "@reboot" && dialect == Dialect::Crontab {
            return Ok(Self { text: text.to_owned(), times: None });
        }
        let word = WORDS.iter().find(|(word, _)| *word == text);
        if text.starts_with('@') && word.is_none() {
            let known: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
            return Err(format!("unknown word `{}`; known are {}", text.escape_debug(), known.join(", ")));
        }
        let fields: Vec<&str> = word.map_or(text, |(_, meaning)| meaning).split_whitespace().collect();
        let &[minute, hour, day, month, weekday] = fields.as_slice() else {
            let count = fields.len();
            return Err(format!("{count} fields instead of 5 (minute, hour, day of month, month, day of week)"));
        };
        let (minutes, minute) = MINUTE.values(minute)?;
        let (hours, hour) = HOUR.values(hour)?;
        let (month_days, day) = MonthDays::parse(day, dialect)?;
        let (months, month) = MONTH.values(month)?;
        let (week_days, weekday) = WeekDays::parse(weekday, dialect)?;
        let (rule, plain) = (DayRule::Either, [minute, hour, day, month, weekday]);
        let times = Times { minutes, hours, month_days, months, week_days, rule, plain };
        Ok(Self { text: text.to_owned(), times: Some(times) })
    }

    /// The same times, but only on days that match both day fields (`all_fields_match`).
    #[must_use]
    pub fn on_days_matching_both(mut self) -> Self {
        if let Some(times) = &mut self.times {
            times.rule = DayRule::Both;
        }
        self
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The five fields for a crontab line, in what every cron reads the same way: words and ranges over the end are spelled
    /// out; `@reboot` stays. When both day fields have to match, the day of week is `*` here, and [`Self::weekdays`] have to
    /// be tested by the command.
    pub fn crontab_fields(&self) -> String {
        let Some(times) = &self.times else { return self.text.clone() };
        let [minute, hour, day, month, weekday] = &times.plain;
        let weekday = if times.rule == DayRule::Both { "*" } else { weekday };
        format!("{minute} {hour} {day} {month} {weekday}")
    }

    /// The days of the day-of-week field, ascending, Sunday is 0; all seven for `*`. None of `5L` and `5#2`, which only periods know.
    pub fn weekdays(&self) -> Vec<u32> {
        self.times.as_ref().map_or_else(Vec::new, |times| times.week_days.listed().collect())
    }

    /// Whether this minute matches (seconds are ignored). `@reboot` never does.
    pub fn matches(&self, minute: PrimitiveDateTime) -> bool {
        self.times.as_ref().is_some_and(|times| {
            times.minutes.contains(u32::from(minute.minute()))
                && times.hours.contains(u32::from(minute.hour()))
                && times.day_matches(minute.date())
        })
    }

    /// The first matching minute strictly after `after`, none if there is none within 8 years. Wall-clock time: see
    /// [`Self::next_local`] for gaps and overlaps of daylight saving.
    pub fn next(&self, after: PrimitiveDateTime) -> Option<PrimitiveDateTime> {
        let times = self.times.as_ref()?;
        let first = after.checked_add(time::Duration::MINUTE)?;
        if let Some(time) = times.first_from(first.time()).filter(|_| times.day_matches(first.date())) {
            return Some(first.date().with_time(time));
        }
        let days = std::iter::successors(first.date().next_day(), |day| day.next_day());
        let day = days.take(HORIZON_DAYS).find(|day| times.day_matches(*day))?;
        times.first_from(Time::MIDNIGHT).map(|time| day.with_time(time))
    }

    /// The last matching minute that is not after `at`, none if there is none within 8 years. Wall-clock time: see
    /// [`Self::previous_local`].
    pub fn previous(&self, at: PrimitiveDateTime) -> Option<PrimitiveDateTime> {
        let times = self.times.as_ref()?;
        if let Some(time) = times.last_up_to(at.time()).filter(|_| times.day_matches(at.date())) {
            return Some(at.date().with_time(time));
        }
        let days = std::iter::successors(at.date().previous_day(), |day| day.previous_day());
        let day = days.take(HORIZON_DAYS).find(|day| times.day_matches(*day))?;
        times.last_up_to(Time::MIDNIGHT - time::Duration::NANOSECOND).map(|time| day.with_time(time))
    }
}

impl Times {
    fn day_matches(&self, date: Date) -> bool {
        let in_month = self.month_days.contains(date);
        let in_week = self.week_days.contains(date);
        let both = self.rule == DayRule::Both || self.month_days.open || self.week_days.open;
        self.months.contains(u32::from(u8::from(date.month())))
            && if both { in_month && in_week } else { in_month || in_week }
    }

    /// The first time of day that is not before `start`.
    fn first_from(&self, start: Time) -> Option<Time> {
        let (hour, minute) = (u32::from(start.hour()), u32::from(start.minute()));
        if let Some(minute) = self.minutes.first_from(minute).filter(|_| self.hours.contains(hour)) {
            return time_of_day(hour, minute);
        }
        time_of_day(self.hours.first_from(hour + 1)?, self.minutes.first_from(0)?)
    }

    /// The last time of day that is not after `end`.
    fn last_up_to(&self, end: Time) -> Option<Time> {
        let (hour, minute) = (u32::from(end.hour()), u32::from(end.minute()));
        if let Some(minute) = self.minutes.last_up_to(minute).filter(|_| self.hours.contains(hour)) {
            return time_of_day(hour, minute);
        }
        time_of_day(self.hours.last_up_to(hour.checked_sub(1)?)?, self.minutes.last_up_to(59)?)
    }
}

fn time_of_day(hour: u32, minute: u32) -> Option<Time> {
    Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0).ok()
}

#[cfg(test)]
mod tests;
