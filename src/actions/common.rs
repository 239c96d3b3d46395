//! The properties every action has.

use crate::actions::properties::{Properties, Severity};
use crate::patterns::Syntax;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// What a failure of an action makes of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FailureLevel {
    /// The run has failed.
    #[default]
    Error,
    /// The run ends as a warning.
    Warning,
}

/// Properties common to all types, read once.
#[derive(Clone, Debug)]
pub struct Common {
    /// `descr` or `desc`.
    pub descr: String,
    /// `basename` as configured. When missing: 6 random hex digits for the types that name sets by it, none for others.
    pub basename: Option<String>,
    /// `src_path`, absolute.
    pub src_path: PathBuf,
    /// `dest_path`, absolute.
    pub dest_path: PathBuf,
    /// Whether the next actions run although this one failed.
    pub continue_on_error: bool,
    /// What its failure makes of the run.
    pub failure_level: FailureLevel,
    /// How its patterns are read.
    pub pattern_syntax: Syntax,
    /// Whether every run of it is a dry one.
    pub dry: bool,
    /// Bound on its run time.
    pub timeout: Option<Duration>,
}

impl Common {
    /// Reads them; `continues` is the type's default for `continue_on_error`.
    pub fn read(p: &mut Properties<'_>, continues: bool) -> Self {
        let long = p.text("descr");
        let short = p.text("desc");
        p.accept("source");
        p.accept("type");
        p.accept("naming_scheme");
        Self {
            descr: long.or(short).unwrap_or_default(),
            basename: read_basename(p),
            src_path: p.path_or("src_path", "."),
            dest_path: p.path_or("dest_path", "."),
            continue_on_error: p.flag("continue_on_error", continues),
            failure_level: p
                .choice("failure_level", &[("error", FailureLevel::Error), ("warning", FailureLevel::Warning)]),
            pattern_syntax: if p.flag("use_re_in_patterns", false) { Syntax::Regex } else { Syntax::Glob },
            dry: p.flag("dry", false),
            timeout: p.duration("timeout"),
        }
    }
}

/// The types whose sets are named by `basename`.
const NAMED_BY_BASENAME: [&str; 3] = ["tar", "zip", "pgdump"];

fn read_basename(p: &mut Properties<'_>) -> Option<String> {
    let kind = p.text("type").unwrap_or_default();
    if let Some(name) = p.text("basename") {
        if let Some(message) = wrong_file_name(&name) {
            p.problem(Severity::Error, "basename", format!("`basename` {message}"));
        }
        return Some(name);
    }
    if !NAMED_BY_BASENAME.contains(&kind.as_str()) {
        return None;
    }
    let is_wrong = p.value("basename", "text").is_some();
    if !is_wrong {
        let message = "no `basename`: a random one is made up for every run, so that its files can be neither rotated nor \
                       restored";
        p.problem(Severity::Warning, "basename", message);
    }
    Some(random_name(&p.entry().join(".")))
}

/// What makes a text unfit to be part of a file name, if anything does.
pub fn wrong_file_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("must not be empty");
    }
    if name.contains('/') {
        return Some("must not contain `/`: the directory belongs into a path");
    }
    if name == "." || name == ".." || name.chars().any(char::is_control) {
        return Some("is no name for a file");
    }
    (name.len() > 150).then_some("is longer than 150 bytes")
}

/// 6 hex digits, the same for one action all through a run, so that all who ask for its files get the same name.
fn random_name(action: &str) -> String {
    static SEED: OnceLock<RandomState> = OnceLock::new();
    let hash = SEED.get_or_init(RandomState::new).hash_one(action);
    format!("{:06x}", hash & 0x00ff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::properties::{Problem, Property};
    use crate::value::{Scalar, Value};
    use std::path::Path;

    fn read(pairs: &[(&str, &str)]) -> (Common, Vec<Problem>) {
        let scalar = |text: &str| Value::Scalar(Scalar { text: text.into(), quoted: false });
        let pairs: Vec<_> = pairs.iter().map(|(key, text)| ((*key).to_owned(), scalar(text))).collect();
        let entry = ["actions".to_owned(), "a".to_owned()];
        let properties = Property::own(&entry, &pairs);
        let mut p = Properties::new(entry.to_vec(), &properties, Path::new("/etc/kb"));
        (Common::read(&mut p, false), p.finish().1)
    }

    #[test]
    fn without_a_basename_what_writes_gets_a_random_one_with_a_warning() {
        let (common, problems) = read(&[("type", "tar")]);
        let name = common.basename.unwrap();
        assert!(name.len() == 6 && name.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
        assert_eq!(problems.iter().map(|p| p.severity).collect::<Vec<_>>(), [Severity::Warning]);
        assert_eq!(read(&[("type", "pgdump")]).0.basename, Some(name), "the same all through a process");
        assert_eq!(read(&[("type", "command")]).0.basename, None);
        assert!(read(&[("type", "command")]).1.is_empty());
    }

    #[test]
    fn a_basename_is_part_of_a_file_name() {
        for bad in ["", "a/b", "..", "a\nb", &"x".repeat(151)] {
            assert_eq!(read(&[("type", "tar"), ("basename", bad)]).1.len(), 1, "{bad}");
        }
        assert!(read(&[("type", "tar"), ("basename", "база 1")]).1.is_empty());
    }

    #[test]
    fn paths_are_relative_to_the_file_and_descr_has_two_spellings() {
        let (common, problems) = read(&[("type", "tar"), ("basename", "a"), ("src_path", "data"), ("desc", "Полный")]);
        assert!(problems.is_empty());
        assert_eq!(common.src_path, Path::new("/etc/kb/data"));
        assert_eq!(common.dest_path, Path::new("/etc/kb"));
        assert_eq!(common.descr, "Полный");
    }
}
