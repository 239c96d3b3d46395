//! How a server stands that still runs KB17: its trigger file by `/api/si`, its newest log by `/api/cf`.

use crate::error::Result;
use crate::remote::http::{self, Ask};
use crate::remote::report::{Asking, Report, clean, parse};
use crate::status::State;
use crate::status::moment::Moment;
use crate::sys::clock;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;
use time::{Date, Month, PrimitiveDateTime, Time};

/// What it says when it cannot read its trigger file.
const TROUBLE: &str = "ошибка обработки запроса";

/// Most bytes of `/api/si`.
const SUMMARY_CAP: u64 = 64 << 10;

/// Asks both; none when there is no KB17 either.
pub fn ask<'a>(asking: &Asking, ask: &dyn Fn(&'a str) -> Ask<'a>) -> Option<Result<Report>> {
    let question = Ask { cap: SUMMARY_CAP, ..ask("/api/si") };
    let answer = http::get(&question).ok().filter(|answer| answer.code == 200)?;
    let skew = asking.skew(&answer, None);
    let summary = Summary::of(&serde_json::from_slice(&answer.bytes(&question).ok()?).ok()?)?;
    let logs = http::get(&ask("/api/cf")).and_then(|mut answer| parse::<Listing>(&mut answer));
    Some(Ok(Report { skew, ..judge(&summary, logs) }))
}

fn judge(summary: &Summary, logs: Result<Listing>) -> Report {
    let mut found: Vec<(State, String)> = Vec::new();
    for (word, state) in [("ERROR", State::Error), ("WARNING", State::Warning)] {
        if summary.errors.iter().any(|line| line.contains(word)) {
            found.push((state, format!("its trigger file says {word}")));
        }
    }
    if summary.msg == TROUBLE {
        found.push((State::Warning, "it cannot read its trigger file".into()));
    }
    let listing = logs.unwrap_or_else(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        found.push((State::Warning, format!("its logs cannot be listed: {reason}")));
        Listing::default()
    });
    let logs = listing.logs;
    if let Some(newest) = &logs.newest {
        let state = match (newest.error, newest.warning) {
            (true, _) => State::Error,
            (false, true) => State::Warning,
            (false, false) => State::Ok,
        };
        if state > State::Ok {
            found.push((state, format!("its newest log: {}", newest.msg.trim())));
        }
    }
    found.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    let count = |wanted: State| found.iter().filter(|(state, _)| *state == wanted).count();
    Report {
        server: clean(&summary.name),
        version: "KB17".into(),
        state: found.first().map_or(State::Ok, |(state, _)| *state),
        failed: count(State::Error) > 0,
        last_success: logs.good.map(|time| Moment(clock::instant(time))),
        late: Vec::new(),
        errors: count(State::Error),
        warnings: count(State::Warning),
        lowest: None,
        skew: None,
        reasons: found.iter().map(|(_, text)| clean(text)).collect(),
    }
}

/// `/api/si`.
struct Summary {
    name: String,
    msg: String,
    /// Lines of the trigger file.
    errors: Vec<String>,
}

impl Summary {
    fn of(answer: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let errors = match &answer["errors"] {
            Value::Array(lines) => lines.iter().filter_map(text).collect(),
            // an empty text stands for no lines
            line => text(line).into_iter().collect(),
        };
        Some(Self { name: text(&answer["name"])?, msg: text(&answer["msg"]).unwrap_or_default(), errors })
    }
}

/// `/api/cf`, of which only the logs matter. There may be tens of thousands, so only the newest are kept while reading.
#[derive(Default, Deserialize)]
struct Listing {
    #[serde(default)]
    logs: Logs,
}

/// What the logs of all years come to.
#[derive(Default, Debug)]
struct Logs {
    newest: Option<Log>,
    /// Time of the newest one without errors.
    good: Option<PrimitiveDateTime>,
}

impl Logs {
    fn add(&mut self, log: Entry) {
        let Some(time) = run_time(&log.name) else { return };
        if !log.error {
            self.good = self.good.max(Some(time));
        }
        if self.newest.as_ref().is_none_or(|newest| newest.time < time) {
            self.newest = Some(Log { time, error: log.error, warning: log.warning, msg: log.msg });
        }
    }
}

#[derive(Debug)]
struct Log {
    time: PrimitiveDateTime,
    error: bool,
    warning: bool,
    msg: String,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(default)]
    error: bool,
    #[serde(default)]
    warning: bool,
    #[serde(default)]
    msg: String,
}

/// The run time at the end of `<region>-<project>-<server>-20200707_050000.log`.
fn run_time(name: &str) -> Option<PrimitiveDateTime> {
    let stamp = name.strip_suffix(".log")?.rsplit('-').next()?;
    let (date, time) = stamp.split_once('_')?;
    let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    if date.len() != 8 || time.len() != 6 {
        return None;
    }
    let month = Month::try_from(number(date, 4, 6)?).ok()?;
    let date = Date::from_calendar_date(date.get(..4)?.parse().ok()?, month, number(date, 6, 8)?).ok()?;
    let time = Time::from_hms(number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

impl<'de> Deserialize<'de> for Logs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ByYear)
    }
}

/// Directory → logs.
struct ByYear;

impl<'de> Visitor<'de> for ByYear {
    type Value = Logs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("directories of logs")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Logs, A::Error> {
        let mut logs = Logs::default();
        while let Some(dir) = map.next_key::<String>()? {
            if dir.len() == 4 && dir.bytes().all(|byte| byte.is_ascii_digit()) {
                map.next_value_seed(OfYear(&mut logs))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(logs)
    }
}

/// The logs of one directory, added to those of others.
struct OfYear<'a>(&'a mut Logs);

impl<'de> serde::de::DeserializeSeed<'de> for OfYear<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OfYear<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of logs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Entry>()? {
            self.0.add(entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(summary: &str, listing: &str) -> Report {
        judge(
            &Summary::of(&serde_json::from_str(summary).unwrap()).unwrap(),
            Ok(serde_json::from_str(listing).unwrap()),
        )
    }

    fn log(name: &str, error: bool, warning: bool) -> String {
        format!(
            r#"{{"name":"77-cons-app-{name}.log","exist":true,"error":{error},"warning":{warning},"msg":"line\n"}}"#
        )
    }

    #[test]
    fn the_trigger_and_the_newest_log_decide() {
        let fine = r#"{"name":"app","flask":true,"msg":"ок","errors":""}"#;
        let bad = r#"{"name":"app","flask":true,"msg":"триггер-файл","errors":["ERROR"]}"#;
        let logs = |logs: &[String]| {
            let old = log("20191231_230000", true, true);
            format!(
                r#"{{"full_name":"app","logs":{{"krista_backup":[{{"odd":1}}],"2020":[{}],"2019":[{old}]}}}}"#,
                logs.join(",")
            )
        };
        let (good, ill) = (log("20200712_230000", false, false), log("20200713_230000", true, false));
        let all_well = judged(fine, &logs(std::slice::from_ref(&good)));
        assert_eq!((all_well.state, all_well.failed, all_well.errors), (State::Ok, false, 0));
        assert_eq!(all_well.last_success.unwrap().minute(), "2020-07-12 23:00");
        let triggered = judged(bad, &logs(std::slice::from_ref(&good)));
        assert_eq!(
            (triggered.state, triggered.reasons),
            (State::Error, vec!["its trigger file says ERROR".to_owned()])
        );
        let failed = judged(fine, &logs(&[ill, good.clone()]));
        assert_eq!((failed.state, failed.reasons), (State::Error, vec!["its newest log: line".to_owned()]));
        assert_eq!(failed.last_success, all_well.last_success);
        let warned = judged(fine, &logs(&[log("20200714_000000", false, true), good]));
        assert_eq!((warned.state, warned.failed, warned.warnings), (State::Warning, false, 1));
        let none = judged(fine, "{}");
        assert_eq!((none.state, none.last_success), (State::Ok, None));
    }

    #[test]
    fn names_of_logs() {
        assert!(run_time("a-20200230_000000.log").is_none());
        assert!(run_time("a-2020071_2230000.log").is_none());
        assert!(run_time("krista_backup.log").is_none());
        assert!(run_time("77-a-b-20200712_230000.log").is_some());
    }
}
