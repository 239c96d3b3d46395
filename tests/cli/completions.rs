//! What the shells offer is what can be typed: `--help` and the completions, compared both ways.

use crate::support::{BINARY, Bench, tools};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

const CONFIGURED: &str = "\
schedule:
  weekly: {actions: [full], cron: '00 23 * * 0'}
actions:
  full: {type: command, cmd: 'true'}
  полный: {type: command, cmd: 'true'}
";

type Offers = BTreeSet<String>;

fn typed(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The first lines of the entries of a section of a help text.
fn entries<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    let lines = help.lines().skip_while(|line| *line != title).skip(1).take_while(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with("   ")).collect()
}

fn verbs() -> Offers {
    let help = typed(&["--help"]);
    entries(&help, "Commands:").iter().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn options(arguments: &[&str]) -> Offers {
    let help = typed(arguments);
    let words = entries(&help, "Options:")
        .into_iter()
        .flat_map(|line| line.split_whitespace().take_while(|word| word.starts_with('-')));
    words.map(|word| word.trim_end_matches(',').to_owned()).collect()
}

/// What there is to type: the options of each verb, and under "" those that stand before one.
fn real() -> BTreeMap<String, Offers> {
    let verbs = verbs();
    assert!(verbs.contains("run") && verbs.len() >= 12, "{verbs:?}");
    let mut all: BTreeMap<_, _> = verbs.iter().map(|verb| (verb.clone(), options(&[verb, "--help"]))).collect();
    all.insert(String::new(), options(&["--help"]));
    assert!(
        all["restore"].contains("--keep-going") && all["run"].contains("-v") && all[""].contains("--config"),
        "{all:?}"
    );
    all
}

fn script(shell: &str) -> String {
    format!("{}/dist/completions/krista-backup.{shell}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a shell with the program's directory first in PATH; what it prints, one offer a line.
fn offered(command: &mut Command) -> Offers {
    let dir = Path::new(BINARY).parent().unwrap();
    let path = format!("{}:{}", dir.display(), std::env::var("PATH").unwrap());
    let output = command.env("PATH", path).env("LC_ALL", "C.UTF-8").stderr(Stdio::piped()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{command:?}: {errors}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.split('\t').next().unwrap().trim().to_owned())
        .collect()
}

/// What bash offers after these words; the last one is the one being typed.
fn bash(words: &[&str]) -> Offers {
    let ask = r#"source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _krista_backup; printf '%s\n' "${COMPREPLY[@]}""#;
    offered(Command::new("bash").args(["-c", ask, "bash", &script("bash")]).args(words))
}

fn fish(words: &[&str]) -> Offers {
    let line = words.join(" ");
    let home = Bench::new("fish-home");
    offered(Command::new("fish").env("HOME", home.path("")).args([
        "-N",
        "-c",
        &format!("source {}; complete -C '{line}'", script("fish")),
    ]))
}

/// What zsh's machinery is told about options once the verb is typed: `(-f --follow)-f[go on]`, `*--only[what]:pattern:`.
fn zsh(verb: &str) -> Offers {
    let stage = r#"
        _arguments() { [[ $1 != -C ]] || { state=${verb:+arguments}; line=($verb); }; print -rl -- "$@" }
        verb=$2 words=(krista-backup)
        source $1
    "#;
    let told = offered(Command::new("zsh").args(["-f", "-c", stage, "zsh", &script("zsh"), verb]));
    let name = |told: &String| {
        let rest = if told.starts_with('(') { told.split_once(')')?.1 } else { told };
        let name = rest.trim_start_matches('*').split(['[', ':']).next()?;
        (name.starts_with('-') && name != "-C").then(|| name.to_owned())
    };
    told.iter().filter_map(name).collect()
}

/// What one of the functions that list names adds.
fn zsh_names(function: &str, config: &str) -> Offers {
    let stage = r#"
        _arguments() { : }
        _describe() { print -rl -- ${${(P)2}%%:*} }
        compadd() { print -rl -- ${(P)2} }
        source $1
        krista_backup=krista-backup configuration=(--config $3)
        $2
    "#;
    offered(Command::new("zsh").args(["-f", "-c", stage, "zsh", &script("zsh"), function, config]))
}

#[test]
fn bash_offers_every_verb_and_option_and_no_other() {
    for (verb, options) in real() {
        let words: Vec<&str> = ["krista-backup", &verb, "-"].into_iter().filter(|word| !word.is_empty()).collect();
        assert_eq!(bash(&words), options, "{verb}");
    }
    assert_eq!(bash(&["krista-backup", ""]), verbs());
}

#[test]
fn fish_offers_every_verb_and_option_and_no_other() {
    if !tools::have(&["fish"]) {
        return;
    }
    for (verb, options) in real() {
        let words: Vec<&str> = ["krista-backup", &verb].into_iter().filter(|word| !word.is_empty()).collect();
        let mut offers = fish(&[&words[..], &["--"]].concat());
        offers.extend(fish(&[&words[..], &["-"]].concat()).into_iter().filter(|offer| offer.len() == 2));
        offers.retain(|offer| offer.starts_with('-'));
        assert_eq!(offers, options, "{verb}");
    }
    assert_eq!(fish(&["krista-backup", ""]), verbs());
}

#[test]
fn zsh_offers_every_verb_and_option_and_no_other() {
    if !tools::have(&["zsh"]) {
        return;
    }
    let global = zsh("");
    for (verb, options) in real() {
        // zsh is told those of the program first, then those of the verb
        let expected = if verb.is_empty() { options } else { global.union(&options).cloned().collect() };
        assert_eq!(zsh(&verb), expected, "{verb}");
    }
    assert_eq!(zsh_names("_krista_backup_verbs", ""), verbs());
}

#[test]
fn names_of_tasks_and_actions_are_offered_where_they_fit() {
    let bench = Bench::with("completions", CONFIGURED);
    let config = bench.path("config.yaml");
    let config = config.to_str().unwrap();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Offers>();
    let before = ["krista-backup", "--config", config];
    let units = set(&["weekly", "full", "полный"]);
    assert_eq!(bash(&[&before[..], &["run", ""]].concat()), units);
    assert_eq!(bash(&[&before[..], &["restore", "--to", "/x", "f"]].concat()), set(&["full"]));
    assert_eq!(bash(&[&before[..], &["enable", ""]].concat()), set(&["all", "weekly"]));
    assert_eq!(bash(&[&before[..], &["logs", "--last", "w"]].concat()), set(&["weekly"]));
    if tools::have(&["fish"]) {
        assert_eq!(fish(&[&before[..], &["run", ""]].concat()), units);
        assert_eq!(fish(&[&before[..], &["enable", ""]].concat()), set(&["all", "weekly"]));
    }
    if tools::have(&["zsh"]) {
        assert_eq!(zsh_names("_krista_backup_units", config), units);
        assert_eq!(zsh_names("_krista_backup_tasks", config), set(&["all", "weekly"]));
    }
}
