//! The dead man's switch: what should have run since when, and did it? Pure.

use crate::cron::expression::Expression;
use crate::cron::local::OffsetAt;
use crate::outcome::Outcome;
use crate::store::journal::{self, End, Record, Standing};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// How long after its time a run may still be about to begin or to end: it may wait for a lock, or for cron.
const GRACE: Duration = Duration::HOUR;

/// A clock that is set while cron fires may make a run begin a little before its time.
const JITTER: Duration = Duration::MINUTE;

/// A run dated later than this from now was made by a clock that was wrong, and proves nothing.
const FUTURE: Duration = Duration::DAY;

/// How a task stands with its schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Every run that should have happened did, and the last one ended well; or none was due yet.
    OnTime,
    /// The run that is due is at work.
    Running,
    /// It was tried, but nothing ended well since.
    Overdue {
        /// The first scheduled time without a good run.
        since: OffsetDateTime,
    },
    /// Nothing ran at all since.
    Missed {
        /// The first scheduled time without a run.
        since: OffsetDateTime,
    },
}

impl Due {
    /// One or two words for tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::OnTime => "on time",
            Self::Running => "running",
            Self::Overdue { .. } => "overdue",
            Self::Missed { .. } => "missed",
        }
    }

    /// Since when a good run has been missing; none when nothing is wrong.
    pub fn since(self) -> Option<OffsetDateTime> {
        match self {
            Self::OnTime | Self::Running => None,
            Self::Overdue { since } | Self::Missed { since } => Some(since),
        }
    }
}

/// A task in the crontab, and the moment at which it is looked at.
pub struct Watch<'a> {
    /// The task.
    pub task: &'a str,
    /// Its times, with `all_fields_match` applied.
    pub expression: &'a Expression,
    /// What should have run before this does not count, see [`counting_from`].
    pub from: OffsetDateTime,
    /// The moment.
    pub now: OffsetDateTime,
    /// The local clock.
    pub offset_at: OffsetAt<'a>,
}

impl Watch<'_> {
    /// Compares the schedule with what the journal says. `@reboot` is never due.
    pub fn judge(&self, records: &[Record]) -> Due {
        let good = self.last_good(records);
        let took = good.map_or(Duration::ZERO, |(end, _)| {
            Duration::milliseconds(i64::try_from(end.duration_ms).unwrap_or(i64::MAX))
        });
        let settled = self.now.checked_sub(GRACE.max(took)).unwrap_or(self.now);
        let due = self.expression.previous_local(settled, self.offset_at).filter(|due| *due >= self.from);
        let Some(due) = due else { return Due::OnTime };
        let good = good.map(|(_, started)| started);
        if good.is_some_and(|started| started + JITTER >= due) {
            return Due::OnTime;
        }
        if let Some(Standing::Running(start)) = journal::last_run(records, self.task)
            && parse(&start.time).is_some_and(|started| started + JITTER >= due)
        {
            return Due::Running;
        }
        let before = self.from - Duration::NANOSECOND;
        let after = good.map_or(before, |started| before.max(started + JITTER));
        let since = self.expression.next_local(after, self.offset_at).map_or(due, |first| first.min(due));
        let tried = |record: &Record| self.began(record).is_some_and(|started| started + JITTER >= since);
        if records.iter().any(tried) { Due::Overdue { since } } else { Due::Missed { since } }
    }

    /// The newest run that ended with nothing to report or only warnings, and when it began.
    fn last_good<'r>(&self, records: &'r [Record]) -> Option<(&'r End, OffsetDateTime)> {
        let good = |record: &'r Record| match record {
            Record::End(end) if matches!(end.outcome, Outcome::Ok | Outcome::Warning) && end.signal.is_none() => {
                self.began(record).map(|started| (end, started))
            }
            _ => None,
        };
        records.iter().filter_map(good).max_by_key(|(_, started)| *started)
    }

    /// When this record's real run of the task began; none for other tasks, dry runs and dates that cannot be.
    fn began(&self, record: &Record) -> Option<OffsetDateTime> {
        began(record, self.task).filter(|started| *started <= self.now + FUTURE)
    }
}

/// From when on a task's times count: when `enable` put it into the crontab; where nothing recorded that (a line written by
/// other means), when the configuration was last changed, or the first known run if that is longer ago.
pub fn counting_from(
    enabled: Option<OffsetDateTime>,
    config_changed: OffsetDateTime,
    (records, task): (&[Record], &str),
) -> OffsetDateTime {
    let first_run = || records.iter().filter_map(|record| began(record, task)).min();
    enabled.unwrap_or_else(|| first_run().map_or(config_changed, |first| first.min(config_changed)))
}

fn began(record: &Record, task: &str) -> Option<OffsetDateTime> {
    match record {
        Record::Start(start) if start.unit == task && !start.dry => parse(&start.time),
        Record::End(end) if end.unit == task && !end.dry => parse(&end.started),
        _ => None,
    }
}

fn parse(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cron::expression::Dialect;
    use crate::store::journal::{Process, Start};
    use time::UtcOffset;

    /// Moscow in 2010: summer time from 28 March 02:00 to 31 October 03:00.
    fn moscow(at: OffsetDateTime) -> UtcOffset {
        let summer = (1_269_730_800..1_288_479_600).contains(&at.unix_timestamp());
        UtcOffset::from_hms(if summer { 4 } else { 3 }, 0, 0).unwrap()
    }

    fn at(text: &str) -> OffsetDateTime {
        let text = if text.contains('+') { text.to_owned() } else { format!("{text}+04:00") };
        parse(&text.replace(' ', "T")).unwrap()
    }

    fn end(started: &str, outcome: Outcome) -> Record {
        Record::End(End {
            run: started.into(),
            unit: "t".into(),
            started: at(started).format(&Rfc3339).unwrap(),
            time: at(started).format(&Rfc3339).unwrap(),
            dry: false,
            outcome,
            exit: outcome.exit().code(),
            signal: None,
            message: String::new(),
            duration_ms: 1000,
            bytes: 0,
            files: 0,
            warnings: 0,
            actions: Vec::new(),
            version: "2".into(),
        })
    }

    fn start(time: &str, process: Process) -> Record {
        let time = at(time).format(&Rfc3339).unwrap();
        Record::Start(Start { run: "r".into(), unit: "t".into(), time, process, ..Start::default() })
    }

    fn judge(cron: &str, (from, now): (&str, &str), records: &[Record]) -> String {
        let expression = Expression::parse(cron, Dialect::Crontab).unwrap();
        let watch = Watch { task: "t", expression: &expression, from: at(from), now: at(now), offset_at: &moscow };
        let due = watch.judge(records);
        due.since().map_or(due.word().to_owned(), |since| {
            format!("{} {} {:02}:{:02}", due.word(), since.date(), since.hour(), since.minute())
        })
    }

    const DAILY: &str = "0 23 * * *";

    #[test]
    fn a_task_that_never_ran_is_missed_from_the_first_time_after_it_was_enabled() {
        let from = "2010-06-01 12:00:00";
        for (now, want) in [
            ("2010-06-01 22:00:00", "on time"),
            ("2010-06-01 23:59:59", "on time"),
            ("2010-06-02 00:00:00", "missed 2010-06-01 23:00"),
            ("2010-06-09 09:00:00", "missed 2010-06-01 23:00"),
        ] {
            assert_eq!(judge(DAILY, (from, now), &[]), want, "{now}");
        }
        assert_eq!(judge("@reboot", (from, "2020-01-01 00:00:00"), &[]), "on time");
        assert_eq!(judge("@yearly", (from, "2010-12-31 00:00:00"), &[]), "on time");
    }

    #[test]
    fn only_a_run_that_ended_well_counts() {
        let times = ("2010-06-01 12:00:00", "2010-06-03 09:00:00");
        let good = end("2010-06-01 23:00:01", Outcome::Ok);
        let failed = end("2010-06-02 23:00:01", Outcome::Failed);
        assert_eq!(judge(DAILY, times, std::slice::from_ref(&good)), "missed 2010-06-02 23:00");
        assert_eq!(judge(DAILY, times, &[good.clone(), failed.clone()]), "overdue 2010-06-02 23:00");
        let mended = end("2010-06-03 08:00:00", Outcome::Warning);
        assert_eq!(judge(DAILY, times, &[good.clone(), failed, mended]), "on time");
        let skipped = end("2010-06-02 23:00:01", Outcome::Skipped);
        assert_eq!(judge(DAILY, times, &[good.clone(), skipped]), "overdue 2010-06-02 23:00");
        let early = end("2010-06-02 22:59:30", Outcome::Ok);
        assert_eq!(judge(DAILY, times, &[early]), "on time", "the clock was set while cron fired");
        let mut dry = end("2010-06-02 23:00:01", Outcome::Ok);
        let mut stopped = dry.clone();
        if let (Record::End(dry), Record::End(stopped)) = (&mut dry, &mut stopped) {
            dry.dry = true;
            stopped.signal = Some(15);
        }
        assert_eq!(judge(DAILY, times, &[good.clone(), dry]), "missed 2010-06-02 23:00");
        assert_eq!(judge(DAILY, times, &[good, stopped]), "overdue 2010-06-02 23:00");
        let other = |record: Record| match record {
            Record::End(end) => Record::End(End { unit: "other".into(), ..end }),
            Record::Start(_) => record,
        };
        assert_eq!(judge(DAILY, times, &[other(end("2010-06-02 23:00:01", Outcome::Ok))]), "missed 2010-06-01 23:00");
    }

    #[test]
    fn a_run_at_work_is_no_problem_until_the_next_one_is_due_too() {
        let times = |now| ("2010-06-01 12:00:00", now);
        let alive = start("2010-06-01 23:00:01", Process::this());
        assert_eq!(judge(DAILY, times("2010-06-02 09:00:00"), std::slice::from_ref(&alive)), "running");
        assert_eq!(judge(DAILY, times("2010-06-03 00:30:00"), &[alive]), "overdue 2010-06-01 23:00");
        let dead = start("2010-06-01 23:00:01", Process::default());
        assert_eq!(judge(DAILY, times("2010-06-02 09:00:00"), &[dead]), "overdue 2010-06-01 23:00");
    }

    #[test]
    fn a_long_last_run_lengthens_the_grace() {
        let mut long = end("2010-06-01 23:00:00", Outcome::Ok);
        if let Record::End(end) = &mut long {
            end.duration_ms = 5 * 3_600_000;
        }
        let times = |now| ("2010-06-01 12:00:00", now);
        assert_eq!(judge(DAILY, times("2010-06-03 03:59:00"), std::slice::from_ref(&long)), "on time");
        assert_eq!(judge(DAILY, times("2010-06-03 04:00:00"), &[long]), "missed 2010-06-02 23:00");
    }

    /// P19: a run that a wrong clock dated ten years ahead must not silence the switch for ten years.
    #[test]
    fn p19_a_run_in_the_future_proves_nothing() {
        let records = [end("2020-06-01 23:00:00", Outcome::Ok)];
        let times = ("2010-06-01 12:00:00", "2010-06-02 09:00:00");
        assert_eq!(judge(DAILY, times, &records), "missed 2010-06-01 23:00");
    }

    #[test]
    fn changes_of_the_clock() {
        let from = "2010-03-01 00:00:00+03:00";
        // 02:30 of 28 March does not exist: it is due at 03:00
        let before = end("2010-03-27 02:30:00+03:00", Outcome::Ok);
        let nightly = "30 2 * * *";
        let judged = |now, records: &[Record]| judge(nightly, (from, now), records);
        assert_eq!(judged("2010-03-28 03:59:00", std::slice::from_ref(&before)), "on time");
        assert_eq!(judged("2010-03-28 04:00:00", std::slice::from_ref(&before)), "missed 2010-03-28 03:00");
        let jumped = end("2010-03-28 03:00:01", Outcome::Ok);
        assert_eq!(judged("2010-03-28 12:00:00", &[before, jumped]), "on time");
        // 02:30 of 31 October comes twice: the first one counts
        let before = end("2010-10-30 02:30:00", Outcome::Ok);
        assert_eq!(judged("2010-10-31 03:30:00+03:00", std::slice::from_ref(&before)), "missed 2010-10-31 02:30");
        let first = end("2010-10-31 02:30:01", Outcome::Ok);
        assert_eq!(judged("2010-11-01 03:29:00+03:00", &[before, first]), "on time");
    }

    #[test]
    fn where_counting_begins() {
        let (changed, first) = (at("2010-06-05 00:00:00"), end("2010-06-01 23:00:00", Outcome::Failed));
        let records = [first];
        let enabled = at("2010-06-07 00:00:00");
        assert_eq!(counting_from(Some(enabled), changed, (&records, "t")), enabled);
        assert_eq!(counting_from(None, changed, (&records, "t")), at("2010-06-01 23:00:00"));
        assert_eq!(counting_from(None, changed, (&records, "u")), changed);
    }
}
