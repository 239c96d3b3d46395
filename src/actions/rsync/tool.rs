//! The rsync program: found, trusted, run without anybody to ask.

use crate::actions::Context;
use crate::error::{Error, Result};
use crate::sys::process::{self, Command, End, Stream};
use crate::sys::trust;
use std::ffi::OsString;
use std::path::PathBuf;

/// `command_path` or what `PATH` has. Fails when there is none, or when somebody else could change what root would run (P25).
pub fn find(command_path: &OsString) -> Result<PathBuf> {
    let found = process::on_path(command_path).ok_or_else(|| {
        let name = command_path.to_string_lossy();
        let hint =
            if name.contains('/') { "check `command_path`" } else { "install the package rsync or set `command_path`" };
        Error::failed(format!("there is no program `{name}`: {hint}"))
    })?;
    trust::program(&found)?;
    Ok(found)
}

/// Runs it. There is no terminal and no standard input, and ssh is told not to ask elsewhere: a question for a password or a
/// host key fails at once instead of hanging a run at night.
pub fn run(
    program: PathBuf,
    args: Vec<OsString>,
    cx: &Context<'_>,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<End> {
    let env = [("LC_MESSAGES", "C"), ("SSH_ASKPASS", "/bin/false"), ("SSH_ASKPASS_REQUIRE", "never")];
    let env = env.map(|(name, value)| (name.into(), value.into())).to_vec();
    let command = Command { program: program.into(), args, env, ..Command::default() };
    process::run(command, &cx.limits, on_line)
}

/// What an exit status means, after rsync(1); none when the manual does not know it either.
pub fn meaning(status: i32) -> Option<&'static str> {
    Some(match status {
        1 => "wrong options",
        2 => "the two versions of rsync do not understand each other",
        3 => "a source or destination cannot be used",
        4 => "an option is not supported",
        5 => "the server refused the transfer",
        10 => "the connection failed",
        11 => "reading or writing a file failed",
        12 => "the connection broke, or there is no rsync at the other end",
        13 | 14 => "it could not talk to its own processes",
        20 => "it was ended by a signal",
        21 => "waiting for a process failed",
        22 => "there is not enough memory",
        23 => "some files were not transferred",
        24 => "some files vanished before they were transferred",
        25 => "`--max-delete` stopped it",
        30 => "no data came for too long",
        35 => "the server did not answer in time",
        127 => "a program it needs is missing",
        255 => "ssh failed",
        _ => return None,
    })
}
