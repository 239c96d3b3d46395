//! Addresses and metrics. Neither has a table of its own: they are read from the few lines that make them.

use crate::markdown::text;
use std::collections::BTreeSet;

/// `["api", "rl", dir, name] => …` stands for `/api/rl/{dir}/{name}`.
fn addresses() -> BTreeSet<String> {
    let source = text("src/webapi/routes.rs");
    let patterns = source.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once("] =>"));
    let address = |pattern: &str| -> String {
        let part = |part: &str| match part.strip_prefix('"') {
            Some(fixed) => format!("/{}", fixed.trim_end_matches('"')),
            None => format!("/{{{part}}}"),
        };
        pattern.split(", ").map(part).collect()
    };
    let found: BTreeSet<_> = patterns.map(|(pattern, _)| address(pattern)).collect();
    assert!(found.len() >= 7 && found.contains("/api/rl/{dir}/{name}"), "{found:?}");
    found
}

#[test]
fn every_address_is_documented_and_no_other() {
    let openapi = text("docs/openapi.yaml");
    let (_, paths) = openapi.split_once("\npaths:\n").unwrap();
    let paths = paths.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let described =
        paths.filter(|line| line.starts_with("  /")).map(|line| line.trim().trim_end_matches(':').to_owned());
    assert_eq!(described.collect::<BTreeSet<_>>(), addresses(), "docs/openapi.yaml");
    let page = text("docs/api.md");
    for address in addresses() {
        let beginning = address.split('{').next().unwrap();
        assert!(page.contains(beginning), "docs/api.md does not mention {address}");
    }
}

/// The names in the source, without what is put before all of a kind.
fn metrics() -> BTreeSet<String> {
    let source = text("src/status/metrics.rs").split("#[cfg(test)]").next().unwrap().to_owned();
    let calls = ["each(", ".one(", ".gauge("];
    let names = calls.iter().flat_map(|call| source.split(call).skip(1).collect::<Vec<_>>());
    let names = names.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"')).map(|(name, _)| name);
    let found: BTreeSet<_> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    assert!(found.len() >= 20 && found.contains("build_info"), "{found:?}");
    found
}

#[test]
fn every_metric_is_documented_and_no_other() {
    for page in ["docs/monitoring.md", "docs/ru/monitoring.md"] {
        let text = text(page);
        let word =
            |rest: &str| -> String { rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect() };
        let documented: BTreeSet<String> = text.split("krista_backup_").skip(1).map(word).collect();
        let bare = |name: &String| {
            let cut = ["task_", "target_"].iter().find_map(|kind| name.strip_prefix(kind));
            cut.unwrap_or(name).to_owned()
        };
        assert_eq!(documented.iter().map(bare).collect::<BTreeSet<_>>(), metrics(), "{page}");
    }
}
