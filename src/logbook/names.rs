//! What the names of logs say: `<FULL>-<TIME>.log`, and `<FULL>-<TIME>-debug.log` in the directory `debug`.

/// The directory of the debug logs.
pub const DEBUG: &str = "debug";

/// Directories whose logs belong to no run, so that there are no debug logs of them.
const WITHOUT_RUNS: [&str; 2] = ["krista_backup", "web_api"];

/// Characters of a TIME.
const TIME: usize = "20200628_230000".len();

/// Whether a directory holds logs for others to see: nothing hidden, such as our `.state`.
pub fn is_shelf(dir: &str) -> bool {
    !dir.starts_with('.')
}

/// Whether a file is a log: `….log`, or an older one that was set aside as `….log.1`.
pub fn is_log(name: &str) -> bool {
    let plain = match name.rsplit_once('.') {
        Some((plain, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => plain,
        _ => name,
    };
    !name.starts_with('.') && plain.strip_suffix(".log").is_some_and(|stem| !stem.is_empty())
}

/// FULL and TIME of the run whose log it is; none for a log of no run.
pub fn run_of(name: &str) -> Option<(&str, &str)> {
    let stem = name.strip_suffix(".log")?;
    let stem = stem.strip_suffix("-debug").unwrap_or(stem);
    let (full, time) = stem.split_at_checked(stem.len().checked_sub(TIME)?)?;
    let shape = |(at, byte): (usize, u8)| if at == 8 { byte == b'_' } else { byte.is_ascii_digit() };
    let full = full.strip_suffix('-')?;
    time.bytes().enumerate().all(shape).then_some((full, time))
}

/// Name of the debug log of the same run; empty where there is none.
pub fn debug_name(dir: &str, name: &str) -> String {
    match name.strip_suffix(".log") {
        Some(stem) if !WITHOUT_RUNS.contains(&dir) => format!("{stem}-debug.log"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_made() {
        let name = "77-cons-app-srv-01-20200628_230000";
        assert_eq!(run_of(&format!("{name}.log")), Some(("77-cons-app-srv-01", "20200628_230000")));
        assert_eq!(run_of(&format!("{name}-debug.log")), Some(("77-cons-app-srv-01", "20200628_230000")));
        for other in ["x.log", "20200628_230000.log", "é-2020062a_230000.log", "a-20200628_230000.log.1", ".log"] {
            assert_eq!(run_of(other), None, "{other}");
        }
        assert_eq!(debug_name("2020", &format!("{name}.log")), format!("{name}-debug.log"));
        assert_eq!(debug_name("krista_backup", "krista_backup.log"), "");
    }

    #[test]
    fn only_logs_are_logs() {
        for (name, want) in [
            ("a.log", true),
            ("a.log.1", true),
            ("a.log.10", true),
            (".log", false),
            (".a.log", false),
            ("a.log.gz", false),
            ("a.log.", false),
            ("journal.jsonl", false),
        ] {
            assert_eq!(is_log(name), want, "{name}");
        }
        assert!(is_shelf("2020") && !is_shelf(".state"));
    }
}
