//! What the client programs say on standard error: progress, warnings, errors, in English or Russian.

use log::Level;

/// Sorts the lines of one child into log levels; a line that only continues the one before gets its level.
#[derive(Debug, Default)]
pub struct Classifier {
    previous: Option<Level>,
}

/// First words of `pg_dump --verbose` progress lines (`pg_dump: reading extensions`), English and from its Russian catalogue.
/// In small letters: up to version 11 `Dumping the contents of table "x" failed` came without a label.
const PROGRESS: &str = "
    connecting creating disabling dropping dumping enabling entering executing finding finished flagging
    identifying implied last launching processing reading running saving setting skipping started
    подключение создаётся отключаются удаляется выгрузка включаются вход выполняется поиск закончен
    основной подразумевается последний пометка обрабатывается обрабатываются обработка чтение сохранение
    выявление";

/// Labels in front of a message, and what they mean.
const LABELS: &[(&str, Level)] = &[
    ("warning", Level::Warn),
    ("notice", Level::Warn),
    ("предупреждение", Level::Warn),
    ("замечание", Level::Warn),
    ("error", Level::Error),
    ("fatal", Level::Error),
    ("panic", Level::Error),
    ("ошибка", Level::Error),
    ("важно", Level::Error),
    ("паника", Level::Error),
];

/// Labels and first words of lines that belong to the message before them.
const CONTINUATIONS: &[&str] = &[
    "detail:",
    "hint:",
    "query:",
    "context:",
    "location:",
    "line ",
    "подробности:",
    "подсказка:",
    "you might not be able",
    "consider using a full dump",
];

impl Classifier {
    /// The level of the next line: progress is DEBUG, a warning WARNING, everything else ERROR.
    pub fn level(&mut self, line: &str) -> Level {
        let text = without_program(line);
        let lower = text.trim().to_lowercase();
        let level = match self.previous {
            _ if lower.is_empty() => return Level::Debug,
            Some(previous) if continues(text, &lower) => previous,
            _ => of_message(text.trim(), &lower),
        };
        self.previous = Some(level);
        level
    }
}

fn continues(text: &str, lower: &str) -> bool {
    text.starts_with([' ', '\t']) || CONTINUATIONS.iter().any(|start| lower.starts_with(start))
}

fn of_message(text: &str, lower: &str) -> Level {
    // AstraLinux's PostgreSQL reports its access-control model and the session's label on every connection
    if lower.starts_with("ac model:") || lower.starts_with("obtained maximum ") {
        return Level::Debug;
    }
    let label = lower.split_once(':').map(|(label, _)| label.trim());
    if let Some((_, level)) = LABELS.iter().find(|(known, _)| label == Some(known)) {
        return *level;
    }
    let first = text.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    if PROGRESS.split_whitespace().any(|word| word == first) {
        return Level::Debug;
    }
    if lower.contains("warning") || lower.contains("предупреждение") { Level::Warn } else { Level::Error }
}

/// The line without `pg_dump: ` (or another client's name, possibly with a path), `psql:FILE:LINE: `, and the blank after it.
fn without_program(line: &str) -> &str {
    let Some((program, rest)) = line.split_once(": ") else { return line };
    let name = program.rsplit('/').next().unwrap_or(program);
    let is_client = matches!(name, "pg_dump" | "pg_dumpall" | "pg_restore" | "psql") || program.starts_with("psql:");
    if is_client { rest } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(lines: &[&str]) -> Vec<Level> {
        let mut classifier = Classifier::default();
        lines.iter().map(|line| classifier.level(line)).collect()
    }

    #[test]
    fn progress_is_debug_in_both_languages() {
        for line in [
            "pg_dump: last built-in OID is 16383",
            "pg_dump: reading extensions",
            "pg_dump: dumping contents of table \"public.warnings\"",
            "pg_dump: saving search_path = ",
            "/usr/lib/postgresql/15/bin/pg_dump: finding table default expressions",
            "pg_dump: чтение расширений",
            "pg_dump: основной параллельный цикл закончен",
            "pg_dump: последний системный OID: 16383",
            "pg_dump: выгрузка содержимого таблицы \"public.ошибка: x\"",
            "AC MODEL: mandatory",
            "pg_dump: obtained maximum label {0,0}",
            "",
        ] {
            assert_eq!(levels(&[line]), [Level::Debug], "{line}");
        }
    }

    #[test]
    fn warnings_take_their_details_along() {
        let lines = [
            "pg_dump: warning: there are circular foreign-key constraints on this table:",
            "pg_dump: detail: t",
            "pg_dump: hint: You might not be able to restore the dump without using --disable-triggers.",
            "pg_dump: error: query failed: server closed the connection unexpectedly",
            "\tThis probably means the server terminated abnormally",
        ];
        assert_eq!(levels(&lines), [Level::Warn, Level::Warn, Level::Warn, Level::Error, Level::Error]);
        assert_eq!(levels(&["pg_dump: предупреждение: нет прав"]), [Level::Warn]);
        assert_eq!(levels(&["ПРЕДУПРЕЖДЕНИЕ:  несовпадение версии"]), [Level::Warn]);
        let server = [
            "psql:<stdin>:13: NOTICE:  00000: table \"t\" does not exist, skipping",
            "LOCATION:  DropErrorMsgNonExistent, tablecmds.c:1317",
            "psql:/proc/7/fd/4:14: ERROR:  42P01: relation \"warning\" does not exist",
            "LINE 1: select * from warning",
            "                      ^",
            "LOCATION:  parserOpenTable, parse_relation.c:1381",
        ];
        assert_eq!(levels(&server)[..2], [Level::Warn; 2]);
        assert_eq!(levels(&server)[2..], [Level::Error; 4]);
        let old = ["pg_dump: NOTICE: there are circular foreign-key constraints among these table(s):", "pg_dump:   t"];
        assert_eq!(levels(&old), [Level::Warn, Level::Warn]);
    }

    #[test]
    fn everything_else_is_an_error() {
        for line in [
            "pg_dump: error: connection to server failed: FATAL:  database \"warning\" does not exist",
            "pg_dump: [archiver (db)] connection to database \"x\" failed: FATAL: no",
            "pg_dump: ошибка: не удалось подключиться",
            "pg_dump: Dumping the contents of table \"x\" failed: PQgetResult() failed.",
            "Segmentation fault",
            "  a continuation of nothing",
        ] {
            assert_eq!(levels(&[line]), [Level::Error], "{line}");
        }
    }
}
