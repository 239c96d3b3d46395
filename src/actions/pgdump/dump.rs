//! One dump from start to name: written by `pg_dump`, decoded by `pg_restore`, digested, published.

use super::connection::{STDIN, Session};
use super::digest;
use super::proof::prove;
use super::settings::{Format, Settings};
use super::staged::{Body, duplicate, read_back};
use super::stderr::Classifier;
use super::tools::Tool;
use crate::actions::context::Context;
use crate::actions::guards::Last;
use crate::error::{Doing, Error, Result};
use crate::store::manifest::{self, Manifest};
use crate::store::naming::Parts;
use crate::store::publish::{Existing, Staging};
use crate::store::sets::Family;
use crate::sys::process::{self, Command, Stdout, Stream};
use log::Level;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;
use time::PrimitiveDateTime;
use time::format_description::well_known::Rfc3339;

/// A database name that PostgreSQL cannot have, so that roles and tablespaces collide with no database: a NUL byte in
/// front, which the escaping of names makes visible.
pub const GLOBALS: &str = "\0globals";

/// What one set holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// One database.
    Database(String),
    /// Roles and tablespaces.
    Globals,
}

impl Subject {
    /// As it reads in logs: names are quoted, and odd bytes in them escaped.
    pub fn shown(&self) -> String {
        match self {
            Self::Database(name) => format!("{name:?}"),
            Self::Globals => "globals".into(),
        }
    }

    fn dbname(&self) -> &str {
        match self {
            Self::Database(name) => name,
            Self::Globals => GLOBALS,
        }
    }
}

/// The programs chosen for this run.
#[derive(Debug)]
pub struct Tools {
    /// Dumps databases.
    pub dump: Tool,
    /// Decodes dumps; none when there is none that is new enough or none is needed.
    pub restore: Option<Tool>,
    /// Dumps roles and tablespaces; none when there is none or none is needed.
    pub dumpall: Option<Tool>,
}

/// What every dump of one run shares.
pub struct Job<'a> {
    /// The action's context.
    pub cx: &'a Context<'a>,
    /// The action's properties.
    pub settings: &'a Settings,
    /// How to reach the server.
    pub session: &'a Session,
    /// With what.
    pub tools: &'a Tools,
    /// The newest set of every database that has one.
    pub lasts: BTreeMap<String, Last>,
}

/// A published dump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The dump.
    pub main: PathBuf,
    /// Its bytes.
    pub bytes: u64,
}

/// File name of the dump of `subject` in a run of this time.
pub fn file_name(settings: &Settings, subject: &Subject, run_time: PrimitiveDateTime) -> String {
    settings.source.scheme.main_name(Family::Dumps, &parts(settings, subject, run_time))
}

fn parts(settings: &Settings, subject: &Subject, run_time: PrimitiveDateTime) -> Parts {
    Parts {
        basename: settings.source.basename.clone(),
        level: None,
        ext: settings.source.extensions.first().cloned().unwrap_or_default(),
        dbname: Some(subject.dbname().to_owned()),
        time: Some(run_time),
    }
}

/// Makes, proves and publishes one dump. On any error nothing has a final name, and an older dump stays as it was.
pub fn publish(job: &Job<'_>, subject: &Subject) -> Result<Done> {
    let guards = &job.settings.guards;
    let last = job.lasts.get(subject.dbname()).copied();
    let checked = guards.check_destination(job.cx, &job.settings.dest, last)?;
    let mut staging = Staging::begin(&job.settings.dest, Existing::Replace, guards.group())?;
    checked.recheck(staging.dir().file())?;
    if let Some(note) = staging.note() {
        job.cx.debug(note);
    }
    match stage(job, subject, &mut staging) {
        Ok(manifest) => {
            let paths = staging.commit(&manifest)?;
            Ok(Done { main: paths.into_iter().next().unwrap_or_default(), bytes: manifest.bytes })
        }
        Err(failure) => {
            if let Err(left) = staging.discard() {
                job.cx.warn(format!("{}: {left}", subject.shown()));
            }
            Err(failure)
        }
    }
}

fn stage(job: &Job<'_>, subject: &Subject, staging: &mut Staging) -> Result<Manifest> {
    let started = Instant::now();
    let now = job.cx.run.now;
    let parts = parts(job.settings, subject, PrimitiveDateTime::new(now.date(), now.time()));
    let source = &job.settings.source;
    let name = source.scheme.main_name(Family::Dumps, &parts);
    staging.replaces(source.companions(&name));
    let format = if *subject == Subject::Globals { Format::Plain } else { job.settings.format };
    let mut body = match format {
        Format::Directory => Body::Folder(staging.create_dir(&name, job.session.child())?),
        Format::Custom | Format::Plain => Body::File(staging.create(&name)?),
    };
    let warnings = write(job, subject, &body)?;
    let verified = prove(job, subject, format, &mut body)?;
    let mut files = read_back(&mut body, &name)?;
    let bytes = files.iter().map(|file| file.record.size).sum();
    if bytes == 0 {
        return Err(Error::failed("the dump is empty although no error was reported"));
    }
    if job.settings.checksum_file {
        let sums = digest::checksums(&files, matches!(body, Body::Folder(_)));
        let name = source.scheme.hash_name(Family::Dumps, &parts);
        let mut draft = staging.create(&name)?;
        draft.file.write_all(sums.as_bytes()).doing(|| format!("writing {}", draft.path.display()))?;
        if source.scheme.has_own_hash(Family::Dumps) {
            files.push(digest::file(sums.as_bytes(), &name)?);
        } else {
            staging.shares(name);
        }
    }
    Ok(Manifest {
        format: manifest::FORMAT,
        tool: concat!("krista-backup ", env!("CARGO_PKG_VERSION")).into(),
        unit: job.cx.run.unit.clone(),
        action: source.action.clone(),
        kind: "pgdump".into(),
        database: match subject {
            Subject::Database(name) => Some(name.clone()),
            Subject::Globals => None,
        },
        run_time: now.format(&Rfc3339).doing(|| "writing the run time".into())?,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        verified,
        bytes,
        warnings,
        files: files.into_iter().map(|file| file.record).collect(),
        ..Manifest::default()
    })
}

/// Runs the dumping program; returns how many warnings it gave.
fn write(job: &Job<'_>, subject: &Subject, body: &Body) -> Result<u64> {
    let command = match subject {
        Subject::Database(name) => dump_command(job, name, body)?,
        Subject::Globals => globals_command(job, body)?,
    };
    let program = if *subject == Subject::Globals { "pg_dumpall" } else { "pg_dump" };
    let heard = listen(job, subject, command)?;
    if heard.end.ok() { Ok(heard.warnings) } else { Err(Error::failed(format!("{program}: {}", heard.end))) }
}

fn dump_command(job: &Job<'_>, name: &str, body: &Body) -> Result<Command> {
    let pg_dump = &job.tools.dump;
    let mut args: Vec<OsString> =
        vec!["--no-password".into(), format!("--format={}", job.settings.format.word()).into()];
    if matches!(body, Body::Folder(_)) && pg_dump.version.can_skip_sync() {
        args.push("--no-sync".into()); // publishing flushes every file
    }
    args.extend(job.settings.options.iter().map(Into::into));
    let mut command = job.session.command(&pg_dump.path, args, name)?;
    match body {
        Body::File(draft) => command.stdout = Stdout::File(duplicate(draft)?),
        Body::Folder(dir) => {
            let place = reach_folder(job, dir, &mut command)?;
            command.args.extend(["--file".into(), place]);
        }
    }
    Ok(command)
}

fn globals_command(job: &Job<'_>, body: &Body) -> Result<Command> {
    let missing = || Error::failed("no pg_dumpall as new as pg_dump found beside it or on PATH");
    let tool = job.tools.dumpall.as_ref().ok_or_else(missing)?;
    let args = vec!["--no-password".into(), "--globals-only".into()];
    let mut command = job.session.command(&tool.path, args, "postgres")?;
    if let Body::File(draft) = body {
        command.stdout = Stdout::File(duplicate(draft)?);
    }
    Ok(command)
}

/// How the child names a directory that may lie where only root can go: as its standard input, opened by us. A child
/// that runs as ourselves can use the path.
pub fn reach_folder(job: &Job<'_>, dir: &PathBuf, command: &mut Command) -> Result<OsString> {
    if job.session.child().is_none() {
        return Ok(dir.into());
    }
    command.stdin = Some(File::open(dir).doing(|| format!("opening {}", dir.display()))?);
    Ok(STDIN.into())
}

/// What came of a child.
pub struct Heard {
    /// How it ended.
    pub end: process::End,
    /// How many lines at WARNING or ERROR it wrote.
    pub warnings: u64,
}

/// Runs a child; what it says on stderr goes to the log, each line at its level.
pub fn listen(job: &Job<'_>, subject: &Subject, command: Command) -> Result<Heard> {
    let mut classifier = Classifier::default();
    let mut warnings = 0;
    let end = process::run(command, &job.cx.limits, &mut |stream, line| {
        let level = if stream == Stream::Err { classifier.level(line) } else { Level::Debug };
        if level <= Level::Warn {
            warnings += 1;
        }
        job.cx.log(level, &format!("{}: {line}", subject.shown()));
    })?;
    Ok(Heard { end, warnings })
}
