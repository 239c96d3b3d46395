//! The programs `mount` and `umount`: run with a bound on their time, what they say masked.

use super::Mask;
use crate::actions::{Context, answering};
use crate::error::{Doing, Error, Result};
use crate::sys::mounts::{self, Mount};
use crate::sys::process::{self, Command, Stream};
use crate::sys::signals::{Deadline, Limits};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// How long mounting or unmounting may take when the action has no `timeout`: longer than the two minutes that mount.nfs
/// tries by itself, and an end for everything else.
const PATIENCE: Duration = Duration::from_secs(300);

/// `mount` or `umount`.
#[derive(Debug)]
pub struct Helper {
    /// Its name.
    pub program: &'static str,
    /// What must not be shown.
    pub mask: Mask,
    /// Whether the action has a `timeout` of its own.
    pub has_timeout: bool,
}

impl Helper {
    /// Runs it. What it says is one error when it fails, and warnings when it does not. `what` is for the error.
    pub fn run(&self, args: Vec<OsString>, what: &str, cx: &Context<'_>) -> Result<()> {
        let mut said = Vec::new();
        // its messages are looked at, so they have to be in English
        let env = vec![("LC_ALL".into(), "C".into())];
        let command = Command { program: self.program.into(), args, env, ..Command::default() };
        let ended = process::run(command, &self.limits(cx), &mut |stream, line| {
            let line = self.mask.apply(line.trim());
            match stream {
                _ if line.is_empty() => {}
                Stream::Out => cx.debug(line),
                Stream::Err => said.push(line),
            }
        });
        let end = ended.doing(|| what.to_owned())?;
        if end.ok() {
            for line in &said {
                cx.warn(line);
            }
            return Ok(());
        }
        let said = if said.is_empty() { end.to_string() } else { format!("{} ({end})", said.join("; ")) };
        Err(Error::failed(format!("{what}: {said}")))
    }

    fn limits(&self, cx: &Context<'_>) -> Limits {
        let own =
            if self.has_timeout { None } else { Deadline::after(PATIENCE, "the time for mounting and unmounting") };
        let deadline = [own, cx.limits.deadline].into_iter().flatten().min();
        Limits { cancel: cx.limits.cancel.clone(), deadline }
    }
}

/// What is mounted at `point`. The table is asked first: following links in a path may mean asking a server that is gone,
/// so that is done only where everything above the point answers.
pub fn mounted_at(point: &Path, all: &[Mount], cx: &Context<'_>) -> Result<Option<Mount>> {
    if let Some(mount) = all.iter().rev().find(|mount| mount.point == point) {
        return Ok(Some(mount.clone()));
    }
    if let Some(parent) = point.parent() {
        answering::require(&[parent], cx)?;
    }
    mounts::mounted_at(point)
}
