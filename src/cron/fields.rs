//! The text of one field of a cron expression → the set of its values.

use super::expression::Dialect;

/// Which of the five fields.
#[derive(Clone, Copy)]
pub struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    /// The largest number that may be written: 7 is Sunday, too.
    written_high: u32,
    names: &'static [&'static str],
}

/// 0–59.
pub const MINUTE: Field = Field { name: "minute", low: 0, high: 59, written_high: 59, names: &[] };
/// 0–23.
pub const HOUR: Field = Field { name: "hour", low: 0, high: 23, written_high: 23, names: &[] };
/// 1–31.
pub const DAY: Field = Field { name: "day of month", low: 1, high: 31, written_high: 31, names: &[] };
/// 1–12, `jan`–`dec`.
pub const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    written_high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// 0–6 from Sunday, `sun`–`sat`.
pub const WEEKDAY: Field = Field {
    name: "day of week",
    low: 0,
    high: 6,
    written_high: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// A plain field: bit n stands for the value n.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Values(u64);

impl Values {
    /// Whether the value is in the set.
    pub fn contains(self, value: u32) -> bool {
        self.0.checked_shr(value).is_some_and(|rest| rest & 1 == 1)
    }

    /// Adds a value below 64.
    pub fn insert(&mut self, value: u32) {
        self.0 |= 1_u64.checked_shl(value).unwrap_or(0);
    }

    /// The smallest value that is not below `start`.
    pub fn first_from(self, start: u32) -> Option<u32> {
        let rest = self.0.checked_shr(start)?;
        (rest != 0).then(|| start + rest.trailing_zeros())
    }

    /// The largest value that is not above `end`.
    pub fn last_up_to(self, end: u32) -> Option<u32> {
        let rest = self.0 & (u64::MAX >> 63_u32.saturating_sub(end));
        rest.checked_ilog2()
    }

    /// The values, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |value| self.contains(*value))
    }
}

impl Field {
    /// The values of a list of numbers, names, ranges and steps, and the same list as every cron reads it: ranges that run over
    /// the end (`22-2`) are cut in two, because Debian's cron takes them and then never runs the line.
    pub fn values(self, text: &str) -> Result<(Values, String), String> {
        let mut values = Values::default();
        let mut plain = Vec::new();
        for item in text.split(',') {
            if item.is_empty() {
                return Err(self.error(&format!("an empty item in `{}`", text.escape_debug())));
            }
            plain.push(self.item(item, &mut values)?);
        }
        Ok((values, plain.join(",")))
    }

    fn item(self, item: &str, values: &mut Values) -> Result<String, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None => {
                let value = self.value(range)?;
                if step.is_some() {
                    let meant = format!("{range}-{}/{}", self.high, step.unwrap_or(1));
                    return Err(
                        self.error(&format!("`{item}`: a step needs `*` or a range before it, such as {meant}"))
                    );
                }
                (value, value)
            }
        };
        let wheel = self.high - self.low + 1;
        let length = if from <= to { to - from } else { to + wheel - from };
        let turn = |value: u32| self.low + (value - self.low) % wheel;
        let all: Vec<u32> = (0..=length).step_by(step.unwrap_or(1)).map(|offset| turn(from + offset)).collect();
        for value in &all {
            values.insert(*value);
        }
        Ok(match (from <= to, step) {
            (true, _) => item.to_owned(),
            (false, None) if turn(from) <= to => format!("{}-{to}", turn(from)),
            (false, None) => format!("{from}-{},{}-{to}", self.high, self.low),
            (false, Some(_)) => all.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
        })
    }

    fn step(self, text: &str) -> Result<usize, String> {
        match digits(text) {
            Some(step) if step > 0 => usize::try_from(step).map_err(|e| e.to_string()),
            _ => Err(self.error(&format!("the step `{}` is not a number above 0", text.escape_debug()))),
        }
    }

    /// One number or name; Sunday may come out as 7.
    pub fn value(self, text: &str) -> Result<u32, String> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(index) = name.and_then(|index| u32::try_from(index).ok()) {
            return Ok(self.low + index);
        }
        let (low, high) = (self.low, self.written_high);
        match digits(text) {
            Some(number) if (low..=high).contains(&number) => Ok(number),
            Some(_) => Err(self.error(&format!("{text} is out of range {low}-{high}"))),
            None => {
                let names = self.names.first().map_or(String::new(), |name| format!(" or a name such as {name}"));
                Err(self.error(&format!("`{}` is not a number{names}", text.escape_debug())))
            }
        }
    }

    /// The message with the name of the field in front.
    pub fn error(self, message: &str) -> String {
        format!("{}: {message}", self.name)
    }

    /// What is wrong when cron does not know what periods know.
    pub fn only_in_periods(self, item: &str, dialect: Dialect) -> Result<(), String> {
        match dialect {
            Dialect::Period => Ok(()),
            Dialect::Crontab => {
                Err(self.error(&format!("`{}` is not known to cron, only to periods", item.escape_debug())))
            }
        }
    }
}

/// Digits only, at most what fits; a number too large to hold is as large as can be held.
fn digits(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    all_digits.then(|| text.parse().unwrap_or(u32::MAX))
}
