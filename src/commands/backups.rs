//! `backups`: the sets on disk, how old and how large they are, when they were proven, what depends on what.

use crate::commands::list::Format;
use crate::config::Config;
use crate::error::{Exit, Result};
use crate::output;
use crate::status::stock::{self, Stock};
use crate::store::family::{self, base_of, minute};
use crate::store::proof::{Finding, Proof};
use crate::store::sets::{self, Origin, Set};
use crate::sys::clock;
use crate::units::{show_bytes, show_duration};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use time::PrimitiveDateTime;

/// Shows the sets of a unit, or of every action. The exit code is 3 when some action could not be asked for its sets.
pub fn backups(config_file: Option<&Path>, unit: Option<&str>, format: Format) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let now = clock::now();
    let now = PrimitiveDateTime::new(now.date(), now.time());
    let (stocks, wrong) = match unit {
        Some(unit) => (stock::of_unit(&config, unit)?, Vec::new()),
        None => stock::all(&config),
    };
    let mut problems: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    let mut found = Vec::new();
    for stock in &stocks {
        match sets::scan(&stock.source) {
            Ok(scan) => {
                let doubtful = scan.ambiguous.iter().map(|path| {
                    format!("{} could have been written by several actions: nobody touches it", path.display())
                });
                problems.extend(doubtful);
                found.push((stock, look(scan.sets, now)));
            }
            Err(error) => problems.push(format!("{}: {error}", stock.label())),
        }
    }
    match format {
        Format::Json => {
            let all: Vec<_> = found.iter().flat_map(|(stock, seen)| seen.iter().map(|set| set.json(stock))).collect();
            output::json(&json!({"server": config.server_name, "backups": all, "problems": problems}))?;
        }
        Format::Table => {
            for (number, (stock, seen)) in found.iter().enumerate() {
                print(stock, seen, number)?;
            }
            for problem in &problems {
                output::note(problem);
            }
        }
    }
    Ok(if wrong.is_empty() { Exit::Done } else { Exit::Warning })
}

/// A set with what is known about it.
struct Seen {
    set: Set,
    age: Duration,
    proof: Option<Proof>,
    base: Base,
    /// Main files of what builds on it.
    needed_by: Vec<String>,
}

/// What a set builds on.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Base {
    /// Nothing.
    Itself,
    /// The full one with this name.
    Known(String),
    /// A full one that is gone, if known with its name.
    Lost(Option<String>),
}

fn look(sets: Vec<Set>, now: PrimitiveDateTime) -> Vec<Seen> {
    let base = |set: &Set| match (set.parts.level == Some(1)).then(|| base_of(&sets, set)) {
        None => Base::Itself,
        Some(Ok(base)) => Base::Known(family::name(base)),
        Some(Err(name)) => Base::Lost(name),
    };
    let bases: Vec<_> = sets.iter().map(base).collect();
    let users = |own: &Set| {
        let own = Base::Known(family::name(own));
        let found = sets.iter().zip(&bases).filter(|(_, base)| **base == own);
        found.map(|(user, _)| family::name(user)).collect()
    };
    let users: Vec<Vec<String>> = sets.iter().map(users).collect();
    let known = sets.into_iter().zip(bases).zip(users);
    known
        .map(|((set, base), needed_by)| {
            let age = Duration::try_from(now - set.time).unwrap_or_default();
            // what cannot be read proves nothing
            let proof = Proof::read(&set).ok().flatten();
            Seen { set, age, proof, base, needed_by }
        })
        .collect()
}

impl Seen {
    fn level(&self) -> String {
        match (self.set.parts.level, &self.set.parts.dbname) {
            (_, Some(name)) if name.starts_with('\0') => "(globals)".into(),
            (_, Some(name)) => name.escape_debug().to_string(),
            (Some(0), None) => "full".into(),
            (Some(1), None) => "diff".into(),
            (level, None) => level.map_or_else(|| "-".into(), |level| level.to_string()),
        }
    }

    fn verified(&self) -> String {
        match (&self.proof, &self.set.origin) {
            (Some(proof), _) => {
                let at = proof.time.get(..16).unwrap_or_default().replace('T', " ");
                if proof.result == Finding::Ok { at } else { format!("DAMAGED {at}") }
            }
            (None, Origin::Ours(manifest)) if manifest.verified => "when written".into(),
            (None, _) => "never".into(),
        }
    }

    fn notes(&self) -> String {
        let mut notes = Vec::new();
        match &self.set.origin {
            Origin::Ours(manifest) if manifest.warnings > 0 => notes.push(format!("{} warnings", manifest.warnings)),
            Origin::Ours(_) => {}
            Origin::Kb17 => notes.push("KB17".to_owned()),
            Origin::Damaged(why) => notes.push(format!("damaged: {why}")),
        }
        match &self.base {
            Base::Itself => {}
            Base::Known(base) => notes.push(format!("based on {base}")),
            Base::Lost(Some(name)) => notes.push(format!("its base {name} is gone")),
            Base::Lost(None) => notes.push("its base is gone".to_owned()),
        }
        match self.needed_by.len() {
            0 => {}
            count => notes.push(format!("needed by {count}")),
        }
        if self.set.disputed {
            notes.push("could be another action's".to_owned());
        }
        notes.join(", ")
    }

    fn json(&self, stock: &Stock) -> Value {
        let (origin, damage) = match &self.set.origin {
            Origin::Ours(_) => ("ours", None),
            Origin::Kb17 => ("kb17", None),
            Origin::Damaged(why) => ("damaged", Some(why)),
        };
        let manifest = match &self.set.origin {
            Origin::Ours(manifest) => Some(manifest),
            _ => None,
        };
        json!({
            "actions": stock.actions,
            "copies_of": stock.is_copy().then_some(&stock.origins),
            "type": stock.kind,
            "time": format!("{}:{:02}", minute(self.set.time).replace(' ', "T"), self.set.time.second()),
            "run_time": manifest.map(|manifest| &manifest.run_time),
            "level": self.set.parts.level,
            "database": self.set.parts.dbname.as_ref().filter(|name| !name.starts_with('\0')),
            "globals": self.set.parts.dbname.as_ref().is_some_and(|name| name.starts_with('\0')),
            "size": self.set.size,
            "age_seconds": self.age.as_secs(),
            "entries": manifest.map(|manifest| manifest.entries),
            "warnings": manifest.map(|manifest| manifest.warnings),
            "verified_when_written": manifest.is_some_and(|manifest| manifest.verified),
            "verified": self.proof,
            "base": if let Base::Known(name) = &self.base { Some(name) } else { None },
            "base_missing": matches!(self.base, Base::Lost(_)),
            "needed_by": self.needed_by,
            "origin": origin,
            "damage": damage,
            "disputed": self.set.disputed,
            "path": self.set.main,
            "files": self.set.files,
        })
    }
}

fn print(stock: &Stock, seen: &[Seen], number: usize) -> Result<()> {
    if number > 0 {
        output::line("")?;
    }
    let dirs: Vec<_> = stock.source.dirs().iter().map(|dir| dir.display().to_string()).collect();
    output::line(&format!("{} ({}): {}", stock.label(), stock.kind, dirs.join(", ")))?;
    if seen.is_empty() {
        return output::line("no backups");
    }
    let heads = ["TIME", "WHAT", "SIZE", "AGE", "VERIFIED", "FILE", "NOTES"].map(str::to_owned).to_vec();
    let rows = seen.iter().map(|one| {
        vec![
            minute(one.set.time),
            one.level(),
            show_bytes(one.set.size),
            show_duration(one.age),
            one.verified(),
            family::name(&one.set).escape_debug().to_string(),
            one.notes(),
        ]
    });
    let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
    output::table(&rows).iter().try_for_each(|line| output::line(line))
}
