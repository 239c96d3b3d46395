//! Children: both pipes drained all the time, a deadline, a process group that never outlives us.

pub mod group;
mod lines;
mod pipes;
mod start;
#[cfg(test)]
mod tests;

use crate::error::{Doing, Error, Kind, Result};
use crate::sys::signals::Limits;
use crate::sys::users::User;
use group::Members;
use pipes::Pipes;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use start::Started;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

pub use start::on_path;

/// What a group that was asked to end is given before it is ended by force.
pub const GRACE: Duration = Duration::from_secs(10);

/// How long a background process may keep a pipe open after the child itself has ended.
pub const BACKGROUND_WAIT: Duration = Duration::from_secs(5);

/// Longest sleep between two looks at the limits.
const WAKE_UP: Duration = Duration::from_millis(50);

/// Where a line of a child came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a child's standard output is connected to.
#[derive(Debug, Default)]
pub enum Stdout {
    /// Read line by line and handed to the caller.
    #[default]
    Lines,
    /// Written by the child itself, straight into this file.
    File(File),
}

/// A child to run. No shell is involved unless `program` is one.
#[derive(Debug, Default)]
pub struct Command {
    /// Name to look up on `PATH`, or a path.
    pub program: OsString,
    /// Arguments without the program's name.
    pub args: Vec<OsString>,
    /// Taken out of the inherited environment.
    pub without: &'static [&'static str],
    /// Added to the inherited environment.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory; none keeps ours.
    pub cwd: Option<PathBuf>,
    /// Run as this user (needs root), without supplementary groups, with HOME, USER and LOGNAME set, in `/` unless `cwd`
    /// says otherwise; none keeps ours.
    pub user: Option<User>,
    /// Standard input; none is `/dev/null`.
    pub stdin: Option<File>,
    /// Standard output.
    pub stdout: Stdout,
}

/// How a child ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It returned this status.
    Exited(i32),
    /// This signal ended it.
    Signalled(i32),
}

impl End {
    /// Exit status 0.
    pub fn ok(self) -> bool {
        self == Self::Exited(0)
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

/// How a child ended and what it left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// How the child itself ended.
    pub end: End,
    /// Whether a background process still held a pipe of it after [`BACKGROUND_WAIT`]. It goes on without that pipe.
    pub left_running: bool,
}

/// Runs a child to its end and hands every line it prints to `on_line`, without the line break; invalid UTF-8 is
/// replaced, a line over 64 KiB is cut with a note.
///
/// The child leads its own process group. When `limits` end the work the whole group gets SIGTERM, 10 s later SIGKILL,
/// and the error has the kind `TimedOut` or `Interrupted`. A background process that keeps a pipe open after the child
/// itself has ended is waited for 5 s, then left alone.
///
/// Fails when the program cannot be started; how it ended is not an error here.
pub fn run(command: Command, limits: &Limits, on_line: &mut dyn FnMut(Stream, &str)) -> Result<End> {
    run_to_end(command, limits, on_line).map(|ended| ended.end)
}

/// [`run`] for callers who want to tell what became of background processes.
pub fn run_to_end(command: Command, limits: &Limits, on_line: &mut dyn FnMut(Stream, &str)) -> Result<Ended> {
    let name = command.program.to_string_lossy().into_owned();
    limits.check().doing(|| format!("starting `{name}`"))?;
    let Started { mut child, ticket } = start::start(command)?;
    let pipes = Pipes::new(child.stdout.take(), child.stderr.take());
    let mut running = Running { leader: Pid::from_child(&child), pipes, on_line };
    let followed = running.follow(limits);
    let ending = followed.as_ref().err().map(|_| running.end_group());
    running.pipes.close(running.on_line);
    if ending == Some(Ending::Failed) {
        // Neither waited for (it would hang us too) nor forgotten by the guard.
        return Err(stopped(&name, followed.err(), Ending::Failed));
    }
    // In this order: until the leader has been waited for, nobody else can get the group's number.
    ticket.done();
    let status = child.wait().doing(|| format!("waiting for `{name}`"))?;
    match (followed, ending) {
        (Ok(left_running), None) => Ok(Ended { end: End::from(status), left_running }),
        (followed, ending) => Err(stopped(&name, followed.err(), ending.unwrap_or(Ending::Asked))),
    }
}

/// How a group that had to end did end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// On SIGTERM.
    Asked,
    /// On SIGKILL.
    Forced,
    /// Not at all: it hangs in the kernel.
    Failed,
}

fn stopped(name: &str, reason: Option<Error>, ending: Ending) -> Error {
    let (kind, reason) = reason.map_or((Kind::Failed, String::new()), |e| (e.kind(), e.to_string()));
    let what = match ending {
        Ending::Asked => "was ended, and all it had started",
        Ending::Forced => "was ended by force (SIGKILL), and all it had started",
        Ending::Failed => "hangs in the kernel and could not be ended, not even by SIGKILL",
    };
    Error::new(kind, format!("`{name}` {what}: {reason}"))
}

struct Running<'a> {
    leader: Pid,
    pipes: Pipes,
    on_line: &'a mut dyn FnMut(Stream, &str),
}

impl Running<'_> {
    /// Reads until the child has ended and its pipes are closed, or a background process has had its time: then true.
    /// `Err` when the limits end it, or when it cannot be watched.
    fn follow(&mut self, limits: &Limits) -> Result<bool> {
        let mut ended = None;
        let mut nap = Nap::default();
        loop {
            limits.check()?;
            if self.pipes.read(nap.next(), self.on_line) {
                nap = Nap::default();
            }
            if ended.is_none() && self.has_ended()? {
                ended = Some(Instant::now());
            }
            match ended {
                Some(_) if self.pipes.all_closed() => return Ok(false),
                Some(at) if at.elapsed() >= BACKGROUND_WAIT => return Ok(true),
                _ => {}
            }
        }
    }

    /// SIGTERM to the whole group, SIGKILL after [`GRACE`]. What it still says is handed out.
    fn end_group(&mut self) -> Ending {
        group::ask_to_end(self.leader);
        if self.wait_until_gone() {
            return Ending::Asked;
        }
        group::force_to_end(self.leader);
        if self.wait_until_gone() { Ending::Forced } else { Ending::Failed }
    }

    fn wait_until_gone(&mut self) -> bool {
        let start = Instant::now();
        let mut next_look = Duration::ZERO;
        while start.elapsed() < GRACE {
            self.pipes.read(WAKE_UP, self.on_line);
            // Looking at all processes takes time, and a flooded pipe must not make us do it in a row.
            if start.elapsed() >= next_look && self.has_ended().unwrap_or(true) {
                if group::members(self.leader) == Members::None {
                    return true;
                }
                next_look = start.elapsed() + WAKE_UP;
            }
        }
        false
    }

    /// Whether the child itself has ended. It stays a zombie.
    fn has_ended(&self) -> Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.leader), options).doing(|| "waiting for a child".into())?;
        Ok(status.is_some())
    }
}

/// Sleeps that get longer while nothing happens: a child's end is noticed at once, and waiting for hours costs nothing.
#[derive(Default)]
struct Nap(Duration);

impl Nap {
    fn next(&mut self) -> Duration {
        self.0 = (self.0 * 2).clamp(Duration::from_millis(1), WAKE_UP);
        self.0
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signalled(signal),
            None => Self::Exited(status.code().unwrap_or(-1)),
        }
    }
}
