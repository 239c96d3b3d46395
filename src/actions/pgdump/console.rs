//! Single statements to the server, through psql. Names are data: they reach it quoted in SQL on standard input (P14).

use super::connection::Session;
use crate::error::{Doing, Error, Result};
use crate::sys::process::{self, Stdout, Stream};
use crate::sys::signals::Limits;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// Where statements about databases are given, and where those about the first one are: a database cannot be renamed from inside.
const DOORS: [&str; 2] = ["postgres", "template1"];

/// Gives statements to the server.
pub struct Console<'a> {
    /// How the server is reached.
    pub session: &'a Session,
    /// The psql that is used.
    pub psql: PathBuf,
    /// The database it connects to.
    pub door: &'static str,
}

/// The database to connect to for statements about another one.
pub fn door_for(database: &str) -> &'static str {
    let [usual, other] = DOORS;
    if database == usual { other } else { usual }
}

impl Console<'_> {
    /// Runs statements one after the other; what they return. Fails, with what psql says, at the first that fails.
    pub fn run(&self, statements: &str, limits: &Limits) -> Result<String> {
        let mut script = self.session.nameless_file()?;
        let mut answer = self.session.nameless_file()?;
        let doing = || "asking the server".to_owned();
        script.write_all(statements.as_bytes()).and_then(|()| script.rewind()).doing(doing)?;
        let mut command = self.session.command(&self.psql, psql_args(), self.door)?;
        let path = if command.stdin.is_none() { "-".into() } else { our(&script) };
        command.args.extend(["-A".into(), "-t".into(), "-v".into(), "ON_ERROR_STOP=1".into(), "-f".into(), path]);
        if command.stdin.is_none() {
            command.stdin = Some(script.try_clone().doing(doing)?);
        }
        command.stdout = Stdout::File(answer.try_clone().doing(doing)?);
        let mut complaints = Vec::new();
        let end = process::run(command, limits, &mut |stream, line| {
            if stream == Stream::Err {
                complaints.push(line.trim().to_owned());
            }
        })?;
        if !end.ok() {
            return Err(Error::failed(format!("psql: {end}: {}", complaints.join(" "))));
        }
        let mut text = String::new();
        answer.rewind().and_then(|()| answer.read_to_string(&mut text)).doing(doing)?;
        Ok(text)
    }

    /// Whether there is a database of this name.
    pub fn knows(&self, database: &str, limits: &Limits) -> Result<bool> {
        self.is_there(&format!("datname = {}", literal(database)), limits)
    }

    /// Whether new databases are made from this one.
    pub fn is_template(&self, database: &str, limits: &Limits) -> Result<bool> {
        self.is_there(&format!("datname = {} AND datistemplate", literal(database)), limits)
    }

    fn is_there(&self, condition: &str, limits: &Limits) -> Result<bool> {
        let question = format!("SELECT 1 FROM pg_catalog.pg_database WHERE {condition};");
        Ok(!self.run(&question, limits)?.trim().is_empty())
    }
}

/// What every psql is told.
pub fn psql_args() -> Vec<OsString> {
    // the codes of errors are the same in every language
    ["--no-psqlrc", "--no-password", "-q", "-v", "VERBOSITY=verbose"].iter().map(Into::into).collect()
}

/// An open file of ours as a path for a child that runs as ourselves.
pub fn our(file: &File) -> OsString {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

/// A name as SQL quotes it.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL quotes it, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P14: a name stays a name.
    #[test]
    fn names_are_quoted() {
        assert_eq!(identifier("a\"; DROP DATABASE x; --"), "\"a\"\"; DROP DATABASE x; --\"");
        assert_eq!(literal("a'\\"), "E'a''\\\\'");
    }
}
