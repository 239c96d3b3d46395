//! What stands beside a backup and is none itself: `verify DIR/*` names it, too.

use super::Verdict;
use crate::archive::set::sha256;
use crate::error::{Doing, Result};
use crate::store::manifest::Manifest;
use crate::store::sets::VERIFIED;
use crate::sys::files::Dir;
use std::path::Path;

/// What there is to say about such a file; none when it may be a backup itself.
pub fn verdict(path: &Path) -> Result<Option<Verdict>> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(None);
    };
    if !path.is_file() {
        return Ok(None);
    }
    if let Some(main) = name.strip_suffix(&Manifest::name_for("")) {
        return Ok(Some(manifest(path, main)));
    }
    let dir = Dir::open(parent)?;
    if let Some(main) = name.strip_suffix(&format!(".{VERIFIED}")) {
        return Ok(dir.has(main)?.then_some(Verdict::Ok));
    }
    let Some((stem, ending)) = name.rsplit_once('.') else { return Ok(None) };
    let is_near = |other: &String| other.starts_with(stem) && other.ends_with(&Manifest::name_for(""));
    for near in dir.names()?.iter().filter(|other| is_near(other)) {
        let Ok(manifest) = Manifest::read_in(&dir, near) else { continue };
        if let Some(record) = manifest.files.iter().skip(1).find(|record| record.name == name) {
            let mut file = dir.open_file(name)?;
            let is_same = sha256(&mut file).doing(|| format!("reading {}", path.display()))? == record.sha256;
            let wrong = || Verdict::Damaged(format!("it is not what {near} says"));
            return Ok(Some(if is_same { Verdict::Ok } else { wrong() }));
        }
    }
    let why = "it belongs to a backup and is none: name the backup";
    Ok(matches!(ending, "list" | "hash").then(|| Verdict::Unknown(why.to_owned())))
}

fn manifest(path: &Path, main: &str) -> Verdict {
    // of a dump that is a directory every file in it is recorded
    let is_of_main = |name: &str| name.strip_prefix(main).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match Manifest::read(path) {
        Err(error) => Verdict::Damaged(error.to_string()),
        Ok(manifest) if manifest.files.first().is_some_and(|record| is_of_main(&record.name)) => Verdict::Ok,
        Ok(_) => Verdict::Damaged("it is of another backup".to_owned()),
    }
}
