//! `help`: the documentation a server without a network has.

use crate::support::{BINARY, Bench, Ran, contains, lacks};
use std::process::{Command, Stdio};

fn help(arguments: &[&str], language: &str) -> Ran {
    let mut command = Command::new(BINARY);
    command.arg("help").args(arguments).env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", language);
    Bench::new("help").ran(command.output().unwrap())
}

#[test]
fn topics_action_types_and_commands_are_listed_and_each_prints_something() {
    for language in ["C", "ru_RU.UTF-8"] {
        let list = help(&[], language);
        assert_eq!((list.code, list.stderr.as_str()), (0, ""));
        let names = list.stdout.lines().filter_map(|line| line.strip_prefix("  "));
        // topics stand before their description, types and commands fill their lines
        let names: Vec<_> = names.flat_map(|line| line.split("  ").next().unwrap().split(' ')).collect();
        for expected in ["quickstart", "config", "restore", "exit-codes", "tar", "umount", "run", "help"] {
            assert!(names.contains(&expected), "{expected} is not in {names:?}");
        }
        for name in names {
            let text = help(&[name], language);
            assert_eq!((text.code, text.stderr.as_str()), (0, ""), "{name}");
            assert!(text.stdout.lines().count() >= 4, "{name}: {}", text.stdout);
        }
    }
}

#[test]
fn a_command_has_its_own_help_and_ends_with_its_exit_codes() {
    let direct = Command::new(BINARY).args(["run", "--help"]).output().unwrap();
    help(&["run"], "C").gives(0, &String::from_utf8(direct.stdout).unwrap(), "");
    contains(&help(&["help"], "C").stdout, "Usage: krista-backup help");
    contains(&help(&["--help"], "C").stdout, "128+N  ended by signal N after cleaning up");
}

#[test]
fn a_key_of_the_configuration_is_explained_wherever_it_stands() {
    let text = help(&["naming_scheme"], "C").stdout;
    for section in ["`naming`\n", "For all types\n"] {
        contains(&text, section);
    }
    contains(&help(&["level_folders"], "ru_RU.UTF-8").stdout, "`level_folders` (тип: список)\n    подкаталог");
}

#[test]
fn the_language_is_that_of_the_environment_or_of_the_option() {
    contains(&help(&["restore"], "C").stdout, "Bringing data back\n===");
    contains(&help(&["restore"], "ru_RU.UTF-8").stdout, "Восстановление\n===");
    contains(&help(&["restore", "--lang", "en"], "ru_RU.UTF-8").stdout, "Bringing data back\n===");
    contains(&help(&["--lang=ru", "tar"], "C").stdout, "Упаковывает каталог");
    help(&["--lang", "de"], "C").gives(2, "", "krista-backup: `--lang` knows en and ru, not `de`\n");
}

#[test]
fn an_unknown_topic_is_wrong_usage_and_names_the_nearest() {
    let line = "krista-backup: there is no topic `restor`, did you mean `restore`?; `krista-backup help` lists them\n";
    help(&["restor"], "C").gives(2, "", line);
    help(&["pgdmp"], "C").exits(2);
    help(&["config", "cron"], "C").exits(2);
}

#[test]
fn what_is_printed_is_text_for_a_terminal() {
    let text = help(&["config"], "C").stdout;
    for markup in ["](", "\n|", "```", "**", "\u{a0}"] {
        lacks(&text, markup);
    }
    contains(&text, "    naming:\n      region: 77\n");
    contains(&help(&["quickstart"], "C").stdout, "      full:\n        type: tar\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child =
        Command::new(BINARY).args(["help", "config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    Bench::new("help").ran(child.wait_with_output().unwrap()).gives(0, "", "");
}

#[test]
fn a_task_may_be_called_help() {
    let bench =
        Bench::with("help", "schedule: {help: {actions: [say]}}\nactions: {say: {type: command, cmd: 'true'}}\n");
    bench.run(&["run", "help"]).gives(0, "", "");
    assert_eq!(bench.last_record()["unit"], "help");
}
