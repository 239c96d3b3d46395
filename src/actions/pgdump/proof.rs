//! Proving a dump before it gets its name (P6).

use super::dump::{Job, Subject, listen, reach_folder};
use super::settings::Format;
use super::staged::{Body, rewound};
use super::verify::{self, Proof};
use crate::error::{Doing, Error, Result};
use crate::sys::files::Dir;
use std::path::Path;

/// Reads the dump back (P6); whether it was proven complete. Fails when it is not.
pub fn prove(job: &Job<'_>, subject: &Subject, format: Format, body: &mut Body) -> Result<bool> {
    if !job.settings.verify {
        return Ok(false);
    }
    let proof = match body {
        Body::File(draft) if format == Format::Plain => {
            let closing = if *subject == Subject::Globals { verify::CLUSTER_CLOSING } else { verify::CLOSING };
            verify::plain(rewound(draft)?, closing)?
        }
        body => decode(job, subject, format, body)?,
    };
    match proof {
        Proof::Complete => Ok(true),
        Proof::Damaged => Err(Error::failed("the dump is incomplete: it could not be read back to its end")),
        Proof::Unknown => {
            job.cx.warn(format!("{}: nothing here can read this dump back: it stays unverified", subject.shown()));
            Ok(false)
        }
    }
}

/// Has `pg_restore` turn the dump into SQL for nobody: unlike `--list` this reads all of it.
fn decode(job: &Job<'_>, subject: &Subject, format: Format, body: &mut Body) -> Result<Proof> {
    let Some(pg_restore) = &job.tools.restore else { return Ok(Proof::Unknown) };
    let args = vec!["--file=/dev/null".into(), format!("--format={}", format.word()).into()];
    let mut command = job.session.local_command(&pg_restore.path, args);
    match body {
        Body::File(draft) => command.stdin = Some(rewound(draft)?),
        Body::Folder(dir) => {
            if members(dir)? == Proof::Damaged {
                return Ok(Proof::Damaged);
            }
            let place = reach_folder(job, dir, &mut command)?;
            command.args.push(place);
        }
    }
    let heard = listen(job, subject, command).doing(|| "reading the dump back".into())?;
    Ok(if heard.end.ok() { Proof::Complete } else { Proof::Damaged })
}

/// Looks at every file of a directory dump by itself: `pg_restore` takes an empty one, and any uncompressed one that was cut
/// off, for complete (seen with version 15).
pub fn members(dir: &Path) -> Result<Proof> {
    let dir = Dir::open(dir)?;
    for name in dir.strict_names()? {
        if verify::member(&name, dir.open_file(&name)?)? == Proof::Damaged {
            return Ok(Proof::Damaged);
        }
    }
    Ok(Proof::Complete)
}
