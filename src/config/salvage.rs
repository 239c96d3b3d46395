//! What can still be made out of a file that is no YAML: where the alarm has to go.
//!
//! A broken configuration must not end in silence while the trigger file goes on saying SUCCESS. The section `logging` is read
//! by itself; when it is the broken one, the two paths that matter are looked for line by line, in block or in flow style.

use crate::config::{Logging, top, yaml};
use crate::value::Value;
use std::path::{Path, PathBuf};

/// What stands under `logging`, if any of it can be found.
pub(super) fn logging(text: &str, base_dir: &Path) -> Option<Logging> {
    let section = yaml::read(&section(text)?).ok().map(|document| document.value);
    if let Some(Value::Map(root)) = section {
        return Some(top::read(&root, base_dir).0.logging);
    }
    let (logs, trigger) = paths(text);
    let default = top::read(&[], base_dir).0.logging;
    (logs.is_some() || trigger.is_some()).then(|| Logging {
        logs_path: logs.unwrap_or(default.logs_path.clone()),
        trigger,
        ..default
    })
}

/// The lines of the section, from a text that need not be YAML as a whole.
fn section(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let begins = |line: &&str| line.strip_prefix("logging").is_some_and(|rest| rest.trim_start().starts_with(':'));
    let mut lines = text.lines().skip_while(|line| !begins(line));
    let first = lines.next()?;
    let below = lines.take_while(|line| line.is_empty() || line.starts_with([' ', '\t', '#', '}']));
    Some(std::iter::once(first).chain(below).flat_map(|line| [line, "\n"]).collect())
}

/// `logs_path` and `trigger_filepath`, as written, if they can be found.
fn paths(text: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    (value(text, "logs_path"), value(text, "trigger_filepath"))
}

fn value(text: &str, key: &str) -> Option<PathBuf> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| in_line(line, key))
        .map(PathBuf::from)
}

/// The scalar after `key:` in a line, its quotes, comment and what follows in flow style taken off.
fn in_line(line: &str, key: &str) -> Option<String> {
    let (before, rest) = line.split_once(key)?;
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.trim_start_matches(['\'', '"']).trim_start().strip_prefix(':')?.trim();
    let value = match rest.chars().next()? {
        quote @ ('\'' | '"') => rest.get(1..)?.split(quote).next()?,
        _ => rest.split([',', '}']).next()?.split(" #").next()?.trim_end(),
    };
    value.starts_with('/').then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_section_is_read_whole_and_a_broken_one_line_by_line() {
        let sound = "naming: [\nlogging:\n  logs_path: log\n\n# more\n  keep_days: 5\nbroken: {\n";
        let logging = logging(sound, Path::new("/etc/kb")).unwrap();
        assert_eq!((logging.logs_path, logging.keep_days), ("/etc/kb/log".into(), Some(5)));
        let broken = "logging:\n  trigger_filepath: /t\n  logs_path: : [\n";
        let logging = super::logging(broken, Path::new("/etc/kb")).unwrap();
        assert_eq!((logging.logs_path, logging.trigger), ("/var/log/KristaBackup".into(), Some("/t".into())));
        assert_eq!(super::logging("actions: [\n", Path::new("/")), None);
    }

    #[test]
    fn finds_the_paths_in_any_style() {
        let block = "logging:\n  # trigger_filepath: /old\n  logs_path: /var/log/kb # ours\n  trigger_filepath: '/etc/z/b'\n\t broken: [";
        assert_eq!(paths(block), (Some("/var/log/kb".into()), Some("/etc/z/b".into())));
        let flow = "logging: {logs_path: /l, \"trigger_filepath\": \"/t\"}\n}";
        assert_eq!(paths(flow), (Some("/l".into()), Some("/t".into())));
        assert_eq!(paths("old_logs_path: /x\nlogs_path: relative\n"), (None, None));
    }
}
