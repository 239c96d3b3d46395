//! Which sets bring a family back as it was at a time.

use crate::store::proof::damage;
use crate::store::sets::{Origin, Set};
use std::fmt;
use time::PrimitiveDateTime;

/// The sets to restore, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// What the newest one builds on, when that is a differential.
    pub base: Option<&'a Set>,
    /// The newest set at or before the time.
    pub newest: &'a Set,
}

impl<'a> Chain<'a> {
    /// The sets, first one first.
    pub fn sets(&self) -> impl Iterator<Item = &'a Set> {
        self.base.into_iter().chain([self.newest])
    }
}

/// Why there is nothing to restore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Nothing {
    /// There are no sets at all.
    Empty,
    /// All sets are younger; the oldest is of this time.
    OnlyYounger(PrimitiveDateTime),
    /// The newest set is a differential (its name) and what it builds on (its name, if known) is gone.
    NoBase(String, Option<String>),
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there are no backups"),
            Self::OnlyYounger(oldest) => write!(f, "there is no backup that old: the oldest is of {}", minute(*oldest)),
            Self::NoBase(name, Some(base)) => {
                write!(f, "{name} is a differential, and the full backup it builds on, {base}, is gone")
            }
            Self::NoBase(name, None) => {
                write!(f, "{name} is a differential, and there is no full backup before it")
            }
        }
    }
}

/// `2026-11-20 12:00`.
pub fn minute(time: PrimitiveDateTime) -> String {
    let (date, month) = (time.date(), u8::from(time.month()));
    format!("{:04}-{month:02}-{:02} {:02}:{:02}", date.year(), date.day(), time.hour(), time.minute())
}

/// Chooses among the sets of one family, oldest first: the newest one at or before `at` (any time when none). Its base is
/// looked for in `bases`, which holds these sets and what else there is of the family.
pub fn choose<'a>(sets: &'a [Set], bases: &'a [Set], at: Option<PrimitiveDateTime>) -> Result<Chain<'a>, Nothing> {
    let oldest = sets.first().ok_or(Nothing::Empty)?;
    let mut fitting = sets.iter().filter(|set| at.is_none_or(|at| set.time <= at));
    // a full and a differential of one run: the differential is the newer state
    let newest = fitting.by_ref().max_by_key(|set| (set.time, set.parts.level));
    let newest = newest.ok_or(Nothing::OnlyYounger(oldest.time))?;
    if newest.parts.level != Some(1) {
        return Ok(Chain { base: None, newest });
    }
    let base = base_of(bases, newest);
    base.map(|base| Chain { base: Some(base), newest }).map_err(|known| Nothing::NoBase(name(newest), known))
}

/// The level 0 that a level 1 builds on: the one its manifest names, else (KB17) the newest one at or before its time.
/// `Err` has the name that was looked for.
pub fn base_of<'a>(sets: &'a [Set], differential: &Set) -> Result<&'a Set, Option<String>> {
    let fulls = sets.iter().filter(|set| set.parts.level == Some(0));
    if let Origin::Ours(manifest) = &differential.origin
        && let Some(base) = &manifest.base
    {
        // where names have no date an older copy may be called the same, and so is the one that took its place later, which
        // is no base
        let named = fulls.filter(|set| name(set) == *base && set.time <= differential.time);
        return named.max_by_key(|set| set.time).ok_or_else(|| Some(base.clone()));
    }
    fulls.filter(|set| set.time <= differential.time).max_by_key(|set| set.time).ok_or(None)
}

/// The sets of one family out of several places, the preferred place first: oldest first, and of the same set in several
/// places only one, a damaged one only when there is no other.
pub fn merge(places: Vec<Vec<Set>>) -> Vec<Set> {
    let mut merged: Vec<Set> = Vec::new();
    for set in places.into_iter().flatten() {
        let is_same = |known: &&mut Set| known.time == set.time && known.main.file_name() == set.main.file_name();
        match merged.iter_mut().find(is_same) {
            Some(known) if damage(known).is_some() && damage(&set).is_none() => *known = set,
            Some(_) => {}
            None => merged.push(set),
        }
    }
    merged.sort_by(|a, b| (a.time, &a.main).cmp(&(b.time, &b.main)));
    merged
}

/// Name of the main file.
pub fn name(set: &Set) -> String {
    set.main.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::manifest::Manifest;
    use crate::store::naming::Parts;
    use crate::store::testing::july;

    fn set(day: u8, level: u8, base: Option<&str>) -> Set {
        let parts = Parts {
            basename: "a".into(),
            level: Some(level),
            ext: "tar.gz".into(),
            dbname: None,
            time: Some(july(day)),
        };
        let origin = match base {
            Some(base) => Origin::Ours(Box::new(Manifest { base: Some(base.to_owned()), ..Manifest::default() })),
            None => Origin::Kb17,
        };
        let main = format!("/b/a{day}-{level}").into();
        Set { main, files: Vec::new(), parts, time: july(day), origin, size: 0, disputed: false }
    }

    fn chosen(sets: &[Set], day: u8) -> Result<Vec<String>, Nothing> {
        choose(sets, sets, Some(july(day))).map(|chain| chain.sets().map(name).collect())
    }

    #[test]
    fn the_newest_at_a_time_with_its_base() {
        let sets =
            [set(1, 0, None), set(2, 1, None), set(5, 0, None), set(6, 1, Some("a1-0")), set(7, 1, Some("gone"))];
        assert_eq!(chosen(&sets, 1).unwrap(), ["a1-0"]);
        assert_eq!(chosen(&sets, 4).unwrap(), ["a1-0", "a2-1"]);
        assert_eq!(chosen(&sets, 5).unwrap(), ["a5-0"]);
        assert_eq!(chosen(&sets, 6).unwrap(), ["a1-0", "a6-1"], "a manifest says more than the order");
        assert_eq!(chosen(&sets, 8), Err(Nothing::NoBase("a7-1".into(), Some("gone".into()))));
        assert_eq!(chosen(&sets[1..2], 8), Err(Nothing::NoBase("a2-1".into(), None)));
        assert_eq!(chosen(&sets[2..], 4), Err(Nothing::OnlyYounger(july(5))));
        assert_eq!(chosen(&[], 4), Err(Nothing::Empty));
        assert_eq!(choose(&sets[..3], &sets, None).unwrap().newest.time, july(5));
    }

    /// Where names have no date the full set of a differential may have been replaced by one of the same name.
    #[test]
    fn what_took_the_place_of_a_base_later_is_none() {
        let sets = [set(2, 1, Some("a1-0")), Set { main: "/b/a1-0".into(), ..set(5, 0, None) }];
        assert_eq!(chosen(&sets, 4), Err(Nothing::NoBase("a2-1".into(), Some("a1-0".into()))));
        assert_eq!(chosen(&sets, 5).unwrap(), ["a1-0"]);
    }

    #[test]
    fn a_differential_of_the_same_run_is_the_newer_state() {
        let sets = [set(1, 0, None), set(1, 1, Some("a1-0"))];
        assert_eq!(chosen(&sets, 1).unwrap(), ["a1-0", "a1-1"]);
    }
}
