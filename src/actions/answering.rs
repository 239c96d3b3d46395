//! Whether a file system answers at all. A network mount whose server is gone hangs everybody who touches it, in the kernel,
//! where no timeout of ours reaches: so it is asked from a thread that can be left behind, before we touch it ourselves.

use crate::actions::Context;
use crate::error::{Doing, Error, Kind, Result};
use crate::sys::space;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long a file system may take to answer: a sleeping disk array needs some 20 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often we look at whether we are to stop.
const NAP: Duration = Duration::from_millis(100);

/// Fails with the kind `TimedOut` when one of these paths lies on a file system that does not answer. A path that does not
/// exist, or may not be looked at, does answer.
pub fn require(paths: &[&Path], cx: &Context<'_>) -> Result<()> {
    let (sender, answers) = mpsc::channel();
    let mut silent: Vec<PathBuf> = Vec::with_capacity(paths.len());
    for path in paths {
        let (asked, sender) = (path.to_path_buf(), sender.clone());
        let ask = move || {
            let _ = space::of(&asked);
            // nobody listens any more when the answer comes too late
            let _ = sender.send(asked);
        };
        let thread = std::thread::Builder::new().name("answering".into()).stack_size(64 * 1024);
        if thread.spawn(ask).is_ok() {
            silent.push(path.to_path_buf());
        }
    }
    let start = Instant::now();
    while let Some(path) = silent.first() {
        cx.limits.check().doing(|| format!("waiting for {}, which does not answer", path.display()))?;
        if start.elapsed() >= PATIENCE {
            return Err(hangs(path));
        }
        match answers.recv_timeout(NAP) {
            Ok(answered) => silent.retain(|path| *path != answered),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
    Ok(())
}

fn hangs(path: &Path) -> Error {
    let seconds = PATIENCE.as_secs();
    let message = format!("{} does not answer for {seconds} s: its server or device is gone or hangs", path.display());
    Error::new(Kind::TimedOut, message)
}
