use super::*;
use crate::store::publish::Existing;
use crate::store::testing::{Scratch, archives, dumps, july, manifest, publish, record};

fn names(sets: &[Set]) -> Vec<&str> {
    sets.iter().map(|set| set.main.file_name().unwrap().to_str().unwrap()).collect()
}

fn put_manifest(scratch: &Scratch, main: &str, action: &str) {
    let records = vec![record(main, "x")];
    let text = Manifest { database: None, ..manifest(action, records) }.to_json().unwrap();
    scratch.write(&format!("{main}.manifest"), &String::from_utf8(text).unwrap());
}

#[test]
fn what_kb17_left_is_found_and_strangers_are_not() {
    let scratch = Scratch::new();
    for name in [
        "app-20200702_000000-1.tar.gz",
        "app-20200701_000000-0.xz",
        "app-20200701_000000-0.list",
        "app-20200701_000000-0.hash",
        "app-20200703_000000-0.tar.gz.bak",
        ".app-20200703_000000-0.tar.gz.part",
        "appendix-20200703_000000-0.tar.gz",
        "README",
    ] {
        scratch.write(name, "x");
    }
    std::os::unix::fs::symlink("README", scratch.path().join("app-20200704_000000-0.tar.gz")).unwrap();
    std::fs::create_dir(scratch.path().join("app-20200705_000000-0.tar.gz")).unwrap();
    let sets = find(&archives(scratch.path())).unwrap();
    assert_eq!(names(&sets), ["app-20200701_000000-0.xz", "app-20200702_000000-1.tar.gz"]);
    assert_eq!(sets[0].files.len(), 3);
    assert_eq!((sets[0].size, sets[0].time, sets[0].parts.level), (3, july(1), Some(0)));
    assert!(sets.iter().all(|set| set.origin == Origin::Kb17));
}

#[test]
fn a_directory_that_is_not_there_holds_nothing() {
    assert!(find(&archives(Path::new("/nonexistent/kb"))).unwrap().is_empty());
}

#[test]
fn ours_carry_their_manifest_and_its_time() {
    let scratch = Scratch::new();
    let main = "app-20200701_000000-0.tar.gz";
    publish(scratch.path(), Existing::Refuse, &[(main, "x"), ("app-20200701_000000-0.list", "y")]).unwrap();
    let sets = find(&archives(scratch.path())).unwrap();
    // the sample manifest says another day than the name
    assert_eq!(sets[0].time, july(3));
    assert!(matches!(&sets[0].origin, Origin::Ours(manifest) if manifest.action == "tar0"));
    let last = sets[0].files.last().unwrap().to_str().unwrap();
    assert!(last.ends_with(".tar.gz.manifest"), "{last}");
}

#[test]
fn a_main_file_that_is_not_what_the_manifest_says_is_damaged() {
    let main = "app-20200701_000000-0.tar.gz";
    let reason_of = |breaking: &dyn Fn(&Scratch)| {
        let scratch = Scratch::new();
        publish(scratch.path(), Existing::Refuse, &[(main, "x")]).unwrap();
        breaking(&scratch);
        match find(&archives(scratch.path())).unwrap().remove(0).origin {
            Origin::Damaged(reason) => reason,
            other => panic!("{other:?}"),
        }
    };
    let manifest_name = format!("{main}.manifest");
    let cut = reason_of(&|scratch| drop(scratch.write(main, "")));
    assert!(cut.contains("has 0 bytes, the manifest says 1"), "{cut}");
    let newer = reason_of(&|scratch| drop(scratch.write(&manifest_name, r#"{"format": 99}"#)));
    assert!(newer.contains("format 99"), "{newer}");
    let linked = reason_of(&|scratch| {
        let path = scratch.path().join(&manifest_name);
        std::fs::rename(&path, scratch.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", path).unwrap();
    });
    assert!(linked.contains("opening"), "{linked}");
    let other = reason_of(&|scratch| {
        let text = scratch.read(&manifest_name).replace("app-20200701", "app-20200702");
        scratch.write(&manifest_name, &text);
    });
    assert!(other.contains("another file"), "{other}");
}

#[test]
fn p17_the_longest_base_name_owns_a_file() {
    let scratch = Scratch::new();
    let name = "db-prod-x-20200701_000000.pgdump";
    scratch.write(name, "x");
    let short = dumps(scratch.path());
    let long = Source { basename: "db-prod".into(), action: "pg_prod".into(), ..short.clone() };
    let with = |own: &Source, rival: &Source| Source { rivals: vec![rival.clone()], ..own.clone() };
    // without a manifest the longest match has it, but nobody may delete it
    assert!(find(&with(&short, &long)).unwrap().is_empty());
    let sets = find(&with(&long, &short)).unwrap();
    assert_eq!((names(&sets), sets[0].disputed, sets[0].parts.dbname.as_deref()), (vec![name], true, Some("x")));
    // a manifest settles it
    for (action, owner, database) in [("pg", &short, "prod-x"), ("pg_prod", &long, "x")] {
        let text = manifest(action, vec![record(name, "x")]);
        let text = Manifest { database: Some(database.into()), ..text }.to_json().unwrap();
        scratch.write(&format!("{name}.manifest"), &String::from_utf8(text).unwrap());
        for (own, rival) in [(&short, &long), (&long, &short)] {
            let sets = find(&with(own, rival)).unwrap();
            let expected = usize::from(own.action == owner.action);
            assert_eq!(sets.iter().filter(|set| !set.disputed).count(), expected, "{action} {}", own.action);
        }
    }
}

#[test]
fn p17_equal_base_names_own_nothing_without_a_manifest() {
    let scratch = Scratch::new();
    scratch.write("app-20200701_000000-0.xz", "x");
    let tar = Source { action: "tar0".into(), level: Some(0), ..archives(scratch.path()) };
    let zip = Source { action: "zip0".into(), extensions: vec!["zip".into(), "xz".into()], ..tar.clone() };
    let source = Source { rivals: vec![zip], ..tar.clone() };
    let found = scan(&source).unwrap();
    assert_eq!((found.sets.len(), found.ambiguous.len()), (0, 1));
    put_manifest(&scratch, "app-20200701_000000-0.xz", "tar0");
    assert_eq!(find(&source).unwrap().len(), 1);
    put_manifest(&scratch, "app-20200701_000000-0.xz", "zip0");
    assert_eq!(find(&source).unwrap().len(), 0);
    // the action of the other level is no rival
    let kin = Source { rivals: vec![archives(scratch.path())], ..tar };
    std::fs::remove_file(scratch.path().join("app-20200701_000000-0.xz.manifest")).unwrap();
    assert_eq!(find(&kin).unwrap().len(), 1);
}

#[test]
fn each_level_only_in_its_folder() {
    let scratch = Scratch::new();
    let mut source = archives(scratch.path());
    for folder in &mut source.folders {
        folder.dir = scratch.path().join(folder.level.unwrap().to_string());
    }
    for name in ["0/app-20200701_000000-0.tar.gz", "0/app-20200702_000000-1.tar.gz", "1/app-20200703_000000-1.tar.gz"] {
        scratch.write(name, "x");
    }
    let sets = find(&source).unwrap();
    assert_eq!(names(&sets), ["app-20200701_000000-0.tar.gz", "app-20200703_000000-1.tar.gz"]);
}

#[test]
fn a_companion_that_two_sets_could_claim_belongs_to_none() {
    let scratch = Scratch::new();
    for name in ["app-20200701_000000-0.tar.gz", "app-20200701_000000-0.tar.xz", "app-20200701_000000-0.list"] {
        scratch.write(name, "x");
    }
    let sets = find(&archives(scratch.path())).unwrap();
    assert_eq!(sets.iter().map(|set| set.files.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_coarse_date_leaves_the_time_to_the_file() {
    let scratch = Scratch::new();
    let keys = [("fsdump_fileformat", "{basename}_{date:%d%m%Y_%S}_{level}.{ext}")];
    let keys = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let source = Source { scheme: Scheme::compile(&keys).unwrap(), ..archives(scratch.path()) };
    let later = scratch.write("app_01072020_59_0.tar.gz", "x");
    scratch.write("app_01072020_59_0.list", "x");
    let earlier = scratch.write("app_02072020_10_0.tar.gz", "x");
    for (path, seconds) in [(&later, 2000), (&earlier, 1000)] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    let sets = find(&source).unwrap();
    assert_eq!(names(&sets), ["app_02072020_10_0.tar.gz", "app_01072020_59_0.tar.gz"]);
    assert_eq!(sets[1].files.len(), 2, "the companions are found although the name gives no time");
}

#[test]
fn directory_dumps_are_sets() {
    let scratch = Scratch::new();
    scratch.write("db-x-20200701_000000.pgdump/toc.dat", "toc");
    scratch.write("db-x-20200701_000000.pgdump/1.dat", "data");
    let sets = find(&dumps(scratch.path())).unwrap();
    assert_eq!((sets.len(), sets[0].size), (1, 7));
}

#[test]
fn lists_whose_archive_was_moved_away() {
    let scratch = Scratch::new();
    for name in ["app-20200701_000000-0.list", "app-20200702_000000-0.list", "app-20200702_000000-0.tar.gz"] {
        scratch.write(name, "x");
    }
    scratch.write("app-20200703_000000-0.list", "x");
    scratch.write(".app-20200703_000000-0.tar.gz.part", "unfinished");
    let lists = scan(&archives(scratch.path())).unwrap().lists;
    assert_eq!(lists.len(), 1);
    assert_eq!((lists[0].time, lists[0].parts.level, &lists[0].manifest), (july(1), Some(0), &None));
}
