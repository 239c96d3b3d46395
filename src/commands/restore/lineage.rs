//! Everywhere the sets of one family are: where its actions write, and the vaults they were copied into.

use crate::config::{Config, Step};
use crate::error::{Error, Result};
use crate::output;
use crate::status::stock::{self, Stock};
use crate::store::family;
use crate::store::naming::Family;
use crate::store::sets::{self, ListAlone, Set, Source};
use std::collections::BTreeSet;
use time::PrimitiveDateTime;

/// The places of one family.
pub struct Lineage {
    /// Those that were asked for, the ones the actions write to first.
    asked: Vec<Stock>,
    /// Where a base may be as well.
    others: Vec<Stock>,
    /// What is dated after it comes from a clock that went wrong.
    pub horizon: Option<PrimitiveDateTime>,
}

/// The sets of a family, oldest first, each once.
pub struct Found {
    /// Those in the places that were asked for.
    pub sets: Vec<Set>,
    /// The same and those in all other places, for differentials whose base is elsewhere.
    pub bases: Vec<Set>,
    /// Lists in the places that were asked for whose archive is not beside them.
    lists: Vec<ListAlone>,
}

impl Found {
    /// Tells of a backup after `restored` and up to `until` whose archive was moved away or deleted.
    pub fn tell_of_newer(&self, restored: &Set, until: Option<PrimitiveDateTime>) {
        let newer =
            self.lists.iter().filter(|list| list.time > restored.time && until.is_none_or(|at| list.time <= at));
        let lost = newer.filter(|list| self.bases.iter().all(|set| set.time != list.time));
        if let Some(list) = lost.max_by_key(|list| list.time) {
            output::note(&format!(
                "{} stands without its archive: a newer backup than the one restored was moved away or deleted",
                list.path.display()
            ));
        }
    }
}

impl Lineage {
    /// The one family that a unit writes or copies.
    pub fn of_unit(config: &Config, unit: &str) -> Result<Self> {
        let mut asked = stock::of_unit(config, unit)?;
        let others = stock::kin(config, &mut asked);
        asked.sort_by_key(Stock::is_copy);
        let lineage = Self { asked, others, horizon: None };
        match lineage.families().as_slice() {
            [_] => Ok(lineage),
            families => {
                let message = format!(
                    "`{unit}` writes several kinds of backups, name one of these actions: {}",
                    families.join("; ")
                );
                Err(Error::usage(message))
            }
        }
    }

    /// The actions of each family among what was asked for.
    fn families(&self) -> Vec<String> {
        let mut families: Vec<BTreeSet<&str>> = Vec::new();
        for stock in &self.asked {
            let origins = stock.origins.iter().map(String::as_str);
            match families.iter_mut().find(|family| origins.clone().any(|origin| family.contains(origin))) {
                Some(family) => family.extend(origins),
                None => families.push(origins.collect()),
            }
        }
        families.into_iter().map(|family| Vec::from_iter(family).join(", ")).collect()
    }

    /// What kind of files these are.
    pub fn family(&self) -> Family {
        self.asked.first().map_or(Family::Files, |stock| stock.source.family)
    }

    /// An action that makes such sets.
    pub fn step(&self) -> Option<&Step> {
        self.all().find_map(|stock| stock.step.as_ref())
    }

    /// Looks in every place. One that cannot be read is no reason not to restore from another: it is told about.
    pub fn find(&self) -> Result<Found> {
        let mut wrong = Vec::new();
        let mut look = |stock: &Stock| sets::scan(&stock.source).map_err(|error| wrong.push(error)).unwrap_or_default();
        let (asked, lists): (Vec<_>, Vec<_>) =
            self.asked.iter().map(&mut look).map(|scan| (scan.sets, scan.lists)).unzip();
        let others = self.others.iter().map(&mut look).map(|scan| scan.sets);
        let everything = asked.iter().cloned().chain(others).collect();
        let lists = lists.into_iter().flatten().collect();
        let mut found = Found { sets: family::merge(asked), bases: family::merge(everything), lists };
        self.leave_out_the_future(&mut found);
        match wrong.pop() {
            Some(error) if found.sets.is_empty() => return Err(error),
            last => wrong.into_iter().chain(last).for_each(|error| output::note(&error.to_string())),
        }
        Ok(found)
    }

    /// Sets that a wrong clock dated ahead would hide what was really backed up last. When there is nothing else, it is the clock
    /// of today that is wrong.
    fn leave_out_the_future(&self, found: &mut Found) {
        let Some(horizon) = self.horizon else { return };
        if found.sets.iter().all(|set| set.time > horizon) {
            return;
        }
        for set in found.sets.iter().filter(|set| set.time > horizon) {
            output::note(&format!(
                "{} is dated in the future and left out: `--at` with a time not before it takes it",
                set.main.display()
            ));
        }
        found.sets.retain(|set| set.time <= horizon);
        found.bases.retain(|set| set.time <= horizon);
        found.lists.retain(|list| list.time <= horizon);
    }

    /// How the files of a set are named.
    pub fn source_of(&self, set: &Set) -> Option<&Source> {
        let is_there = |source: &&Source| source.dirs().iter().any(|dir| set.main.parent() == Some(dir));
        let name = family::name(set);
        let is_named = |source: &&Source| source.scheme.main(source.family).read(&name, &source.known()).is_some();
        self.all().map(|stock| &stock.source).filter(is_there).find(is_named)
    }

    fn all(&self) -> impl Iterator<Item = &Stock> {
        self.asked.iter().chain(&self.others)
    }
}
