//! What is said in Russian is what is said in English.

use crate::markdown::{all_pages, text};
use std::path::Path;

fn translated() -> Vec<(String, String)> {
    let russian = all_pages().into_iter().filter_map(|page| {
        let english = page.strip_prefix("docs/ru/").map(|name| format!("docs/{name}"));
        let english = english.or_else(|| (page == "README.ru.md").then(|| "README.md".to_owned()))?;
        Some((english, page))
    });
    russian.collect()
}

/// Headings by rank, tables by rows and code by lines, in their order: what a translation keeps.
fn skeleton(page: &str) -> Vec<String> {
    let (mut bones, mut rows, mut code, mut fenced): (Vec<String>, _, _, _) = (Vec::new(), 0, 0, false);
    for line in text(page).lines().chain([""]) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let (is_row, is_code) = (line.starts_with('|') && !fenced, fenced || line.starts_with("    "));
        if rows > 0 && !is_row {
            bones.push(format!("table of {rows} lines"));
            rows = 0;
        }
        if code > 0 && !is_code && !line.is_empty() {
            bones.push(format!("code of {code} lines"));
            code = 0;
        }
        rows += usize::from(is_row);
        code += usize::from(is_code && !line.is_empty());
        if line.starts_with('#') && !fenced {
            bones.push(format!("heading of rank {}", line.bytes().take_while(|byte| *byte == b'#').count()));
        }
    }
    bones
}

#[test]
fn a_translation_has_the_same_headings_tables_and_code() {
    let pages = translated();
    assert!(pages.len() >= 7, "{pages:?}");
    for (english, russian) in pages {
        assert!(Path::new(&english).exists(), "{russian} has no English page");
        assert_eq!(skeleton(&russian), skeleton(&english), "{russian} and {english}");
    }
}

/// What an administrator has to read, where there may be nobody who reads English.
#[test]
fn what_administrators_need_is_there_in_russian() {
    for page in [
        "config",
        "actions",
        "restore",
        "runs",
        "exit-codes",
        "troubleshooting",
        "upgrade-from-kristabackup",
        "install",
        "monitoring",
    ] {
        let page = format!("docs/ru/{page}.md");
        assert!(Path::new(&page).exists(), "{page} is missing");
    }
}
