//! What changes for one configuration when this program takes over from KB17. Pure.

use crate::actions::properties::{Property, TRUE_FOR_KB17};
use crate::value::Value;

/// Whether a person has to look at it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// Something that was lost or hidden no longer is.
    Better,
    /// Something around the backups may have to be changed.
    Look,
    /// A backup would not be made, or something would be removed, unless somebody acts.
    Act,
}

impl Weight {
    /// For tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Look => "look",
            Self::Act => "act",
        }
    }
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Action or task, as `actions.NAME` or `schedule.NAME`; `everything` for all of them.
    pub place: String,
    /// Whether a person has to look at it.
    pub weight: Weight,
    /// What KB17 did.
    pub before: String,
    /// What this program does.
    pub now: String,
}

/// An action and what must be known of the machine to judge it.
pub struct ActionFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type, none for a template.
    pub kind: Option<&'a str>,
    /// Own and inherited.
    pub properties: &'a [Property],
    /// Whether `src_path` is one file.
    pub source_is_file: bool,
}

/// A task.
pub struct TaskFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// `cron`.
    pub cron: Option<&'a str>,
    /// `all_fields_match`.
    pub all_fields_match: bool,
    /// The weekdays of `cron`, Sunday is 0.
    pub weekdays: &'a [u32],
    /// Why it cannot run, if so.
    pub refusal: Option<&'a str>,
    /// Whether it has a line of KB17 in the crontab.
    pub enabled: bool,
    /// Whether it names an action with `--dry`.
    pub dry: bool,
}

/// The configuration as a whole.
pub struct Whole<'a> {
    /// `trigger_filepath`.
    pub trigger: Option<&'a str>,
    /// Path and message of every problem of the configuration.
    pub problems: &'a [(String, String)],
    /// Whether KB17's webapi or web page is at work.
    pub webapi: bool,
}

/// Every difference that applies, those for all first, then in the order of the file.
pub fn differences(whole: &Whole<'_>, tasks: &[TaskFacts<'_>], actions: &[ActionFacts<'_>]) -> Vec<Difference> {
    let mut found = List(Vec::new());
    everything(whole, &mut found);
    for task in tasks {
        of_task(task, &mut found);
    }
    for action in actions {
        of_action(action, &mut found);
    }
    found.0
}

/// A difference with every place it applies to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    /// Whether a person has to look at it.
    pub weight: Weight,
    /// What KB17 did.
    pub before: &'a str,
    /// What this program does.
    pub now: &'a str,
    /// Actions and tasks, in the order of the file.
    pub places: Vec<&'a str>,
}

/// The differences as they are told to a person: each once, what needs somebody first.
pub fn told(differences: &[Difference]) -> Vec<Told<'_>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    for Difference { place, weight, before, now } in differences {
        match told.iter_mut().find(|known| (known.before, known.now) == (before.as_str(), now.as_str())) {
            Some(known) => known.places.push(place),
            None => told.push(Told { weight: *weight, before, now, places: vec![place] }),
        }
    }
    told.sort_by_key(|known| std::cmp::Reverse(known.weight));
    told
}

struct List(Vec<Difference>);

impl List {
    fn add(&mut self, place: &str, weight: Weight, (before, now): (&str, impl Into<String>)) {
        self.0.push(Difference { place: place.to_owned(), weight, before: before.to_owned(), now: now.into() });
    }
}

fn everything(whole: &Whole<'_>, found: &mut List) {
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

fn of_task(task: &TaskFacts<'_>, found: &mut List) {
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

fn of_action(action: &ActionFacts<'_>, found: &mut List) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Scalar;

    fn properties(pairs: &[(&str, &str)]) -> Vec<Property> {
        let scalar = |text: &str| Value::Scalar(Scalar { text: text.into(), quoted: false });
        let pairs: Vec<_> = pairs.iter().map(|(key, text)| ((*key).to_owned(), scalar(text))).collect();
        Property::own(&[], &pairs)
    }

    fn of(kind: &str, pairs: &[(&str, &str)]) -> Vec<(Weight, String)> {
        let properties = properties(pairs);
        let facts = ActionFacts { name: "a", kind: Some(kind), properties: &properties, source_is_file: false };
        let mut found = List(Vec::new());
        of_action(&facts, &mut found);
        assert!(found.0.iter().all(|difference| difference.place == "actions.a"));
        found.0.into_iter().map(|difference| (difference.weight, difference.before)).collect()
    }

    fn says(found: &[(Weight, String)], weight: Weight, part: &str) -> bool {
        found.iter().any(|(w, before)| *w == weight && before.contains(part))
    }

    #[test]
    fn only_what_applies_is_said() {
        assert!(!says(&of("tar", &[]), Weight::Look, "compression"));
        assert!(says(&of("tar", &[("compression", "9")]), Weight::Look, "`compression` ignored"));
        assert!(says(&of("tar", &[("compression_lib", "lzma")]), Weight::Look, "named .xz"));
        assert!(says(&of("cleaner", &[("days", "3")]), Weight::Better, "last good copy"));
        assert!(!says(&of("cleaner", &[("max_files", "3")]), Weight::Better, "last good copy"));
        assert!(says(&of("pgdump", &[("password", "x")]), Weight::Better, "password"));
        assert!(of("dschecker", &[]).is_empty());
        assert!(of("umount", &[("dry", "yes")]).len() == 1);
    }

    #[test]
    fn what_rsync_would_remove_asks_for_action() {
        let excluded = ("exclusions", "cache");
        assert!(of("rsync", &[]).iter().all(|(_, before)| !before.contains("exclusions")));
        assert!(says(&of("rsync", &[excluded]), Weight::Look, "top-level"));
        let deleting = ("opts", "-a --delete-excluded");
        assert!(says(&of("rsync", &[excluded, deleting]), Weight::Act, "top-level"));
    }

    #[test]
    fn each_is_told_once_and_the_worst_first() {
        let one = |place: &str, weight, before: &str| Difference {
            place: place.into(),
            weight,
            before: before.into(),
            now: "now".into(),
        };
        let found = [one("a", Weight::Better, "x"), one("b", Weight::Better, "x"), one("b", Weight::Act, "y")];
        let told = told(&found);
        assert_eq!(told.iter().map(|told| told.before).collect::<Vec<_>>(), ["y", "x"]);
        assert_eq!(told[1].places, ["a", "b"]);
    }

    #[test]
    fn a_task_that_would_not_start_asks_for_action() {
        let task = TaskFacts {
            name: "t",
            cron: Some("0 5 1 * 0"),
            all_fields_match: true,
            weekdays: &[0],
            refusal: Some("an error"),
            enabled: true,
            dry: false,
        };
        let whole = Whole { trigger: None, problems: &[], webapi: false };
        let found = differences(&whole, &[task], &[]);
        let of_task: Vec<_> = found.iter().filter(|difference| difference.place == "schedule.t").collect();
        assert_eq!(of_task.iter().map(|d| d.weight).collect::<Vec<_>>(), [Weight::Act, Weight::Better]);
        assert!(found.iter().any(|difference| difference.now.contains("set `logging.trigger_filepath`")));
    }

    #[test]
    fn quoted_booleans_are_named_by_their_place() {
        let problems =
            [("actions.t.dry".to_owned(), format!("`dry` is quoted: read as false here, but {TRUE_FOR_KB17}"))];
        let whole = Whole { trigger: Some("/t"), problems: &problems, webapi: false };
        let found = differences(&whole, &[], &[]);
        let quoted = found.iter().find(|difference| difference.place == "actions.t.dry").unwrap();
        assert_eq!((quoted.weight, quoted.now.as_str()), (Weight::Look, "`dry` is false, as it says"));
    }
}
