//! What commands that are no runs lend to the actions they ask for help.

use crate::actions::context::Run;
use crate::config::Config;
use crate::outcome::Outcome;
use crate::output;
use crate::run::places::Places;
use crate::sys::clock;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// The facts of a run that leaves no trace: no log, no journal, no trigger.
pub fn facts(config: Option<&Config>, unit: &str) -> Run {
    let logs = config.map(|config| Places { logs: config.logging.logs_path.clone(), group: None });
    Run {
        unit: unit.to_owned(),
        now: clock::now(),
        full_name: String::new(),
        state_dir: logs.map_or_else(std::env::temp_dir, |places| places.state()),
        failed: Mutex::new(BTreeSet::new()),
        alarm: Box::new(|_: Outcome| ()),
        pulse: None,
    }
}

struct Terminal;

impl Log for Terminal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            output::note(&output::printable(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Shows what actions log at WARNING and ERROR on the terminal.
pub fn listen() {
    static TERMINAL: Terminal = Terminal;
    // fails only when somebody listens already
    if log::set_logger(&TERMINAL).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
