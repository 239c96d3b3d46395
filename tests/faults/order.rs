//! P1: what comes before what. A file system that keeps more order than it promises hides a missing flush, so the calls
//! themselves are looked at.

use crate::steps::{Place, STEPS, Step};
use crate::traced::calls;
use std::path::Path;

/// What a step did to a path in its directory, in the order in which it did it.
#[derive(Clone, PartialEq, Debug)]
enum Did {
    Wrote(String),
    Flushed(String),
    Named(String, String),
}

/// The calls of an undisturbed step; the directory itself is called "".
fn history(step: &Step) -> Vec<Did> {
    let place = Place::new();
    let dir = place.dir().to_str().unwrap().to_owned();
    let inside = |path: &str| path.strip_prefix(&dir).map(|rest| rest.trim_start_matches('/').to_owned());
    let lines =
        calls(&["write", "pwrite64", "fsync", "fdatasync", "renameat", "renameat2"], step.name, Path::new(&dir));
    let mut history = Vec::new();
    for line in lines {
        assert!(!line.contains("= -1"), "{line}");
        // `fsync(4</dir/.name.part>) = 0`, `renameat2(3</dir>, "from", 3</dir>, "to", …) = 0`
        let Some(path) = line.split(['<', '>']).nth(1).and_then(inside) else { continue };
        let names: Vec<_> = line.split('"').collect();
        history.push(match line.split('(').next().unwrap_or_default() {
            name if name.contains("write") => Did::Wrote(path),
            name if name.contains("sync") => Did::Flushed(path),
            _ => Did::Named(names[1].to_owned(), names[3].to_owned()),
        });
    }
    history
}

fn last(history: &[Did], wanted: impl Fn(&Did) -> bool) -> Option<usize> {
    history.iter().rposition(wanted)
}

/// Every file is flushed after it was last written and before it, or the directory it is in, gets its name.
fn check_flushed(history: &[Did], what: &str) {
    let mut named = 0;
    for (at, did) in history.iter().enumerate() {
        let Did::Named(from, _) = did else { continue };
        if !from.ends_with(".part") {
            continue;
        }
        let earlier = &history[..at];
        let below = format!("{from}/");
        let written = earlier.iter().filter_map(|did| match did {
            Did::Wrote(path) if path == from || path.starts_with(&below) => Some(path),
            _ => None,
        });
        let mut paths: Vec<&String> = written.collect();
        assert!(!paths.is_empty(), "{what}: nothing was written to {from}");
        if paths.iter().any(|path| path.starts_with(&below)) {
            paths.push(from); // the names in a directory dump
        }
        for path in paths {
            let wrote = last(earlier, |did| *did == Did::Wrote(path.clone()));
            let flushed = last(earlier, |did| *did == Did::Flushed(path.clone()));
            assert!(
                flushed.is_some() && flushed >= wrote,
                "{what}: {path} got its name without being flushed: {history:?}"
            );
        }
        named += 1;
    }
    assert!(named > 1, "{what}: {history:?}");
}

/// Whether the directory was flushed between two places.
fn flushed_between(history: &[Did], from: usize, to: usize) -> bool {
    history[from..to].contains(&Did::Flushed(String::new()))
}

#[test]
fn p1_every_file_is_flushed_before_it_gets_its_name() {
    for step in STEPS.iter().filter(|step| step.name != "withdraw") {
        check_flushed(&history(step), step.name);
    }
}

/// P1, P5: the directory is flushed once all is there under temporary names, then after the companions, then after the main
/// file, which is the last to get its name.
#[test]
fn p1_the_directory_is_flushed_between_companions_and_main_file() {
    for step in STEPS.iter().filter(|step| ["new", "folder"].contains(&step.name)) {
        let history = history(step);
        let names: Vec<_> = (0..history.len()).filter(|at| matches!(history[*at], Did::Named(..))).collect();
        let (first, main) = (names[0], names[names.len() - 1]);
        let what = format!("{}: {history:?}", step.name);
        assert!(names.len() > 1, "{what}");
        assert_eq!(history[main], Did::Named(format!(".{}.part", step.main), step.main.to_owned()), "{what}");
        let written = last(&history[..first], |did| matches!(did, Did::Wrote(_))).unwrap();
        assert!(flushed_between(&history, written, first), "before the first name: {what}");
        assert!(flushed_between(&history, names[names.len() - 2], main), "before the main file's name: {what}");
        assert!(flushed_between(&history, main, history.len()), "after the main file's name: {what}");
    }
}
