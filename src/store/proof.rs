//! When a set was last proven: `<main file>.verified`, part of the set and gone with it. See `docs/formats.md`.

use crate::error::{Doing, Result};
use crate::store::publish::put_beside;
use crate::store::sets::{Origin, Set, VERIFIED};
use crate::sys::files::{self, Dir};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// No proof is longer.
const MAX_BYTES: u64 = 64 << 10;

/// What came of reading a set back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// Every byte was read back and decoded.
    Ok,
    /// Something is wrong with it.
    Damaged,
}

/// What is known about whether sets can be read back. The order is that of trust.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Proven {
    /// One of them is damaged.
    Damaged,
    /// One of them was never read back.
    Never,
    /// Each was read back; the one that was not for the longest time at this moment, if only when it was written.
    At(OffsetDateTime),
}

impl Proven {
    /// What is known about the newest sets of a level (of every database); none when there are no sets.
    pub fn newest(sets: &[Set], level: Option<u8>) -> Option<Self> {
        let mut sets: Vec<_> =
            sets.iter().filter(|set| set.parts.level.is_none() || set.parts.level == level).collect();
        let newest = sets.iter().map(|set| set.time).max()?;
        sets.retain(|set| set.time == newest);
        sets.into_iter().map(Self::of).min()
    }

    fn of(set: &Set) -> Self {
        let at = |time: &str| OffsetDateTime::parse(time, &Rfc3339).map_or(Self::Never, Self::At);
        match (Proof::read(set), &set.origin) {
            (_, Origin::Damaged(_)) => Self::Damaged,
            (Ok(Some(proof)), _) if proof.result == Finding::Damaged => Self::Damaged,
            (Ok(Some(proof)), _) => at(&proof.time),
            (_, Origin::Ours(manifest)) if manifest.verified => at(&manifest.run_time),
            _ => Self::Never,
        }
    }
}

/// The last verification of a set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proof {
    /// When, RFC 3339 with the local offset.
    pub time: String,
    /// With what result.
    pub result: Finding,
    /// What is damaged, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Proof {
    /// The last verification of a set; none when it was never verified after it was written. Without a manifest a change of the
    /// main file shows in nothing but its time.
    pub fn read(set: &Set) -> Result<Option<Self>> {
        let Some(name) = set.main.file_name().and_then(OsStr::to_str) else { return Ok(None) };
        let dir = Dir::open(set.main.parent().unwrap_or(Path::new("/")))?;
        let name = format!("{name}.{VERIFIED}");
        let doing = || format!("reading {}", dir.join(&name).display());
        let mut bytes = Vec::new();
        match dir.open_file(&name) {
            Ok(file) => file.take(MAX_BYTES).read_to_end(&mut bytes).doing(doing)?,
            Err(error) if files::is(&error, ErrorKind::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let proof: Self = serde_json::from_slice(&bytes).doing(doing)?;
        let is_stale = set.origin == Origin::Kb17 && proof.is_older_than(&set.main);
        Ok(Some(proof).filter(|_| !is_stale))
    }

    fn is_older_than(&self, main: &Path) -> bool {
        let changed = std::fs::symlink_metadata(main).map_or(0, |meta| meta.mtime());
        OffsetDateTime::parse(&self.time, &Rfc3339).is_ok_and(|time| time.unix_timestamp() < changed)
    }

    /// Records it beside the main file of a set, in place of an earlier one.
    pub fn write(&self, main: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).doing(|| "writing a verification result".into())?;
        text.push(b'\n');
        put_beside(main, VERIFIED, &text)
    }
}

/// What is known to be wrong with a set: what shows, else what its last verification found.
pub fn damage(set: &Set) -> Option<String> {
    if let Origin::Damaged(reason) = &set.origin {
        return Some(reason.clone());
    }
    // a proof that cannot be read proves nothing
    let proof = Proof::read(set).ok().flatten().filter(|proof| proof.result == Finding::Damaged)?;
    Some(proof.reason.unwrap_or_else(|| format!("found by a verification of {}", proof.time)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::publish::{self, Existing, Withdrawn, withdraw};
    use crate::store::sets::find;
    use crate::store::testing::{Scratch, archives, publish};
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    const MAIN: &str = "app-20200701_000000-0.tar.gz";

    fn proof(result: Finding) -> Proof {
        Proof { time: "2026-01-02T03:04:05+03:00".into(), result, reason: None }
    }

    #[test]
    fn a_proof_is_part_of_its_set() {
        let scratch = Scratch::new();
        let source = archives(scratch.path());
        publish(scratch.path(), Existing::Refuse, &[(MAIN, "x")]).unwrap();
        assert_eq!(Proof::read(&find(&source).unwrap()[0]).unwrap(), None);
        for result in [Finding::Ok, Finding::Damaged] {
            proof(result).write(&scratch.path().join(MAIN)).unwrap();
            let set = find(&source).unwrap().remove(0);
            assert_eq!((Proof::read(&set).unwrap(), set.files.len()), (Some(proof(result)), 3));
        }
        assert_eq!(withdraw(&find(&source).unwrap()[0]).unwrap(), Withdrawn::Removed);
        assert!(scratch.names().is_empty());
    }

    /// What KB17 wrote has no manifest that would tell that it was cut off since.
    #[test]
    fn what_changed_after_it_was_proven_is_not_proven() {
        let scratch = Scratch::new();
        let source = archives(scratch.path());
        let main = scratch.path().join(MAIN);
        scratch.write(MAIN, "x");
        proof(Finding::Ok).write(&main).unwrap();
        for (seconds, known) in [(1_767_312_245, true), (1_767_312_246, false)] {
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(&main).unwrap().set_modified(changed).unwrap();
            let set = find(&source).unwrap().remove(0);
            assert_eq!((set.origin == Origin::Kb17, Proof::read(&set).unwrap().is_some()), (true, known));
        }
    }

    #[test]
    fn no_proof_without_a_set_and_its_leftover_is_swept() {
        let scratch = Scratch::new();
        assert!(proof(Finding::Ok).write(&scratch.path().join(MAIN)).is_err());
        scratch.write(&format!(".{MAIN}.verified.part"), "{");
        assert_eq!(publish::sweep(&archives(scratch.path())).unwrap().len(), 1);
        assert!(scratch.names().is_empty());
    }
}
