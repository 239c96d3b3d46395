//! One step of the store, alone in a process, for the fault tests: they kill it, starve it and make its system calls fail.
//!
//! `publish_one STEP DIR`: `new`, `replace`, `folder` and `refolder` publish a set, `withdraw` removes the oldest one, `sweep` removes
//! leftovers. Exit status 1 and a line on stderr when the step failed.

#![allow(clippy::print_stderr)]

use krista_backup::error::{Doing, Error, Result};
use krista_backup::store::manifest::{FORMAT, FileRecord, Manifest, hex};
use krista_backup::store::naming::{Family, Scheme};
use krista_backup::store::publish::{self, Existing, Staging};
use krista_backup::store::sets::{Folder, Source, find};
use sha2::Digest;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Enough for several writes, little enough for a hundred runs.
const BYTES: usize = 200_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let result = match args.as_slice() {
        [_, step, dir] => run(step, Path::new(dir)),
        _ => Err(Error::usage("publish_one STEP DIR")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(step: &str, dir: &Path) -> Result<()> {
    let source = source(dir, if step.contains("folder") { Family::Dumps } else { Family::Files });
    publish::sweep(&source)?;
    match step {
        "new" => plain(&source, "20200703", Existing::Refuse),
        "replace" => plain(&source, "20200701", Existing::Replace),
        "folder" => folder(&source, "20200703", Existing::Refuse),
        "refolder" => folder(&source, "20200701", Existing::Replace),
        "withdraw" => find(&source)?.first().map_or(Ok(()), |set| publish::withdraw(set).map(|_| ())),
        "sweep" => publish::sweep(&self::source(dir, Family::Dumps)).map(|_| ()),
        _ => Err(Error::usage(format!("no step `{step}`"))),
    }
}

fn source(dir: &Path, family: Family) -> Source {
    let is_dump = family == Family::Dumps;
    Source {
        action: "tested".into(),
        family,
        basename: "app".into(),
        scheme: Scheme::default_scheme(),
        folders: vec![Folder { level: (!is_dump).then_some(0), dir: dir.to_owned() }],
        level: (!is_dump).then_some(0),
        extensions: vec![if is_dump { "pgdump" } else { "tar.gz" }.into()],
        list_extension: "list".into(),
        shield: krista_backup::patterns::Patterns::default(),
        rivals: Vec::new(),
    }
}

/// What a new file of this name holds: not what the tests put there before.
fn content(name: &str) -> Vec<u8> {
    name.bytes().cycle().take(BYTES).collect()
}

fn record(name: &str) -> FileRecord {
    FileRecord { name: name.to_owned(), size: BYTES as u64, sha256: hex(&sha2::Sha256::digest(content(name))) }
}

fn write(mut file: impl Write, name: &str) -> Result<()> {
    for chunk in content(name).chunks(1 << 16) {
        file.write_all(chunk).doing(|| format!("writing {name}"))?;
    }
    Ok(())
}

fn manifest(day: &str, files: Vec<FileRecord>) -> Manifest {
    let (year, rest) = day.split_at(4);
    let (month, day) = rest.split_at(2);
    let run_time = format!("{year}-{month}-{day}T00:00:00+03:00");
    Manifest { format: FORMAT, action: "tested".into(), run_time, files, ..Manifest::default() }
}

fn dir_of(source: &Source) -> &Path {
    source.dirs().first().copied().unwrap_or(Path::new("."))
}

fn plain(source: &Source, day: &str, existing: Existing) -> Result<()> {
    let names = ["tar.gz", "list", "hash"].map(|ext| format!("app-{day}_000000-0.{ext}"));
    let mut staging = Staging::begin(dir_of(source), existing, None)?;
    let staged = names.iter().try_for_each(|name| write(staging.create(name)?.file, name));
    finish(staging, staged, &manifest(day, names.iter().map(|name| record(name)).collect()))
}

fn folder(source: &Source, day: &str, existing: Existing) -> Result<()> {
    let name = format!("app-x-{day}_000000.pgdump");
    let mut staging = Staging::begin(dir_of(source), existing, None)?;
    let files = ["1.dat", "toc.dat"];
    let staged = staging.create_dir(&name, None).and_then(|path| {
        files.iter().try_for_each(|file| {
            let path = path.join(file);
            write(
                std::fs::File::create(&path).doing(|| format!("creating {}", path.display()))?,
                &format!("{name}/{file}"),
            )
        })
    });
    finish(staging, staged, &manifest(day, files.iter().map(|file| record(&format!("{name}/{file}"))).collect()))
}

fn finish(staging: Staging, staged: Result<()>, manifest: &Manifest) -> Result<()> {
    match staged {
        Ok(()) => staging.commit(manifest).map(|_| ()),
        Err(error) => {
            staging.discard()?;
            Err(error)
        }
    }
}
