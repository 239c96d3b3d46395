//! Which days a cron expression means: the two day fields, with `L`, `W` and `#`.

use super::expression::Dialect;
use super::fields::{DAY, Values, WEEKDAY};
use time::Date;

/// The day-of-month field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MonthDays {
    listed: Values,
    last: bool,
    /// `15W`: the working day nearest to these; 31 for `LW`.
    nearest_working: Values,
    /// The field starts with `*` (or is `?`), so that it does not restrict the day by itself.
    pub open: bool,
}

impl MonthDays {
    /// Reads the field; also gives it back as every cron reads it.
    pub fn parse(text: &str, dialect: Dialect) -> Result<(Self, String), String> {
        let mut days = Self { open: text.starts_with(['*', '?']), ..Self::default() };
        let mut plain = Vec::new();
        for item in text.split(',') {
            match item.to_ascii_uppercase().as_str() {
                "L" => days.last = true,
                "LW" => days.nearest_working.insert(31),
                "?" if text == "?" => days.listed = DAY.values("*")?.0,
                upper => {
                    let Some(day) = upper.strip_suffix('W') else {
                        let (values, items) = DAY.values(item)?;
                        values.iter().for_each(|day| days.listed.insert(day));
                        plain.push(items);
                        continue;
                    };
                    days.nearest_working.insert(DAY.value(day)?);
                }
            }
            DAY.only_in_periods(item, dialect)?;
            plain.push(item.to_owned());
        }
        Ok((days, plain.join(",")))
    }

    /// Whether the field by itself means this day.
    pub fn contains(self, date: Date) -> bool {
        let day = u32::from(date.day());
        self.listed.contains(day)
            || (self.last && day == last_day(date))
            || self.nearest_working.iter().any(|wanted| nearest_working_day(wanted, date) == day)
    }
}

/// The day-of-week field; Sunday is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WeekDays {
    listed: Values,
    /// `5L`: the last of these in the month.
    last: Values,
    /// `5#2`: the second Friday is bit 2 × 7 + 5.
    nth: Values,
    /// The field starts with `*` (or is `?`), so that it does not restrict the day by itself.
    pub open: bool,
}

impl WeekDays {
    /// Reads the field; also gives it back as every cron reads it.
    pub fn parse(text: &str, dialect: Dialect) -> Result<(Self, String), String> {
        let mut days = Self { open: text.starts_with(['*', '?']), ..Self::default() };
        let mut plain = Vec::new();
        for item in text.split(',') {
            if item == "?" && text == "?" {
                days.listed = WEEKDAY.values("*")?.0;
            } else if let Some((day, number)) = item.split_once('#') {
                let which = match number.parse::<u32>() {
                    Ok(which @ 1..=5) if number.len() == 1 => which,
                    _ => {
                        let message = format!("`{}`: a number from 1 to 5 must follow the #", item.escape_debug());
                        return Err(WEEKDAY.error(&message));
                    }
                };
                days.nth.insert(which * 7 + WEEKDAY.value(day)? % 7);
            } else if let Some(day) = item.strip_suffix(['L', 'l']) {
                if day.is_empty() {
                    return Err(WEEKDAY.error("`L` needs a day before it: 5L is the last Friday of the month"));
                }
                days.last.insert(WEEKDAY.value(day)? % 7);
            } else {
                let (values, items) = WEEKDAY.values(item)?;
                values.iter().for_each(|day| days.listed.insert(day));
                plain.push(items);
                continue;
            }
            WEEKDAY.only_in_periods(item, dialect)?;
            plain.push(item.to_owned());
        }
        Ok((days, plain.join(",")))
    }

    /// Whether the field by itself means this day.
    pub fn contains(self, date: Date) -> bool {
        let weekday = u32::from(date.weekday().number_days_from_sunday());
        let day = u32::from(date.day());
        self.listed.contains(weekday)
            || (self.last.contains(weekday) && day + 7 > last_day(date))
            || self.nth.contains(day.div_ceil(7) * 7 + weekday)
    }

    /// The days that are listed plainly, ascending.
    pub fn listed(self) -> impl Iterator<Item = u32> {
        self.listed.iter()
    }
}

fn last_day(date: Date) -> u32 {
    u32::from(date.month().length(date.year()))
}

/// The Monday-to-Friday day nearest to `wanted` (the last day of shorter months) within the month of `date`.
fn nearest_working_day(wanted: u32, date: Date) -> u32 {
    let last = last_day(date);
    let wanted = wanted.min(last);
    let today = u32::from(date.weekday().number_days_from_sunday());
    // 35 is a multiple of 7 that keeps the sum above 0
    let weekday = (today + 35 + wanted - u32::from(date.day())) % 7;
    match weekday {
        6 if wanted == 1 => 3,
        6 => wanted - 1,
        0 if wanted == last => wanted - 2,
        0 => wanted + 1,
        _ => wanted,
    }
}
