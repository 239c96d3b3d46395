use super::*;
use time::{Date, Duration, Time};

/// Noon, this many days after 1 January 2020.
fn day(days: i64) -> PrimitiveDateTime {
    let start = Date::from_ordinal_date(2020, 1).unwrap();
    PrimitiveDateTime::new(start, Time::from_hms(12, 0, 0).unwrap()) + Duration::days(days)
}

fn full(days: i64) -> Item {
    let time = day(days);
    Item { name: format!("full-{days:05}"), level: Some(0), database: None, time, base: None, state: State::Good }
}

fn differential(days: i64, base: Option<i64>) -> Item {
    let base = base.map(|days| full(days).name);
    Item { name: format!("diff-{days:05}"), level: Some(1), base, ..full(days) }
}

fn max(files: u32) -> Policy {
    Policy { max_files: Some(files), days: None }
}

fn days(days: u32) -> Policy {
    Policy { max_files: None, days: Some(days) }
}

fn removed(items: &[Item], policy: Policy, now: PrimitiveDateTime) -> Vec<String> {
    let fates = decide(items, Some(0), &policy, now).fates;
    assert_eq!(fates.len(), items.len());
    let gone = items.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::Remove(_)));
    gone.map(|(item, _)| item.name.clone()).collect()
}

fn warnings(items: &[Item], policy: Policy, now: PrimitiveDateTime) -> Vec<String> {
    decide(items, Some(0), &policy, now).warnings
}

fn daily(days: std::ops::Range<i64>) -> Vec<Item> {
    days.map(full).collect()
}

#[test]
fn the_newest_stay() {
    assert_eq!(removed(&daily(0..4), max(2), day(4)), ["full-00000", "full-00001"]);
    assert_eq!(removed(&daily(0..4), max(9), day(4)), Vec::<String>::new());
    assert_eq!(removed(&daily(0..2), max(0), day(4)), ["full-00000"]);
}

#[test]
fn days_have_24_hours_and_the_limit_itself_goes() {
    // as KB17: `days` or more whole days old, whatever the date says
    assert_eq!(removed(&daily(0..4), days(3), day(4)), ["full-00000", "full-00001"]);
    let earlier = day(4) - Duration::SECOND;
    assert_eq!(removed(&daily(0..4), days(3), earlier), ["full-00000"]);
    let both = Policy { max_files: Some(3), days: Some(4) };
    assert_eq!(removed(&daily(0..4), both, day(4)), ["full-00000"]);
}

#[test]
fn every_fate_has_its_reason() {
    let decision = decide(&daily(0..3), Some(0), &max(1), day(4));
    let reasons = ["2 newer, max_files is 1", "1 newer, max_files is 1"].map(|text| Fate::Remove(text.into()));
    assert_eq!(decision.fates.get(..2).unwrap(), reasons);
    assert_eq!(decision.fates.last(), Some(&Fate::Keep("the newest good one".into())));
}

#[test]
fn p17_a_full_set_that_a_differential_needs_stays() {
    let mut items = daily(0..4);
    items.push(differential(2, Some(0)));
    assert_eq!(removed(&items, max(1), day(4)), ["full-00001", "full-00002"]);
    // KB17 wrote no manifest: the newest full set at or before it
    items.pop();
    items.push(differential(1, None));
    assert_eq!(removed(&items, max(1), day(4)), ["full-00000", "full-00002"]);
    assert_eq!(removed(&items, days(1), day(4)), ["full-00000", "full-00002"]);
    items.push(Item { state: State::Damaged, ..full(1) });
    items.remove(1);
    assert_eq!(removed(&items, max(1), day(4)), ["full-00002"]);
    items.remove(4);
    items.insert(1, full(1));
    // the base is gone already: nothing to protect
    items.pop();
    items.push(differential(2, Some(77)));
    assert_eq!(removed(&items, max(1), day(4)).len(), 3);
}

#[test]
fn only_the_level_that_is_rotated() {
    let items = [full(0), differential(1, Some(0)), differential(2, Some(0))];
    let fates = decide(&items, Some(1), &max(1), day(3)).fates;
    assert_eq!(fates.iter().filter(|fate| matches!(fate, Fate::Remove(_))).count(), 1);
    assert!(matches!(fates[1], Fate::Remove(_)));
}

#[test]
fn each_database_is_a_group_of_its_own() {
    let of = |database: &str, at: i64| Item { level: None, database: Some(database.into()), ..full(at) };
    let items = [of("gone", 0), of("live", 1), of("live", 2), of("live", 3)];
    let fates = decide(&items, None, &Policy { max_files: Some(1), days: Some(1) }, day(9)).fates;
    let gone: Vec<_> = fates.iter().map(|fate| matches!(fate, Fate::Remove(_))).collect();
    assert_eq!(gone, [false, true, true, false]);
}

#[test]
fn p17_what_is_shielded_or_disputed_stays_and_does_not_count() {
    let mut items = daily(0..4);
    items[3].state = State::Exempt("shielded");
    assert_eq!(removed(&items, max(1), day(4)), ["full-00000", "full-00001"]);
}

#[test]
fn p18_a_damaged_set_never_stands_for_a_good_one() {
    let mut items = daily(0..4);
    items[3].state = State::Damaged;
    assert_eq!(removed(&items, max(1), day(4)), ["full-00000", "full-00001"]);
    assert_eq!(removed(&items, days(1), day(9)), ["full-00000", "full-00001"]);
    // and goes once there is something better
    items.push(full(4));
    assert_eq!(removed(&items, max(1), day(5)).len(), 4);
    // but not where nothing good is left
    for item in &mut items {
        item.state = State::Damaged;
    }
    assert!(removed(&items, Policy { max_files: Some(1), days: Some(1) }, day(30)).is_empty());
}

#[test]
fn p19_a_set_of_the_future_pushes_nothing_out() {
    let mut items = daily(0..4);
    items.push(full(3650));
    let both = Policy { max_files: Some(3), days: Some(10) };
    assert_eq!(removed(&items, both, day(4)), ["full-00000"]);
    assert!(warnings(&items, both, day(4))[0].contains("dated in the future, up to 2029-12-29"));
}

#[test]
fn p19_a_clock_one_day_back() {
    let items = daily(0..6);
    assert_eq!(removed(&items, Policy { max_files: Some(5), days: Some(9) }, day(4)), Vec::<String>::new());
    assert_eq!(warnings(&items, max(5), day(4)).len(), 1);
    // the same as yesterday's rotation would have done
    assert_eq!(removed(&items, max(4), day(4)), ["full-00000"]);
}

#[test]
fn p19_a_clock_ten_years_ahead() {
    let both = Policy { max_files: Some(9), days: Some(14) };
    for mut items in [daily(0..6), daily(0..2), (0..6).map(|week| full(week * 7)).collect()] {
        assert!(removed(&items, both, day(3650)).is_empty());
        assert!(warnings(&items, both, day(3650))[0].contains("too long ago"));
        // a backup is made first, under the wrong clock, on several days
        for later in 3650..3655 {
            items.push(full(later));
            assert_eq!(removed(&items, both, day(later)).len(), items.len().saturating_sub(9), "{later}");
            assert!(removed(&items, days(14), day(later)).is_empty());
            assert!(warnings(&items, days(14), day(later))[0].contains("gap between"));
        }
    }
}

#[test]
fn a_long_pause_ends_once_there_are_enough_sets_again() {
    let mut items = daily(0..6);
    items.extend(daily(100..110));
    assert!(removed(&items, days(14), day(110)).is_empty());
    items.extend(daily(110..115));
    assert_eq!(
        removed(&items, days(14), day(114)),
        daily(0..6).iter().map(|i| i.name.clone()).chain(["full-00100".into()]).collect::<Vec<_>>()
    );
}

#[test]
fn a_pause_that_is_not_implausible_changes_nothing() {
    let mut items = daily(0..6);
    items.push(full(25));
    assert_eq!(removed(&items, days(14), day(25)).len(), 6);
    let monthly: Vec<_> = (0..6).map(|month| full(month * 30)).collect();
    assert_eq!(removed(&monthly, days(90), day(150)), ["full-00000", "full-00030", "full-00060"]);
}

/// xorshift: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn often(&mut self, one_in: u64) -> bool {
        self.below(one_in) != 0
    }

    fn item(&mut self, number: usize) -> Item {
        // clusters, single days, the far future
        let days = match self.below(8) {
            0 => i64::try_from(self.below(4000)).unwrap(),
            1 => 3650 + i64::try_from(self.below(20)).unwrap(),
            _ => i64::try_from(self.below(60)).unwrap(),
        };
        let is_dump = self.below(4) == 0;
        let level = (!is_dump).then(|| u8::try_from(self.below(2)).unwrap());
        let state = match self.below(10) {
            0 => State::Damaged,
            1 => State::Exempt("exempt"),
            _ => State::Good,
        };
        let jitter = Duration::seconds(i64::try_from(self.below(3)).unwrap() * 3600);
        Item {
            name: format!("set-{number}"),
            level,
            database: is_dump.then(|| format!("db{}", self.below(2))),
            time: day(days) + jitter,
            base: None,
            state,
        }
    }

    fn case(&mut self) -> (Vec<Item>, Policy, PrimitiveDateTime) {
        let count = usize::try_from(self.below(30)).unwrap();
        let mut items: Vec<_> = (0..count).map(|number| self.item(number)).collect();
        let fulls: Vec<_> = items.iter().filter(|i| i.level == Some(0)).map(|i| i.name.clone()).collect();
        for item in items.iter_mut().filter(|item| item.level == Some(1)) {
            if !fulls.is_empty() && self.often(3) {
                item.base = Some(fulls[usize::try_from(self.below(fulls.len() as u64)).unwrap()].clone());
            }
        }
        let some = |given: bool, value: u64| given.then(|| u32::try_from(value).unwrap());
        let policy =
            Policy { max_files: some(self.often(3), self.below(8)), days: some(self.often(3), self.below(40)) };
        let now = match self.below(6) {
            0 => day(3650),
            1 => day(-100),
            _ => day(i64::try_from(self.below(90)).unwrap()),
        };
        (items, policy, now)
    }
}

fn rotate(items: &[Item], level: Option<u8>, policy: &Policy, now: PrimitiveDateTime) -> Vec<Item> {
    let fates = decide(items, level, policy, now).fates;
    assert_eq!(fates.len(), items.len());
    items.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::Keep(_))).map(|(item, _)| item.clone()).collect()
}

/// The full set a differential needs, worked out by itself.
fn base_of<'a>(item: &Item, items: &'a [Item]) -> Option<&'a Item> {
    let fulls = items.iter().filter(|full| full.level == Some(0));
    match &item.base {
        Some(base) => fulls.into_iter().find(|full| full.name == *base),
        None => fulls.into_iter().filter(|full| full.time <= item.time).max_by_key(|full| full.time),
    }
}

#[test]
fn p18_whatever_the_sets_the_clock_and_the_policy() {
    let mut random = Random(0x5EED_0FB1_0C4B_0001);
    let (mut removed_any, mut protected_base, mut jumped) = (0, 0, 0);
    for case in 0..6_000 {
        let (items, policy, now) = random.case();
        for level in [Some(0), Some(1), None] {
            let left = rotate(&items, level, &policy, now);
            let gone: Vec<_> = items.iter().filter(|item| !left.contains(item)).collect();
            removed_any += usize::from(!gone.is_empty());
            jumped +=
                usize::from(decide(&items, level, &policy, now).warnings.iter().any(|w| w.contains("removed by")));
            for item in &gone {
                assert_eq!(item.level, level, "case {case}: {item:?}");
                assert!(item.time <= now, "case {case}: of the future: {item:?}");
                assert!(!matches!(item.state, State::Exempt(_)), "case {case}: {item:?}");
                // something better of the same group survives
                let better = |other: &&Item| {
                    other.level == level
                        && other.database == item.database
                        && other.state == State::Good
                        && (item.time..=now).contains(&other.time)
                };
                assert!(left.iter().any(|other| better(&other)), "case {case}: {item:?}");
            }
            for item in items.iter().filter(|item| item.level == Some(1)) {
                let base = base_of(item, &items);
                protected_base += usize::from(base.is_some());
                assert!(!left.contains(item) || base.is_none_or(|base| left.contains(base)), "case {case}: {item:?}");
            }
            let databases: BTreeSet<_> = items.iter().map(|item| &item.database).collect();
            for database in databases {
                let good = |item: &&Item| {
                    item.level == level && item.database == *database && item.state == State::Good && item.time <= now
                };
                if let Some(newest) = items.iter().filter(good).map(|item| item.time).max() {
                    assert!(left.iter().filter(good).any(|item| item.time == newest), "case {case}: {newest}");
                }
            }
            assert_eq!(rotate(&left, level, &policy, now), left, "case {case}: a second rotation removes more");
        }
    }
    // the cases are worth something
    assert!(removed_any > 1_000 && protected_base > 10_000 && jumped > 100, "{removed_any} {protected_base} {jumped}");
}
