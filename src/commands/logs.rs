//! `logs`: the logs of this server, or of another one through its webapi.

mod follow;
mod here;
mod there;

use crate::commands::list::Format;
use crate::config::Config;
use crate::error::{Error, Exit, Result};
use crate::logbook::names;
use crate::output::{self, Colour, Target};
use crate::remote::url::Url;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What is to be read.
pub struct Reading {
    /// An address, a log as DIR/NAME, both in this order, or nothing.
    pub what: Vec<String>,
    /// The debug log of the same run.
    pub debug: bool,
    /// The newest log of this unit.
    pub last: Option<String>,
    /// Go on with what is added.
    pub follow: bool,
    /// A file with the token the webapi wants.
    pub token_file: Option<PathBuf>,
    /// For people or JSON.
    pub format: Format,
}

/// Lists or shows logs. The exit code is 3 when some directory of logs could not be listed.
pub fn logs(config_file: Option<&Path>, reading: &Reading) -> Result<Exit> {
    let Wanted { server, which } = wanted(reading)?;
    if let [word] = reading.what.as_slice()
        && Config::find(config_file).and_then(|path| Config::load(&path)).is_ok_and(|config| config.has_unit(word))
    {
        let message = format!(
            "`{word}` is a unit here: `--last {word}` shows its log; a server of this name is http://{word}:5556"
        );
        return Err(Error::usage(message));
    }
    match (server, which) {
        (None, which) => here::logs(config_file, which, reading),
        (Some(_), _) if reading.follow => Err(Error::usage("only logs of this server can be followed")),
        (Some(_), Which::Last(_)) => Err(Error::usage("`--last` knows the units of this server only: name the log")),
        (Some(url), which) => there::logs(&url, which, reading),
    }
}

/// Which logs are meant.
enum Which {
    All,
    One { dir: String, name: String },
    Last(String),
}

/// What is meant by the words of the command line.
struct Wanted {
    server: Option<Url>,
    which: Which,
}

fn wanted(reading: &Reading) -> Result<Wanted> {
    let is_address = |word: &str| word.contains("://") || !word.contains('/');
    let (server, log) = match reading.what.as_slice() {
        [] => (None, None),
        [server, log] => (Some(server), Some(log)),
        [one] if is_address(one) => (Some(one), None),
        [one] => (None, Some(one)),
        _ => return Err(Error::usage("too many words: an address, a log as DIR/NAME, or both")),
    };
    let which = match (log, &reading.last) {
        (Some(_), Some(_)) => return Err(Error::usage("either a log or `--last`")),
        (Some(log), None) => one(log, reading.debug)?,
        (None, Some(unit)) => Which::Last(unit.clone()),
        (None, None) if reading.debug => return Err(Error::usage("`--debug` of which log? name one, or use `--last`")),
        (None, None) if reading.follow => return Err(Error::usage("follow which log? name one, or use `--last`")),
        (None, None) => Which::All,
    };
    if reading.follow && reading.format == Format::Json {
        return Err(Error::usage("`--follow` has no end, and so no JSON document"));
    }
    Ok(Wanted { server: server.map(|text| Url::parse(text)).transpose()?, which })
}

fn one(log: &str, debug: bool) -> Result<Which> {
    let (dir, name) = log
        .split_once('/')
        .filter(|(dir, name)| !dir.is_empty() && !name.is_empty() && !name.contains('/'))
        .ok_or_else(|| Error::usage(format!("`{}` is no log: use DIR/NAME as listed", log.escape_debug())))?;
    if !debug || dir == names::DEBUG {
        return Ok(Which::One { dir: dir.to_owned(), name: name.to_owned() });
    }
    match names::debug_name(dir, name) {
        name if name.is_empty() => {
            Err(Error::usage(format!("{log} is the log of no run: there is no debug log of it")))
        }
        name => Ok(Which::One { dir: names::DEBUG.to_owned(), name }),
    }
}

/// A log in a list.
struct Row {
    dir: String,
    name: String,
    /// Name of the debug log of the same run, if there is one.
    debug: Option<String>,
    error: bool,
    warning: bool,
    message: String,
}

/// A list of logs with what is wrong with it.
struct List {
    server: String,
    rows: Vec<Row>,
    troubles: Vec<String>,
}

impl List {
    fn show(&self, format: Format) -> Result<Exit> {
        match format {
            Format::Json => output::json(&self.json())?,
            Format::Table => {
                self.rows.iter().try_for_each(|row| output::line(&row.line()))?;
                if self.rows.is_empty() && self.troubles.is_empty() {
                    output::note("no logs");
                }
                self.troubles.iter().for_each(|trouble| output::note(&visible(trouble)));
            }
        }
        Ok(if self.troubles.is_empty() { Exit::Done } else { Exit::Warning })
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            let Row { dir, name, debug, error, warning, message } = row;
            json!({"dir": dir, "name": name, "debug": debug, "error": error, "warning": warning, "message": message})
        };
        let logs: Vec<_> = self.rows.iter().map(row).collect();
        json!({"server": self.server, "logs": logs, "problems": self.troubles})
    }
}

impl Row {
    fn line(&self) -> String {
        let (word, colour) = match (self.error, self.warning) {
            (true, _) => ("ERROR    ", Some(Colour::Red)),
            (_, true) => ("WARNING  ", Some(Colour::Yellow)),
            _ => ("", None),
        };
        let gap = if word.is_empty() { "" } else { "  " };
        let text = format!("{}/{}{gap}{word}{}", self.dir, self.name, self.message);
        let text = visible(text.trim_end());
        colour.map_or(text.clone(), |colour| output::coloured(Target::Stdout, colour, &text))
    }
}

/// One line of a log, coloured by its level, harmless for the terminal.
fn show_line(line: &str) -> Result<()> {
    let text = visible(line.trim_end_matches(['\r', '\n']));
    output::line(&if text.contains("ERROR") || text.contains("CRITICAL") {
        output::coloured(Target::Stdout, Colour::Red, &text)
    } else if text.contains("WARNING") {
        output::coloured(Target::Stdout, Colour::Yellow, &text)
    } else {
        text
    })
}

/// The text without bytes that a terminal would obey: anybody's file names and any child's output end up in logs.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let obeyed = c != '\t' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        if obeyed {
            let _ = write!(shown, "{}", c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(what: &[&str]) -> Reading {
        let what = what.iter().map(|word| (*word).to_owned()).collect();
        Reading { what, debug: false, last: None, follow: false, token_file: None, format: Format::Table }
    }

    fn meant(reading: &Reading) -> String {
        match wanted(reading) {
            Err(error) => error.to_string(),
            Ok(Wanted { server, which }) => {
                let server = server.map(|url| format!("{url} ")).unwrap_or_default();
                server
                    + &match which {
                        Which::All => "all".to_owned(),
                        Which::One { dir, name } => format!("{dir} {name}"),
                        Which::Last(unit) => format!("last of {unit}"),
                    }
            }
        }
    }

    #[test]
    fn what_is_typed_and_what_is_meant() {
        for (typed, want) in [
            (&[][..], "all"),
            (&["2026/a.log"], "2026 a.log"),
            (&["http://a:1"], "http://a:1 all"),
            (&["a.example"], "http://a.example:5556 all"),
            (&["a", "2026/a.log"], "http://a:5556 2026 a.log"),
            (&["a", "b", "c"], "too many words: an address, a log as DIR/NAME, or both"),
            (&["/a.log"], "`/a.log` is no log: use DIR/NAME as listed"),
            (&["a/b/c.log"], "`a/b/c.log` is no log: use DIR/NAME as listed"),
        ] {
            assert_eq!(meant(&reading(typed)), want, "{typed:?}");
        }
        assert_eq!(meant(&Reading { debug: true, ..reading(&["2026/a.log"]) }), "debug a-debug.log");
        assert_eq!(meant(&Reading { debug: true, ..reading(&["debug/a-debug.log"]) }), "debug a-debug.log");
        assert_eq!(meant(&Reading { last: Some("t".into()), ..reading(&[]) }), "last of t");
        for wrong in [
            Reading { debug: true, ..reading(&[]) },
            Reading { follow: true, ..reading(&[]) },
            Reading { last: Some("t".into()), ..reading(&["2026/a.log"]) },
            Reading { follow: true, format: Format::Json, ..reading(&["2026/a.log"]) },
        ] {
            assert!(wanted(&wrong).is_err());
        }
    }

    #[test]
    fn a_terminal_is_not_obeyed() {
        assert_eq!(visible("a\x1b[31m\u{9b}\tй\r\u{202e}"), "a\\u{1b}[31m\\u{9b}\tй\\r\\u{202e}");
    }
}
