//! How a restore ended: on stderr for people, as an exit code for everybody else.

use crate::archive::list::{self, Line};
use crate::archive::restore::select::{Choice, Selection};
use crate::archive::restore::tally::{Named, Tally};
use crate::archive::set::Opened;
use crate::error::{Error, Exit, Result};
use crate::output::{self, Colour, Target};
use crate::units::show_bytes;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What is damaged in a set, and what is missing because of that.
pub struct Damage {
    what: String,
    missing: Option<Named>,
    doubt: Doubt,
}

/// What of that which came back may be wrong.
pub enum Doubt {
    /// Nothing: each entry has a checksum of its own, or none came back.
    Nothing,
    /// What came right before the damage.
    Near(Named),
    /// Anything.
    Anything,
}

impl Damage {
    /// From the error and the number of members before it; none when all of them came.
    pub fn new(opened: &Opened, error: &Error, done: Option<u64>, doubt: Doubt) -> Self {
        let what = format!("{} is damaged: {error}", opened.path.display());
        let missing = done.and_then(|done| rest_of_list(opened, done).ok().flatten());
        Self { what, missing, doubt }
    }
}

/// The entries of a list from this one on: what should have come after the damage.
fn rest_of_list(opened: &Opened, done: u64) -> Result<Option<Named>> {
    let mut named = Named::default();
    let mut number = 0;
    let mut count = |path: &[u8]| {
        number += 1;
        if number > done {
            named.add(path, "");
        }
    };
    if let Some(mut list) = opened.list()? {
        while let Ok(Some(line)) = list.line() {
            if let Line::Entry(entry) = line {
                count(&list.head.style.listed(&entry.path));
            }
        }
    } else {
        let Some(file) = opened.list_path().and_then(|path| File::open(path).ok()) else { return Ok(None) };
        for line in BufReader::new(file).split(b'\n').skip(1).map_while(std::result::Result::ok) {
            if let Some((_, _, path)) = list::split(&line) {
                count(path);
            }
        }
    }
    Ok(Some(named))
}

/// How a restore ended.
pub struct Outcome<'a> {
    /// What became of the members.
    pub tally: &'a Tally,
    /// What is damaged.
    pub damage: &'a [Damage],
    /// Where what was restored is left because something is missing; none when it is in its place.
    pub left: Option<PathBuf>,
    /// What the backup itself had not whole.
    pub lost: Named,
    /// Whether everything read was compared with a checksum and fits.
    pub proven: bool,
}

/// Says what became of everything, each sort with its count and first names.
pub fn print(to: &Path, outcome: &Outcome<'_>) {
    let tally = outcome.tally;
    for damage in outcome.damage {
        red(&damage.what);
        if let Some(missing) = &damage.missing {
            named("not restored because of the damage", missing);
        }
        match &damage.doubt {
            Doubt::Anything => output::note("what is wrong because of that cannot be told"),
            _ if damage.missing.is_none() => output::note("what is missing because of that cannot be told"),
            Doubt::Near(_) | Doubt::Nothing => {}
        }
        if let Doubt::Near(near) = &damage.doubt {
            named("restored, but so close to the damage that the content may be wrong", near);
        }
    }
    named("not restored", &tally.missing);
    named("restored without all of their metadata", &tally.bare);
    for (count, what) in [
        (tally.devices, "device nodes were left out: they need --privileged"),
        (tally.set_id, "entries lost their setuid or setgid bits: they need --privileged"),
        (tally.security, "entries lost security attributes: they need --privileged, and root"),
        (tally.owners, "entries belong to you instead of their owners: that needs root"),
    ] {
        if count > 0 {
            output::note(&format!("{count} {what}"));
        }
    }
    named("could not be backed up whole in the first place", &outcome.lost);
    let proof = if outcome.proven { ", checksums verified" } else { "" };
    let deleted = if tally.deleted > 0 { format!(", {} deletions applied", tally.deleted) } else { String::new() };
    let place = outcome.left.as_deref().unwrap_or(to).display();
    let mut line =
        format!("restored {} entries, {} to {place}{deleted}{proof}", tally.restored, show_bytes(tally.bytes));
    if outcome.left.is_some() {
        line.push_str(": it stays there because it is incomplete (--keep-going puts in place what can be restored)");
    }
    let colour = match exit(outcome) {
        Exit::Done => Colour::Green,
        Exit::Warning => Colour::Yellow,
        _ => Colour::Red,
    };
    output::note(&output::coloured(Target::Stderr, colour, &line));
}

/// What was not, or not wholly, backed up and so cannot be whole now, as far as it was asked for.
pub fn lost_before(newest: &Opened, selection: &Selection) -> Named {
    let mut lost = Named::default();
    for path in newest.manifest.iter().flat_map(|manifest| &manifest.skipped) {
        let name = list::unescape(path.as_bytes()).unwrap_or_else(|| path.clone().into_bytes());
        if selection.choice(name.strip_prefix(b"/").unwrap_or(&name)) == Choice::Wanted {
            lost.add(&name, "");
        }
    }
    lost
}

fn named(what: &str, names: &Named) {
    if names.is_empty() {
        return;
    }
    let more = if names.count > names.first.len() as u64 { ", …" } else { "" };
    output::note(&format!("{} {what}: {}{more}", names.count, names.first.join(", ")));
}

fn red(text: &str) {
    output::note(&output::coloured(Target::Stderr, Colour::Red, text));
}

/// 1 when something is missing or damaged, 3 when something is there but incomplete or was left out for want of privileges.
pub fn exit(outcome: &Outcome<'_>) -> Exit {
    let tally = outcome.tally;
    if !outcome.damage.is_empty() || !tally.missing.is_empty() {
        Exit::Failed
    } else if !tally.bare.is_empty() || tally.held_back() || !outcome.lost.is_empty() {
        Exit::Warning
    } else {
        Exit::Done
    }
}
