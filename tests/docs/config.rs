//! Keys of actions, and the examples.

use crate::markdown::{all_pages, fenced, keys, sections};
use krista_backup::actions::common::Common;
use krista_backup::actions::{Properties, Surroundings, TYPES, Type};
use krista_backup::config::Config;
use krista_backup::store::naming::Scheme;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const ACTIONS: [&str; 2] = ["docs/actions.md", "docs/ru/actions.md"];

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

/// Complains about an example that the program would complain about.
pub fn assert_clean(example: &str, place: &str) {
    let dir = std::env::temp_dir().join(format!("krista-docs-{}-{}", std::process::id(), place.replace('/', "-")));
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("config.yaml");
    fs::write(&file, example).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let config = Config::load(&file).unwrap_or_else(|error| panic!("{place}: {error}"));
    let problems = config.problems.iter().map(ToString::to_string);
    // users and groups are those of the reader's machine
    let problems: Vec<_> = problems.filter(|problem| !problem.contains("on this machine")).collect();
    assert!(problems.is_empty(), "{place}: {problems:?}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn every_example_is_a_configuration_without_problems() {
    let mut checked = 0;
    for page in all_pages() {
        // a piece of one, or a file of another program, is no configuration
        let examples = fenced(&page, "yaml").into_iter().filter(|example| example.contains("naming:"));
        for (number, example) in examples.enumerate() {
            assert_clean(&example, &format!("{page}, example {number}"));
            checked += 1;
        }
    }
    assert!(checked >= 34, "only {checked} examples");
}
