//! Whether a set still is what its manifest says.

use crate::actions::Context;
use crate::error::{Doing, Error, Kind, Result};
use crate::store::manifest::{FileRecord, Manifest, hex};
use crate::store::proof::{Finding, Proof};
use crate::sys::files::{self, Dir};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::path::Path;
use time::format_description::well_known::Rfc3339;

/// How closely a set is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Every byte is read.
    Content,
    /// Files must be there with their size (`verify: false`).
    Size,
}

/// Checks every file of the set with this main file; the error says what is wrong. What reading it proves is recorded beside
/// the set, so that a rotation does not count a damaged one.
pub fn prove(main: &Path, depth: Depth, cx: &Context<'_>) -> Result<()> {
    let found = check(main, depth, cx);
    let result = match &found {
        Err(error) if error.kind() == Kind::Failed => Finding::Damaged,
        Ok(()) if depth == Depth::Content => Finding::Ok,
        _ => return found,
    };
    let reason = found.as_ref().err().map(ToString::to_string);
    let time = cx.run.now.format(&Rfc3339).unwrap_or_default();
    // a destination that is mounted read-only, or a set that is not there
    if main.exists()
        && let Err(error) = (Proof { time, result, reason }).write(main)
    {
        cx.debug(error.to_string());
    }
    found
}

fn check(main: &Path, depth: Depth, cx: &Context<'_>) -> Result<()> {
    let (Some(parent), Some(name)) = (main.parent(), main.file_name().and_then(OsStr::to_str)) else {
        return Err(Error::failed(format!("{} is not the name of a set", main.display())));
    };
    let dir = match Dir::open(parent) {
        Err(error) if files::is(&error, ErrorKind::NotFound) => return Err(missing(main)),
        other => other?,
    };
    if !dir.has(name)? {
        return Err(missing(main));
    }
    let manifest = Manifest::read_in(&dir, &Manifest::name_for(name))?;
    for record in &manifest.files {
        let path = dir.join(&record.name);
        let file = open(&dir, &record.name)
            .map_err(|error| if files::is(&error, ErrorKind::NotFound) { missing(&path) } else { error })?;
        let size = file.metadata().doing(|| format!("looking at {}", path.display()))?.len();
        if size != record.size {
            let message = format!("{} has {size} bytes instead of {}", path.display(), record.size);
            return Err(Error::failed(message));
        }
        if depth == Depth::Content {
            compare(file, record, cx).doing(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn missing(path: &Path) -> Error {
    Error::failed(format!("{} is missing", path.display()))
}

/// A file of a set: beside the main file, or one level deep in a directory dump.
fn open(dir: &Dir, name: &str) -> Result<std::fs::File> {
    match name.split_once('/') {
        None => dir.open_file(name),
        Some((inner, name)) if !name.contains('/') && inner != ".." && name != ".." => {
            dir.open_dir(inner)?.open_file(name)
        }
        Some(_) => Err(Error::failed(format!("the manifest names `{}`", name.escape_default()))),
    }
}

fn compare(mut file: std::fs::File, record: &FileRecord, cx: &Context<'_>) -> Result<()> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        cx.limits.check()?;
        let length = file.read(&mut buffer).doing(|| "reading".into())?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
        sha256.update(bytes);
    }
    if hex(&sha256.finalize()).eq_ignore_ascii_case(&record.sha256) {
        return Ok(());
    }
    Err(Error::failed("its content is not what was written: it is damaged"))
}
