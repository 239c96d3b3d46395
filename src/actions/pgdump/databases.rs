//! Which databases there are, and which of them are to be dumped.

use super::connection::Session;
use super::tools::Version;
use crate::actions::context::Context;
use crate::error::{Doing, Error, Kind, Result};
use crate::patterns::Patterns;
use crate::sys::process::{self, Stdout, Stream};
use std::io::{Read, Seek};
use std::path::Path;

/// What the server says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Its major version.
    pub version: Version,
    /// Every database, sorted by name.
    pub databases: Vec<Database>,
}

/// A database of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Database {
    /// Its name; `None` stands for bytes that are not UTF-8, which no file name template takes.
    pub name: Option<String>,
    /// Whether `mode: all` means it: connectable and no template.
    pub offered: bool,
}

/// `mode`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// These.
    Single(Vec<String>),
    /// Every connectable, non-template database.
    All,
}

/// What is to be done: databases to dump and databases that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// To dump, in order.
    pub wanted: Vec<String>,
    /// Name as it can be shown, and why it cannot be dumped.
    pub impossible: Vec<(String, String)>,
}

/// Three fields a record; psql ends fields and records by a NUL byte, the only one that no name can hold.
const QUESTION: &str = "select current_setting('server_version_num'), datname, datallowconn and not datistemplate from pg_catalog.pg_database";

/// At most this many databases are tried for a first connection.
const DOORS: usize = 4;

/// Asks the server, through the first database of `mode` or the usual ones that lets us in.
pub fn ask(psql: &Path, mode: &Mode, session: &Session, cx: &Context<'_>) -> Result<Server> {
    let mut last = None;
    for door in doors(mode) {
        match ask_through(&door, psql, session, cx) {
            Ok(server) => return Ok(server),
            Err(e) if e.kind() != Kind::Failed => return Err(e),
            Err(e) => {
                cx.debug(e.to_string());
                last.get_or_insert(e);
            }
        }
    }
    Err(last.unwrap_or_else(|| Error::failed("no database to connect to")))
}

/// The administrative database first; a role may be let into its own databases only.
fn doors(mode: &Mode) -> Vec<String> {
    let mut doors = vec!["postgres".to_owned()];
    if let Mode::Single(names) = mode {
        doors.extend(names.iter().filter(|name| *name != "postgres").cloned());
    }
    doors.truncate(DOORS - 1);
    doors.push("template1".to_owned());
    doors
}

fn ask_through(door: &str, psql: &Path, session: &Session, cx: &Context<'_>) -> Result<Server> {
    let doing = || format!("asking the server for its databases through {door:?}");
    let args = ["--no-psqlrc", "--no-password", "-q", "-A", "-t", "-z", "-0", "-c", QUESTION];
    let mut command = session.command(psql, args.iter().map(Into::into).collect(), door)?;
    command.env.push(("PGCLIENTENCODING".into(), "UTF8".into()));
    let mut answer = session.nameless_file()?;
    command.stdout = Stdout::File(answer.try_clone().doing(doing)?);
    let mut complaints = Vec::new();
    let end = process::run(command, &cx.limits, &mut |stream, line| {
        if stream == Stream::Err {
            complaints.push(line.trim().to_owned());
        }
    })
    .doing(doing)?;
    if !end.ok() {
        return Err(Error::failed(format!("{}: psql: {end}: {}", doing(), complaints.join(" "))));
    }
    answer.rewind().doing(doing)?;
    let mut bytes = Vec::new();
    answer.read_to_end(&mut bytes).doing(doing)?;
    parse(&bytes).ok_or_else(|| Error::failed(format!("{}: psql gave no list", doing())))
}

fn parse(answer: &[u8]) -> Option<Server> {
    let mut fields = answer.strip_suffix(b"\0")?.split(|byte| *byte == 0);
    let mut version = None;
    let mut databases = Vec::new();
    while let Some(number) = fields.next() {
        version = Some(Version::of_number(std::str::from_utf8(number).ok()?)?);
        let name = std::str::from_utf8(fields.next()?).ok().map(str::to_owned);
        databases.push(Database { name, offered: fields.next()? == b"t" });
    }
    databases.sort_by(|a, b| a.name.cmp(&b.name));
    Some(Server { version: version?, databases })
}

/// What `mode` and `exclusions` mean on this server.
pub fn select(mode: &Mode, exclusions: &Patterns, server: &Server) -> Selection {
    let mut selection = Selection::default();
    match mode {
        Mode::Single(names) => {
            for name in names.iter().filter(|name| !exclusions.matches(name.as_bytes())) {
                if server.databases.iter().any(|database| database.name.as_deref() == Some(name)) {
                    selection.wanted.push(name.clone());
                } else {
                    selection.impossible.push((name.clone(), "there is no such database on the server".into()));
                }
            }
        }
        Mode::All => {
            for database in server.databases.iter().filter(|database| database.offered) {
                match &database.name {
                    Some(name) if exclusions.matches(name.as_bytes()) => {}
                    Some(name) => selection.wanted.push(name.clone()),
                    None => {
                        let reason = "its name is not UTF-8, so no file can be named after it";
                        selection.impossible.push(("?".into(), reason.into()));
                    }
                }
            }
        }
    }
    selection
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patterns::Syntax;

    const ANSWER: &[u8] = b"150018\0postgres\0t\x00150018\0new\nline\0t\x00150018\0template1\0f\x00150018\0\xff\0t\0";

    /// P14: a name is whatever stands between two NUL bytes.
    #[test]
    fn names_survive_the_way_from_psql() {
        let server = parse(ANSWER).unwrap();
        assert_eq!(server.version.to_string(), "15");
        let names: Vec<_> = server.databases.iter().map(|d| d.name.as_deref()).collect();
        assert_eq!(names, [None, Some("new\nline"), Some("postgres"), Some("template1")]);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"150018\0postgres\0"), None);
    }

    #[test]
    fn both_modes_obey_exclusions() {
        let server = parse(ANSWER).unwrap();
        let none = Patterns::default();
        let all = select(&Mode::All, &none, &server);
        assert_eq!(all.wanted, ["new\nline", "postgres"]);
        assert_eq!(all.impossible.len(), 1);
        let single = Mode::Single(vec!["template1".into(), "gone".into(), "postgres".into()]);
        let exclusions = Patterns::compile(&["post*".to_owned()], Syntax::Glob).unwrap();
        assert_eq!(select(&Mode::All, &exclusions, &server).wanted, ["new\nline"]);
        let some = select(&single, &exclusions, &server);
        assert_eq!(some.wanted, ["template1"]);
        assert_eq!(some.impossible.first().map(|(name, _)| name.as_str()), Some("gone"));
    }
}
