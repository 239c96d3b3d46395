//! A mistake in this program itself must not end a run without a word: the alarm goes out before the process aborts.

use crate::output;
use crate::run::logfile::ROOT;
use crate::run::trigger::Trigger;
use crate::store::journal::{End, Journal, Record};
use crate::sys::clock;
use std::panic::{PanicHookInfo, set_hook};
use std::sync::atomic::{AtomicBool, Ordering};

/// What stderr gets instead of a thread's name and a backtrace, for commands that record nothing.
pub fn speak_plainly() {
    set_hook(Box::new(|info| output::note(&format!("krista-backup: {}", describe(info)))));
}

/// From now on a panic is logged, raises the alarm and is recorded as the end of the run, which `end` describes otherwise.
pub fn record(trigger: Trigger, journal: Journal, end: End) {
    let spoken = AtomicBool::new(false);
    set_hook(Box::new(move |info| {
        if spoken.swap(true, Ordering::SeqCst) {
            return; // what reports a panic must not report its own
        }
        let message = describe(info);
        log::error!(target: ROOT, "{message}");
        let raised = trigger.raise(end.outcome, clock::now());
        let recorded = journal.append(&Record::End(End { message, ..end.clone() }));
        for error in [raised, recorded].into_iter().filter_map(Result::err) {
            output::note(&format!("krista-backup: {error}"));
        }
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    format!("internal error, please report it: {} ({place})", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use std::path::PathBuf;
    use std::process::Command;

    const VARIABLE: &str = "KRISTA_TEST_MISHAP";

    fn end() -> End {
        End {
            run: "r".into(),
            unit: "u".into(),
            started: "2026-11-23T01:00:00+03:00".into(),
            time: "2026-11-23T01:00:00+03:00".into(),
            dry: false,
            outcome: Outcome::Failed,
            exit: 134,
            signal: None,
            message: String::new(),
            duration_ms: 0,
            bytes: 0,
            files: 0,
            warnings: 0,
            actions: Vec::new(),
            version: "2".into(),
        }
    }

    /// Not a test: the process that has the mishap.
    #[test]
    fn has_a_mishap() {
        let Some(dir) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
        let trigger = Trigger { path: Some(dir.join("trigger")), state: dir.clone(), unit: "u".into() };
        record(trigger, Journal::new(&dir, &dir, 0o600), end());
        let nothing: [u8; 0] = [];
        assert!(std::thread::spawn(move || nothing[dir.as_os_str().len()]).join().is_err());
    }

    #[test]
    fn a_panic_raises_the_alarm_and_is_recorded() {
        let dir = std::env::temp_dir().join(format!("kb-mishap-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let test = "run::mishap::tests::has_a_mishap";
        let program = std::env::current_exe().unwrap();
        Command::new(program).args([test, "--exact"]).env(VARIABLE, &dir).output().unwrap();
        assert_eq!(std::fs::read_to_string(dir.join("trigger")).unwrap(), "ERROR");
        let journal = std::fs::read_to_string(dir.join("journal.jsonl")).unwrap();
        assert!(journal.contains("internal error") && journal.contains("out of bounds"), "{journal}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
