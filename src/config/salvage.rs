//! What can still be made out of a file that is no YAML: where the alarm has to go.
//!
//! A broken configuration must not end in silence while the trigger file goes on saying SUCCESS, so the two paths that
//! matter are looked for line by line, in block or in flow style.

use std::path::PathBuf;

/// `logs_path` and `trigger_filepath`, as written, if they can be found.
pub fn paths(text: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    (value(text, "logs_path"), value(text, "trigger_filepath"))
}

fn value(text: &str, key: &str) -> Option<PathBuf> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| in_line(line, key)).map(PathBuf::from)
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
    fn finds_the_paths_in_any_style() {
        let block = "logging:\n  # trigger_filepath: /old\n  logs_path: /var/log/kb # ours\n  trigger_filepath: '/etc/z/b'\n\t broken: [";
        assert_eq!(paths(block), (Some("/var/log/kb".into()), Some("/etc/z/b".into())));
        let flow = "logging: {logs_path: /l, \"trigger_filepath\": \"/t\"}\n}";
        assert_eq!(paths(flow), (Some("/l".into()), Some("/t".into())));
        assert_eq!(paths("old_logs_path: /x\nlogs_path: relative\n"), (None, None));
    }
}
