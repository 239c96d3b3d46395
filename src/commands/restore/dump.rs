//! Dumps: copied out, or restored into a new database.

use super::{Job, place};
use crate::actions::context::Context;
use crate::actions::pgdump::{self, Flawed, GLOBALS, Name, Names, Old, Restored, Taken, Wanted};
use crate::commands::desk;
use crate::commands::verify::compare;
use crate::error::{Doing, Error, Exit, Kind, Result};
use crate::output::{self, Colour, Target};
use crate::run::moment;
use crate::store::family::{self, minute};
use crate::store::sets::{Origin, Set};
use crate::sys::files::{Dir, EntryKind, Readers};
use crate::sys::tree::Dir as Handle;
use crate::units::show_bytes;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;

/// Restores dumps.
pub fn restore(job: &Job<'_>) -> Result<Exit> {
    if !job.request.only.is_empty() {
        return Err(Error::usage("--only is for files: name a database with --db"));
    }
    let found = job.lineage.find()?;
    let newest = newest(job, &found.sets)?;
    if job.request.list {
        for set in newest.values() {
            output::line(&format!("{}  {:>10}  {}", minute(set.time), show_bytes(set.size), shown(&database(set))))?;
        }
        return Ok(Exit::Done);
    }
    match &job.request.to_db {
        Some(into) => into_database(job, &newest, into),
        None if job.request.to.is_some() => copy_out(job, &newest),
        None => Err(Error::usage("restore needs --to DIR for the files, or --db NAME --to-db NEW for a new database")),
    }
}

fn database(set: &Set) -> String {
    set.parts.dbname.clone().unwrap_or_default()
}

fn shown(name: &str) -> String {
    if name == GLOBALS { "(roles and tablespaces)".into() } else { name.escape_debug().to_string() }
}

/// The newest dump of every database at or before the time asked for.
fn newest<'a>(job: &Job<'_>, sets: &'a [Set]) -> Result<BTreeMap<String, &'a Set>> {
    let mut found = BTreeMap::new();
    for set in sets.iter().filter(|set| job.at.is_none_or(|at| set.time <= at)) {
        // oldest first
        found.insert(database(set), set);
    }
    if let Some(wanted) = &job.request.db {
        let Some(set) = found.get(wanted).copied() else {
            let known: Vec<_> = found.keys().filter(|name| *name != GLOBALS).map(|name| shown(name)).collect();
            let known = if known.is_empty() {
                "there are none at all".into()
            } else {
                format!("there are: {}", known.join(", "))
            };
            return Err(Error::failed(format!("there is no dump of {wanted:?} at that time; {known}")));
        };
        // roles go with a database of the same run only
        found.retain(|name, other| name == wanted || name == GLOBALS && other.time == set.time);
    }
    if found.is_empty() {
        return Err(Error::failed(format!("{}: {}", job.request.unit, family::Nothing::Empty)));
    }
    Ok(found)
}

fn into_database(job: &Job<'_>, newest: &BTreeMap<String, &Set>, into: &str) -> Result<Exit> {
    desk::listen();
    let facts = desk::facts(Some(job.config), "restore");
    // the number, because another restore may begin within the same second
    let names = Names::new(into, &format!("{}-{}", moment::stamp(facts.now), std::process::id()))?;
    let mut databases = newest.values().filter(|set| database(set) != GLOBALS);
    let (Some(set), None) = (databases.next(), databases.next()) else {
        let names: Vec<_> = newest.keys().filter(|name| *name != GLOBALS).map(|name| shown(name)).collect();
        return Err(Error::usage(format!("--db has to say which one of: {}", names.join(", "))));
    };
    let damage = whole(job, set)?;
    let globals = newest.get(GLOBALS).filter(|globals| globals.time == set.time);
    output::note(&format!("restoring {} ({}) into {into:?}", set.main.display(), minute(set.time)));
    let cx = Context::new(&facts, "restore", job.limits.clone());
    let wanted = Wanted {
        dump: &set.main,
        globals: globals.map(|set| set.main.as_path()),
        names: &names,
        existing: if job.request.force { Taken::Rename } else { Taken::Refuse },
        flawed: if job.request.keep_going { Flawed::Named } else { Flawed::Aside },
    };
    let dumps = job.lineage.step().and_then(|step| step.action.dumps());
    let dumps = dumps.ok_or_else(|| Error::failed("there is no action that could connect to the server"))?;
    let mut done = dumps.restore(&wanted, &cx).doing(|| format!("restoring {into:?}"))?;
    done.errors += damage;
    Ok(tell(&names, &done))
}

/// Says how a restore into a database ended.
fn tell(names: &Names, done: &Restored) -> Exit {
    let Names { wanted, incomplete, before } = names;
    let errors = match done.errors {
        0 => String::new(),
        1 => " with 1 error, see above".to_owned(),
        count => format!(" with {count} errors, see above"),
    };
    let (line, by) = match &done.name {
        Name::Wanted => {
            if done.old == Old::Renamed {
                output::note(&format!("the database that was called {wanted:?} is now {before:?}"));
            }
            (format!("restored into {wanted:?}{errors}"), None)
        }
        Name::Flawed => {
            let live = if done.old == Old::Renamed { format!(", {wanted:?} is as it was") } else { String::new() };
            (format!("restored{errors}: it is in {incomplete:?}{live}"), Some(done.old))
        }
        Name::Refused(error) => {
            let what = if done.errors == 0 { "everything was restored" } else { "restored" };
            let line = format!("{what} into {incomplete:?}{errors}, but it could not be renamed: {error}");
            (line, Some(done.old))
        }
    };
    let good = by.is_none() && done.errors == 0;
    let (colour, exit) = if good { (Colour::Green, Exit::Done) } else { (Colour::Red, Exit::Failed) };
    output::note(&output::coloured(Target::Stderr, colour, &output::printable(&line)));
    if let Some(old) = by {
        let first = match old {
            Old::Renamed => format!("disconnect the clients of {wanted:?}, then "),
            Old::None => String::new(),
        };
        let rename = names.rename(old);
        let text = match done.name {
            Name::Flawed => format!("if the errors do not matter: {first}{rename} To be rid of it: {}", names.drop()),
            _ => format!("to use it: {first}{rename}"),
        };
        output::note(&output::printable(&text));
    }
    exit
}

/// Fails when the files of a dump are not those its manifest tells of; with `--keep-going` that is one error, and said.
fn whole(job: &Job<'_>, set: &Set) -> Result<u64> {
    let result = match &set.origin {
        Origin::Damaged(reason) => Err(Error::failed(reason.clone())),
        Origin::Kb17 => Ok(()),
        Origin::Ours(manifest) => compare(&set.main, manifest),
    };
    match result {
        Err(error) if job.request.keep_going && error.kind() == Kind::Failed => {
            output::note(&format!("{} is damaged: {error}", set.main.display()));
            Ok(1)
        }
        other => other.map(|()| 0).doing(|| {
            let hint = "--at TIME takes an earlier one, --keep-going what can be read of it";
            format!("{} is damaged ({hint})", set.main.display())
        }),
    }
}

/// Copies the files of the dumps, each checked against its manifest. They get their places when all of them are there.
fn copy_out(job: &Job<'_>, newest: &BTreeMap<String, &Set>) -> Result<Exit> {
    let to = job.target()?;
    let dir = Dir::create(to, Readers::Owner)?;
    place::refuse_full(&dir, job.request)?;
    let name = place::aside();
    let aside = dir.create_dir(&name)?;
    let left = || format!("the restore is incomplete; what was copied so far is in {}", aside.path().display());
    let (bytes, damaged) = copy_sets(job, newest, &aside).doing(left)?;
    put_in_place(newest, &aside, &dir).doing(left)?;
    dir.remove_tree(&name)?;
    dir.sync()?;
    let line = format!("restored {} dumps, {} to {}", newest.len(), show_bytes(bytes), to.display());
    let (line, colour, exit) = match damaged {
        0 => (line, Colour::Green, Exit::Done),
        count => (format!("{line}, {count} of them damaged, see above"), Colour::Red, Exit::Failed),
    };
    output::note(&output::coloured(Target::Stderr, colour, &line));
    Ok(exit)
}

/// How many bytes that was, and how many of the dumps are damaged.
fn copy_sets(job: &Job<'_>, newest: &BTreeMap<String, &Set>, to: &Dir) -> Result<(u64, u64)> {
    let (mut bytes, mut damaged) = (0, 0);
    for set in newest.values() {
        let damage = whole(job, set)?;
        damaged += damage;
        for file in &set.files {
            job.limits.check()?;
            bytes += copy(file, to)?;
        }
        if let (Origin::Ours(manifest), 0) = (&set.origin, damage) {
            compare(&to.join(&family::name(set)), manifest).doing(|| "comparing the copy".to_owned())?;
        }
    }
    to.sync()?;
    Ok((bytes, damaged))
}

/// Moves what was copied up, the dump itself after what belongs to it. What has its name is replaced.
fn put_in_place(newest: &BTreeMap<String, &Set>, from: &Dir, to: &Dir) -> Result<()> {
    let handle = |dir: &Dir| dir.file().try_clone().map(Handle::of).doing(|| "opening the target".to_owned());
    let (source, target) = (handle(from)?, handle(to)?);
    for set in newest.values() {
        let others = set.files.iter().filter(|file| **file != set.main);
        for file in others.chain([&set.main]) {
            let name = name(file);
            let doing = || format!("putting {} in its place", to.join(name).display());
            if to.facts(name)?.is_some_and(|old| old.kind == EntryKind::Dir) {
                to.remove_tree(name)?;
            }
            target.take(&source, &CString::new(name).doing(doing)?).doing(doing)?;
        }
    }
    Ok(())
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default()
}

/// Copies a file, or a directory of files; how many bytes that was.
fn copy(file: &Path, to: &Dir) -> Result<u64> {
    let name = name(file);
    let doing = || format!("copying {}", file.display());
    if file.is_dir() {
        let from = Dir::open(file)?;
        let inside = to.create_dir(name)?;
        let names = from.strict_names()?;
        return names.iter().map(|name| copy(&file.join(name), &inside)).sum();
    }
    let mut from = pgdump::open(file)?;
    let mut copy = to.create_file(name)?;
    let bytes = std::io::copy(&mut from, &mut copy).doing(doing)?;
    copy.sync_all().doing(doing)?;
    Ok(bytes)
}
