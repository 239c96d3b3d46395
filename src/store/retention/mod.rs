//! Rotation decided: sets, policy, now → keep or remove, and why. Pure (P17, P18, P19).
//!
//! The rules, strongest first. A set that matches none of them stays.
//!
//! 1. Only sets of the level that is rotated go; each level of each database is a group of its own.
//! 2. What another action may own, or what is shielded, stays and counts for nothing.
//! 3. A full set that a differential needs stays: the one its manifest names, else the newest one at or before its time.
//! 4. A set dated after now stays, is reported, and counts for nothing: neither as one of the newest, where it would push real
//!    ones out, nor as the newest good one.
//! 5. The newest good set of a group stays.
//! 6. A damaged set counts for nothing either. It goes when the limits say so, but only once a good set newer than it exists:
//!    where nothing good is left, it may be all there is.
//! 7. `max_files`: what is not among that many newest good sets goes.
//! 8. `days`: what is that many days of 24 hours old or more goes, as with KB17, unless the clock seems to have jumped (see [`jump`]).
//!
//! What rules 7 and 8 look at is never changed by what they remove, so a second rotation at the same time removes nothing more.

mod jump;

use std::collections::{BTreeMap, BTreeSet};
use time::PrimitiveDateTime;

/// How far a set can be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It counts.
    Good,
    /// It counts for nothing, and goes when something better is there.
    Damaged,
    /// It counts for nothing and stays, for this reason.
    Exempt(&'static str),
}

/// A set as far as rotation is concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Name of the main file.
    pub name: String,
    /// 0 full, 1 differential; none for dumps.
    pub level: Option<u8>,
    /// The database of a dump.
    pub database: Option<String>,
    /// Run time, local wall clock.
    pub time: PrimitiveDateTime,
    /// Name of the main file of the level 0 that this level 1 builds on, where a manifest says so.
    pub base: Option<String>,
    /// How far it can be relied on.
    pub state: State,
}

/// How many sets of a group are kept, and for how long; without either nothing goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// This many newest sets are kept; 0 is taken for 1.
    pub max_files: Option<u32>,
    /// Sets this many times 24 hours old or older go.
    pub days: Option<u32>,
}

/// What becomes of a set, and why, in one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It stays.
    Keep(String),
    /// It goes.
    Remove(String),
}

/// What rotation comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decision {
    /// The fate of every item, in the order of the items.
    pub fates: Vec<Fate>,
    /// What the administrator should know: sets dated in the future, a clock that jumped.
    pub warnings: Vec<String>,
}

/// Decides about every item; `level` is the one that is rotated, items of others only tell what they need.
pub fn decide(items: &[Item], level: Option<u8>, policy: &Policy, now: PrimitiveDateTime) -> Decision {
    let needed = needed_bases(items);
    let mut groups: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.level == level) {
        groups.entry(item.database.as_deref()).or_default().push(index);
    }
    let mut fates: Vec<Fate> = items.iter().map(|_| Fate::Keep("not of the level that is rotated".into())).collect();
    let mut warnings = Vec::new();
    for (database, members) in groups {
        let group = Group::new(items, members, policy, now);
        warnings.extend(group.warnings(database));
        for &index in &group.members {
            let (Some(item), Some(slot)) = (items.get(index), fates.get_mut(index)) else { continue };
            *slot = match needed.get(&index) {
                Some(user) if !matches!(item.state, State::Exempt(_)) => Fate::Keep(format!("{user} builds on it")),
                _ => group.fate(index, item),
            };
        }
    }
    Decision { fates, warnings }
}

/// The level 0 sets that some level 1 builds on, each with the name of one such level 1.
fn needed_bases(items: &[Item]) -> BTreeMap<usize, &str> {
    let fulls: Vec<_> = items.iter().enumerate().filter(|(_, item)| item.level == Some(0)).collect();
    let mut needed = BTreeMap::new();
    for item in items.iter().filter(|item| item.level == Some(1)) {
        let bases: Vec<usize> = if let Some(base) = &item.base {
            fulls.iter().filter(|(_, full)| full.name == *base).map(|(index, _)| *index).collect()
        } else {
            // KB17 did not say; where its newest full set is damaged, the one before may be what is left to build on
            let before: Vec<_> = fulls.iter().filter(|(_, full)| full.time <= item.time).collect();
            let newest = before.iter().map(|(_, full)| full.time).max();
            let good = before.iter().filter(|(_, full)| full.state == State::Good);
            let newest_good = good.map(|(_, full)| full.time).max();
            let either = |time| Some(time) == newest || Some(time) == newest_good;
            before.into_iter().filter(|(_, full)| either(full.time)).map(|(index, _)| *index).collect()
        };
        needed.extend(bases.into_iter().map(|index| (index, item.name.as_str())));
    }
    needed
}

/// The sets of one level of one database.
struct Group<'a> {
    items: &'a [Item],
    members: Vec<usize>,
    policy: &'a Policy,
    now: PrimitiveDateTime,
    /// Good sets that are not of the future, newest first.
    good: Vec<usize>,
    /// Why `days` removes nothing, if the clock seems to have jumped.
    jump: Option<String>,
}

impl<'a> Group<'a> {
    fn new(items: &'a [Item], members: Vec<usize>, policy: &'a Policy, now: PrimitiveDateTime) -> Self {
        let counts = |item: &&Item| item.state == State::Good && item.time <= now;
        let mut good: Vec<usize> =
            members.iter().copied().filter(|index| items.get(*index).is_some_and(|item| counts(&item))).collect();
        let key = |index: &usize| items.get(*index).map(|item| (item.time, &item.name));
        good.sort_by(|a, b| key(b).cmp(&key(a)).then(b.cmp(a)));
        let mut group = Self { items, members, policy, now, good, jump: None };
        group.jump = group.jumped();
        group
    }

    /// How many newest good sets `max_files` keeps.
    fn limit(&self) -> Option<usize> {
        self.policy.max_files.map(|max| usize::try_from(max.max(1)).unwrap_or(usize::MAX))
    }

    fn jumped(&self) -> Option<String> {
        // only what `max_files` keeps: the rhythm must look the same after this rotation
        let counted = self.good.iter().take(self.limit().unwrap_or(usize::MAX));
        let times: Vec<_> = counted.rev().filter_map(|index| Some(self.items.get(*index)?.time)).collect();
        jump::find(&times, self.now, self.policy.days?)
    }

    fn fate(&self, index: usize, item: &Item) -> Fate {
        if let State::Exempt(reason) = item.state {
            return Fate::Keep(reason.to_owned());
        }
        if item.time > self.now {
            return Fate::Keep("dated in the future".into());
        }
        if self.good.first() == Some(&index) {
            return Fate::Keep("the newest good one".into());
        }
        // how many good ones are newer; for a damaged one its place is where it would stand
        let newer = self.good.iter().take_while(|other| **other != index && self.is_newer(**other, item)).count();
        if item.state == State::Damaged && newer == 0 {
            return Fate::Keep("damaged, but there is no good one newer than it".into());
        }
        self.by_count(newer).or_else(|| self.by_age(item)).unwrap_or_else(|| Fate::Keep("within the limits".into()))
    }

    fn is_newer(&self, other: usize, item: &Item) -> bool {
        self.items.get(other).is_some_and(|other| (other.time, &other.name) >= (item.time, &item.name))
    }

    fn by_count(&self, newer: usize) -> Option<Fate> {
        let limit = self.limit()?;
        (newer >= limit).then(|| Fate::Remove(format!("{newer} newer, max_files is {limit}")))
    }

    fn by_age(&self, item: &Item) -> Option<Fate> {
        let days = i64::from(self.policy.days?);
        let age = (self.now - item.time).whole_days();
        (age >= days).then(|| match self.jump {
            Some(_) => Fate::Keep(format!("{age} days old, but the clock seems to have jumped")),
            None => Fate::Remove(format!("{age} days old, days is {days}")),
        })
    }

    /// What the administrator should know about this group.
    fn warnings(&self, database: Option<&str>) -> Vec<String> {
        let of = database.map(|name| format!("{name}: ")).unwrap_or_default();
        let members = self.members.iter().filter_map(|index| self.items.get(*index));
        let future: BTreeSet<_> = members.filter(|item| item.time > self.now).map(|item| item.time).collect();
        let mut warnings = Vec::new();
        if let Some(newest) = future.last() {
            warnings.push(format!(
                "{of}sets are dated in the future, up to {}: they are kept and not counted; is the clock right?",
                newest.date()
            ));
        }
        warnings.extend(
            self.jump.iter().map(|jump| format!("{of}{jump}: nothing is removed by `days`; is the clock right?")),
        );
        warnings
    }
}

#[cfg(test)]
mod tests;
