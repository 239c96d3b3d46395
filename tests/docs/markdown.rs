//! Taking the pages apart.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every page that is written by hand.
pub fn all_pages() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned(), "README.ru.md".to_owned(), "CHANGELOG.md".to_owned()];
    for dir in ["docs", "docs/ru"] {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let markdown = names.filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"));
        pages.extend(markdown.map(|name| format!("{dir}/{name}")));
    }
    pages.sort();
    assert!(pages.len() > 15, "{pages:?}");
    pages
}

pub fn text(page: &str) -> String {
    fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The second-level sections of a page: title and text.
pub fn sections(page: &str) -> Vec<(String, String)> {
    let text = text(page);
    let parts = text.split("\n## ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).map(|(title, rest)| (title.to_owned(), rest.to_owned())).collect()
}

/// The keys in the first column of the tables of a text; a cell may name several.
pub fn keys(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.flat_map(|(keys, _)| keys.split("`, `").map(str::to_owned)).collect()
}

/// The blocks of code in this language.
pub fn fenced(page: &str, language: &str) -> Vec<String> {
    let text = text(page);
    let fence = format!("```{language}\n");
    let parts = text.split(&fence).skip(1);
    parts.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Lines outside of code, and everything that is code: blocks, and spans within a line.
pub fn prose_and_code(page: &str) -> (Vec<String>, Vec<String>) {
    let (mut prose, mut code, mut fenced) = (Vec::new(), Vec::new(), false);
    for line in text(page).lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced || line.starts_with("    ") {
            code.push(line.trim().to_owned());
        } else {
            let parts = line.split('`').enumerate();
            code.extend(parts.filter(|(number, _)| number % 2 == 1).map(|(_, part)| part.to_owned()));
            prose.push(line.to_owned());
        }
    }
    (prose, code)
}

/// The anchor of a heading, as GitHub and GitLab make it.
pub fn anchor(title: &str) -> String {
    let kept = title.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}
