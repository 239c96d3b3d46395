//! Dumps that are on disk already: what they are, and whether they are whole.

use super::connection::Session;
use super::proof::members;
use super::tools::{self, Tool};
use super::verify::{self, CLOSING, CLUSTER_CLOSING, GZIP, Proof};
use crate::actions::context::Context;
use crate::error::{Doing, Error, Result};
use crate::sys::files::{self, Dir};
use crate::sys::process::{self, Command};
use flate2::read::MultiGzDecoder;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// How much of a plain dump may come before what it makes.
const PREAMBLE: u64 = 1 << 20;

/// What a dump turns out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For `pg_restore`: custom or tar format.
    Packed,
    /// For `pg_restore`: a directory.
    Folder,
    /// SQL for psql, perhaps packed with gzip.
    Plain,
}

/// What the dump at `path` is. Fails when it cannot be read.
pub fn form(path: &Path) -> Result<Form> {
    let doing = || format!("reading {}", path.display());
    if std::fs::symlink_metadata(path).doing(doing)?.is_dir() {
        return Ok(Form::Folder);
    }
    let mut start = Vec::new();
    open(path)?.take(512).read_to_end(&mut start).doing(doing)?;
    let packed = start.starts_with(b"PGDMP") || start.get(257..262) == Some(b"ustar");
    Ok(if packed { Form::Packed } else { Form::Plain })
}

/// Opens a dump's file, never through a link.
pub fn open(path: &Path) -> Result<File> {
    let name = path.file_name().and_then(OsStr::to_str);
    let name = name.ok_or_else(|| Error::failed(format!("{} has no name that could be read", path.display())))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = Dir::open(parent)?.open_file(name)?;
    // a cleaner leaves it alone while it is open; where there are no locks reading is still better than not
    let _ = files::try_lock_shared(&file);
    Ok(file)
}

/// Whether a dump's file was packed by gzip; where it is read next stays as it was.
pub fn is_packed(dump: &File) -> std::io::Result<bool> {
    let mut magic = [0; GZIP.len()];
    match dump.read_exact_at(&mut magic, 0) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| magic == GZIP),
    }
}

/// The lines of what a plain dump begins with, unpacked.
pub fn preamble(path: &Path) -> Result<impl Iterator<Item = std::io::Result<Vec<u8>>>> {
    let start = open(path)?;
    let packed = is_packed(&start).doing(|| format!("reading {}", path.display()))?;
    let start = BufReader::new(start);
    let text: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(start)) } else { Box::new(start) };
    Ok(BufReader::new(text.take(PREAMBLE)).split(b'\n'))
}

/// Whether a plain dump leaves the database it is fed to, as `pg_dump --create` makes it do before anything else.
pub fn connects_elsewhere(path: &Path) -> Result<bool> {
    for line in preamble(path)? {
        // what cannot be unpacked is for whoever proves it
        let Ok(line) = line else { break };
        if line.starts_with(b"\\connect ") {
            return Ok(true);
        }
        let makes = line.starts_with(b"CREATE ") && !line.starts_with(b"CREATE DATABASE ");
        if makes || line.starts_with(b"COPY ") {
            break;
        }
    }
    Ok(false)
}

/// Decodes a dump to its end.
pub fn prove(path: &Path, pg_restore: Option<&Tool>, session: &Session, cx: &Context<'_>) -> Result<Proof> {
    let form = form(path)?;
    if form == Form::Plain {
        return match verify::plain(open(path)?, CLOSING)? {
            Proof::Damaged => verify::plain(open(path)?, CLUSTER_CLOSING),
            other => Ok(other),
        };
    }
    if form == Form::Folder && members(path)? == Proof::Damaged {
        return Ok(Proof::Damaged);
    }
    let Some(tool) = pg_restore else { return Ok(Proof::Unknown) };
    let mut command = session.local_command(&tool.path, vec!["--file=/dev/null".into()]);
    reach(path, form, &mut command)?;
    let end = process::run(command, &cx.limits, &mut |_, line| cx.debug(format!("pg_restore: {line}")))?;
    Ok(if end.ok() { Proof::Complete } else { Proof::Damaged })
}

/// Lets a child that only decodes read the dump, wherever it lies.
pub fn reach(path: &Path, form: Form, command: &mut Command) -> Result<()> {
    if form == Form::Folder {
        // its files are ours, so nobody else could open them; nothing is connected to
        command.user = None;
        command.args.extend(["--format=directory".into(), path.into()]);
        return Ok(());
    }
    // open already: another user could not open it
    command.stdin = Some(open(path)?);
    Ok(())
}

/// The newest `pg_restore` there is.
pub fn pg_restore(installed: &tools::Installed, session: &Session, cx: &Context<'_>) -> Option<Tool> {
    tools::companion("pg_restore", installed.newest()?, session, cx)
}
