//! Every key above the actions is in the documentation, in both languages, and no other; tests/docs looks after the actions'.

use crate::actions::Properties;
use crate::config::{tasks, top};
use crate::value::Value;
use std::collections::BTreeSet;
use std::path::Path;

type Section = (&'static str, [&'static str; 2], BTreeSet<String>);

fn asked<T>(read: impl FnOnce(&mut Properties<'_>) -> T) -> BTreeSet<String> {
    let mut p = Properties::new(Vec::new(), &[], Path::new("/"));
    read(&mut p);
    p.finish().0.into_iter().map(|asked| asked.key.to_owned()).collect()
}

/// What the program asks for, with the heading its keys stand under.
fn known() -> [Section; 5] {
    let task = |p: &mut Properties<'_>| tasks::read_task(p, tasks::empty("x", &Value::Null), &[]);
    [
        ("top level", ["## The top level", "## Верхний уровень"], asked(top::read_top)),
        ("naming", ["### `naming`", "### `naming`"], asked(top::read_naming)),
        ("logging", ["### `logging`", "### `logging`"], asked(top::read_logging)),
        ("web", ["### `web`", "### `web`"], asked(top::read_web)),
        ("tasks", ["## Tasks", "## Задания"], asked(task)),
    ]
}

#[test]
fn every_key_is_documented_and_no_other() {
    for (number, page) in ["docs/config.md", "docs/ru/config.md"].into_iter().enumerate() {
        let text = std::fs::read_to_string(page).unwrap();
        for (section, headings, keys) in known() {
            assert!(!keys.is_empty(), "{section}");
            let (_, rest) = text.split_once(&format!("{}\n", headings[number])).unwrap();
            let part = rest.split("\n#").next().unwrap();
            let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
            let documented: BTreeSet<_> = rows.map(|(key, _)| key.to_owned()).collect();
            assert_eq!(documented, keys, "{page}: {section}");
        }
    }
}
