//! The man pages.

use crate::commands::commands;
use crate::config::assert_clean;
use crate::markdown::{keys, text};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const PAGES: [&str; 2] = ["dist/man/krista-backup.1", "dist/man/krista-backup.yaml.5"];

/// As a reader sees it, without markup.
fn plain(page: &str) -> String {
    let text = text(page).replace("\\-", "-").replace("\\(aq", "'");
    let text = ["\\fB", "\\fI", "\\fP", "\\fR"].iter().fold(text, |text, mark| text.replace(mark, ""));
    text.lines().filter(|line| !line.starts_with(".\\\"")).collect::<Vec<_>>().join("\n")
}

#[test]
fn formatters_have_nothing_to_complain_about() {
    for page in PAGES {
        let man = ["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page];
        for (program, arguments) in [("man", &man[..]), ("mandoc", &["-Tlint", "-Wstyle", page])] {
            let output = Command::new(program).args(arguments).env("LC_ALL", "C.UTF-8").output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            let said = [&output.stderr[..], if program == "mandoc" { &output.stdout } else { &[] }].concat();
            assert_eq!(String::from_utf8_lossy(&said), "", "{program} {page}");
            assert!(output.status.success(), "{program} {page}: {}", output.status);
        }
    }
}

#[test]
fn the_page_of_the_program_has_every_command_and_flag_and_no_other() {
    let page = plain(PAGES[0]);
    let (_, part) = page.split_once(".SH COMMANDS\n").unwrap();
    let (commands_part, rest) = part.split_once(".SH OPTIONS\n").unwrap();
    let (options_part, _) = rest.split_once(".SH EXIT STATUS\n").unwrap();
    // a command begins with its line outside of .RS and .RE
    let commands = commands();
    let mut described: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut command, mut inside) = (String::new(), false);
    for line in commands_part.lines() {
        match line {
            ".RS" => inside = true,
            ".RE" => inside = false,
            _ => {}
        }
        let first = line.split(' ').next().unwrap();
        if !inside && commands.contains_key(first) && !first.is_empty() {
            first.clone_into(&mut command);
        }
        described.entry(command.clone()).or_default().extend(flags(line));
    }
    described.entry(String::new()).or_default().extend(flags(options_part));
    for (command, known) in commands {
        let found = described.get(&command).unwrap_or_else(|| panic!("{command} is not in {}", PAGES[0]));
        // -h and --help are said once for all
        let known: BTreeSet<_> =
            known.into_iter().filter(|flag| command.is_empty() || !["-h", "--help"].contains(&flag.as_str())).collect();
        assert_eq!(*found, known, "{command}");
    }
}

/// The flags in a line.
fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || "[]|,\"".contains(c));
    let flags = words.filter(|word| word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_lowercase()));
    flags.filter(|word| word.starts_with('-')).map(|word| word.trim_end_matches('.').to_owned()).collect()
}

#[test]
fn the_page_of_the_configuration_names_every_key() {
    let page = plain(PAGES[1]);
    let words: BTreeSet<&str> = page.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    let mut missing = BTreeSet::new();
    for source in ["docs/config.md", "docs/actions.md"] {
        let known = keys(&text(source)).into_iter();
        missing.extend(known.filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).filter(|key| {
            let is_template = key.ends_with("_fileformat");
            !is_template && !words.contains(key.as_str())
        }));
    }
    assert!(missing.is_empty(), "{} does not name {missing:?}", PAGES[1]);
}

#[test]
fn the_example_of_the_page_is_a_configuration_without_problems() {
    let page = plain(PAGES[1]);
    let examples = page.split("\n.nf\n").filter_map(|part| part.split_once("\n.fi")).map(|(example, _)| example);
    let examples: Vec<_> = examples.filter(|example| example.contains("naming:")).collect();
    assert_eq!(examples.len(), 1);
    assert_clean(examples[0], PAGES[1]);
}
