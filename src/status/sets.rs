//! The sets on disk with what is known about each: age, proof, what it builds on and what builds on it.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::status::probe::{self, Look};
use crate::status::stock::{self, Stock};
use crate::store::family::{self, base_of, minute};
use crate::store::proof::Proof;
use crate::store::sets::{self, Origin, Set, Source};
use serde_json::{Value, json};
use std::time::Duration;
use time::PrimitiveDateTime;

/// What was found.
pub struct Holdings {
    /// Family by family.
    pub families: Vec<(Stock, Vec<Seen>)>,
    /// What could not be looked at, and what is doubtful.
    pub problems: Vec<String>,
    /// Whether some action could not be asked for its sets.
    pub incomplete: bool,
}

impl Holdings {
    /// Looks at the sets of every action; `now` is the local time that ages count from.
    pub fn of_all(config: &Config, now: PrimitiveDateTime) -> Self {
        let (stocks, wrong) = stock::all(config);
        Self::of(stocks, &wrong, now)
    }

    /// Looks at these families; `wrong` is why others could not be asked.
    pub fn of(stocks: Vec<Stock>, wrong: &[Error], now: PrimitiveDateTime) -> Self {
        let found = stocks.iter().map(|stock| Some(scan(&stock.source, now))).collect();
        let problems = wrong.iter().map(ToString::to_string).collect();
        Self { incomplete: !wrong.is_empty(), ..Self::assemble(stocks, problems, found) }
    }

    /// The same as [`Self::of_all`] for strangers, who are not told what exactly is wrong in the configuration, and without
    /// waiting longer than `patience` for a destination that hangs: it becomes a problem.
    pub fn within(config: &Config, now: PrimitiveDateTime, patience: Duration) -> Self {
        let (stocks, wrong) = stock::all(config);
        let look = |stock: &Stock| -> Look<Result<Scanned>> {
            let source = stock.source.clone();
            (format!("holdings of {}", stock.label()), Box::new(move || scan(&source, now)))
        };
        let looks = stocks.iter().map(look).collect();
        let unasked = format!("{} actions could not be asked: errors in the configuration, see `check`", wrong.len());
        let problems = Some(unasked).filter(|_| !wrong.is_empty()).into_iter().collect();
        let found = probe::take_all(looks, patience);
        Self { incomplete: !wrong.is_empty(), ..Self::assemble(stocks, problems, found) }
    }

    fn assemble(stocks: Vec<Stock>, mut problems: Vec<String>, found: Vec<Option<Result<Scanned>>>) -> Self {
        let mut families = Vec::new();
        for (stock, found) in stocks.into_iter().zip(found) {
            match found {
                Some(Ok((seen, doubtful))) => {
                    problems.extend(doubtful);
                    families.push((stock, seen));
                }
                Some(Err(error)) => problems.push(format!("{}: {error}", stock.label())),
                None => problems.push(format!("{}: no answer: its server or device is gone or hangs", stock.label())),
            }
        }
        Self { families, problems, incomplete: false }
    }

    /// The document of `backups --json` and of the webapi.
    pub fn json(&self, server: &str) -> Value {
        let sets = self.families.iter().flat_map(|(stock, seen)| seen.iter().map(|set| set.json(stock)));
        json!({"server": server, "backups": sets.collect::<Vec<_>>(), "problems": self.problems})
    }
}

/// Sets, and what is doubtful.
type Scanned = (Vec<Seen>, Vec<String>);

fn scan(source: &Source, now: PrimitiveDateTime) -> Result<Scanned> {
    let scan = sets::scan(source)?;
    let doubtful = scan
        .ambiguous
        .iter()
        .map(|path| format!("{} could have been written by several actions: nobody touches it", path.display()));
    let doubtful = doubtful.collect();
    Ok((look(scan.sets, now), doubtful))
}

/// A set with what is known about it.
pub struct Seen {
    /// The set.
    pub set: Set,
    /// How old it is.
    pub age: Duration,
    /// When it was last proven, if ever.
    pub proof: Option<Proof>,
    /// What it builds on.
    pub base: Base,
    /// Main files of what builds on it.
    pub needed_by: Vec<String>,
}

/// What a set builds on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Base {
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
