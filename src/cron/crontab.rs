//! Editing a crontab: our lines and KB17's, every other byte stays. Pure; over bytes, because a crontab need not be UTF-8.
//!
//! A line is ours when it ends in ` # TASK` and its command runs a program named `krista-backup` (also with a version or an
//! architecture behind it), `KristaBackup` or `KristaBackup.py` with `run TASK` for the same task. Anything else is somebody
//! else's, however similar.

/// Names under which this program or its predecessor is called.
const PROGRAMS: &[&str] = &[OWN, "KristaBackup", "KristaBackup.py"];

const OWN: &str = "krista-backup";

/// Ansible marks the line that follows as its own; the two are never separated.
const ANSIBLE: &[u8] = b"#Ansible:";

/// The command of a task's line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Five fields or an `@…` word.
    pub cron: &'a str,
    /// Absolute path of this program.
    pub program: &'a str,
    /// Value of `--config`, when one has to be given.
    pub config: Option<&'a str>,
    /// Weekdays for `--on-weekdays`, such as `1,3`.
    pub weekdays: Option<&'a str>,
    /// The task.
    pub task: &'a str,
}

impl Entry<'_> {
    /// The line, without a line break. The error is one line: what cannot stand in a crontab.
    pub fn line(&self) -> Result<String, String> {
        let mut words = vec![self.cron.to_owned(), quoted(self.program)?];
        if let Some(config) = self.config {
            words.extend(["--config".to_owned(), quoted(config)?]);
        }
        words.extend(["run".to_owned(), quoted(self.task)?]);
        if let Some(days) = self.weekdays {
            words.extend(["--on-weekdays".to_owned(), days.to_owned()]);
        }
        let line = format!("{} # {}", words.join(" "), self.task);
        // Debian's crontab refuses a longer command with a message that does not say which
        if line.len() > 990 {
            Err(format!("the line for `{}` would be longer than cron allows", self.task))
        } else {
            Ok(line)
        }
    }
}

/// A word as the shell reads it back. `%` and line breaks mean something to cron itself, whatever the quotes.
fn quoted(word: &str) -> Result<String, String> {
    if word.contains(['%', '\n', '\r', '\0']) {
        return Err(format!("`{}` cannot stand in a crontab: it has a `%` or a line break", word.escape_default()));
    }
    let plain = |c: char| c.is_alphanumeric() || "-_./:=+@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Ok(word.to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

/// The tasks that have a line in the table, in its order.
pub fn tasks(table: &[u8]) -> Vec<String> {
    lines(table).filter_map(task_of).collect()
}

/// KB17's lines in the table, in its order: the task, and the line without its break.
pub fn predecessors(table: &[u8]) -> Vec<(String, String)> {
    let shown = |line| String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']).to_owned();
    let called = lines(table).filter_map(|line| Some((call(line)?, shown(line))));
    called.filter(|(call, _)| call.program != OWN).map(|(call, line)| (call.task, line)).collect()
}

/// The table with `line` for `task`: in the place of its first line, or at the end. Further lines of the task go.
pub fn with(table: &[u8], task: &str, line: &str) -> Vec<u8> {
    let mut placed = false;
    let mut new: Vec<&[u8]> = Vec::new();
    let full = format!("{line}\n");
    for old in lines(table) {
        if task_of(old).as_deref() != Some(task) {
            new.push(old);
        } else if placed {
            drop_marker(&mut new);
        } else {
            placed = true;
            new.push(full.as_bytes());
        }
    }
    if !placed {
        if new.last().is_some_and(|last| !last.ends_with(b"\n")) {
            new.push(b"\n");
        }
        if new.last().is_some_and(|last| last.starts_with(ANSIBLE)) {
            new.push(b"\n"); // a mark without a line must not become ours
        }
        new.push(full.as_bytes());
    }
    new.concat()
}

/// The table without the lines of `task`, or of every task when none is named.
pub fn without(table: &[u8], task: Option<&str>) -> Vec<u8> {
    let mut new: Vec<&[u8]> = Vec::new();
    for line in lines(table) {
        match task_of(line) {
            Some(name) if task.is_none_or(|task| task == name) => drop_marker(&mut new),
            _ => new.push(line),
        }
    }
    new.concat()
}

/// Takes the mark of a line that goes away with it.
fn drop_marker(lines: &mut Vec<&[u8]>) {
    if lines.last().is_some_and(|last| last.starts_with(ANSIBLE)) {
        lines.pop();
    }
}

fn lines(table: &[u8]) -> impl Iterator<Item = &[u8]> {
    table.split_inclusive(|byte| *byte == b'\n')
}

/// The task of a line of ours or KB17's.
fn task_of(line: &[u8]) -> Option<String> {
    call(line).map(|call| call.task)
}

/// What a line of ours or KB17's runs.
struct Call {
    /// One of [`PROGRAMS`].
    program: &'static str,
    task: String,
}

fn call(line: &[u8]) -> Option<Call> {
    let line = std::str::from_utf8(line).ok()?.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let command = after_fields(line, fields)?;
    command.match_indices(" # ").map(|(at, mark)| (command.get(..at), command.get(at + mark.len()..))).find_map(
        |(command, task)| {
            let task = task?.trim();
            program_running(&words(command?), task).map(|program| Call { program, task: task.to_owned() })
        },
    )
}

fn after_fields(line: &str, fields: usize) -> Option<&str> {
    (0..fields).try_fold(line, |rest, _| {
        let end = rest.find([' ', '\t'])?;
        Some(rest.get(end..)?.trim_start())
    })
}

/// Which of [`PROGRAMS`] a file of this name is; `krista-backup-2.0.0` and `krista-backup_x86_64` are ours, too.
pub fn program_named(name: &str) -> Option<&'static str> {
    const MACHINES: &[&str] = &["x86_64", "amd64", "aarch64", "arm64", "linux", "static"];
    let marked = name.strip_prefix(OWN).and_then(|rest| rest.strip_prefix(['-', '_', '.']));
    let is_mark = |mark: &str| {
        let version = mark.strip_prefix('v').unwrap_or(mark);
        version.starts_with(|c: char| c.is_ascii_digit()) || MACHINES.iter().any(|machine| mark.starts_with(machine))
    };
    if marked.is_some_and(is_mark) {
        return Some(OWN);
    }
    PROGRAMS.iter().copied().find(|program| *program == name)
}

/// The program that these words call with `run TASK`, if they do.
fn program_running(words: &[String], task: &str) -> Option<&'static str> {
    words.iter().enumerate().find_map(|(at, word)| {
        let name = word.rsplit('/').next().unwrap_or_default();
        let program = program_named(name)?;
        let mut rest = words.iter().skip(at + 1).map(String::as_str).peekable();
        if rest.next_if_eq(&"--config").is_some() {
            rest.next();
        }
        (rest.next() == Some("run") && rest.next() == Some(task)).then_some(program)
    })
}

/// Words as a shell sees them, as far as our own lines and KB17's need it.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const KB17: &str = "0 23 * * 1-6 /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run diff 2>&1 | /usr/bin/tee /var/log/KristaBackup/crontab_errorlog.log | xargs -r -0 sh -c \"echo ERROR > /etc/zabbix/backup.trigger\" # diff\n";
    const KB17_WEEKDAYS: &str = "0 5 1 * * /usr/bin/test $(date \"+\\%u\") -eq 1 -o $(date \"+\\%u\") -eq 2 && /usr/bin/python3 /opt/KristaBackup/KristaBackup.py run broken 2>&1 | /usr/bin/tee /x # broken\n";

    fn entry(task: &str) -> Entry<'_> {
        Entry {
            cron: "00 23 * * 0",
            program: "/opt/k b/krista-backup",
            config: Some("/etc/k.yaml"),
            weekdays: None,
            task,
        }
    }

    fn edit(table: &str, task: &str) -> String {
        String::from_utf8(with(table.as_bytes(), task, &entry(task).line().unwrap())).unwrap()
    }

    #[test]
    fn a_line_is_recognised_again() {
        for task in ["full", "мой бэкап", "it's", "a # b", "-x", "x;rm"] {
            let line = entry(task).line().unwrap();
            assert_eq!(task_of(line.as_bytes()).as_deref(), Some(task), "{line}");
        }
        assert_eq!(
            entry("full").line().unwrap(),
            "00 23 * * 0 '/opt/k b/krista-backup' --config /etc/k.yaml run full # full"
        );
        assert!(entry("50%").line().is_err());
        assert!(entry("a\nb").line().is_err());
    }

    #[test]
    fn kb17s_lines_are_recognised_and_replaced_in_place() {
        assert_eq!(tasks(format!("\n{KB17}\n{KB17_WEEKDAYS}").as_bytes()), ["diff", "broken"]);
        let both = format!("{KB17}{}\n{KB17_WEEKDAYS}", entry("full").line().unwrap());
        let found =
            [("diff", KB17), ("broken", KB17_WEEKDAYS)].map(|(task, line)| (task.into(), line.trim_end().into()));
        assert_eq!(predecessors(both.as_bytes()), found, "not ours");
        let table = format!("MAILTO=root\n\n{KB17}\n{KB17_WEEKDAYS}# end");
        let line = entry("diff").line().unwrap();
        assert_eq!(edit(&table, "diff"), format!("MAILTO=root\n\n{line}\n\n{KB17_WEEKDAYS}# end"));
    }

    #[test]
    fn a_program_with_its_version_in_the_name_is_ours() {
        for name in ["krista-backup", "krista-backup-2.0.0", "krista-backup_v2", "krista-backup.x86_64"] {
            let line = Entry { program: &format!("/opt/{name}"), ..entry("full") }.line().unwrap();
            assert_eq!(task_of(line.as_bytes()).as_deref(), Some("full"), "{line}");
        }
        assert_eq!(program_named("krista-backup-wrapper"), None);
        assert_eq!(program_named("kb"), None);
    }

    #[test]
    fn strangers_stay() {
        for line in [
            "0 1 * * * /usr/bin/krista-backup run full",
            "#0 1 * * * /usr/bin/krista-backup run full # full",
            "0 1 * * * /usr/bin/krista-backup-wrapper run full # full",
            "0 1 * * * echo krista-backup run full # diff",
            "0 1 * * * /usr/bin/krista-backup check # full",
            "KB=/usr/bin/krista-backup run full # full",
            "krista-backup run full # full",
        ] {
            assert_eq!(task_of(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn ansible_pairs_stay_together() {
        let table = format!("#Ansible: kb\n{KB17}#Ansible: other\n1 1 * * * true\n");
        let kept = String::from_utf8(without(table.as_bytes(), Some("diff"))).unwrap();
        assert_eq!(kept, "#Ansible: other\n1 1 * * * true\n");
        let line = entry("diff").line().unwrap();
        assert_eq!(edit(&table, "diff"), format!("#Ansible: kb\n{line}\n#Ansible: other\n1 1 * * * true\n"));
        assert_eq!(edit("#Ansible: lost\n", "t").lines().nth(1), Some(""));
    }

    #[test]
    fn a_missing_final_newline_and_duplicates_are_mended() {
        let line = entry("t").line().unwrap();
        assert_eq!(edit("1 1 * * * true", "t"), format!("1 1 * * * true\n{line}\n"));
        assert_eq!(edit(&format!("{line}\nX=1\n{line}\n"), "t"), format!("{line}\nX=1\n"));
        assert_eq!(edit("", "t"), format!("{line}\n"));
    }

    /// Every byte that is not ours stays, whatever it is, and disabling undoes enabling.
    #[test]
    fn random_tables_keep_every_other_byte() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).unwrap()
        };
        for _ in 0..3000 {
            let mut table = Vec::new();
            for _ in 0..random(8) {
                match random(6) {
                    0 => table.extend((0..random(30)).map(|_| u8::try_from(random(256)).unwrap())),
                    1 => table.extend(b"MAILTO=\"x\"\n"),
                    2 => table.extend(b"* * * * * /usr/bin/krista-backup run t\n"),
                    3 => table.extend(b"\n"),
                    4 => table.extend(b"# t\n"),
                    _ => table.extend("@daily echo привет # t\n".as_bytes()),
                }
            }
            if !table.is_empty() && !table.ends_with(b"\n") {
                table.push(b'\n');
            }
            let line = entry("t").line().unwrap();
            let enabled = with(&table, "t", &line);
            assert_eq!(tasks(&enabled).iter().filter(|task| *task == "t").count(), 1);
            let restored = without(&enabled, Some("t"));
            let mut same = restored == table;
            same |= table.rsplit(|b| *b == b'\n').nth(1).is_some_and(|last| last.starts_with(ANSIBLE));
            assert!(same, "{:?}", String::from_utf8_lossy(&table));
            assert_eq!(with(&enabled, "t", &line), enabled, "enabling twice changes nothing");
        }
    }
}
