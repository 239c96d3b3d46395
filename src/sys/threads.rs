//! Threads, where the system may have none left to give.

use crate::error::{Doing, Result};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Starts a thread of this name that ends with the scope. Fails where a limit of processes is reached; nothing of `work` has
/// happened then.
pub fn start<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    let doing = || "starting a thread (is a limit of processes reached?)".to_owned();
    Builder::new().name(name.to_owned()).spawn_scoped(scope, work).doing(doing)
}

/// Starts up to `count` threads that do the same; how many there are now. Fails when there is not even one.
pub fn start_some<'scope, 'env, W: FnOnce() + Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    (name, count): (&str, usize),
    mut work: impl FnMut() -> W,
) -> Result<usize> {
    for started in 0..count {
        match start(scope, name, work()) {
            Ok(_) => {}
            Err(error) if started == 0 => return Err(error),
            Err(_) => return Ok(started),
        }
    }
    Ok(count)
}
