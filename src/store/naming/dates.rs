//! The date in a file name: the strftime fields KB17's schemes use.

use time::{Date, Month, PrimitiveDateTime, Time};

/// One strftime field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DateField {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl DateField {
    pub(super) fn by_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'Y' => Self::Year,
            'm' => Self::Month,
            'd' => Self::Day,
            'H' => Self::Hour,
            'M' => Self::Minute,
            'S' => Self::Second,
            _ => return None,
        })
    }

    /// Fixed width with leading zeros; without a time all zeros, which is no date and never recognised as one.
    pub(super) fn format(self, time: Option<PrimitiveDateTime>) -> String {
        let number = time.map_or(0, |time| match self {
            Self::Year => time.year(),
            Self::Month => i32::from(u8::from(time.month())),
            Self::Day => i32::from(time.day()),
            Self::Hour => i32::from(time.hour()),
            Self::Minute => i32::from(time.minute()),
            Self::Second => i32::from(time.second()),
        });
        self.print(number)
    }

    fn print(self, number: i32) -> String {
        let width = self.width();
        format!("{number:0width$}")
    }

    fn width(self) -> usize {
        if self == Self::Year { 4 } else { 2 }
    }
}

/// The fields read from a name so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct DateFields {
    year: Option<u16>,
    month: Option<u16>,
    day: Option<u16>,
    hour: Option<u16>,
    minute: Option<u16>,
    second: Option<u16>,
}

impl DateFields {
    /// Reads a field at the start of `rest` and returns what follows; none when it is no number or differs from an earlier
    /// use of the same field.
    pub(super) fn read<'a>(&mut self, field: DateField, rest: &'a str) -> Option<&'a str> {
        let (digits, rest) = rest.split_at_checked(field.width())?;
        let number: u16 = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()?;
        let slot = self.slot(field);
        (*slot.get_or_insert(number) == number).then_some(rest)
    }

    fn slot(&mut self, field: DateField) -> &mut Option<u16> {
        match field {
            DateField::Year => &mut self.year,
            DateField::Month => &mut self.month,
            DateField::Day => &mut self.day,
            DateField::Hour => &mut self.hour,
            DateField::Minute => &mut self.minute,
            DateField::Second => &mut self.second,
        }
    }

    /// The field as it stood in the name, if it did.
    pub(super) fn text(mut self, field: DateField) -> Option<String> {
        self.slot(field).map(|number| field.print(i32::from(number)))
    }

    /// Whether the fields that are there belong to some real point in time.
    pub(super) fn is_valid(&self) -> bool {
        // a leap year and a long month where the name does not say, so that nothing possible is refused
        let (year, month) = (self.year.unwrap_or(2000), self.month.unwrap_or(1));
        date(year, month, self.day.unwrap_or(1)).is_some()
            && self.hour.is_none_or(|hour| hour < 24)
            && self.minute.is_none_or(|minute| minute < 60)
            && self.second.is_none_or(|second| second < 60)
    }

    /// The point in time, when the fields can order sets: a whole date, and of the time of day a beginning without gaps.
    pub(super) fn time(&self) -> Option<PrimitiveDateTime> {
        let date = date(self.year?, self.month?, self.day?)?;
        let (hour, minute, second) = match (self.hour, self.minute, self.second) {
            (None, None, None) => (0, 0, 0),
            (Some(hour), None, None) => (hour, 0, 0),
            (Some(hour), Some(minute), None) => (hour, minute, 0),
            (Some(hour), Some(minute), Some(second)) => (hour, minute, second),
            _ => return None,
        };
        let small = |number: u16| u8::try_from(number).ok();
        let time = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
        Some(PrimitiveDateTime::new(date, time))
    }
}

fn date(year: u16, month: u16, day: u16) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::from(year), month, u8::try_from(day).ok()?).ok()
}
