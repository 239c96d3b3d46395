//! `check_in_progress_ticket`: waiting until nobody is at work, here or on another server.

use crate::actions::properties::{Properties, Severity};
use crate::actions::rsync::{self, Location, tool};
use crate::actions::tickets::{Ticket, file_name};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Result};
use crate::sys::process::{End, Stream};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest sleep between two looks at whether we are to stop.
const NAP: Duration = Duration::from_millis(100);

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
