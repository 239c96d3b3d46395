//! Where a restore works: in a target that is in use, or aside in one that is empty.

use super::Request;
use crate::archive::restore::Place;
use crate::error::{Doing, Error, Result};
use crate::output;
use crate::sys::files::{Dir, Readers};
use crate::sys::tree;
use std::ffi::CString;
use std::path::Path;

/// Where everything is as long as it is incomplete begins with this.
const ASIDE: &str = "krista-backup.incomplete-";

/// What a directory is called in which this process puts together what is not complete yet.
pub fn aside() -> String {
    format!("{ASIDE}{}", std::process::id())
}

/// Opens the target: created when missing, refused when something is in it. A target without anything in it gets nothing
/// before all of it is there: until then it stands aside under the name that is returned.
pub fn place(to: &Path, request: &Request) -> Result<(Place, Option<String>)> {
    let dir = Dir::create(to, Readers::Owner)?;
    let state = refuse_full(&dir, request)?;
    let top = tree::Dir::of(dir.into_file());
    let name = aside();
    let c_name = |name: &str| CString::new(name).doing(|| "naming the target".to_owned());
    Ok(match state {
        State::InUse => (Place::Straight(top, c_name(&format!(".{name}"))?), None),
        State::Empty => (Place::Aside(top, c_name(&name)?), Some(name)),
    })
}

/// Whether a target has anything in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not.
    Empty,
    /// It has, and `--force` was given.
    InUse,
}

/// Refuses a target with something in it unless `--force` was given.
pub fn refuse_full(dir: &Dir, request: &Request) -> Result<State> {
    // a new file system has that
    if !dir.holds_anything_but(&["lost+found"])? {
        return Ok(State::Empty);
    }
    let mut left = dir.names()?;
    left.retain(|name| name.trim_start_matches('.').starts_with(ASIDE));
    if !left.is_empty() {
        let left = left.join(", ");
        let what = format!("{} holds {left} of a restore that is still at work or did not end", dir.path().display());
        if !request.force {
            return Err(Error::usage(format!("{what}: wait for it, or remove that and restore again")));
        }
        output::note(&format!("{what}: remove that when it is not needed any more"));
    }
    if !request.force {
        let hint = "--force restores over what is there";
        return Err(Error::usage(format!("{} is not empty ({hint})", dir.path().display())));
    }
    Ok(State::InUse)
}
