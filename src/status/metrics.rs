//! The same in Prometheus' text format (version 0.0.4).

use crate::outcome::Outcome;
use crate::status::Status;
use crate::status::disks::{Backups, Destination};
use crate::status::moment::Moment;
use crate::status::tasks::{LastRun, TaskStatus};
use std::fmt::Write;

/// Every metric with its HELP and TYPE lines.
pub fn text(status: &Status) -> String {
    let mut page = Page::default();
    page.gauge(
        "build_info",
        "Version of krista-backup on this server.",
        [(label("version", status.version), Some("1".into()))],
    );
    page.gauge("server_info", "Name of this server.", [(label("server", &status.server), Some("1".into()))]);
    page.one("status_timestamp_seconds", "When these metrics were made.", Some(seconds(status.clock)));
    page.one("state", "How the server stands: 0 ok, 1 warning, 2 error.", Some((status.state as u8).to_string()));
    page.one("config_errors", "Errors in the configuration.", Some(status.config.errors.to_string()));
    page.one("config_warnings", "Warnings about the configuration.", Some(status.config.warnings.to_string()));
    tasks(&mut page, &status.tasks);
    sets(&mut page, &status.backups);
    destinations(&mut page, &status.destinations);
    page.text
}

fn tasks(page: &mut Page, tasks: &[TaskStatus]) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&TaskStatus) -> Option<String>| {
        page.gauge(&format!("task_{name}"), help, tasks.iter().map(|task| (label("task", &task.name), value(task))));
    };
    each("enabled", "Whether the task is in the crontab.", &|task| task.enabled.map(flag));
    each("running", "Whether the task runs now.", &|task| Some(flag(task.running.is_some())));
    each("overdue", "Whether a good run of the task is missing.", &|task| {
        Some(flag(task.due.as_ref().is_some_and(|due| due.since.is_some())))
    });
    each("next_run_timestamp_seconds", "When the task runs next.", &|task| task.next_run.map(seconds));
    each("last_run_timestamp_seconds", "When the last finished run began.", &|task| {
        task.last.as_ref().and_then(|last| last.started).map(seconds)
    });
    each("last_status", "How the last run ended: 0 ok, 1 warning, 2 failed, timed out or interrupted.", &|task| {
        task.last.as_ref().map(code)
    });
    each("last_success_timestamp_seconds", "When the last good run began.", &|task| {
        task.last_success.as_ref().map(|last| seconds(last.started))
    });
    each("last_duration_seconds", "How long the last finished run took.", &|task| {
        task.last.as_ref().map(|last| format!("{}.{:03}", last.duration_ms / 1000, last.duration_ms % 1000))
    });
    each("last_size_bytes", "What the last finished run wrote.", &|task| {
        task.last.as_ref().map(|last| last.bytes.to_string())
    });
    each("last_files", "Files the last finished run dealt with.", &|task| {
        task.last.as_ref().map(|last| last.files.to_string())
    });
    each("last_warnings", "Lines of warning and error in the log of the last finished run.", &|task| {
        task.last.as_ref().map(|last| last.warnings.to_string())
    });
}

fn sets(page: &mut Page, backups: &[Backups]) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&Backups) -> Option<String>| {
        let named = backups.iter().flat_map(|backups| {
            let value = value(backups);
            let labels = |action| label("action", action) + "," + &label("path", &backups.path);
            backups.actions.iter().map(move |action| (labels(action), value.clone()))
        });
        page.gauge(name, help, named);
    };
    each("sets", "Backup sets on disk.", &|backups| backups.count.map(|count| count.to_string()));
    each("sets_size_bytes", "Size of all these sets.", &|backups| backups.count.map(|_| backups.bytes.to_string()));
    each("newest_set_timestamp_seconds", "Run time of the newest set.", &|backups| {
        backups.newest.as_ref().map(|newest| seconds(newest.time))
    });
    each("newest_set_size_bytes", "Size of the newest set.", &|backups| {
        backups.newest.as_ref().map(|newest| newest.size.to_string())
    });
    each("newest_set_verified", "Whether the newest set was read back to its end.", &|backups| {
        backups.newest.as_ref().map(|newest| flag(newest.verified))
    });
}

fn destinations(page: &mut Page, destinations: &[Destination]) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&Destination) -> Option<String>| {
        let named = destinations.iter().map(|one| (label("target", &one.path), value(one)));
        page.gauge(&format!("target_{name}"), help, named);
    };
    each("up", "Whether the destination answers.", &|one| Some(flag(one.problem.is_none())));
    each("free_bytes", "What can still be written to the destination.", &|one| one.free.map(|free| free.to_string()));
    each("size_bytes", "Size of the destination's file system.", &|one| one.total.map(|total| total.to_string()));
}

fn code(last: &LastRun) -> String {
    let good = [Outcome::Ok.word(), Outcome::Skipped.word()];
    let code = if good.contains(&last.result) { 0 } else { 1 + u8::from(last.result != Outcome::Warning.word()) };
    code.to_string()
}

fn flag(is: bool) -> String {
    u8::from(is).to_string()
}

fn seconds(moment: Moment) -> String {
    moment.0.unix_timestamp().to_string()
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str) {
        let _ = write!(self.text, "# HELP krista_backup_{name} {help}\n# TYPE krista_backup_{name} gauge\n");
    }

    /// A metric without labels.
    fn one(&mut self, name: &str, help: &str, value: Option<String>) {
        let Some(value) = value else { return };
        self.head(name, help);
        let _ = writeln!(self.text, "krista_backup_{name} {value}");
    }

    /// A metric with labels, as [`label`] makes them, and the number, where there is one.
    fn gauge(&mut self, name: &str, help: &str, all: impl IntoIterator<Item = (String, Option<String>)>) {
        let mut known = all.into_iter().filter_map(|(labels, value)| Some((labels, value?))).peekable();
        if known.peek().is_none() {
            return;
        }
        self.head(name, help);
        for (labels, value) in known {
            let _ = writeln!(self.text, "krista_backup_{name}{{{labels}}} {value}");
        }
    }
}

/// A label with its value: backslash, quote and line break are escaped, as the format wants it.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}
