//! The properties every action has.

use crate::actions::properties::Properties;
use crate::patterns::Syntax;
use std::path::PathBuf;
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
    /// `basename` as configured; none when missing.
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
            basename: p.text("basename"),
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
