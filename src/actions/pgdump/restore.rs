//! A dump → a new database, with the connection of the action that made it. Names are data: they reach the server quoted in SQL
//! on standard input or as `PGDATABASE`, never as arguments that could be read as something else (P14).

use super::connection::Session;
use super::existing::{self, Form};
use super::roles::may_run;
use super::stderr::Classifier;
use super::tools::{self, Installed, Tool};
use crate::actions::context::Context;
use crate::error::{Doing, Error, Result};
use crate::sys::process::{self, Command, Stdout, Stream};
use crate::sys::threads;
use flate2::read::MultiGzDecoder;
use log::Level;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// SQLSTATE of what is there already: roles, tablespaces, grants.
const DUPLICATE: &str = "42710";

/// What is to be restored.
pub struct Wanted<'a> {
    /// The dump.
    pub dump: &'a Path,
    /// Roles and tablespaces of the same run.
    pub globals: Option<&'a Path>,
    /// Name of the new database.
    pub into: &'a str,
    /// What becomes of a database that has this name.
    pub existing: Taken,
}

/// What becomes of a database whose name is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It stays, and nothing is restored.
    Refuse,
    /// It is renamed to this.
    Rename(String),
}

/// How a restore went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Errors the client programs reported; each was logged.
    pub errors: u64,
    /// Whether a database that had the name was renamed.
    pub renamed: bool,
}

/// Restores a dump. `Err` when nothing was restored; a restore with errors is told by the outcome.
pub fn restore(wanted: &Wanted<'_>, session: &Session, installed: &Installed, cx: &Context<'_>) -> Result<Outcome> {
    let job = Job { session, cx, psql: installed.psql()?, installed };
    let form = existing::form(wanted.dump)?;
    let pg_restore = (form != Form::Plain).then(|| job.pg_restore()).transpose()?;
    let renamed = job.make_room(wanted)?;
    let mut errors = 0;
    if let Some(globals) = wanted.globals {
        errors += job.globals(globals)?;
    }
    job.sql("postgres", &format!("CREATE DATABASE {} TEMPLATE template0;", identifier(wanted.into)))?;
    errors += match pg_restore {
        None => job.plain(wanted)?,
        Some(tool) => job.packed(wanted, form, &tool)?,
    };
    Ok(Outcome { errors, renamed })
}

struct Job<'a> {
    session: &'a Session,
    cx: &'a Context<'a>,
    psql: PathBuf,
    installed: &'a Installed,
}

impl Job<'_> {
    fn pg_restore(&self) -> Result<Tool> {
        let newest = self.installed.newest();
        let found = newest.and_then(|tool| tools::companion("pg_restore", tool, self.session, self.cx));
        found.ok_or_else(|| Error::failed("no pg_restore as new as pg_dump found beside it or on PATH"))
    }

    /// Makes sure that the name is free; whether a database was renamed for that.
    fn make_room(&self, wanted: &Wanted<'_>) -> Result<bool> {
        let question = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {};", literal(wanted.into));
        if self.sql("postgres", &question)?.trim().is_empty() {
            return Ok(false);
        }
        let Taken::Rename(name) = &wanted.existing else {
            let what = "exists already: choose another name, or --force, which renames the old one";
            return Err(Error::failed(format!("database {:?} {what}", wanted.into)));
        };
        self.sql("postgres", &format!("ALTER DATABASE {} RENAME TO {};", identifier(wanted.into), identifier(name)))?;
        Ok(true)
    }

    /// Feeds the roles and tablespaces of the same run to the server, those that it has already left out.
    fn globals(&self, globals: &Path) -> Result<u64> {
        let roles = self.sql("postgres", "SELECT pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_roles;")?;
        let roles: Vec<_> = roles.lines().map(str::to_owned).collect();
        let doing = || format!("reading {}", globals.display());
        let mut script = self.session.nameless_file()?;
        for line in BufReader::new(existing::open(globals)?).split(b'\n') {
            let line = line.doing(doing)?;
            if may_run(&String::from_utf8_lossy(&line), &roles) {
                script.write_all(&line).and_then(|()| script.write_all(b"\n")).doing(doing)?;
            }
        }
        script.rewind().doing(doing)?;
        self.feed(script, "postgres", "globals")
    }

    fn plain(&self, wanted: &Wanted<'_>) -> Result<u64> {
        let mut dump = existing::open(wanted.dump)?;
        let doing = || format!("reading {}", wanted.dump.display());
        let mut magic = [0; 2];
        let packed = dump.read(&mut magic).doing(doing)? == 2 && magic == [0x1f, 0x8b];
        dump.rewind().doing(doing)?;
        if !packed {
            return self.feed(dump, wanted.into, "psql");
        }
        let (from, to) = pipe()?;
        std::thread::scope(|scope| {
            let unpacking = threads::start(scope, "unpack", move || {
                let mut to = to;
                std::io::copy(&mut MultiGzDecoder::new(BufReader::new(dump)), &mut to)
            })?;
            let errors = self.feed(from, wanted.into, "psql")?;
            let unpacked = unpacking.join().map_err(|_| Error::failed("the unpacking thread ended unexpectedly"))?;
            unpacked.doing(doing).map(|_| errors)
        })
    }

    fn packed(&self, wanted: &Wanted<'_>, form: Form, tool: &Tool) -> Result<u64> {
        if form == Form::Folder && self.session.child().is_some() {
            return self.through_psql(wanted, tool);
        }
        // an empty connection string leaves everything to the environment, and is what makes pg_restore connect
        let args: Vec<OsString> = vec!["--no-password".into(), "--dbname=".into()];
        let mut command = self.session.command(&tool.path, args, wanted.into)?;
        let keep;
        if form == Form::Folder {
            command.args.push(wanted.dump.into());
        } else if command.stdin.is_none() {
            command.stdin = Some(existing::open(wanted.dump)?);
        } else {
            keep = existing::open(wanted.dump)?;
            command.args.push(our(&keep));
        }
        self.listen("pg_restore", command)
    }

    /// The files of a directory dump are ours alone, and the connection is another user's: one reads, the other one writes.
    fn through_psql(&self, wanted: &Wanted<'_>, tool: &Tool) -> Result<u64> {
        let (from, to) = pipe()?;
        let mut reading = self.session.local_command(&tool.path, vec!["--file=/dev/stdout".into()]);
        existing::reach(wanted.dump, Form::Folder, &mut reading)?;
        reading.stdout = Stdout::File(to);
        std::thread::scope(|scope| {
            let reader = threads::start(scope, "read", move || self.listen("pg_restore", reading))?;
            let fed = self.feed(from, wanted.into, "psql");
            let read = reader.join().map_err(|_| Error::failed("the reading thread ended unexpectedly"))?;
            Ok(fed? + read?)
        })
    }

    /// Runs SQL from a file or pipe; how many errors there were.
    fn feed(&self, sql: File, database: &str, what: &str) -> Result<u64> {
        let mut command = self.session.command(&self.psql, psql_args(), database)?;
        // where a password takes the standard input, the file stays open here, and the child finds it here
        let kept = if command.stdin.is_some() { Some(sql) } else { command.stdin.replace(sql) };
        let path = kept.as_ref().map_or_else(|| "-".into(), our);
        command.args.extend(["-o".into(), "/dev/null".into(), "-f".into(), path]);
        let errors = self.listen(what, command);
        drop(kept);
        errors
    }

    /// Runs one statement; what it returns. Fails when it fails.
    fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let mut script = self.session.nameless_file()?;
        let mut answer = self.session.nameless_file()?;
        let doing = || "asking the server".to_owned();
        script.write_all(statement.as_bytes()).and_then(|()| script.rewind()).doing(doing)?;
        let mut command = self.session.command(&self.psql, psql_args(), database)?;
        let path = if command.stdin.is_none() { "-".into() } else { our(&script) };
        command.args.extend(["-A".into(), "-t".into(), "-v".into(), "ON_ERROR_STOP=1".into(), "-f".into(), path]);
        if command.stdin.is_none() {
            command.stdin = Some(script.try_clone().doing(doing)?);
        }
        command.stdout = Stdout::File(answer.try_clone().doing(doing)?);
        let mut complaints = Vec::new();
        let end = process::run(command, &self.cx.limits, &mut |stream, line| {
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

    /// Runs a child; what it complains about is logged. How many errors there were, at least one when it failed.
    fn listen(&self, what: &str, command: Command) -> Result<u64> {
        let mut classifier = Classifier::default();
        let mut errors = 0;
        let mut excused = false;
        let end = process::run(command, &self.cx.limits, &mut |stream, line| {
            let mut level = if stream == Stream::Err { classifier.level(line) } else { Level::Debug };
            let starts = line.contains(": ") && level == Level::Error;
            // what is there already is what was wanted
            if starts {
                excused = line.contains(DUPLICATE);
            }
            if excused && level == Level::Error {
                level = Level::Debug;
            }
            errors += u64::from(level == Level::Error);
            self.cx.log(level, &format!("{what}: {line}"));
        })?;
        if end.ok() { Ok(errors) } else { Ok(errors.max(1)) }
    }
}

fn psql_args() -> Vec<OsString> {
    // the codes of errors are the same in every language
    ["--no-psqlrc", "--no-password", "-q", "-v", "VERBOSITY=verbose"].iter().map(Into::into).collect()
}

/// An open file of ours as a path for a child that runs as ourselves.
fn our(file: &File) -> OsString {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into()
}

fn pipe() -> Result<(File, File)> {
    let (from, to) = std::io::pipe().doing(|| "making a pipe".to_owned())?;
    Ok((std::os::fd::OwnedFd::from(from).into(), std::os::fd::OwnedFd::from(to).into()))
}

/// A name as SQL quotes it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL quotes it, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
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
