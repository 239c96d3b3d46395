use super::*;
use crate::actions::{Action, Common, Context, Plan, Properties, Report};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What a fake action does.
#[derive(Clone, Copy)]
enum Does {
    Succeed,
    Warn,
    Fail,
    Cancel,
    Hang,
}

struct Fake {
    name: &'static str,
    does: Does,
    trace: Arc<Mutex<Vec<String>>>,
}

impl Action for Fake {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        self.trace.lock().unwrap().push(format!("{}?", self.name));
        Ok(Vec::new())
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        self.trace.lock().unwrap().push(self.name.to_owned());
        match self.does {
            Does::Succeed => Ok(()),
            Does::Warn => {
                cx.warn("odd");
                Ok(())
            }
            Does::Fail => Err(Error::failed("broken")),
            Does::Cancel => {
                cx.limits.cancel.request(15);
                cx.limits.check()
            }
            Does::Hang => loop {
                cx.limits.check()?;
                std::thread::sleep(Duration::from_millis(1));
            },
        }
    }
}

struct Bench {
    trace: Arc<Mutex<Vec<String>>>,
    alarms: Arc<Mutex<Vec<Outcome>>>,
    unit: Unit,
}

impl Bench {
    fn new() -> Self {
        let unit = Unit {
            name: "u".into(),
            full_name: "1-p-s".into(),
            steps: Vec::new(),
            finally: Vec::new(),
            timeout: None,
            lock_wait: None,
        };
        Self { trace: Arc::default(), alarms: Arc::default(), unit }
    }

    fn make(&self, name: &'static str, does: Does) -> Step {
        let mut p = Properties::new(Vec::new(), &[], Path::new("/"));
        let common = Common::read(&mut p, false);
        let action = Box::new(Fake { name, does, trace: Arc::clone(&self.trace) });
        Step { name: name.into(), kind: "fake", common, dry: false, action }
    }

    fn then(mut self, name: &'static str, does: Does) -> Self {
        let step = self.make(name, does);
        self.unit.steps.push(step);
        self
    }

    fn finally(mut self, name: &'static str, does: Does) -> Self {
        let step = self.make(name, does);
        self.unit.finally.push(step);
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Step)) -> Self {
        change(self.unit.steps.last_mut().unwrap());
        self
    }

    fn run(&mut self) -> Done {
        let alarms = Arc::clone(&self.alarms);
        let facts = Run {
            unit: "u".into(),
            now: time::OffsetDateTime::UNIX_EPOCH,
            full_name: "1-p-s".into(),
            state_dir: "/nonexistent".into(),
            failed: Mutex::new(BTreeSet::new()),
            alarm: Box::new(move |outcome| alarms.lock().unwrap().push(outcome)),
            pulse: None,
        };
        let unit = std::mem::replace(&mut self.unit, Self::new().unit);
        run(unit, facts, &Cancel::new())
    }

    fn ran(&self) -> String {
        self.trace.lock().unwrap().join(" ")
    }
}

fn outcomes(done: &Done) -> String {
    done.actions.iter().map(|a| a.outcome.word()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_failure_ends_the_task_but_not_finally() {
    let bench = Bench::new().then("a", Does::Succeed).then("b", Does::Fail).then("c", Does::Succeed);
    let mut bench = bench.finally("f", Does::Succeed);
    let done = bench.run();
    assert_eq!(bench.ran(), "a b f");
    assert_eq!(outcomes(&done), "ok failed skipped ok");
    assert_eq!(done.outcome, Outcome::Failed);
    assert_eq!(done.message, "b: broken");
    assert_eq!(*bench.alarms.lock().unwrap(), [Outcome::Failed]);
}

#[test]
fn continue_on_error_goes_on_and_the_run_has_failed_all_the_same() {
    let mut bench =
        Bench::new().then("a", Does::Fail).last(|s| s.common.continue_on_error = true).then("b", Does::Warn);
    let done = bench.run();
    assert_eq!(outcomes(&done), "failed warning");
    assert_eq!(done.outcome, Outcome::Failed);
    assert_eq!(done.message, "a: broken", "the worst one is named");
}

#[test]
fn failure_level_warning_makes_a_warning_of_a_failure() {
    let bench = Bench::new().then("a", Does::Fail).last(|s| s.common.failure_level = FailureLevel::Warning);
    let mut bench = bench.then("b", Does::Succeed);
    let done = bench.run();
    assert_eq!(outcomes(&done), "failed skipped");
    assert_eq!(done.outcome, Outcome::Warning);
}

#[test]
fn a_dry_step_is_previewed_only() {
    let mut bench = Bench::new().then("a", Does::Fail).last(|s| s.dry = true);
    assert_eq!(bench.run().outcome, Outcome::Ok);
    assert_eq!(bench.ran(), "a?");
}

#[test]
fn a_signal_stops_the_run_and_finally_still_runs() {
    let bench = Bench::new().then("a", Does::Cancel).last(|s| s.common.continue_on_error = true);
    let mut bench = bench.then("b", Does::Succeed).finally("f", Does::Succeed).finally("g", Does::Hang);
    bench.unit.finally[1].common.timeout = Some(Duration::from_millis(20));
    let done = bench.run();
    assert_eq!(bench.ran(), "a f g");
    assert_eq!(outcomes(&done), "failed skipped ok timeout");
    assert_eq!((done.outcome, done.signal), (Outcome::Failed, Some(15)));
}

#[test]
fn a_timeout_of_the_action_or_of_the_task_is_told_apart_from_a_failure() {
    let short = Some(Duration::from_millis(20));
    let mut bench = Bench::new().then("a", Does::Hang).last(|s| s.common.timeout = short).then("b", Does::Succeed);
    assert_eq!(outcomes(&bench.run()), "timeout skipped");
    let mut bench = Bench::new().then("a", Does::Hang).last(|s| s.common.continue_on_error = true);
    bench = bench.then("b", Does::Succeed);
    bench.unit.timeout = short;
    let done = bench.run();
    assert_eq!(outcomes(&done), "timeout skipped");
    assert_eq!(done.outcome, Outcome::Timeout);
}
