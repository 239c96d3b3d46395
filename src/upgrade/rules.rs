//! What behaves differently, rule by rule. Pure.

use super::{ActionFacts, List, TaskFacts, Weight, Whole};
use crate::actions::properties::TRUE_FOR_KB17;
use crate::value::Value;

pub(super) fn everything(whole: &Whole<'_>, found: &mut List) {
    let all = "everything";
    found.add(
        all,
        Weight::Look,
        ("exit status 0 whatever happened", "0 done, 1 failed, 2 not started, 3 with warnings, 4 locked"),
    );
    found.add(
        all,
        Weight::Look,
        (
            "log messages in Russian",
            "in English: monitoring that looks for words in the logs needs the trigger file, the journal or the API",
        ),
    );
    found.add(
        all,
        Weight::Look,
        (
            "archives, dumps, lists and logs readable by everybody",
            "readable by their owner only; `group` of an action and `logging.group` let a group read",
        ),
    );
    let settled = "ERROR at once, the final word at the end; SUCCESS, WARNING or ERROR without a line break";
    match whole.trigger {
        Some(path) => found.add(all, Weight::Look, ("SUCCESS written before the work", format!("{path}: {settled}"))),
        None => found.add(
            all,
            Weight::Look,
            ("the crontab line wrote a trigger file", "set `logging.trigger_filepath`: nothing else writes one now"),
        ),
    }
    found.add(
        all,
        Weight::Look,
        (
            "the crontab line kept crontab_errorlog.log",
            "errors are in the run's log; cron mails one line of a run that had any",
        ),
    );
    found.add(
        all,
        Weight::Better,
        ("two runs of one second mixed their logs and archives", "every run has a second of its own"),
    );
    found.add(
        all,
        Weight::Better,
        ("passwords in /api/cf and in debug logs", "masked; KB17's old logs still hold them: protect or remove these"),
    );
    if whole.webapi {
        found.add(
            all,
            Weight::Look,
            ("a web page or webapi of its own is running", "`web start --api` answers instead; there is no web page"),
        );
    }
    for (path, message) in whole.problems {
        if message.ends_with(TRUE_FOR_KB17) {
            let key = path.rsplit('.').next().unwrap_or_default();
            let now = format!("`{key}` is false, as it says");
            found.add(path, Weight::Look, ("a quoted 'False' taken for true", now));
        }
    }
}

pub(super) fn of_task(task: &TaskFacts<'_>, found: &mut List) {
    let place = format!("schedule.{}", task.name);
    if let Some(reason) = task.refusal {
        found.add(
            &place,
            Weight::Act,
            ("a broken action vanished silently from its task", format!("the task does not start (exit 2): {reason}")),
        );
    }
    if task.cron.is_none() {
        let weight = if task.enabled { Weight::Act } else { Weight::Better };
        found.add(
            &place,
            weight,
            ("without `cron` enabled for every minute", "not enabled without `cron`; a line of KB17 stays as it is"),
        );
    }
    if task.all_fields_match && task.weekdays.contains(&0) {
        found.add(&place, Weight::Better, ("`all_fields_match` never matched on Sundays", "it does"));
    }
    if task.dry {
        found.add(&place, Weight::Better, ("`--dry` created directories and tickets", "changes nothing but logs"));
    }
}

pub(super) fn of_action(action: &ActionFacts<'_>, found: &mut List) {
    let place = format!("actions.{}", action.name);
    let Some(kind) = action.kind else { return };
    if action.flag("dry") {
        found.add(&place, Weight::Better, ("`dry` created directories and tickets", "changes nothing but logs"));
    }
    match kind {
        "tar" | "zip" => of_archive(action, &place, found),
        "pgdump" => of_dump(action, &place, found),
        "cleaner" => of_cleaner(action, &place, found),
        "rsync" => of_rsync(action, &place, found),
        "mount" => found.add(
            &place,
            Weight::Look,
            ("a failed mount went unnoticed: the backup filled the bare directory", "it ends the task, exit 1"),
        ),
        "command" | "script" => {
            found.add(
                &place,
                Weight::Look,
                (
                    "exit codes ignored, a blank line of output ended it",
                    "a failure is recorded and makes the run fail; the next actions still run (`continue_on_error`); \
                     `failure_level: warning` where failing is no matter",
                ),
            );
            found.add(
                &place,
                Weight::Look,
                (
                    "lines on standard error logged as errors, the run fine",
                    "they make a warning of a run that ends with 0: `stderr_level: info` for a program that chats",
                ),
            );
        }
        _ => {}
    }
}

fn of_archive(action: &ActionFacts<'_>, place: &str, found: &mut List) {
    let lost = match action.kind {
        Some("tar") => {
            "links to directories, broken links, extended attributes, ACLs, sub-second times, the root directory lost"
        }
        _ => "links to directories and broken links lost",
    };
    found.add(place, Weight::Better, (lost, "kept"));
    if action.source_is_file {
        found.add(place, Weight::Better, ("one file as `src_path` gave an empty archive", "the file is in it"));
    }
    if let Some(level) = action.text("compression") {
        found.add(
            place,
            Weight::Look,
            ("`compression` ignored", format!("level {level} is used: sizes and times change")),
        );
    }
    let library = action.text("compression_lib");
    match (action.kind, library.as_deref()) {
        (Some("tar"), Some("lzma")) => {
            found.add(place, Weight::Look, ("files named .xz", "named .tar.xz; the old names are still recognised"));
        }
        (Some("zip"), Some("bzip" | "lzma")) => {
            found.add(
                place,
                Weight::Look,
                ("files named .bz2 or .xz", "named .zip; the old names are still recognised"),
            );
        }
        _ => {}
    }
}

fn of_dump(action: &ActionFacts<'_>, place: &str, found: &mut List) {
    found.add(
        place,
        Weight::Better,
        (
            "a failed pg_dump left its file under the final name, and rotation then removed a good one",
            "no name without a dump that was read back; the action fails, the other databases are still dumped",
        ),
    );
    if action.has("password") {
        found.add(place, Weight::Better, ("password in the debug log", "given to pg_dump by a private file only"));
    }
}

fn of_cleaner(action: &ActionFacts<'_>, place: &str, found: &mut List) {
    if action.has("days") {
        found.add(place, Weight::Better, ("`days` removed the last good copy too", "the newest one always stays"));
    }
    found.add(
        place,
        Weight::Better,
        ("rotated although the backup before had failed", "nothing is removed of what failed in the same run"),
    );
}

fn of_rsync(action: &ActionFacts<'_>, place: &str, found: &mut List) {
    found.add(
        place,
        Weight::Look,
        ("rsync's exit code ignored", "24 (files vanished) is a warning, any other failure fails the action"),
    );
    if !action.has("exclusions") {
        return;
    }
    let before = "`exclusions` had no effect on top-level entries";
    if action.mentions("--delete-excluded") {
        let now = "they have, and with `--delete-excluded` rsync REMOVES what they match at the destination";
        found.add(place, Weight::Act, (before, now));
    } else {
        found.add(place, Weight::Look, (before, "they mean what rsync says, so these entries are no longer copied"));
    }
}

impl ActionFacts<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        let property = self.properties.iter().find(|property| property.key == key);
        property.map(|property| &property.value).filter(|value| **value != Value::Null)
    }

    fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.value(key)?.text()
    }

    fn flag(&self, key: &str) -> bool {
        self.value(key).and_then(Value::flag) == Some(true)
    }

    /// Whether any option says so.
    fn mentions(&self, option: &str) -> bool {
        let holds = |value: &Value| value.text().is_some_and(|text| text.contains(option));
        ["opts", "other_opts"].into_iter().filter_map(|key| self.value(key)).any(|value| match value {
            Value::List(items) => items.iter().any(holds),
            other => holds(other),
        })
    }
}
