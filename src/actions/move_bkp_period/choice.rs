//! Which sets of an action go into a vault. Pure.

use crate::store::family::base_of;
use crate::store::sets::Set;
use std::collections::BTreeMap;
use time::PrimitiveDateTime;

/// What was chosen, and what the administrator should know about it.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    /// The sets to copy: the full set that a differential needs stands before it.
    pub sets: Vec<&'a Set>,
    /// For the log, as warnings.
    pub warnings: Vec<String>,
}

/// The newest set of this level, of every database; with a differential its full set, without which nobody could restore it.
/// Sets dated after `now` come from a clock that went wrong: they are left out.
pub fn newest(sets: &[Set], level: Option<u8>, now: PrimitiveDateTime) -> Choice<'_> {
    let mut choice = Choice::default();
    let mut groups: BTreeMap<Option<&str>, &Set> = BTreeMap::new();
    for set in sets.iter().filter(|set| set.parts.level.is_none() || set.parts.level == level) {
        if set.time > now {
            choice.warnings.push(format!("{} is dated in the future and is not copied", set.main.display()));
            continue;
        }
        let newest = groups.entry(set.parts.dbname.as_deref()).or_insert(set);
        if set.time >= newest.time {
            *newest = set;
        }
    }
    for set in groups.into_values() {
        if set.parts.level == Some(1) {
            match base_of(sets, set) {
                Ok(base) => choice.sets.push(base),
                Err(_) => choice.warnings.push(format!(
                    "{} is a differential whose full set is not there any more: its copy alone cannot be restored",
                    set.main.display()
                )),
            }
        }
        choice.sets.push(set);
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::manifest::Manifest;
    use crate::store::naming::Parts;
    use crate::store::sets::Origin;
    use time::{Date, Month};

    fn day(day: u8) -> PrimitiveDateTime {
        Date::from_calendar_date(2020, Month::July, day).unwrap().midnight()
    }

    fn set(number: u8, level: Option<u8>, dbname: Option<&str>) -> Set {
        let parts = Parts {
            basename: "app".into(),
            level,
            ext: "tar.gz".into(),
            dbname: dbname.map(str::to_owned),
            time: Some(day(number)),
        };
        let main = format!("/b/{number}-{}", dbname.unwrap_or("x")).into();
        Set { main, files: Vec::new(), parts, time: day(number), origin: Origin::Kb17, size: 1, disputed: false }
    }

    fn names(choice: &Choice<'_>) -> Vec<String> {
        choice.sets.iter().map(|set| set.main.to_str().unwrap()[3..].to_owned()).collect()
    }

    #[test]
    fn the_newest_of_the_level() {
        let sets = [set(1, Some(0), None), set(3, Some(0), None), set(5, Some(1), None)];
        assert_eq!(names(&newest(&sets, Some(0), day(9))), ["3-x"]);
        assert_eq!(names(&newest(&sets, Some(1), day(9))), ["3-x", "5-x"]);
        assert_eq!(names(&newest(&sets[2..], Some(1), day(9))), ["5-x"]);
        assert_eq!(newest(&sets[2..], Some(1), day(9)).warnings.len(), 1);
        assert!(newest(&[], Some(0), day(9)).sets.is_empty());
    }

    #[test]
    fn a_manifest_names_the_base() {
        let mut differential = set(5, Some(1), None);
        differential.origin = Origin::Ours(Box::new(Manifest { base: Some("1-x".into()), ..Manifest::default() }));
        let sets = [set(1, Some(0), None), set(3, Some(0), None), differential];
        assert_eq!(names(&newest(&sets, Some(1), day(9))), ["1-x", "5-x"]);
    }

    #[test]
    fn the_newest_of_every_database() {
        let sets = [set(1, None, Some("b")), set(2, None, Some("a")), set(2, None, Some("b"))];
        assert_eq!(names(&newest(&sets, None, day(9))), ["2-a", "2-b"]);
    }

    /// P19
    #[test]
    fn a_set_of_the_future_hides_no_real_one() {
        let sets = [set(1, Some(0), None), set(20, Some(0), None)];
        let choice = newest(&sets, Some(0), day(9));
        assert_eq!((names(&choice), choice.warnings.len()), (vec!["1-x".to_owned()], 1));
    }
}
