use super::*;
use crate::actions::Dumps;
use crate::actions::context::Run;
use crate::actions::pgdump::{self, Census};
use crate::actions::properties::Property;
use crate::patterns::Syntax;
use crate::store::naming::part_name;
use crate::store::proof::{Finding, Proof};
use crate::store::publish::Existing;
use crate::store::sets::Folder;
use crate::store::testing::{Scratch, archives, dumps, publish};
use crate::sys::files::{Locked, try_lock};
use crate::sys::signals::Limits;
use crate::value::{Scalar, Value};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use time::{Date, Month, Time};

/// A run on 10 July 2020.
fn run(failed: &[&str]) -> Run {
    let date = Date::from_calendar_date(2020, Month::July, 10).unwrap();
    Run {
        unit: "test".into(),
        now: PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc(),
        full_name: "77-test-server".into(),
        state_dir: "/nonexistent".into(),
        failed: Mutex::new(failed.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()),
        alarm: Box::new(|_| ()),
        pulse: None,
    }
}

fn cleaner(source: Source, max_files: u32) -> Cleaner {
    let policy = Policy { max_files: Some(max_files), days: None };
    Cleaner {
        of: source.action.clone(),
        rotated: Some(vec![Rotated { source, policy, maker: None }]),
        shield: Patterns::default(),
    }
}

/// An action with sets, and what it knows of databases.
struct Maker {
    source: Source,
    census: Option<Census>,
}

impl Action for Maker {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        unreachable!()
    }

    fn run(&self, _: &Context<'_>, _: &mut Report) -> Result<()> {
        unreachable!()
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn dumps(&self) -> Option<&dyn Dumps> {
        self.census.is_some().then_some(self as &dyn Dumps)
    }
}

impl Dumps for Maker {
    fn prove(&self, _: &Path, _: &Context<'_>) -> Result<pgdump::Proof> {
        unreachable!()
    }

    fn restore(&self, _: &pgdump::Wanted<'_>, _: &Context<'_>) -> Result<pgdump::Restored> {
        unreachable!()
    }

    fn census(&self, _: &Context<'_>) -> Result<Census> {
        Ok(self.census.clone().unwrap())
    }
}

struct Outcome {
    result: Result<()>,
    removed: usize,
    warnings: u64,
}

fn clean(cleaner: &Cleaner, failed: &[&str]) -> Outcome {
    let run = run(failed);
    let cx = Context::new(&run, "clean", Limits::default());
    let mut report = Report::default();
    let result = cleaner.run(&cx, &mut report);
    Outcome { result, removed: report.removed.len(), warnings: cx.warnings() }
}

fn preview(cleaner: &Cleaner, failed: &[&str]) -> Plan {
    let run = run(failed);
    cleaner.preview(&Context::new(&run, "clean_DRYRUN", Limits::default())).unwrap()
}

/// What KB17 leaves after a full backup and a differential a day, both with list and checksum.
fn kb17(scratch: &Scratch) -> Source {
    for (day, level) in [(1, 0), (2, 1), (3, 1), (5, 0), (6, 1), (7, 1)] {
        for ext in ["tar.gz", "list", "hash"] {
            scratch.write(&format!("{level}/app-2020070{day}_000000-{level}.{ext}"), "x");
        }
    }
    scratch.write("0/README", "x");
    let folders = [0, 1].map(|level| Folder { level: Some(level), dir: scratch.path().join(level.to_string()) });
    Source { folders: folders.to_vec(), ..archives(scratch.path()) }
}

fn mains(scratch: &Scratch) -> Vec<String> {
    scratch.names().into_iter().filter(|name| name.ends_with(".tar.gz")).collect()
}

#[test]
fn p17_differentials_then_the_full_sets_nobody_needs() {
    let scratch = Scratch::new();
    let ones = kb17(&scratch);
    let zeros = Source { action: "tar0".into(), level: Some(0), ..ones.clone() };
    // both full sets are needed
    assert_eq!(clean(&cleaner(zeros.clone(), 1), &[]).removed, 0);
    let outcome = clean(&cleaner(ones.clone(), 2), &[]);
    assert_eq!((outcome.removed, outcome.warnings), (2, 0));
    assert_eq!(clean(&cleaner(zeros, 1), &[]).removed, 1);
    let left = ["0/app-20200705_000000-0", "1/app-20200706_000000-1", "1/app-20200707_000000-1"];
    assert_eq!(mains(&scratch), left.map(|name| format!("{name}.tar.gz")));
    // whole sets, and nothing else
    assert_eq!(scratch.names().len(), 3 * 3 + 1);
    assert_eq!(clean(&cleaner(ones, 2), &[]).removed, 0);
}

#[test]
fn p17_a_source_that_failed_in_this_run_keeps_everything() {
    let scratch = Scratch::new();
    let source = kb17(&scratch);
    scratch.write(&format!("1/{}", part_name("app-20200708_000000-1.tar.gz")), "x");
    let before = scratch.names();
    let outcome = clean(&cleaner(source.clone(), 1), &["tar1"]);
    assert!(outcome.result.is_ok() && outcome.removed == 0 && outcome.warnings == 0);
    assert_eq!(scratch.names(), before);
    assert_eq!(preview(&cleaner(source.clone(), 1), &["tar1"])[0], "`tar1` failed in this run: nothing is removed");
    assert_eq!(clean(&cleaner(source, 1), &["another"]).removed, 3);
}

#[test]
fn a_dry_run_says_what_would_go_and_touches_nothing() {
    let scratch = Scratch::new();
    let source = kb17(&scratch);
    let before = scratch.names();
    let plan = preview(&cleaner(source.clone(), 3), &[]);
    let path = scratch.path().join("1/app-20200702_000000-1.tar.gz");
    assert_eq!(plan, [format!("would remove {} (3 files, 3 B): 3 newer, max_files is 3", path.display())]);
    assert_eq!(preview(&cleaner(source, 9), &[]), ["would remove nothing, 6 sets stay"]);
    assert_eq!(scratch.names(), before);
}

#[test]
fn each_database_by_itself_and_excluded_ones_not_at_all() {
    let scratch = Scratch::new();
    for database in ["live", "gone", "precious", "own"] {
        for day in 1..4 {
            scratch.write(&format!("db-{database}-2020070{day}_000000.pgdump"), "x");
        }
    }
    let shield = |pattern: &str| Patterns::compile(&[pattern.to_owned()], Syntax::Glob).unwrap();
    let source = Source { shield: shield("prec*"), ..dumps(scratch.path()) };
    let cleaner = Cleaner { shield: shield("own"), ..cleaner(source, 1) };
    assert_eq!(clean(&cleaner, &[]).removed, 4);
    let left = |database: &str| scratch.names().iter().filter(|name| name.contains(database)).count();
    assert_eq!((left("live"), left("gone"), left("precious"), left("own")), (1, 1, 3, 3));
}

/// Nothing new takes the place of what is left of a database that was dropped.
#[test]
fn a_database_that_is_not_there_any_more_keeps_all_its_sets() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let silent = || Err("no answer".to_owned());
    for (census, left) in [
        (Census { named: None, there: Ok(names(&["live", "late"])) }, [1, 3, 1]),
        (Census { named: Some(names(&["live", "late"])), there: silent() }, [1, 3, 1]),
        (Census { named: Some(names(&["live", "gone"])), there: Ok(names(&["live", "late"])) }, [1, 3, 3]),
        // only what the newest run dumped is known to be there
        (Census { named: None, there: silent() }, [3, 3, 1]),
    ] {
        let scratch = Scratch::new();
        for (database, days) in [("live", 1..4), ("gone", 1..4), ("late", 2..5)] {
            for day in days {
                scratch.write(&format!("db-{database}-2020070{day}_000000.pgdump"), "x");
            }
        }
        let maker = Maker { source: dumps(scratch.path()), census: Some(census.clone()) };
        let mut cleaner = cleaner(dumps(scratch.path()), 1);
        for rotated in cleaner.rotated.iter_mut().flatten() {
            rotated.maker = Some(Box::new(Maker { source: maker.source.clone(), census: maker.census.clone() }));
        }
        assert!(clean(&cleaner, &[]).result.is_ok());
        let count = |database: &&str| scratch.names().iter().filter(|name| name.contains(*database)).count();
        assert_eq!(["live", "gone", "late"].iter().map(count).collect::<Vec<_>>(), left, "{census:?}");
    }
}

/// P17: what another action may have written stays, and no set of ours goes because of it.
#[test]
fn p17_a_disputed_set_stays_and_does_not_count() {
    let scratch = Scratch::new();
    for name in ["x-20200701", "x-20200702", "x-20200703"] {
        scratch.write(&format!("db-prod-{name}_000000.pgdump"), "x");
    }
    let short = dumps(scratch.path());
    let long =
        Source { basename: "db-prod".into(), action: "prod".into(), rivals: vec![short], ..dumps(scratch.path()) };
    let before = scratch.names();
    let outcome = clean(&cleaner(long.clone(), 1), &[]);
    assert!(outcome.result.is_ok() && outcome.removed == 0);
    assert_eq!(scratch.names(), before);
    // without the rival they are its own
    assert_eq!(clean(&cleaner(Source { rivals: Vec::new(), ..long }, 1), &[]).removed, 2);
}

/// P17: KB17 left the final name to a dump that had failed at once: such a file pushes no real dump out.
#[test]
fn p17_an_empty_dump_of_kb17_is_none() {
    let scratch = Scratch::new();
    let name = |day: u8| format!("db-x-2020070{day}_000000.pgdump");
    for (day, content) in [(1, "dump"), (2, "dump"), (3, ""), (4, "")] {
        scratch.write(&name(day), content);
    }
    let outcome = clean(&cleaner(dumps(scratch.path()), 1), &[]);
    assert_eq!((outcome.removed, outcome.warnings), (1, 2));
    assert_eq!(scratch.names(), [name(2), name(3), name(4)]);
}

#[test]
fn p18_a_set_found_damaged_does_not_count() {
    let scratch = Scratch::new();
    let dir = scratch.path();
    let name = |day: u8| format!("app-2020070{day}_000000-1.tar.gz");
    for day in 1..5 {
        publish(dir, Existing::Refuse, &[(&name(day), "x")]).unwrap();
        let manifest = format!("{}.manifest", name(day));
        let text = scratch.read(&manifest).replace("2020-07-03", &format!("2020-07-0{day}"));
        scratch.write(&manifest, &text);
    }
    scratch.write(&name(4), ""); // cut off
    let proof = Proof { time: "2020-07-09T00:00:00Z".into(), result: Finding::Damaged, reason: None };
    proof.write(&dir.join(name(3))).unwrap();
    let outcome = clean(&cleaner(archives(dir), 1), &[]);
    assert_eq!((outcome.removed, outcome.warnings), (1, 2));
    assert_eq!(mains(&scratch), [name(2), name(3), name(4)]);
}

#[test]
fn what_cannot_be_removed_is_an_error_and_the_rest_goes() {
    let scratch = Scratch::new();
    let source = kb17(&scratch);
    // another run holds the name that this set would get on its way out
    let held = scratch.write(&format!("1/{}", part_name("app-20200703_000000-1.tar.gz")), "");
    let held = std::fs::File::open(held).unwrap();
    assert_eq!(try_lock(&held).unwrap(), Locked::Yes);
    let outcome = clean(&cleaner(source, 1), &[]);
    assert_eq!(outcome.result.unwrap_err().to_string(), "1 of 3 sets could not be removed");
    assert_eq!((outcome.removed, outcome.warnings), (2, 1));
    assert!(mains(&scratch).contains(&"1/app-20200703_000000-1.tar.gz".to_owned()));
}

#[test]
fn a_set_that_is_read_right_now_stays_for_the_next_time() {
    let scratch = Scratch::new();
    let source = kb17(&scratch);
    let reader = std::fs::File::open(scratch.path().join("1/app-20200702_000000-1.tar.gz")).unwrap();
    assert_eq!(try_lock(&reader).unwrap(), Locked::Yes);
    let outcome = clean(&cleaner(source.clone(), 3), &[]);
    assert!(outcome.result.is_ok() && outcome.removed == 0 && outcome.warnings == 0);
    drop(reader);
    assert_eq!(clean(&cleaner(source, 3), &[]).removed, 1);
}

#[test]
fn p2_a_rotation_that_was_killed_is_finished_by_the_next() {
    let scratch = Scratch::new();
    let source = kb17(&scratch);
    let main = scratch.path().join("1/app-20200702_000000-1.tar.gz");
    std::fs::rename(&main, main.with_file_name(part_name("app-20200702_000000-1.tar.gz"))).unwrap();
    clean(&cleaner(source, 3), &[]).result.unwrap();
    assert!(!scratch.names().iter().any(|name| name.contains("20200702")), "{:?}", scratch.names());
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    let entry = vec!["actions".to_owned(), "clean".to_owned()];
    let scalar = |text: &str| Value::Scalar(Scalar { text: text.to_owned(), quoted: false });
    let pairs: Vec<_> = pairs.iter().map(|(key, text)| ((*key).to_owned(), scalar(text))).collect();
    let properties = Property::own(&entry, &pairs);
    let mut p = Properties::new(entry, &properties, Path::new("/"));
    let common = Common::read(&mut p, false);
    let sets_of = |name: &str| match name {
        "tar1" => Ok(Sets::Own(Box::new(Maker { source: archives(Path::new("/backup")), census: None }))),
        _ => Err("there is no such action".to_owned()),
    };
    let scheme = crate::store::naming::Scheme::default_scheme();
    build(&mut p, &common, &Surroundings { name: "clean", scheme, sets_of: &sets_of, units: &Vec::new });
    p.finish().1.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn its_configuration_is_checked() {
    assert!(problems(&[("source", "tar1"), ("max_files", "3")]).is_empty());
    assert!(problems(&[("source", "tar1"), ("days", "3")]).is_empty());
    for (wrong, message) in [
        (vec![("source", "tar1")], "neither `max_files` nor `days`: nothing is ever removed"),
        (vec![("days", "3")], "`source` is required"),
        (vec![("source", "tar1"), ("days", "0")], "`days` must be at least 1, not 0"),
        (vec![("source", "tar1"), ("max_files", "many")], "`max_files` must be a whole number, not `many`"),
        (vec![("source", "zip"), ("days", "3")], "there is no such action"),
    ] {
        assert_eq!(problems(&wrong), [message], "{wrong:?}");
    }
}
