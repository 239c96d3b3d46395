//! Starting a child: finding the program, a session of its own, known to the guard before its first instruction.
#![allow(unsafe_code)]

use super::{Command, Stdout};
use crate::error::{Doing, Error, Result};
use crate::sys::guard;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Where programs are looked for when the environment does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A child that has been started and its entry at the guard.
#[derive(Debug)]
pub struct Started {
    /// The child, which leads its own session and process group.
    pub child: Child,
    /// To be given back when the group is done.
    pub ticket: guard::Ticket,
}

/// Starts the child. Error texts name the program and never its arguments or environment (P15).
pub fn start(command: Command) -> Result<Started> {
    let name = command.program.to_string_lossy().into_owned();
    start_named(command).doing(|| format!("cannot start `{name}`"))
}

fn start_named(command: Command) -> std::result::Result<Started, Box<dyn std::error::Error + Send + Sync>> {
    let path = match command.env.iter().rev().find(|(key, _)| key == "PATH") {
        Some((_, path)) => path.clone(),
        None => std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into()),
    };
    let program = find(&command.program, &path)?;
    let mut child = std::process::Command::new(program);
    child.arg0(&command.program).args(&command.args);
    if let Some(user) = &command.user {
        // std drops the supplementary groups whenever root sets a user id
        child.uid(user.uid).gid(user.gid);
        child.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    for name in command.without {
        child.env_remove(name);
    }
    child.envs(command.env);
    // another user may not be allowed to stand where we stand
    let cwd = command.cwd.or_else(|| command.user.is_some().then(|| PathBuf::from("/")));
    if let Some(cwd) = cwd {
        check_directory(&cwd)?;
        child.current_dir(cwd);
    }
    child.stdin(command.stdin.map_or_else(Stdio::null, Stdio::from)).stderr(Stdio::piped());
    child.stdout(match command.stdout {
        Stdout::Lines => Stdio::piped(),
        Stdout::File(file) => Stdio::from(file),
    });
    let ticket = guard::ticket();
    let entry = ticket.entry();
    let before_exec = move || {
        settle()?;
        entry.register();
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made: sigaction, setsid, send, prctl, getppid, _exit;
    // nothing is allocated or locked, and the closure owns everything it touches.
    unsafe { child.pre_exec(before_exec) };
    match child.spawn() {
        Ok(child) => {
            ticket.started(rustix::process::Pid::from_child(&child));
            Ok(Started { child, ticket })
        }
        Err(e) => {
            ticket.done(); // it may have registered itself before exec failed
            Err(e.into())
        }
    }
}

/// Last things a child does as our code: a session of its own and the signals as every program expects them.
///
/// A session, not only a process group: a program of a background group that asks for a password on the terminal would be
/// stopped by SIGTTIN and hang; without a controlling terminal it gets an error. Ignored signals outlive exec, and these are
/// ignored by us, not for our children.
fn settle() -> io::Result<()> {
    rustix::process::setsid()?;
    for signal in [libc::SIGXFSZ, libc::SIGUSR1, libc::SIGUSR2] {
        // SAFETY: resetting a signal to its default is async-signal-safe and involves no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
}

/// The file that running `program` means; a name without `/` is looked up in `path`.
fn find(program: &OsStr, path: &OsStr) -> Result<PathBuf> {
    if program.is_empty() {
        return Err(Error::failed("no program is given"));
    }
    if program.as_bytes().contains(&b'/') {
        let program = std::path::absolute(program).doing(|| "finding it".into())?;
        return match std::fs::metadata(&program) {
            Ok(_) if is_executable(&program) => Ok(program),
            Ok(_) => Err(Error::failed("not an executable file")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Error::failed("no such file")),
            Err(e) => Err(e).doing(|| "looking at it".into()),
        };
    }
    let mut candidates = std::env::split_paths(path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(program));
    candidates.find(|path| is_executable(path)).ok_or_else(|| Error::failed("not found on PATH"))
}

/// Whether `program` could be started: it is there and executable. Names without `/` are looked up on `PATH`.
pub fn on_path(program: &OsStr) -> Option<PathBuf> {
    find(program, &std::env::var_os("PATH").unwrap_or_else(|| OsString::from(DEFAULT_PATH))).ok()
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn check_directory(path: &Path) -> Result<()> {
    let meta = std::fs::metadata(path).doing(|| format!("working directory {}", path.display()))?;
    if meta.is_dir() { Ok(()) } else { Err(Error::failed(format!("{} is not a directory", path.display()))) }
}
