//! `set_in_progress_ticket`, `unset_in_progress_ticket`, `check_in_progress_ticket`: a file that says "a backup is at work
//! here", for other programs and other machines.

use crate::actions::answering;
use crate::actions::common::wrong_file_name;
use crate::actions::guards::{Checked, Guards};
use crate::actions::properties::{Properties, Severity};
use crate::actions::rsync::{self, Location, tool};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Doing, Error, Result};
use crate::sys::files::{self, Dir, Readers};
use crate::sys::process::{End, Stream};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest sleep between two looks at whether we are to stop.
const NAP: Duration = Duration::from_millis(100);

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

/// Builds a `check_in_progress_ticket`.
pub fn check(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let wait = p.number_or("wait_time", 0..=86_400, 10);
    let cycles = p.number_or("wait_cycle_number", 1..=1_000_000, 12);
    let server = p.text("ssh_servername").filter(|name| !name.is_empty());
    let options = p.options("rsync_opts", "");
    let place = match server {
        Some(server) => Place::Remote { program: "rsync".into(), options, file: remote_file(p, &server) },
        None => Place::Local(Ticket::read(p, common)),
    };
    Box::new(Check {
        place,
        wait: Duration::from_secs(wait.unsigned_abs()),
        cycles: u32::try_from(cycles).unwrap_or(u32::MAX),
    })
}

/// `server:src_path/ticket`; a relative `src_path` is relative to the home directory over there.
fn remote_file(p: &mut Properties<'_>, server: &str) -> String {
    let name = file_name(p);
    let dir = p.verbatim("src_path").filter(|text| text != ".").unwrap_or_default();
    let slash = if dir.is_empty() || dir.ends_with('/') { "" } else { "/" };
    let file = format!("{server}:{dir}{slash}{name}");
    if let Ok(Location::Remote(file)) = Location::parse(&file, Path::new("/")) {
        return file;
    }
    p.problem(Severity::Error, "ssh_servername", "`ssh_servername` is no name of a server");
    String::new()
}

enum Place {
    Local(Ticket),
    Remote { program: OsString, options: Vec<String>, file: String },
}

struct Check {
    place: Place,
    wait: Duration,
    cycles: u32,
}

impl Action for Check {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let is_there = self.is_there(cx)?;
        let now = if is_there { "it is there now" } else { "it is not there now" };
        let (cycles, seconds) = (self.cycles, self.wait.as_secs());
        Ok(vec![format!("would wait for the ticket {} to vanish, {cycles} times {seconds} s: {now}", self.name())])
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        for waited in 0..=self.cycles {
            if !self.is_there(cx)? {
                cx.info(format!("there is no ticket {}", self.name()));
                return Ok(());
            }
            if waited < self.cycles {
                cx.info(format!("the ticket {} is there: waiting {} s", self.name(), self.wait.as_secs()));
                pause(self.wait, cx)?;
            }
        }
        let total = crate::units::show_duration(self.wait.saturating_mul(self.cycles));
        Err(Error::failed(format!("the ticket {} is still there after {total}", self.name())))
    }
}

impl Check {
    fn name(&self) -> String {
        match &self.place {
            Place::Local(ticket) => ticket.path().display().to_string(),
            Place::Remote { file, .. } => rsync::without_password(file),
        }
    }

    fn is_there(&self, cx: &Context<'_>) -> Result<bool> {
        match &self.place {
            Place::Local(ticket) => {
                ticket.check_place(cx)?;
                Ok(ticket.since()?.is_some())
            }
            Place::Remote { program, options, file } => {
                let args = options.iter().map(String::as_str).chain(["--", file]).map(OsString::from).collect();
                let mut complaints = Vec::new();
                let end = tool::run(tool::find(program)?, args, cx, &mut |stream, line| match stream {
                    Stream::Out => cx.debug(line),
                    Stream::Err => complaints.push(line.to_owned()),
                })?;
                remote_answer(end, &complaints)
            }
        }
    }
}

/// What rsync's listing of one file says about it: only "no such file" means that it is not there.
fn remote_answer(end: End, complaints: &[String]) -> Result<bool> {
    let missing = complaints.iter().any(|line| line.contains("No such file or directory"));
    match end {
        End::Exited(0) => Ok(true),
        End::Exited(23) if missing => Ok(false),
        end => {
            let first = complaints.iter().find(|line| !line.trim().is_empty());
            let said = first.map(|line| format!(": {line}")).unwrap_or_default();
            Err(Error::failed(format!("asking the other server for the ticket: rsync {end}{said}")))
        }
    }
}

/// Waits, unless told to stop.
fn pause(wait: Duration, cx: &Context<'_>) -> Result<()> {
    let start = Instant::now();
    loop {
        cx.limits.check()?;
        let left = wait.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(NAP));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_file_means_that_there_is_no_ticket() {
        let lines = |text: &str| vec![text.to_owned()];
        assert!(remote_answer(End::Exited(0), &[]).unwrap());
        let missing = lines("rsync: [sender] link_stat \"/x/t\" failed: No such file or directory (2)");
        assert!(!remote_answer(End::Exited(23), &missing).unwrap());
        let denied = lines("rsync: [sender] link_stat \"/x/t\" failed: Permission denied (13)");
        assert!(remote_answer(End::Exited(23), &denied).is_err());
        let unreachable = remote_answer(End::Exited(255), &lines("ssh: Could not resolve hostname x"));
        assert!(
            unreachable.unwrap_err().to_string().ends_with("rsync exit status 255: ssh: Could not resolve hostname x")
        );
        assert!(remote_answer(End::Signalled(9), &missing).is_err());
    }
}
