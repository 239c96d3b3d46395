use super::*;
use time::{Duration, Month};

fn parse(text: &str) -> Expression {
    Expression::parse(text, Dialect::Period).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `2026-11-23 02:30` or `2026-11-23 02:30:15`.
fn minute(text: &str) -> PrimitiveDateTime {
    let number = |from, to| text.get(from..to).map_or(0, |digits| digits.parse::<u16>().unwrap());
    let small = |from, to| u8::try_from(number(from, to)).unwrap();
    let month = Month::try_from(small(5, 7)).unwrap();
    let date = Date::from_calendar_date(i32::from(number(0, 4)), month, small(8, 10)).unwrap();
    date.with_time(Time::from_hms(small(11, 13), small(14, 16), small(17, 19)).unwrap())
}

fn shown(minute: Option<PrimitiveDateTime>) -> String {
    minute.map_or_else(|| "never".to_owned(), |m| format!("{} {:02}:{:02}", m.date(), m.hour(), m.minute()))
}

#[test]
fn which_minutes_match() {
    // 2026-11-23 is a Monday
    for (cron, when, matches) in [
        ("* * * * *", "2026-11-23 02:30", true),
        ("30 2 * * *", "2026-11-23 02:30:59", true),
        ("30 2 * * *", "2026-11-23 02:31", false),
        ("00 23 * * 0", "2026-11-22 23:00", true),
        ("0 23 * * 7", "2026-11-22 23:00", true),
        ("0 23 * * 7", "2026-11-23 23:00", false),
        ("0 5 * * 5-7", "2026-11-22 05:00", true),
        ("0 5 * * 0-7", "2026-11-25 05:00", true),
        ("0 5 * * 7-2", "2026-11-24 05:00", true),
        ("0 5 * * 7-2", "2026-11-25 05:00", false),
        ("0 5 * * fri-mon", "2026-11-23 05:00", true),
        ("0 5 * * Fri-MON", "2026-11-24 05:00", false),
        ("0 5 * * sat-sun", "2026-11-22 05:00", true),
        ("0 5 * * sat-sun", "2026-11-23 05:00", false),
        ("0 5 * * 3-3", "2026-11-23 05:00", false),
        ("0 5 * NOV mon", "2026-11-23 05:00", true),
        ("0 5 * nov-feb *", "2027-01-01 05:00", true),
        ("0 5 * nov-feb *", "2027-03-01 05:00", false),
        ("0 22-2 * * *", "2026-11-23 23:00", true),
        ("0 22-2 * * *", "2026-11-23 02:00", true),
        ("0 22-2 * * *", "2026-11-23 03:00", false),
        ("0 18-6/4 * * *", "2026-11-23 02:00", true),
        ("0 18-6/4 * * *", "2026-11-23 00:00", false),
        ("*/5 * * * *", "2026-11-23 00:55", true),
        ("*/5 * * * *", "2026-11-23 00:56", false),
        ("3-30/7 * * * *", "2026-11-23 00:24", true),
        ("3-30/7 * * * *", "2026-11-23 00:31", false),
        ("*/100 * * * *", "2026-11-23 00:00", true),
        ("1,5-7,*/30 * * * *", "2026-11-23 00:30", true),
        ("0 0 1 * *", "2026-11-01 00:00", true),
        // both day fields restrict: either is enough
        ("0 0 1 * mon", "2026-11-23 00:00", true),
        ("0 0 1 * mon", "2026-11-01 00:00", true),
        ("0 0 1 * mon", "2026-11-24 00:00", false),
        // a field that starts with `*` does not restrict: both have to match
        ("0 0 */2 * mon", "2026-11-23 00:00", true),
        ("0 0 */2 * mon", "2026-11-16 00:00", false),
        ("0 0 23 * */2", "2026-11-23 00:00", false),
        ("0 0 22 * */2", "2026-11-22 00:00", true),
        ("0 0 ? * mon", "2026-11-23 00:00", true),
        ("0 0 ? * mon", "2026-11-24 00:00", false),
        ("0 0 23 * ?", "2026-11-23 00:00", true),
        ("@daily", "2026-11-23 00:00", true),
        ("@midnight", "2026-11-23 00:00", true),
        ("@weekly", "2026-11-22 00:00", true),
        ("@weekly", "2026-11-23 00:00", false),
        ("@monthly", "2026-11-01 00:00", true),
        ("@yearly", "2026-01-01 00:00", true),
        ("@annually", "2026-02-01 00:00", false),
        ("@hourly", "2026-11-23 07:00", true),
        ("@hourly", "2026-11-23 07:01", false),
        // last day of the month
        ("0 0 L * *", "2026-11-30 00:00", true),
        ("0 0 L * *", "2026-11-29 00:00", false),
        ("0 0 L 2 *", "2028-02-29 00:00", true),
        ("0 0 L 2 *", "2028-02-28 00:00", false),
        ("0 0 L,1 * *", "2026-11-01 00:00", true),
        // last Friday, last Sunday
        ("0 0 * * 5L", "2026-11-27 00:00", true),
        ("0 0 * * 5L", "2026-11-20 00:00", false),
        ("0 0 * * friL", "2026-11-27 00:00", true),
        ("0 0 * * 7L", "2026-11-29 00:00", true),
        ("0 0 * * 1L", "2026-11-30 00:00", true),
        ("0 0 * * 1l", "2026-11-23 00:00", false),
        // second Friday
        ("0 0 * * 5#2", "2026-11-13 00:00", true),
        ("0 0 * * 5#2", "2026-11-06 00:00", false),
        ("0 0 * * fri#1", "2026-11-06 00:00", true),
        ("0 0 * * 7#5", "2026-11-29 00:00", true),
        ("0 0 * * 1#5,2", "2026-11-30 00:00", true),
        ("0 0 * * 1#5,2", "2026-11-24 00:00", true),
        // nearest working day: 2026-11-15 is a Sunday, 14 a Saturday
        ("0 0 15W * *", "2026-11-16 00:00", true),
        ("0 0 15W * *", "2026-11-15 00:00", false),
        ("0 0 14w * *", "2026-11-13 00:00", true),
        ("0 0 12W * *", "2026-11-12 00:00", true),
        // 2026-08-01 is a Saturday, 2026-05-31 a Sunday, 2026-02-28 a Saturday
        ("0 0 1W * *", "2026-08-03 00:00", true),
        ("0 0 1W * *", "2026-07-31 00:00", false),
        ("0 0 31W * *", "2026-05-29 00:00", true),
        ("0 0 31W * *", "2026-02-27 00:00", true),
        ("0 0 LW * *", "2026-05-29 00:00", true),
        ("0 0 LW * *", "2026-11-30 00:00", true),
        ("0 0 LW * *", "2026-02-27 00:00", true),
    ] {
        assert_eq!(parse(cron).matches(minute(when)), matches, "{cron} {when}");
    }
}

#[test]
fn what_comes_next_and_what_came_before() {
    for (cron, at, next, previous) in [
        ("30 2 * * *", "2026-11-23 02:30", "2026-11-24 02:30", "2026-11-23 02:30"),
        ("30 2 * * *", "2026-11-23 02:29:59", "2026-11-23 02:30", "2026-11-22 02:30"),
        ("30 2 * * *", "2026-11-23 02:30:01", "2026-11-24 02:30", "2026-11-23 02:30"),
        ("* * * * *", "2026-12-31 23:59", "2027-01-01 00:00", "2026-12-31 23:59"),
        ("0 0 29 2 *", "2026-11-23 00:00", "2028-02-29 00:00", "2024-02-29 00:00"),
        ("0 0 29 2 *", "2096-02-29 00:00", "2104-02-29 00:00", "2096-02-29 00:00"),
        ("0 0 29 2 *", "1904-02-28 23:59", "1904-02-29 00:00", "1896-02-29 00:00"),
        ("0 0 30 2 *", "2026-11-23 00:00", "never", "never"),
        ("0 0 31 4,6,9,11 *", "2026-11-23 00:00", "never", "never"),
        ("0 0 * * 1#5", "2026-11-30 00:00", "2027-03-29 00:00", "2026-11-30 00:00"),
        ("59 23 31 12 *", "2026-12-31 23:58", "2026-12-31 23:59", "2025-12-31 23:59"),
        ("5 4 * * sun", "2026-11-23 00:00", "2026-11-29 04:05", "2026-11-22 04:05"),
        ("0,30 8-18 * * 1-5", "2026-11-27 18:30", "2026-11-30 08:00", "2026-11-27 18:30"),
    ] {
        let expression = parse(cron);
        assert_eq!(shown(expression.next(minute(at))), next, "{cron} after {at}");
        assert_eq!(shown(expression.previous(minute(at))), previous, "{cron} at {at}");
    }
    let edge = PrimitiveDateTime::MAX;
    assert_eq!(parse("0 0 1 1 *").next(edge), None);
    assert_eq!(parse("0 0 1 1 *").previous(PrimitiveDateTime::MIN), Some(PrimitiveDateTime::MIN));
    assert_eq!(parse("1 0 1 1 *").previous(PrimitiveDateTime::MIN), None);
}

#[test]
fn reboot_is_no_time() {
    let reboot = Expression::parse("@reboot", Dialect::Crontab).unwrap();
    assert!(!reboot.matches(minute("2026-11-23 00:00")));
    assert_eq!(reboot.next(minute("2026-11-23 00:00")), None);
    assert_eq!(reboot.previous(minute("2026-11-23 00:00")), None);
    assert_eq!(reboot.crontab_fields(), "@reboot");
    assert!(Expression::parse("@reboot", Dialect::Period).is_err());
}

#[test]
fn both_day_fields() {
    // KB17's own example: the first of the month, if it is a Monday to Wednesday
    let task = parse("0 5 1 * 1-3").on_days_matching_both();
    assert!(!task.matches(minute("2026-11-23 05:00")));
    assert!(!task.matches(minute("2026-11-01 05:00")));
    assert!(task.matches(minute("2026-12-01 05:00")));
    assert_eq!(shown(task.next(minute("2026-11-23 05:00"))), "2026-12-01 05:00");
    assert_eq!(task.crontab_fields(), "0 5 1 * *");
    assert_eq!(task.weekdays(), [1, 2, 3]);
    assert_eq!(parse("0 5 1 * sun,5").weekdays(), [0, 5]);
    assert_eq!(parse("0 5 1 * 5-7").weekdays(), [0, 5, 6]);
    assert_eq!(parse("0 5 1 * *").weekdays(), [0, 1, 2, 3, 4, 5, 6]);
}

/// Checked with Debian's `crontab -n`: it takes every line of the right column.
#[test]
fn fields_for_a_crontab() {
    for (written, plain) in [
        ("00 23 * * 0", "00 23 * * 0"),
        ("*/5 8-18 1,15 jan-mar mon-fri", "*/5 8-18 1,15 jan-mar mon-fri"),
        ("0 22-2 * * *", "0 22-23,0-2 * * *"),
        ("0 3,22-2 * * *", "0 3,22-23,0-2 * * *"),
        ("0 18-6/4 * * *", "0 18,22,2,6 * * *"),
        ("0 0 * nov-feb fri-mon", "0 0 * 11-12,1-2 5-6,0-1"),
        ("0 0 * * 7-2", "0 0 * * 0-2"),
        ("0 0 * * 5-7", "0 0 * * 5-7"),
        ("@daily", "0 0 * * *"),
        ("  1\t2  3 4   5 ", "1 2 3 4 5"),
    ] {
        let expression = Expression::parse(written, Dialect::Crontab).unwrap();
        assert_eq!(expression.crontab_fields(), plain);
        let again = Expression::parse(plain, Dialect::Crontab).unwrap();
        let days = (0..400).map(|day| minute("2026-01-01 00:00") + Duration::days(day));
        for hour in days.flat_map(|day| (0..24).map(move |hour| day + Duration::hours(hour))) {
            assert_eq!(expression.matches(hour), again.matches(hour), "{written} {hour}");
        }
    }
}

#[test]
fn errors_name_the_field_and_the_part() {
    for (cron, message) in [
        ("0 25 * * *", "hour: 25 is out of range 0-23"),
        ("60 * * * *", "minute: 60 is out of range 0-59"),
        ("99999999999999999999 * * * *", "minute: 99999999999999999999 is out of range 0-59"),
        ("0 0 0 * *", "day of month: 0 is out of range 1-31"),
        ("0 0 * 13 *", "month: 13 is out of range 1-12"),
        ("0 0 * * 8", "day of week: 8 is out of range 0-7"),
        ("0 0 * * monday", "day of week: `monday` is not a number or a name such as sun"),
        ("0 0 * mai *", "month: `mai` is not a number or a name such as jan"),
        ("x * * * *", "minute: `x` is not a number"),
        ("-5 * * * *", "minute: `` is not a number"),
        ("+5 * * * *", "minute: `+5` is not a number"),
        ("1-3-5 * * * *", "minute: `3-5` is not a number"),
        ("*-5 * * * *", "minute: `*` is not a number"),
        ("5-70 * * * *", "minute: 70 is out of range 0-59"),
        ("5/10 * * * *", "minute: `5/10`: a step needs `*` or a range before it, such as 5-59/10"),
        ("*/0 * * * *", "minute: the step `0` is not a number above 0"),
        ("*/x * * * *", "minute: the step `x` is not a number above 0"),
        ("*/5/2 * * * *", "minute: the step `5/2` is not a number above 0"),
        ("1,,2 * * * *", "minute: an empty item in `1,,2`"),
        ("? * * * *", "minute: `?` is not a number"),
        ("0 L * * *", "hour: `L` is not a number"),
        ("0 0 L * *", "day of month: `L` is not known to cron, only to periods"),
        ("0 0 15W * *", "day of month: `15W` is not known to cron, only to periods"),
        ("0 0 ? * *", "day of month: `?` is not known to cron, only to periods"),
        ("0 0 * * ?", "day of week: `?` is not known to cron, only to periods"),
        ("0 0 * * 5L", "day of week: `5L` is not known to cron, only to periods"),
        ("0 0 * * 5#2", "day of week: `5#2` is not known to cron, only to periods"),
        ("0 0 32W * *", "day of month: 32 is out of range 1-31"),
        ("0 0 1-5W * *", "day of month: `1-5` is not a number"),
        ("0 0 * * L", "day of week: `L` needs a day before it: 5L is the last Friday of the month"),
        ("0 0 * * 5#6", "day of week: `5#6`: a number from 1 to 5 must follow the #"),
        ("0 0 * * 5#", "day of week: `5#`: a number from 1 to 5 must follow the #"),
        ("0 0 * * 9#1", "day of week: 9 is out of range 0-7"),
        ("0 0 * *", "4 fields instead of 5 (minute, hour, day of month, month, day of week)"),
        ("", "0 fields instead of 5 (minute, hour, day of month, month, day of week)"),
        ("0 0 * * * *", "6 fields instead of 5 (minute, hour, day of month, month, day of week)"),
        (
            "@Daily",
            "unknown word `@Daily`; known are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly",
        ),
    ] {
        assert_eq!(Expression::parse(cron, Dialect::Crontab).unwrap_err(), message);
    }
    assert!(Expression::parse("0 0 * * 5\n#2", Dialect::Period).is_err());
}

/// A small generator (the `SplitMix64` steps): enough for tests, the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    /// A number, range, step or star, and the values it means.
    fn item(&mut self, low: u64, high: u64) -> (String, Vec<u64>) {
        let any = |chance: &mut Self| low + chance.below(high - low + 1);
        let step = usize::try_from(1 + self.below(9)).unwrap();
        match self.below(5) {
            0 => ("*".into(), (low..=high).collect()),
            1 => (format!("*/{step}"), (low..=high).step_by(step).collect()),
            2 => {
                let (from, to) = (any(self), any(self));
                let around = if from <= to { (from..=to).collect() } else { (from..=high).chain(low..=to).collect() };
                (format!("{from}-{to}"), around)
            }
            3 => {
                let (from, to) = (any(self), any(self));
                let around: Vec<_> =
                    if from <= to { (from..=to).collect() } else { (from..=high).chain(low..=to).collect() };
                (format!("{from}-{to}/{step}"), around.into_iter().step_by(step).collect())
            }
            _ => {
                let value = any(self);
                (value.to_string(), vec![value])
            }
        }
    }

    fn field(&mut self, low: u64, high: u64) -> (String, Vec<u64>) {
        let items: Vec<_> = (0..=self.below(3)).map(|_| self.item(low, high)).collect();
        let text: Vec<_> = items.iter().map(|(text, _)| text.as_str()).collect();
        (text.join(","), items.iter().flat_map(|(_, values)| values.clone()).collect())
    }
}

/// A naive matcher knows the sets from the generator; minute by minute it must agree, and `next` and `previous` with it.
#[test]
fn random_expressions_against_a_naive_matcher() {
    let mut chance = Chance(4);
    let mut found = 0;
    for _ in 0..150 {
        let (minutes, hours) = (chance.field(0, 59), chance.field(0, 23));
        let (days, months, weekdays) = (chance.field(1, 31), chance.field(1, 12), chance.field(0, 6));
        let both = chance.below(4) == 0;
        let text = format!("{} {} {} {} {}", minutes.0, hours.0, days.0, months.0, weekdays.0);
        let mut expression =
            Expression::parse(&text, Dialect::Crontab).unwrap_or_else(|error| panic!("{text}: {error}"));
        if both {
            expression = expression.on_days_matching_both();
        }
        let naive = |m: PrimitiveDateTime| {
            let in_month = days.1.contains(&u64::from(m.day()));
            let in_week = weekdays.1.contains(&u64::from(m.weekday().number_days_from_sunday()));
            let and = both || days.0.starts_with('*') || weekdays.0.starts_with('*');
            minutes.1.contains(&u64::from(m.minute()))
                && hours.1.contains(&u64::from(m.hour()))
                && months.1.contains(&u64::from(u8::from(m.month())))
                && if and { in_month && in_week } else { in_month || in_week }
        };
        let start = minute("2023-06-01 00:00") + Duration::minutes(i64::try_from(chance.below(60 * 24 * 700)).unwrap());
        let window: Vec<_> = (0..6000).map(|offset| start + Duration::minutes(offset)).collect();
        let matching: Vec<_> = window.iter().copied().filter(|m| naive(*m)).collect();
        for m in &window {
            assert_eq!(expression.matches(*m), naive(*m), "{text} {m}");
        }
        found += matching.len();
        let (first, last) = (window[0], window[window.len() - 1]);
        let forward = std::iter::successors(expression.next(first - Duration::MINUTE), |m| expression.next(*m));
        assert_eq!(forward.take_while(|m| *m <= last).collect::<Vec<_>>(), matching, "{text} from {first}");
        let back = std::iter::successors(expression.previous(last), |m| expression.previous(*m - Duration::SECOND));
        let mut back: Vec<_> = back.take_while(|m| *m >= first).collect();
        back.reverse();
        assert_eq!(back, matching, "{text} back from {last}");
    }
    assert!(found > 10_000, "only {found} minutes matched: nothing was tested");
}

/// Day by day over years: `L`, `W` and `#` as their definitions say.
#[test]
fn special_days_against_their_definitions() {
    let start = minute("2024-01-01 00:00");
    for offset in 0..800 {
        let day = start + Duration::days(offset);
        let month_of = |other: PrimitiveDateTime| (other.year(), other.month());
        let same_month = |days: i64| month_of(day + Duration::days(days)) == month_of(day);
        let last = !same_month(1);
        assert_eq!(parse("0 0 L * *").matches(day), last, "{day}");
        let weekday = day.weekday().number_days_from_sunday();
        for wanted in 0..7 {
            let is = weekday == wanted;
            assert_eq!(parse(&format!("0 0 * * {wanted}L")).matches(day), is && !same_month(7), "{day}");
            for n in 1..=5 {
                let nth = same_month(-7 * (n - 1)) && !same_month(-7 * n);
                assert_eq!(parse(&format!("0 0 * * {wanted}#{n}")).matches(day), is && nth, "{day}");
            }
        }
        let working = (1..=5).contains(&weekday);
        for wanted in 1..=31_u8 {
            // working days nearest to the wanted one (or the month's last), the earlier first where two are as near
            let length = i64::from(day.month().length(day.year()));
            let wanted = i64::from(wanted).min(length);
            let is_working = |target: i64| {
                let date = day + Duration::days(target - i64::from(day.day()));
                (1..=length).contains(&target) && !matches!(date.weekday().number_days_from_sunday(), 0 | 6)
            };
            let nearest = (0..4).flat_map(|far| [wanted - far, wanted + far]).find(|target| is_working(*target));
            let expected = working && nearest == Some(i64::from(day.day()));
            assert_eq!(parse(&format!("0 0 {wanted}W * *")).matches(day), expected, "{day} {wanted}");
        }
    }
}
