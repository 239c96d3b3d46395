//! Actions that write into the same directory: which could be taken for one another.

use crate::actions::Common;
use crate::actions::properties::{Problem, Property, Severity};
use crate::store::naming::Parts;
use crate::store::sets::{Family, Folder, Source};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use time::{Date, Month, PrimitiveDateTime, Time};

/// The type whose files have the names of other actions' files.
const COPIER: &str = "move_bkp_period";

/// What an action writes and from what.
pub(super) struct Written {
    pub(super) source: Source,
    kind: &'static str,
    src_path: PathBuf,
    has_checksum: bool,
    /// Where its `basename` is written.
    path: Vec<String>,
}

impl Written {
    pub(super) fn new(source: &Source, kind: &'static str, common: &Common, properties: &[Property]) -> Self {
        let find = |key: &str| properties.iter().find(|property| property.key == key);
        let key = if kind == COPIER { "action_list" } else { "basename" };
        let path = match find(key) {
            Some(property) => property.entry.iter().cloned().chain([key.to_owned()]).collect(),
            None => vec!["actions".to_owned(), source.action.clone()],
        };
        Self {
            source: source.clone(),
            kind,
            src_path: common.src_path.clone(),
            has_checksum: find("checksum_file").and_then(|property| property.value.flag()).unwrap_or(false),
            path,
        }
    }

    /// The directory it writes new sets into.
    fn dir(&self) -> Option<&Path> {
        let folders = &self.source.folders;
        let own = folders.iter().find(|folder| folder.level == self.source.level).or(folders.first());
        own.map(|folder| folder.dir.as_path())
    }

    /// Every name it gives at one moment, of this database.
    fn names(&self, dbname: &str) -> BTreeSet<String> {
        let Source { scheme, family, basename, level, extensions, list_extension, .. } = &self.source;
        let moment = Date::from_calendar_date(2001, Month::February, 3).ok();
        let parts = |ext: &str| Parts {
            basename: basename.clone(),
            level: *level,
            ext: ext.to_owned(),
            dbname: Some(dbname.to_owned()),
            time: moment.map(|date| PrimitiveDateTime::new(date, Time::MIDNIGHT)),
        };
        let (main, hash) = match family {
            Family::Files => (&scheme.fsdump, &scheme.fsdump_hash),
            Family::Dumps => (&scheme.pgdump, &scheme.pgdump_hash),
        };
        let main_ext = extensions.first().map_or("", String::as_str);
        let mut names = BTreeSet::from([main.format(&parts(main_ext))]);
        if *family == Family::Files {
            names.insert(main.format(&parts(list_extension)));
        }
        if self.has_checksum {
            names.insert(hash.format(&parts(main_ext)));
        }
        names
    }

    /// Whether a name that the other gives could be one of ours.
    fn could_have_written(&self, other: &Self) -> bool {
        let template = self.source.scheme.main(self.source.family);
        other.names("a").iter().any(|name| template.recognise(name, &self.source.known()).is_some())
    }

    fn is_copy(&self) -> bool {
        self.kind == COPIER
    }

    /// Whether both archive the same thing, as an action and its dry heir do.
    fn is_twin_of(&self, other: &Self) -> bool {
        self.kind == other.kind && self.src_path == other.src_path && self.source.level == other.source.level
    }
}

/// Every other source that writes into one of the same directories, the levels of its own family apart.
pub(super) fn of(source: &Source, all: &[Written]) -> Vec<Source> {
    let others = all.iter().map(|written| &written.source);
    others.filter(|other| shares_directory(source, other) && !same_family(source, other)).cloned().collect()
}

fn shares_directory(a: &Source, b: &Source) -> bool {
    a.folders.iter().any(|folder| b.folders.iter().any(|other| other.dir == folder.dir))
}

fn same_family(a: &Source, b: &Source) -> bool {
    let dirs =
        |source: &Source| source.folders.iter().map(|folder: &Folder| folder.dir.clone()).collect::<BTreeSet<_>>();
    a.family == b.family && a.basename == b.basename && dirs(a) == dirs(b)
}

/// What is wrong between two actions.
pub(super) struct Quarrel {
    /// Names of the two.
    pub(super) between: [String; 2],
    pub(super) problem: Problem,
}

/// Names that clash, and base names that begin like others.
pub(super) fn quarrels(all: &[Written]) -> Vec<Quarrel> {
    let mut found = Vec::new();
    // heirs that share a basename would repeat what was said about their ancestor
    let mut seen = HashSet::new();
    for (index, a) in all.iter().enumerate() {
        for b in all.iter().skip(index + 1).filter(|b| a.source.action != b.source.action) {
            let problem = prefix(a, b).or_else(|| clash(a, b)).or_else(|| strange_kin(a, b));
            if let Some(problem) = problem
                && seen.insert((&a.path, &b.path))
                && (a.path == b.path || seen.insert((&b.path, &a.path)))
            {
                let between = [a.source.action.clone(), b.source.action.clone()];
                found.push(Quarrel { between, problem });
            }
        }
    }
    found
}

fn prefix(a: &Written, b: &Written) -> Option<Problem> {
    let (a, b) = if a.source.basename.len() <= b.source.basename.len() { (a, b) } else { (b, a) };
    let (short, long) = (&a.source.basename, &b.source.basename);
    let begins = short != long && long.starts_with(short.as_str()) && shares_directory(&a.source, &b.source);
    // a vault brings together what was never meant to be in one directory: there only what can be mistaken counts
    let begins = begins && (!(a.is_copy() || b.is_copy()) || a.could_have_written(b));
    begins.then(|| {
        let message = format!(
            "`basename` {short} is how {long} of `{}` begins, which writes to the same directory: files that could \
             belong to both are never deleted",
            b.source.action
        );
        Problem { severity: Severity::Warning, path: a.path.clone(), message }
    })
}

/// A full archive and differentials of something else: where the differential finds no base it makes a full archive, which
/// would be restored, and counted in rotation, in the place of the other.
fn strange_kin(a: &Written, b: &Written) -> Option<Problem> {
    let (one, other) = (&a.source, &b.source);
    let is_kin = same_family(one, other) && one.scheme.main(one.family) == other.scheme.main(other.family);
    if !is_kin || one.level == other.level || a.src_path == b.src_path || a.is_copy() || b.is_copy() {
        return None;
    }
    let message = format!(
        "`{}` and `{}` would be taken for the levels of one backup, but their `src_path` differs: they need different \
         basenames or directories",
        other.action, one.action
    );
    Some(Problem { severity: Severity::Error, path: b.path.clone(), message })
}

fn clash(a: &Written, b: &Written) -> Option<Problem> {
    let dir = a.dir().filter(|dir| Some(*dir) == b.dir())?;
    // two dumps may well share everything but the database
    let (of_a, of_b) = match (a.source.family, b.source.family) {
        (Family::Dumps, Family::Dumps) => (a.names("a"), b.names("b")),
        _ if a.is_twin_of(b) && !a.is_copy() => return None,
        _ => (a.names("a"), b.names("a")),
    };
    let name = of_a.intersection(&of_b).next()?;
    let message = format!(
        "`{}` and `{}` give the same file names in {}, such as {name}: they need different basenames or directories",
        b.source.action,
        a.source.action,
        dir.display()
    );
    // copies are made at other times than their originals, and never replace one another
    let severity = if a.is_copy() || b.is_copy() { Severity::Warning } else { Severity::Error };
    Some(Problem { severity, path: b.path.clone(), message })
}
