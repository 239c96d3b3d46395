//! `pgdump`: one dump per database, made by `pg_dump`, proven before it gets its name.

mod connection;
mod databases;
mod digest;
mod dump;
mod options;
mod stderr;
mod tools;
mod verify;

use crate::actions::common::Common;
use crate::actions::context::{Context, Plan, Report};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Surroundings};
use crate::error::{Error, Kind, Result};
use crate::store::publish;
use crate::store::sets::{Family, Folder, Source};
use crate::sys::{trust, users};
use connection::{Login, Secret, Session};
use databases::{Mode, Selection, Server};
use dump::{Job, Subject, Tools};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use time::PrimitiveDateTime;

pub use dump::GLOBALS;

/// `format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// One compressed file for `pg_restore`.
    #[default]
    Custom,
    /// A directory of compressed files for `pg_restore`.
    Directory,
    /// SQL for psql.
    Plain,
}

impl Format {
    /// As `pg_dump` and `pg_restore` spell it.
    fn word(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Directory => "directory",
            Self::Plain => "plain",
        }
    }
}

/// The properties of a `pgdump` action.
pub struct Settings {
    source: Source,
    dest: PathBuf,
    group: Option<u32>,
    mode: Mode,
    format: Format,
    login: Login,
    port: u16,
    options: Vec<String>,
    command_path: Option<PathBuf>,
    checksum_file: bool,
    verify: bool,
    globals: bool,
    jobs: usize,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let format =
        p.choice("format", &[("custom", Format::Custom), ("directory", Format::Directory), ("plain", Format::Plain)]);
    let settings = Settings {
        source: source(p, common, around),
        dest: common.dest_path.clone(),
        group: group(p),
        mode: mode(p),
        format,
        login: login(p),
        port: u16::try_from(p.number_or("port", 1..=65_535, 5432)).unwrap_or(5432),
        options: options(p, format),
        command_path: command_path(p),
        checksum_file: p.flag("checksum_file", false),
        verify: p.flag("verify", true),
        globals: p.flag("globals", false),
        jobs: p.number_or("jobs", 1..=64, 1).try_into().unwrap_or(1),
    };
    if p.has("extension") {
        p.problem(
            Severity::Warning,
            "extension",
            "`extension` has no effect, as in KB17: names come from the naming scheme",
        );
    }
    p.accept("extension");
    check_names(p, &settings);
    Box::new(settings)
}

fn source(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Source {
    Source {
        action: around.name.to_owned(),
        family: Family::Dumps,
        basename: common.basename.clone().unwrap_or_default(),
        scheme: around.scheme.clone(),
        folders: vec![Folder { level: None, dir: common.dest_path.clone() }],
        level: None,
        extensions: vec!["pgdump".to_owned()],
        list_extension: String::new(),
        shield: p.patterns("exclusions", common.pattern_syntax),
        rivals: Vec::new(),
    }
}

fn mode(p: &mut Properties<'_>) -> Mode {
    let all = p.choice("mode", &[("single", false), ("all", true)]);
    let mut names: Vec<String> = Vec::new();
    for name in p.list("databases").unwrap_or_default() {
        if names.contains(&name) {
            p.problem(Severity::Warning, "databases", format!("database {name:?} is listed twice"));
        } else if name.is_empty() || name.contains('\0') {
            p.problem(Severity::Error, "databases", format!("{name:?} cannot be the name of a database"));
        } else {
            names.push(name);
        }
    }
    if all {
        return Mode::All;
    }
    if names.is_empty() {
        p.problem(Severity::Error, "databases", "`databases` is required unless `mode` is all");
    }
    Mode::Single(names)
}

fn login(p: &mut Properties<'_>) -> Login {
    let host = p.text("host").filter(|host| !host.is_empty());
    let password = p.text("password").filter(|password| !password.is_empty());
    if password.as_ref().is_some_and(|password| password.contains(['\n', '\r', '\0'])) {
        p.problem(Severity::Error, "password", "`password` must be one line");
    }
    if let Some(user) = p.text("user").filter(|user| !user.is_empty()) {
        return Login::Remote { host, user, password: password.map(Secret::new) };
    }
    if password.is_some() {
        let message = "`password` is ignored without `user`: the dump runs as the operating-system user postgres";
        p.problem(Severity::Warning, "password", message);
    }
    let socket = host.clone().filter(|host| host.starts_with('/'));
    if host.is_some() && socket.is_none() {
        let message = "`host` is ignored without `user`, as in KB17: the dump goes over the local socket";
        p.problem(Severity::Warning, "host", message);
    }
    Login::Local(socket)
}

fn options(p: &mut Properties<'_>, format: Format) -> Vec<String> {
    let words = p.options("opts", "");
    for (severity, message) in options::problems(&words, format) {
        p.problem(severity, "opts", message);
    }
    words
}

fn command_path(p: &mut Properties<'_>) -> Option<PathBuf> {
    let text = p.text("command_path").filter(|text| !text.is_empty() && text != "pg_dump")?;
    let path = if text.contains('/') { p.absolute(&text) } else { PathBuf::from(text) };
    if path.is_absolute()
        && path.exists()
        && let Err(e) = trust::program(&path)
    {
        p.problem(Severity::Error, "command_path", format!("`command_path`: {e}"));
    }
    Some(path)
}

fn group(p: &mut Properties<'_>) -> Option<u32> {
    let name = p.text("group")?;
    let id = users::group_id(&name);
    if id.is_none() {
        p.problem(Severity::Error, "group", format!("`group`: there is no group `{name}` on this machine"));
    }
    id
}

/// Two databases, or a dump and its checksum file, must not want the same name.
fn check_names(p: &mut Properties<'_>, settings: &Settings) {
    let time = PrimitiveDateTime::MIN;
    let name = |database: &str| dump::file_name(settings, &Subject::Database(database.to_owned()), time);
    let several = settings.globals || !matches!(&settings.mode, Mode::Single(names) if names.len() < 2);
    if several && name("a") == name("b") {
        let message = "every database would get the same file name: `pgdump_fileformat` needs {dbname}";
        p.problem(Severity::Error, "naming_scheme", message);
    }
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let ready = self.prepare(cx)?;
        let mut plan = vec![format!(
            "would dump with {} (version {}) from a server of version {}",
            ready.tools.dump.path.display(),
            ready.tools.dump.version,
            ready.server.version
        )];
        let time = PrimitiveDateTime::new(cx.run.now.date(), cx.run.now.time());
        for subject in self.subjects(&ready.selection) {
            let path = self.dest.join(dump::file_name(self, &subject, time));
            plan.push(format!("would dump {} to {}", subject.shown(), path.display()));
        }
        plan.extend(ready.selection.impossible.iter().map(|(name, why)| format!("cannot dump {name:?}: {why}")));
        Ok(plan)
    }

    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        let ready = self.prepare(cx)?;
        for path in publish::sweep(&self.source)? {
            cx.debug(format!("removed a leftover of an earlier run: {}", path.display()));
        }
        let mut failed = Vec::new();
        for (name, why) in &ready.selection.impossible {
            cx.error(format!("{name:?}: {why}"));
            failed.push(format!("{name:?}"));
        }
        let subjects = self.subjects(&ready.selection);
        let total = subjects.len() + failed.len();
        if total == 0 {
            cx.warn("there is no database to dump");
        }
        let job = Job { cx, settings: self, session: &ready.session, tools: &ready.tools };
        failed.extend(dump_all(&job, subjects, report)?);
        if failed.is_empty() {
            return Ok(());
        }
        let what = if self.globals { "dumps" } else { "databases" };
        Err(Error::failed(format!("{} of {total} {what} failed: {}", failed.len(), failed.join(", "))))
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }
}

/// What is found out before anything is written, for a run as for a preview.
struct Ready {
    session: Session,
    tools: Tools,
    server: Server,
    selection: Selection,
}

impl Settings {
    fn prepare(&self, cx: &Context<'_>) -> Result<Ready> {
        let session = Session::open(&self.login, self.port, cx)?;
        let installed = tools::find(self.command_path.as_deref(), &session, cx)?;
        let server = databases::ask(&installed.psql()?, &self.mode, &session, cx)?;
        let dump = installed.pg_dump(server.version)?.clone();
        let companion = |name| tools::companion(name, &dump, &session, cx);
        let restore = if self.verify && self.format != Format::Plain { companion("pg_restore") } else { None };
        let dumpall = if self.globals { companion("pg_dumpall") } else { None };
        let selection = databases::select(&self.mode, &self.source.shield, &server);
        Ok(Ready { session, tools: Tools { dump, restore, dumpall }, server, selection })
    }

    /// Roles come first: they have to be there before anything that belongs to them is restored.
    fn subjects(&self, selection: &Selection) -> Vec<Subject> {
        let globals = self.globals.then_some(Subject::Globals);
        globals.into_iter().chain(selection.wanted.iter().cloned().map(Subject::Database)).collect()
    }
}

/// Dumps with `jobs` threads; returns what failed. `Err` only when the run as a whole has to stop.
fn dump_all(job: &Job<'_>, subjects: Vec<Subject>, report: &mut Report) -> Result<Vec<String>> {
    let threads = job.settings.jobs.min(subjects.len());
    let queue = Mutex::new(subjects.into_iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let work = || {
            while let Some(subject) = next(&queue) {
                let result = job.cx.limits.check().and_then(|()| dump::publish(job, &subject));
                tell(job, &subject, &result);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((subject, result));
            }
        };
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut failed = Vec::new();
    let mut stopped = None;
    for (subject, result) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match result {
            Ok(done) => {
                report.bytes += done.bytes;
                report.files += 1;
                report.sets.push(done.main);
            }
            Err(e) if e.kind() == Kind::Failed => failed.push(subject.shown()),
            Err(e) => stopped = Some(e),
        }
    }
    failed.sort();
    stopped.map_or(Ok(failed), Err)
}

fn next(queue: &Mutex<std::vec::IntoIter<Subject>>) -> Option<Subject> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).next()
}

fn tell(job: &Job<'_>, subject: &Subject, result: &Result<dump::Done>) {
    match result {
        Ok(done) => {
            let size = crate::units::show_bytes(done.bytes);
            job.cx.info(format!("{}: dumped to {} ({size})", subject.shown(), done.main.display()));
        }
        Err(e) if e.kind() == Kind::Failed => job.cx.error(format!("{}: {e}", subject.shown())),
        Err(_) => {} // the whole action ends with this error
    }
}
