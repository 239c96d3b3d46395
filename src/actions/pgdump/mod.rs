//! `pgdump`: one dump per database, made by `pg_dump`, proven before it gets its name.

mod census;
mod connection;
mod console;
mod databases;
mod digest;
mod dump;
mod existing;
mod newborn;
mod options;
mod proof;
mod restore;
mod roles;
mod settings;
mod staged;
mod stderr;
mod tools;
mod verify;

use crate::actions::context::{Context, Plan, Report};
use crate::actions::guards::Last;
use crate::actions::{Action, Dumps};
use crate::error::{Error, Kind, Result};
use crate::store::publish;
use crate::store::sets::{self, Source};
use crate::sys::threads;
use connection::Session;
use databases::{Mode, Selection, Server};
use dump::{Job, Subject, Tools};
use settings::{Format, Settings};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use time::PrimitiveDateTime;

pub use census::Census;
pub use dump::GLOBALS;
pub use existing::open;
pub use newborn::{Names, Old};
pub use restore::{Flawed, Name, Outcome as Restored, Taken, Wanted};
pub use settings::build;
pub use verify::Proof;

/// Decodes a dump at `path` with whatever is installed here, of no action in particular.
pub fn prove_file(path: &Path, cx: &Context<'_>) -> Result<Proof> {
    let login = connection::Login::Local(None);
    // without the user postgres plain dumps can still be read
    let session = match Session::open(&login, 5432, cx) {
        Ok(session) => session,
        Err(_) => Session::own(cx),
    };
    let installed = tools::find(None, &session, cx).ok();
    let tool = installed.and_then(|installed| existing::pg_restore(&installed, &session, cx));
    existing::prove(path, tool.as_ref(), &session, cx)
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
        // once for all dumps, so that what forbids every one of them is said once; and again right before each is written
        self.guards.check_destination(cx, &self.dest, None)?;
        self.sweep(cx);
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
        let job = Job { cx, settings: self, session: &ready.session, tools: &ready.tools, lasts: self.lasts()? };
        failed.extend(dump_all(&job, subjects, report)?);
        if failed.is_empty() {
            return Ok(());
        }
        let what = if self.globals { "dumps" } else { "databases" };
        Err(Error::failed(format!("{} of {total} {what} failed: {}", failed.len(), failed.join(", "))))
    }

    fn dumps(&self) -> Option<&dyn Dumps> {
        Some(self)
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        Some(&mut self.source)
    }
}

impl Dumps for Settings {
    fn prove(&self, path: &Path, cx: &Context<'_>) -> Result<Proof> {
        let session = Session::open(&self.login, self.port, cx)?;
        let installed = tools::find(self.command_path.as_deref(), &session, cx).ok();
        let tool = installed.and_then(|installed| existing::pg_restore(&installed, &session, cx));
        existing::prove(path, tool.as_ref(), &session, cx)
    }

    fn restore(&self, wanted: &Wanted<'_>, cx: &Context<'_>) -> Result<Restored> {
        let session = Session::open(&self.login, self.port, cx)?;
        let installed = tools::find(self.command_path.as_deref(), &session, cx)?;
        restore::restore(wanted, &session, &installed, cx)
    }

    fn census(&self, cx: &Context<'_>) -> Result<Census> {
        let named = match &self.mode {
            Mode::Single(names) => Some(names.clone()),
            Mode::All => None,
        };
        let there = match self.ask(cx) {
            Ok(server) => Ok(server.databases.into_iter().filter_map(|database| database.name).collect()),
            Err(e) if e.kind() == Kind::Failed => Err(e.to_string()),
            Err(e) => return Err(e),
        };
        Ok(Census { named, there })
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
    /// Leftovers that cannot be removed are no reason to make no dump.
    fn sweep(&self, cx: &Context<'_>) {
        match publish::sweep(&self.source) {
            Ok(paths) => {
                for path in paths {
                    cx.debug(format!("removed a leftover of an earlier run: {}", path.display()));
                }
            }
            Err(e) => cx.warn(format!("removing what an earlier run left behind: {e}")),
        }
    }

    /// What the sets that are there say about the size of the next ones.
    fn lasts(&self) -> Result<BTreeMap<String, Last>> {
        let mut lasts = BTreeMap::new();
        for set in sets::find(&self.source)? {
            if let Some(database) = set.parts.dbname {
                lasts.insert(database, Last { size: set.size, held_something: true }); // oldest first
            }
        }
        Ok(lasts)
    }

    fn ask(&self, cx: &Context<'_>) -> Result<Server> {
        let session = Session::open(&self.login, self.port, cx)?;
        let installed = tools::find(self.command_path.as_deref(), &session, cx)?;
        databases::ask(&installed.psql()?, &self.mode, &session, cx)
    }

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
            // what has no thread of its own is done by those that have one
            let _ = threads::start(scope, "dump", work);
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
