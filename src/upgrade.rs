//! What changes for one configuration when this program takes over from KB17. Pure.

mod rules;

use crate::actions::properties::Property;
use rules::{everything, of_action, of_task};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::properties::TRUE_FOR_KB17;
    use crate::value::{Scalar, Value};

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
