//! Commands, their flags and exit codes, as the executable itself tells them.

use crate::markdown::{all_pages, keys, prose_and_code, sections, text};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Pages that tell of other programs, of old ones, or of what is built where.
const NOT_FOR_USERS: [&str; 4] = ["CHANGELOG.md", "docs/architecture.md", "docs/decisions.md", "docs/performance.md"];

pub fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_krista-backup")).args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What stands in the first column of a part of a help text.
fn listed(help: &str, part: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != part).skip(1).take_while(|line| !line.is_empty());
    let entries = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    entries.map(|line| line.trim_start().split("  ").next().unwrap().to_owned()).collect()
}

/// Every command with its flags, short ones too; "" stands for the program itself.
pub fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let flags = |help: &str| -> BTreeSet<String> {
        listed(help, "Options:").iter().flat_map(|entry| entry.split(", ")).map(str::to_owned).collect()
    };
    let own = help(&[]);
    let mut commands: BTreeMap<_, _> =
        listed(&own, "Commands:").into_iter().map(|name| (name.clone(), flags(&help(&[&name])))).collect();
    commands.insert(String::new(), flags(&own));
    assert!(commands.len() >= 13 && commands["run"].contains("--on-weekdays"), "{commands:?}");
    commands
}

#[test]
fn every_command_has_a_section_with_exactly_its_flags() {
    for page in ["docs/commands.md", "docs/ru/commands.md"] {
        let flags = |text: &str| -> BTreeSet<String> {
            let cells = text.lines().filter_map(|line| line.strip_prefix("| `-")?.split_once("` |"));
            let flags =
                cells.flat_map(|(cell, _)| format!("-{cell}").split("`, `").map(str::to_owned).collect::<Vec<_>>());
            // behind the flag may stand its value
            flags.map(|flag| flag.split(' ').next().unwrap().to_owned()).collect()
        };
        let (before, _) =
            text(page).split_once("\n## ").map(|(head, rest)| (head.to_owned(), rest.to_owned())).unwrap();
        let mut documented = BTreeMap::from([(String::new(), flags(&before))]);
        let general = documented[""].clone();
        for (title, text) in sections(page) {
            let mut own = flags(&text);
            own.extend(general.iter().filter(|flag| ["-h", "--help"].contains(&flag.as_str())).cloned());
            documented.insert(title.trim_matches('`').to_owned(), own);
        }
        assert_eq!(documented, commands(), "{page}");
    }
}

#[test]
fn no_page_uses_a_command_or_a_flag_that_does_not_exist() {
    let commands = commands();
    let mut seen = 0;
    for page in all_pages().into_iter().filter(|page| !NOT_FOR_USERS.contains(&page.as_str())) {
        for code in prose_and_code(&page).1 {
            let Some((_, line)) = code.split_once("krista-backup ") else { continue };
            let line = line.split(['#', '|', ';', '>', '&']).next().unwrap();
            let mut words = line.split_whitespace().map(|word| word.trim_matches(['[', ']', '(', ')', ',', '.', '…']));
            let first = words.by_ref().find(|word| !word.starts_with('-') && !word.is_empty());
            // behind --config comes its file; what is in capitals, or a path, is no command
            let is_command = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
            let Some(command) = first.filter(is_command) else { continue };
            let command = match command {
                "en" => "enable",
                "dis" => "disable",
                other => other,
            };
            let Some(flags) = commands.get(command) else {
                panic!("{page}: `{code}`: there is no command {command}");
            };
            for flag in words.filter(|word| word.starts_with('-')) {
                let flag = flag.split('=').next().unwrap();
                assert!(flags.contains(flag) || commands[""].contains(flag), "{page}: `{code}`: no flag {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen > 120, "only {seen} command lines");
}

#[test]
fn every_exit_code_is_documented_and_no_other() {
    let of = |text: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
            .map(|(code, _)| code.to_owned())
            .collect()
    };
    let codes: BTreeSet<String> = listed(&help(&[]), "Exit codes:").into_iter().collect();
    assert!(codes.contains("128+N") && codes.len() == 6, "{codes:?}");
    for page in ["docs/exit-codes.md", "docs/ru/exit-codes.md"] {
        let text = text(page);
        let (table, _) = text.split_once("\n## ").unwrap();
        let documented: BTreeSet<_> =
            of(table).into_iter().filter(|code| code.starts_with(|c: char| c.is_ascii_digit())).collect();
        assert_eq!(documented, codes, "{page}");
        let (_, by_command) = &sections(page)[0];
        let mut described = keys(by_command);
        described.insert(String::new());
        assert_eq!(described, commands().into_keys().collect(), "{page}: commands");
    }
}
