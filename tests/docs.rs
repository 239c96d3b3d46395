//! What the documentation says about the configuration is what the program does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use krista_backup::actions::common::Common;
use krista_backup::actions::{Properties, Surroundings, TYPES, Type};
use krista_backup::config::Config;
use krista_backup::store::naming::Scheme;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PAGES: [&str; 4] = ["docs/config.md", "docs/actions.md", "docs/ru/config.md", "docs/ru/actions.md"];
const ACTIONS: [&str; 2] = ["docs/actions.md", "docs/ru/actions.md"];

/// Pages without examples of their own.
const GUIDES: [&str; 2] = ["docs/upgrade-from-kristabackup.md", "docs/ru/upgrade-from-kristabackup.md"];

/// The second-level sections of a page: title and text.
fn sections(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(page).unwrap();
    let parts = text.split("\n## ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).map(|(title, rest)| (title.to_owned(), rest.to_owned())).collect()
}

/// The keys in the first column of the tables of a text.
fn keys(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(key, _)| key.to_owned()).collect()
}

/// The keys every type takes, and those only this type takes.
fn asked(kind: &Type) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut p = Properties::new(vec!["actions".into(), "x".into()], &[], Path::new("/"));
    let common = Common::read(&mut p, kind.continues_on_error);
    let mut all = Properties::new(vec!["actions".into(), "x".into()], &[], Path::new("/"));
    let sets_of = |_: &str| Err(String::new());
    let around = Surroundings { name: "x", scheme: Scheme::default_scheme(), sets_of: &sets_of, units: &Vec::new };
    (kind.build)(&mut all, &common, &around);
    let names = |p: Properties<'_>| p.finish().0.into_iter().map(|asked| asked.key.to_owned()).collect::<BTreeSet<_>>();
    let (every, own) = (names(p), names(all));
    let own = own.difference(&every).cloned().collect();
    (every, own)
}

#[test]
fn every_key_of_every_described_type_is_documented_and_no_other() {
    for page in ACTIONS {
        let sections = sections(page);
        let (_, for_all) = &sections[0];
        let (_, conditions) = &sections[1];
        let mut common = keys(for_all);
        // the second spelling of `descr` stands in its line
        common.insert("desc".into());
        let mut described = 0;
        for kind in TYPES {
            let (every, own) = asked(kind);
            assert_eq!(common, every, "{page}: keys for all types");
            let Some((_, text)) = sections.iter().find(|(title, _)| *title == format!("`{}`", kind.name)) else {
                let text = fs::read_to_string(page).unwrap();
                assert!(text.contains(&format!("`{}`", kind.name)), "{page} does not mention {}", kind.name);
                continue;
            };
            described += 1;
            let mut documented = keys(text);
            if text.contains("(#conditions)") || text.contains("(#условия)") {
                documented.extend(keys(conditions));
            }
            // a section may say more about a key that every type takes
            documented.retain(|key| !every.contains(key));
            assert_eq!(documented, own, "{page}: keys of {}", kind.name);
        }
        assert!(described >= 12, "{page}: only {described} types found");
    }
}

#[test]
fn every_example_is_a_configuration_without_problems() {
    let dir = std::env::temp_dir().join(format!("krista-docs-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for page in PAGES {
        let text = fs::read_to_string(page).unwrap();
        let examples: Vec<_> = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(examples.len() >= 4, "{page}: only {} examples", examples.len());
        for (number, example) in examples.iter().enumerate() {
            let file = dir.join("config.yaml");
            fs::write(&file, example).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let config = Config::load(&file).unwrap_or_else(|error| panic!("{page}, example {number}: {error}"));
            let problems: Vec<_> = config.problems.iter().map(ToString::to_string).collect();
            assert!(problems.is_empty(), "{page}, example {number}: {problems:?}");
        }
    }
    fs::remove_dir_all(dir).unwrap();
}

/// A link to a section that was renamed leads nowhere.
#[test]
fn links_lead_somewhere() {
    for page in PAGES.into_iter().chain(GUIDES) {
        let dir = Path::new(page).parent().unwrap();
        let text = fs::read_to_string(page).unwrap();
        let links: Vec<_> = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
        assert!(!links.is_empty());
        for link in links {
            let (file, section) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.into() } else { dir.join(file) };
            let text = fs::read_to_string(&target).unwrap_or_else(|error| panic!("{page}: {link}: {error}"));
            let anchors = text.lines().filter_map(|line| line.strip_prefix("##")).map(anchor);
            assert!(section.is_empty() || anchors.into_iter().any(|a| a == section), "{page}: {link}");
        }
    }
}

/// The anchor of a heading, as GitHub and GitLab make it.
fn anchor(title: &str) -> String {
    let kept = title.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}
