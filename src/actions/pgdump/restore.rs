//! A dump → a new database, with the connection of the action that made it. Names are data: they reach the server quoted in SQL
//! on standard input or as `PGDATABASE`, never as arguments that could be read as something else (P14).

mod properties;

use super::connection::Session;
use super::console::{Console, door_for, our, psql_args};
use super::existing::{self, Form};
use super::newborn::{Names, Newborn, Old};
use super::roles::may_run;
use super::stderr::Classifier;
use super::tools::{self, Installed, Tool};
use super::verify::Proof;
use crate::actions::context::Context;
use crate::error::{Doing, Error, Result};
use crate::sys::process::{self, Command, Stdout, Stream};
use crate::sys::threads;
use flate2::read::MultiGzDecoder;
use log::Level;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::path::Path;

const ROLES: &str = "SELECT pg_catalog.quote_ident(rolname) FROM pg_catalog.pg_roles;";

/// SQLSTATE of what is there already: roles, tablespaces, grants.
const DUPLICATE: &str = "42710";

/// What the lines after the first one of an error begin with.
const PARTS: [&str; 7] = ["DETAIL:", "HINT:", "QUERY:", "CONTEXT:", "LOCATION:", "LINE ", "Command was:"];

/// What is to be restored.
pub struct Wanted<'a> {
    /// The dump.
    pub dump: &'a Path,
    /// Roles and tablespaces of the same run.
    pub globals: Option<&'a Path>,
    /// Names of the new database.
    pub names: &'a Names,
    /// What becomes of a database that has this name.
    pub existing: Taken,
    /// What becomes of the new one when there were errors.
    pub flawed: Flawed,
}

/// What becomes of a database whose name is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It stays, and nothing is restored.
    Refuse,
    /// It is renamed.
    Rename,
}

/// What becomes of a database that was restored with errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flawed {
    /// It keeps its temporary name.
    Aside,
    /// It gets its name like any other.
    Named,
}

/// How a restore went.
#[derive(Debug)]
pub struct Outcome {
    /// Errors the client programs reported; each was logged.
    pub errors: u64,
    /// What had the name at the end.
    pub old: Old,
    /// What the new database is called now.
    pub name: Name,
}

/// What a restored database is called.
#[derive(Debug)]
pub enum Name {
    /// As wanted; what had that name was renamed.
    Wanted,
    /// As while it was incomplete, because of the errors.
    Flawed,
    /// As while it was incomplete, because of what the server said.
    Refused(Error),
}

/// Restores a dump under a temporary name, then gives it its name. `Err` when nothing was restored: what there was of it is
/// gone again, or named by the error.
pub fn restore(wanted: &Wanted<'_>, session: &Session, installed: &Installed, cx: &Context<'_>) -> Result<Outcome> {
    let door = door_for(&wanted.names.wanted);
    let job = Job { session, cx, console: Console { session, psql: installed.psql()?, door }, installed };
    let form = existing::form(wanted.dump)?;
    let pg_restore = (form != Form::Plain).then(|| job.pg_restore()).transpose()?;
    let old = Old::of(job.console.knows(&wanted.names.wanted, &cx.limits)?);
    if wanted.existing == Taken::Refuse && old == Old::Renamed {
        let what = "exists already: choose another name, or --force, which renames the old one";
        return Err(Error::usage(format!("database {:?} {what}", wanted.names.wanted)));
    }
    if job.console.is_template(&wanted.names.wanted, &cx.limits)? {
        let what = "is what new databases are made from: choose another name";
        return Err(Error::usage(format!("database {:?} {what}", wanted.names.wanted)));
    }
    let mut errors = job.examine(wanted, form)?;
    let properties = job.properties(wanted, form, pg_restore.as_ref())?;
    if let Some(globals) = wanted.globals {
        errors += job.globals(globals)?;
    }
    let newborn = Newborn { console: &job.console, names: wanted.names, old };
    if let Some(why) = newborn.create(&properties.ways_to_make(), &cx.limits)? {
        cx.warn(format!("it cannot be made as it was, so its locale or tablespace is the server's own: {why}"));
    }
    let filled = match pg_restore {
        None => job.plain(wanted),
        Some(tool) => job.packed(wanted, form, &tool),
    };
    let filled = filled.and_then(|errors| Ok(errors + job.dress(&properties)?));
    errors += filled.or_else(|reason| newborn.give_up(reason, &cx.limits))?;
    if errors > 0 && wanted.flawed == Flawed::Aside {
        return Ok(Outcome { errors, old, name: Name::Flawed });
    }
    Ok(job.settle(wanted, errors))
}

struct Job<'a> {
    session: &'a Session,
    cx: &'a Context<'a>,
    console: Console<'a>,
    installed: &'a Installed,
}

impl Job<'_> {
    /// Looks for what the client programs would not say: how many errors there are already. To psql the end of a file is the
    /// end of the rows, and it goes where a dump sends it.
    fn examine(&self, wanted: &Wanted<'_>, form: Form) -> Result<u64> {
        let dump = wanted.dump.display();
        if form == Form::Plain && existing::connects_elsewhere(wanted.dump)? {
            let what = "was made with --create and would go into the database it came from: --to DIR copies it out";
            return Err(Error::failed(format!("{dump} {what}")));
        }
        if form == Form::Packed || existing::prove(wanted.dump, None, self.session, self.cx)? != Proof::Damaged {
            return Ok(0);
        }
        let what = format!("{dump} ends too early, or a part of it does");
        if wanted.flawed == Flawed::Aside {
            return Err(Error::failed(format!("{what} (--keep-going restores what can be read)")));
        }
        self.cx.error(what);
        Ok(1)
    }

    /// The last step: what was restored gets its name.
    fn settle(&self, wanted: &Wanted<'_>, errors: u64) -> Outcome {
        // hours may have passed; who asks for an end after the last row gets what is finished
        let limits = self.cx.limits.for_cleanup(None);
        let old = match wanted.existing {
            Taken::Refuse => Old::None,
            Taken::Rename => match self.console.knows(&wanted.names.wanted, &limits) {
                Ok(taken) => Old::of(taken),
                Err(error) => return Outcome { errors, old: Old::Renamed, name: Name::Refused(error) },
            },
        };
        let newborn = Newborn { console: &self.console, names: wanted.names, old };
        Outcome { errors, old, name: newborn.rename().map_or_else(Name::Refused, |()| Name::Wanted) }
    }

    fn pg_restore(&self) -> Result<Tool> {
        let newest = self.installed.newest();
        let found = newest.and_then(|tool| tools::companion("pg_restore", tool, self.session, self.cx));
        found.ok_or_else(|| Error::failed("no pg_restore as new as pg_dump found beside it or on PATH"))
    }

    /// Feeds the roles and tablespaces of the same run to the server, those that it has already left out.
    fn globals(&self, globals: &Path) -> Result<u64> {
        let roles = self.console.run(ROLES, &self.cx.limits)?;
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
        self.feed(script, self.console.door, "globals")
    }

    fn plain(&self, wanted: &Wanted<'_>) -> Result<u64> {
        let dump = existing::open(wanted.dump)?;
        let doing = || format!("reading {}", wanted.dump.display());
        if !existing::is_packed(&dump).doing(doing)? {
            return self.feed(dump, &wanted.names.incomplete, "psql");
        }
        let (from, to) = pipe()?;
        std::thread::scope(|scope| {
            let unpacking = threads::start(scope, "unpack", move || {
                let mut to = to;
                std::io::copy(&mut MultiGzDecoder::new(BufReader::new(dump)), &mut to)
            })?;
            let errors = self.feed(from, &wanted.names.incomplete, "psql")?;
            let unpacked = unpacking.join().map_err(|_| Error::failed("the unpacking thread ended unexpectedly"))?;
            // what could be unpacked has been restored; a psql that ended early has said why
            match unpacked.doing(doing) {
                Ok(_) => Ok(errors),
                Err(_) if errors > 0 => Ok(errors),
                Err(error) => {
                    self.cx.error(error.to_string());
                    Ok(1)
                }
            }
        })
    }

    fn packed(&self, wanted: &Wanted<'_>, form: Form, tool: &Tool) -> Result<u64> {
        if form == Form::Folder && self.session.child().is_some() {
            return self.through_psql(wanted, tool);
        }
        // an empty connection string leaves everything to the environment, and is what makes pg_restore connect
        let args: Vec<OsString> = vec!["--no-password".into(), "--dbname=".into()];
        let mut command = self.session.command(&tool.path, args, &wanted.names.incomplete)?;
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
            let fed = self.feed(from, &wanted.names.incomplete, "psql");
            let read = reader.join().map_err(|_| Error::failed("the reading thread ended unexpectedly"))?;
            Ok(fed? + read?)
        })
    }

    /// Runs SQL from a file or pipe; how many errors there were.
    fn feed(&self, sql: File, database: &str, what: &str) -> Result<u64> {
        let mut command = self.session.command(&self.console.psql, psql_args(), database)?;
        // where a password takes the standard input, the file stays open here, and the child finds it here
        let kept = if command.stdin.is_some() { Some(sql) } else { command.stdin.replace(sql) };
        let path = kept.as_ref().map_or_else(|| "-".into(), our);
        command.args.extend(["-o".into(), "/dev/null".into(), "-f".into(), path]);
        let errors = self.listen(what, command);
        drop(kept);
        errors
    }

    /// Runs a child; what it complains about is logged. How many errors there were, at least one when it failed.
    fn listen(&self, what: &str, command: Command) -> Result<u64> {
        let mut classifier = Classifier::default();
        let (mut errors, mut lines) = (0, 0);
        let mut excused = false;
        let end = process::run(command, &self.cx.limits, &mut |stream, line| {
            let mut level = if stream == Stream::Err { classifier.level(line) } else { Level::Debug };
            let starts =
                line.contains(": ") && level == Level::Error && !PARTS.iter().any(|part| line.starts_with(part));
            // what is there already is what was wanted
            if starts {
                excused = line.contains(DUPLICATE);
            }
            if excused && level == Level::Error {
                level = Level::Debug;
            }
            errors += u64::from(level == Level::Error && starts);
            lines += u64::from(level == Level::Error);
            self.cx.log(level, &format!("{what}: {line}"));
        })?;
        // what is no message of theirs is an error all the same
        if end.ok() { Ok(errors.max(lines.min(1))) } else { Ok(errors.max(1)) }
    }
}

fn pipe() -> Result<(File, File)> {
    let (from, to) = std::io::pipe().doing(|| "making a pipe".to_owned())?;
    Ok((std::os::fd::OwnedFd::from(from).into(), std::os::fd::OwnedFd::from(to).into()))
}
