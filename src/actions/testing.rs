//! For unit tests of actions: an action built from its properties, and a run to try it in.

use crate::actions::properties::Property;
use crate::actions::{Action, Common, Context, Plan, Properties, Report, Surroundings, by_name};
use crate::error::Result;
use crate::outcome::Outcome;
use crate::store::naming::Scheme;
use crate::sys::clock;
use crate::sys::signals::{Deadline, Limits};
use crate::value::{Scalar, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A run with a directory of its own, which goes with it.
pub struct Bench {
    /// The directory.
    pub dir: PathBuf,
    run: crate::actions::context::Run,
}

impl Bench {
    /// A fresh one.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("krista-bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let run = crate::actions::context::Run {
            unit: "test".into(),
            now: clock::now(),
            full_name: "77-test-server".into(),
            state_dir: dir.clone(),
            failed: Mutex::new(BTreeSet::new()),
            alarm: Box::new(|_: Outcome| ()),
            pulse: None,
        };
        Self { dir, run }
    }

    /// A context bounded by these limits.
    pub fn context(&self, limits: Limits) -> Context<'_> {
        Context::new(&self.run, "tested", limits)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// An action and what its properties had wrong.
pub struct Built {
    action: Box<dyn Action>,
    /// The messages.
    pub problems: Vec<String>,
}

/// An action of this type with plain texts as properties.
pub fn action(kind: &str, properties: &[(&str, &str)]) -> Built {
    let plain = |text: &str| Value::Scalar(Scalar { text: text.to_owned(), quoted: false });
    action_of(kind, properties.iter().map(|(key, text)| (*key, plain(text))).collect())
}

/// An action of this type with values as properties.
pub fn action_of(kind: &str, properties: Vec<(&str, Value)>) -> Built {
    let entry = vec!["actions".to_owned(), "tested".to_owned()];
    let property =
        |(key, value): (&str, Value)| Property { key: key.to_owned(), value, entry: entry.clone(), inherited: false };
    let properties: Vec<_> = properties.into_iter().map(property).collect();
    let kind = by_name(kind).expect("a type that is registered");
    let mut p = Properties::new(entry.clone(), &properties, Path::new("/"));
    let common = Common::read(&mut p, kind.continues_on_error);
    let sets_of = |name: &str| Err(format!("there is no action `{name}`"));
    let around = Surroundings { name: "tested", scheme: Scheme::default_scheme(), sets_of: &sets_of, units: &Vec::new };
    let action = (kind.build)(&mut p, &common, &around);
    let problems = p.finish().1.into_iter().map(|problem| problem.message).collect();
    Built { action, problems }
}

impl Built {
    /// Runs it without limits.
    pub fn run(&self, bench: &Bench) -> Result<()> {
        self.action.run(&bench.context(Limits::default()), &mut Report::default())
    }

    /// Runs it for so long at most.
    pub fn run_for(&self, bench: &Bench, longest: Duration) -> Result<()> {
        let limits = Limits { deadline: Deadline::after(longest, "the test's time"), ..Limits::default() };
        self.action.run(&bench.context(limits), &mut Report::default())
    }

    /// Runs it, which must succeed; how many WARNING and ERROR lines there were.
    pub fn warnings(&self, bench: &Bench) -> u64 {
        let cx = bench.context(Limits::default());
        self.action.run(&cx, &mut Report::default()).unwrap();
        cx.warnings()
    }

    /// What it would do.
    pub fn preview(&self, bench: &Bench) -> Plan {
        self.action.preview(&bench.context(Limits::default())).unwrap()
    }
}
