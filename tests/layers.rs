//! The direction of the house: a module imports only what stands above it in `lib.rs`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Modules in the order of `lib.rs`.
fn layers() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let names = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.split_once(';'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The modules named by `crate::NAME` in a line.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(move |(at, prefix)| {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

fn upward(path: &Path, text: &str, layers: &[String]) -> Vec<String> {
    let room = path.strip_prefix("src").unwrap().components().next().unwrap();
    let room = Path::new(&room).file_stem().unwrap().to_str().unwrap().to_owned();
    let Some(own) = layers.iter().position(|layer| *layer == room) else {
        return Vec::new(); // main.rs and lib.rs stand above all
    };
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for name in imports(line) {
            if layers.iter().position(|layer| layer == name).is_some_and(|other| other > own) {
                found.push(format!("{}:{}: {room} imports {name}, which stands above it", path.display(), number + 1));
            }
        }
        assert!(!line.contains("use crate::{"), "{}:{}: one room per import line", path.display(), number + 1);
    }
    found
}

#[test]
fn no_import_points_up() {
    let layers = layers();
    assert!(layers.len() > 5, "the map in lib.rs was not understood");
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    let wrong: Vec<_> = paths.iter().flat_map(|p| upward(p, &fs::read_to_string(p).unwrap(), &layers)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_that_points_up_is_noticed() {
    let layers = ["error".to_owned(), "store".to_owned(), "run".to_owned()];
    let text = "use crate::error::Error;\nuse crate::run::lock;\n";
    assert_eq!(upward(Path::new("src/store/sets.rs"), text, &layers).len(), 1);
}

#[test]
fn unsafe_code_lives_in_sys_only_and_says_why() {
    let mut paths = Vec::new();
    sources(Path::new("src"), &mut paths);
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if line.trim_start().starts_with("//") || !(line.contains("unsafe {") || line.contains("unsafe fn")) {
                continue;
            }
            let place = format!("{}:{}", path.display(), number + 1);
            assert!(path.starts_with("src/sys"), "{place}: unsafe outside src/sys");
            let reason = lines[number.saturating_sub(4)..number].iter().any(|l| l.contains("SAFETY:"));
            assert!(reason, "{place}: unsafe without a SAFETY line");
        }
    }
}
