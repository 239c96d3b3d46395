//! `set_in_progress_ticket`, `unset_in_progress_ticket`, `check_in_progress_ticket`: a file that says "a backup is at work
//! here", for other programs and other machines.

mod check;

use crate::actions::answering;
use crate::actions::common::wrong_file_name;
use crate::actions::guards::{Checked, Guards};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Doing, Error, Result};
use crate::sys::files::{self, Dir, Readers};
pub use check::check;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Tickets that this run wanted to set and found set: `unset` in its `finally` must not remove what belongs to somebody else.
static FOREIGN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A ticket of this machine.
struct Ticket {
    dir: PathBuf,
    name: String,
    guards: Guards,
}

impl Ticket {
    fn read(p: &mut Properties<'_>, common: &Common) -> Self {
        Self { dir: common.src_path.clone(), name: file_name(p), guards: Guards::read(p) }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// Fails when the place of the ticket is not what it has to be: on a share that is not mounted there is no ticket either.
    fn check_place(&self, cx: &Context<'_>) -> Result<Checked> {
        answering::require(&[&self.dir], cx)?;
        self.guards.check_destination(cx, &self.dir, None)
    }

    /// When it was set, if it is set. What cannot be looked at is an error, and never "not there".
    fn since(&self) -> Result<Option<time::OffsetDateTime>> {
        let path = self.path();
        match std::fs::symlink_metadata(&path) {
            Ok(meta) => {
                let set = meta.modified().map_or(time::OffsetDateTime::UNIX_EPOCH, time::OffsetDateTime::from);
                Ok(Some(crate::sys::clock::local(set)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing(|| format!("looking for the ticket {}", path.display())),
        }
    }
}

fn file_name(p: &mut Properties<'_>) -> String {
    let name = p.text_or("ticket_filename", "backup_in_progress");
    if let Some(message) = wrong_file_name(&name) {
        p.problem(Severity::Error, "ticket_filename", format!("`ticket_filename` {message}"));
    }
    name
}

/// Builds a `set_in_progress_ticket`.
pub fn set(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    Box::new(Set(Ticket::read(p, common)))
}

struct Set(Ticket);

impl Action for Set {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let ticket = &self.0;
        ticket.check_place(cx)?;
        if let Some(since) = ticket.since()? {
            return Err(already_set(ticket, since));
        }
        let mut plan = Plan::new();
        if !ticket.dir.exists() {
            plan.push(format!("would create directory {}", ticket.dir.display()));
        }
        plan.push(format!("would set the ticket {}", ticket.path().display()));
        Ok(plan)
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        let ticket = &self.0;
        let doing = || format!("setting the ticket {}", ticket.path().display());
        let checked = ticket.check_place(cx)?;
        let dir = Dir::create(&ticket.dir, Readers::Owner)?;
        checked.recheck(dir.file())?;
        let mut file = match dir.create_file(&ticket.name) {
            Ok(file) => file,
            Err(error) if files::is(&error, ErrorKind::AlreadyExists) => {
                FOREIGN.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket.path());
                let since = ticket.since()?.unwrap_or(cx.run.now);
                cx.warn(format!(
                    "a backup seems to be at work already, or one was cut off: {}",
                    contents(&dir, &ticket.name)
                ));
                return Err(already_set(ticket, since));
            }
            Err(error) => return Err(error).doing(doing),
        };
        FOREIGN.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket.path());
        let text = format!("{} of {} since {}\n", cx.run.unit, cx.run.full_name, shown(cx.run.now));
        // other machines look for it as other users; there is nothing secret in it
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.write_all(text.as_bytes()).and_then(|()| file.set_permissions(readable)).doing(doing)?;
        file.sync_all().doing(doing)?;
        dir.sync().doing(doing)?;
        cx.info(format!("set the ticket {}", ticket.path().display()));
        Ok(())
    }
}

fn already_set(ticket: &Ticket, since: time::OffsetDateTime) -> Error {
    Error::failed(format!("the ticket {} is already set, since {}", ticket.path().display(), shown(since)))
}

/// `2026-11-23 02:26:20`.
fn shown(time: time::OffsetDateTime) -> String {
    let (date, clock) = (time.date(), time.time());
    format!("{date} {:02}:{:02}:{:02}", clock.hour(), clock.minute(), clock.second())
}

/// The first line of a ticket, if it says anything: KB17's are empty.
fn contents(dir: &Dir, name: &str) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = dir.open_file(name).ok().map(|file| file.take(500).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    match text.lines().next().filter(|line| read.is_some() && !line.trim().is_empty()) {
        Some(line) => format!("the ticket was set by {line}"),
        None => "the ticket does not say whose it is".to_owned(),
    }
}

/// Builds an `unset_in_progress_ticket`.
pub fn unset(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    Box::new(Unset(Ticket::read(p, common)))
}

struct Unset(Ticket);

impl Unset {
    fn is_foreign(&self) -> bool {
        FOREIGN.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.0.path())
    }
}

impl Action for Unset {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.0.check_place(cx)?;
        let path = self.0.path();
        Ok(vec![match self.0.since()? {
            Some(_) => format!("would remove the ticket {}", path.display()),
            None => format!("there is no ticket {}: nothing to do", path.display()),
        }])
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        self.0.check_place(cx)?;
        let path = self.0.path();
        if self.0.since()?.is_none() {
            cx.info(format!("there is no ticket {}", path.display()));
            return Ok(());
        }
        if self.is_foreign() {
            cx.warn(format!("the ticket {} is not of this run: it stays", path.display()));
            return Ok(());
        }
        let dir = Dir::open(&self.0.dir)?;
        dir.remove(&self.0.name)?;
        dir.sync()?;
        cx.info(format!("removed the ticket {}", path.display()));
        Ok(())
    }
}
