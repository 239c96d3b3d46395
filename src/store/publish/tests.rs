use super::*;
use crate::store::sets::{self, Source};
use crate::store::testing::{Scratch, archives, dumps, manifest, publish as put, record, stage};
use crate::sys::files::{Locked, try_lock, try_lock_shared};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

const MAIN: &str = "app-20200701_000000-0.tar.gz";
const LIST: &str = "app-20200701_000000-0.list";
const HASH: &str = "app-20200701_000000-0.hash";
const MANIFEST: &str = "app-20200701_000000-0.tar.gz.manifest";
const DUMP: &str = "db-x-20200701_000000.pgdump";

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn part(name: &str) -> String {
    part_name(name)
}

/// Starts a directory dump with these files in it.
fn stage_dir(dir: &Path, existing: Existing, files: &[(&str, &str)]) -> (Staging, Manifest) {
    let mut staging = Staging::begin(dir, existing, None).unwrap();
    let path = staging.create_dir(DUMP, None).unwrap();
    for (name, text) in files {
        std::fs::write(path.join(name), text).unwrap();
    }
    let records = files.iter().map(|(name, text)| record(&format!("{DUMP}/{name}"), text)).collect();
    let manifest = Manifest { database: Some("x".into()), ..manifest("pg", records) };
    (staging, manifest)
}

#[test]
fn p1_a_set_gets_its_names_at_the_end() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("new/deep");
    let (staging, manifest) = stage(&dir, Existing::Refuse, &[(MAIN, "archive"), (LIST, "list")]).unwrap();
    assert!(scratch.names().iter().all(|name| name.contains("/.app")), "{:?}", scratch.names());
    let paths = staging.commit(&manifest).unwrap();
    assert_eq!(paths, [MAIN, LIST, MANIFEST].map(|name| dir.join(name)));
    assert_eq!(scratch.names(), [LIST, MAIN, MANIFEST].map(|name| format!("new/deep/{name}")));
    assert_eq!(sets::find(&archives(&dir)).unwrap().len(), 1);
}

#[test]
fn p24_a_set_is_private_or_for_its_group() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("d");
    for path in put(&dir, Existing::Refuse, &[(MAIN, "x")]).unwrap() {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!(mode(&dir), 0o700);
    let gid = rustix::process::getegid().as_raw();
    let mut staging = Staging::begin(&scratch.path().join("g"), Existing::Refuse, Some(gid)).unwrap();
    staging.create(MAIN).unwrap().file.write_all(b"x").unwrap();
    let paths = staging.commit(&manifest("tar0", vec![record(MAIN, "x")])).unwrap();
    assert!(paths.iter().all(|path| mode(path) == 0o640 && path.metadata().unwrap().gid() == gid));
    assert_eq!(mode(&scratch.path().join("g")), 0o750);
}

#[test]
fn p24_a_planted_link_is_never_written_through() {
    let scratch = Scratch::new();
    scratch.write("victim", "precious");
    let dir = scratch.path().join("d");
    std::fs::create_dir(&dir).unwrap();
    for name in [part(MAIN), part(MANIFEST), part(LIST)] {
        symlink("../victim", dir.join(name)).unwrap();
    }
    put(&dir, Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    assert_eq!(scratch.read("victim"), "precious");
    assert_eq!(scratch.read(&format!("d/{MAIN}")), "x");
    // and under the final names
    for (main, existing) in [(MAIN, Existing::Refuse), (MAIN, Existing::Replace)] {
        let planted = scratch.path().join(format!("p{existing:?}"));
        std::fs::create_dir(&planted).unwrap();
        symlink("../victim", planted.join(main)).unwrap();
        assert!(put(&planted, existing, &[(main, "x")]).is_err());
        assert!(planted.join(main).is_symlink());
        assert_eq!(std::fs::read_dir(&planted).unwrap().count(), 1);
    }
    assert_eq!(scratch.read("victim"), "precious");
}

#[test]
fn p5_an_existing_set_is_refused_and_stays_as_it_is() {
    let scratch = Scratch::new();
    put(scratch.path(), Existing::Refuse, &[(MAIN, "old"), (LIST, "old")]).unwrap();
    let before = scratch.names();
    let error = put(scratch.path(), Existing::Refuse, &[(MAIN, "new")]).unwrap_err();
    assert!(error.to_string().ends_with("exists"), "{error}");
    // it appeared while the new one was being written
    let other = Scratch::new();
    let (staging, manifest) = stage(other.path(), Existing::Refuse, &[(MAIN, "new"), (LIST, "new")]).unwrap();
    other.write(MAIN, "old");
    assert!(staging.commit(&manifest).is_err());
    assert_eq!(other.names(), [MAIN]);
    assert_eq!((scratch.names(), scratch.read(MAIN).as_str()), (before, "old"));
}

#[test]
fn p5_replacing_takes_the_whole_set_along() {
    let scratch = Scratch::new();
    scratch.write(HASH, "of the old one");
    put(scratch.path(), Existing::Replace, &[(MAIN, "old"), (LIST, "old")]).unwrap();
    scratch.write(&format!("{MAIN}.verified"), "{}");
    let (mut staging, manifest) = stage(scratch.path(), Existing::Replace, &[(MAIN, "newer")]).unwrap();
    staging.replaces(archives(scratch.path()).companions(MAIN));
    staging.commit(&manifest).unwrap();
    assert_eq!(scratch.names(), [MAIN, MANIFEST]);
    let found = sets::find(&archives(scratch.path())).unwrap();
    assert!(matches!(found[0].origin, sets::Origin::Ours(_)), "{found:?}");
    assert_eq!(scratch.read(MAIN), "newer");
}

#[test]
fn p1_a_manifest_that_does_not_fit_is_refused() {
    let scratch = Scratch::new();
    let (mut staging, manifest) = stage(scratch.path(), Existing::Refuse, &[(MAIN, "x")]).unwrap();
    staging.create(LIST).unwrap();
    let error = staging.commit(&manifest).unwrap_err();
    assert!(error.to_string().contains(LIST), "{error}");
    assert!(scratch.names().is_empty());
}

#[test]
fn p4_discarding_leaves_nothing() {
    let scratch = Scratch::new();
    let (staging, _) = stage(scratch.path(), Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    staging.discard().unwrap();
    let (staging, _) = stage_dir(scratch.path(), Existing::Refuse, &[("toc.dat", "x")]);
    staging.discard().unwrap();
    assert!(scratch.names().is_empty());
}

#[test]
fn names_that_are_no_file_names_are_refused() {
    let scratch = Scratch::new();
    let mut staging = Staging::begin(scratch.path(), Existing::Refuse, None).unwrap();
    for name in ["", "../x", "a/b", "a\0b", &"x".repeat(naming::MAX_NAME_BYTES + 1)] {
        assert!(staging.create(name).is_err(), "{name}");
    }
    staging.create(&"x".repeat(naming::MAX_NAME_BYTES)).unwrap();
    assert!(staging.create("y").is_ok());
}

#[test]
fn p2_the_next_run_removes_exactly_its_own_leftovers() {
    let scratch = Scratch::new();
    let list_only = "app-20200709_000000-0.list";
    let strangers = [
        ".other-20200701_000000-0.tar.gz.part",
        ".app-20200701_000000-0.tar.gz.part.bak",
        ".part",
        "README",
        list_only,
        "app-20200702_000000-0.list",
        "app-20200702_000000-0.tar.gz",
    ];
    for name in strangers {
        scratch.write(name, "x");
    }
    let leftovers = [part(MAIN), LIST.to_owned(), HASH.to_owned(), MANIFEST.to_owned()];
    let unnamed =
        [part(MANIFEST), part(LIST), part("app-20200702_000000-0.tar.gz"), part("app-20200702_000000-0.hash")];
    for name in leftovers.iter().chain(&unnamed) {
        scratch.write(name, "x");
    }
    let source = archives(scratch.path());
    let removed = sweep(&source).unwrap();
    assert_eq!(removed.len(), leftovers.len() + unnamed.len(), "{removed:?}");
    let mut kept = strangers.map(str::to_owned);
    kept.sort();
    assert_eq!(scratch.names(), kept);
    assert!(sweep(&source).unwrap().is_empty());
}

#[test]
fn p2_what_a_living_run_writes_is_left_alone() {
    let scratch = Scratch::new();
    let (files, files_manifest) = stage(scratch.path(), Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    let (dump, dump_manifest) = stage_dir(scratch.path(), Existing::Refuse, &[("toc.dat", "x")]);
    for source in [archives(scratch.path()), dumps(scratch.path())] {
        assert!(sweep(&source).unwrap().is_empty());
    }
    let error = put(scratch.path(), Existing::Refuse, &[(MAIN, "z")]).unwrap_err();
    assert!(error.to_string().contains("another run"), "{error}");
    files.commit(&files_manifest).unwrap();
    dump.commit(&dump_manifest).unwrap();
    // and dead once dropped
    drop(stage_dir(scratch.path(), Existing::Replace, &[("toc.dat", "x")]));
    assert_eq!(sweep(&dumps(scratch.path())).unwrap(), [scratch.path().join(part(DUMP))]);
}

#[test]
fn a_leftover_in_the_way_is_replaced() {
    let scratch = Scratch::new();
    scratch.write(&part(MAIN), "dead");
    scratch.write(LIST, "of a set that never came");
    put(scratch.path(), Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    assert_eq!((scratch.read(MAIN).as_str(), scratch.read(LIST).as_str()), ("x", "y"));
}

#[test]
fn a_directory_dump_is_published_as_one() {
    let scratch = Scratch::new();
    let (staging, manifest) = stage_dir(scratch.path(), Existing::Refuse, &[("toc.dat", "toc"), ("1.dat", "data")]);
    let paths = staging.commit(&manifest).unwrap();
    assert_eq!((mode(&paths[0]), mode(&paths[0].join("toc.dat"))), (0o700, 0o600));
    let source = dumps(scratch.path());
    let found = sets::find(&source).unwrap();
    assert!(matches!(found[0].origin, sets::Origin::Ours(_)), "{found:?}");
    // replaced whole, by a smaller one, and by a plain file
    let (staging, manifest) = stage_dir(scratch.path(), Existing::Replace, &[("toc.dat", "new")]);
    staging.commit(&manifest).unwrap();
    assert_eq!(scratch.names(), [format!("{DUMP}.manifest"), format!("{DUMP}/toc.dat")]);
    put(scratch.path(), Existing::Replace, &[(DUMP, "plain")]).unwrap();
    assert_eq!(scratch.names(), [DUMP.to_owned(), format!("{DUMP}.manifest")]);
    std::fs::remove_file(scratch.path().join(format!("{DUMP}.manifest"))).unwrap();
    assert_eq!(sets::find(&source).unwrap().len(), 1);
}

#[test]
fn p24_what_was_smuggled_into_a_directory_dump_is_refused() {
    let smuggle = |what: &dyn Fn(&Scratch, &Path)| {
        let scratch = Scratch::new();
        scratch.write("victim", "precious");
        let (staging, manifest) = stage_dir(&scratch.path().join("d"), Existing::Refuse, &[("toc.dat", "x")]);
        what(&scratch, &scratch.path().join("d").join(part(DUMP)));
        let error = staging.commit(&manifest).unwrap_err();
        assert_eq!(scratch.names(), ["victim"], "{error}");
        assert_eq!(mode(&scratch.path().join("victim")), 0o644);
        error.to_string()
    };
    let linked = smuggle(&|scratch, dump| std::fs::hard_link(scratch.path().join("victim"), dump.join("h")).unwrap());
    assert!(linked.contains("second name"), "{linked}");
    smuggle(&|_, dump| symlink("../../victim", dump.join("s")).unwrap());
    smuggle(&|_, dump| std::fs::create_dir(dump.join("sub")).unwrap());
}

#[test]
fn p2_a_dump_put_aside_gets_its_name_back() {
    let scratch = Scratch::new();
    let aside = format!(".{DUMP}.old");
    scratch.write(&format!("{aside}/toc.dat"), "old");
    scratch.write(&format!("{}/toc.dat", part(DUMP)), "new");
    let source = dumps(scratch.path());
    sweep(&source).unwrap();
    assert_eq!(scratch.names(), [format!("{DUMP}/toc.dat")]);
    assert_eq!(scratch.read(&format!("{DUMP}/toc.dat")), "old");
    scratch.write(&format!("{aside}/toc.dat"), "old");
    sweep(&source).unwrap();
    assert_eq!(scratch.names(), [format!("{DUMP}/toc.dat")]);
}

#[test]
fn p2_without_a_swap_the_old_dump_is_put_aside() {
    let scratch = Scratch::new();
    let (staging, manifest) = stage_dir(scratch.path(), Existing::Refuse, &[("toc.dat", "old"), ("1.dat", "old")]);
    staging.commit(&manifest).unwrap();
    let (staging, _) = stage_dir(scratch.path(), Existing::Replace, &[("toc.dat", "new")]);
    staging.put_aside(DUMP, &part(DUMP)).unwrap();
    assert_eq!(scratch.names(), [format!("{DUMP}.manifest"), format!("{DUMP}/toc.dat")]);
    assert_eq!(scratch.read(&format!("{DUMP}/toc.dat")), "new");
}

fn only_set(source: &Source) -> sets::Set {
    sets::find(source).unwrap().remove(0)
}

#[test]
fn p5_a_set_is_withdrawn_whole() {
    let scratch = Scratch::new();
    scratch.write("app-20200702_000000-0.list", "another");
    put(scratch.path(), Existing::Refuse, &[(MAIN, "x"), (LIST, "y"), (HASH, "z")]).unwrap();
    let source = archives(scratch.path());
    assert_eq!(withdraw(&only_set(&source)).unwrap(), Withdrawn::Removed);
    assert_eq!(scratch.names(), ["app-20200702_000000-0.list"]);
    let (staging, manifest) = stage_dir(scratch.path(), Existing::Refuse, &[("toc.dat", "x")]);
    staging.commit(&manifest).unwrap();
    withdraw(&only_set(&dumps(scratch.path()))).unwrap();
    assert_eq!(scratch.names(), ["app-20200702_000000-0.list"]);
}

#[test]
fn a_set_that_is_being_read_stays() {
    let scratch = Scratch::new();
    put(scratch.path(), Existing::Refuse, &[(MAIN, "x")]).unwrap();
    let reader = File::open(scratch.path().join(MAIN)).unwrap();
    assert_eq!(try_lock_shared(&reader).unwrap(), Locked::Yes);
    let set = only_set(&archives(scratch.path()));
    assert_eq!(withdraw(&set).unwrap(), Withdrawn::InUse);
    assert_eq!(scratch.names(), [MAIN, MANIFEST]);
    drop(reader);
    assert_eq!(withdraw(&set).unwrap(), Withdrawn::Removed);
    assert_eq!(withdraw(&set).unwrap(), Withdrawn::Removed);
}

#[test]
fn p24_withdrawing_never_goes_through_a_link() {
    let scratch = Scratch::new();
    scratch.write("victim", "precious");
    put(&scratch.path().join("d"), Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    let set = only_set(&archives(&scratch.path().join("d")));
    for name in [MAIN, LIST] {
        std::fs::remove_file(scratch.path().join("d").join(name)).unwrap();
        symlink("../victim", scratch.path().join("d").join(name)).unwrap();
    }
    assert!(withdraw(&set).is_err());
    assert_eq!(scratch.read("victim"), "precious");
    let mut outside = set.clone();
    outside.main = scratch.write("d/main", "x");
    outside.files = vec![outside.main.clone(), scratch.path().join("victim")];
    assert!(withdraw(&outside).is_err());
    assert_eq!(scratch.read("victim"), "precious");
}

#[test]
fn p2_a_lock_is_held_until_the_set_is_complete() {
    let scratch = Scratch::new();
    let (staging, _) = stage(scratch.path(), Existing::Refuse, &[(MAIN, "x")]).unwrap();
    let other = File::open(scratch.path().join(part(MAIN))).unwrap();
    assert_eq!(try_lock(&other).unwrap(), Locked::Busy);
    drop(staging);
    assert_eq!(try_lock(&other).unwrap(), Locked::Yes);
}

/// P2: a companion that a living run has just named is not taken for a leftover.
#[test]
fn p2_a_companion_that_somebody_is_about_to_use_stays() {
    let scratch = Scratch::new();
    let (staging, manifest) = stage(scratch.path(), Existing::Refuse, &[(MAIN, "x"), (LIST, "y")]).unwrap();
    let living = File::options().write(true).open(scratch.write(LIST, "of the other")).unwrap();
    assert_eq!(try_lock(&living).unwrap(), Locked::Yes);
    let error = staging.commit(&manifest).unwrap_err();
    assert!(error.to_string().ends_with("is being written by another run"), "{error}");
    assert_eq!(scratch.names(), [LIST]);
    assert_eq!(scratch.read(LIST), "of the other");
}

/// P2: an unfinished archive takes no list along that one of another extension needs.
#[test]
fn p2_what_another_archive_needs_is_no_leftover() {
    let scratch = Scratch::new();
    let other = "app-20200701_000000-0.tar.xz";
    for name in [other, LIST, HASH, MANIFEST, &part(MAIN)] {
        scratch.write(name, "x");
    }
    sweep(&archives(scratch.path())).unwrap();
    assert_eq!(scratch.names(), [HASH, LIST, other]);
}

/// What is written beside a set must not outlive it.
#[test]
fn nothing_is_put_beside_a_set_that_is_going() {
    let scratch = Scratch::new();
    put(scratch.path(), Existing::Refuse, &[(MAIN, "x")]).unwrap();
    let main = scratch.path().join(MAIN);
    let cleaner = File::options().write(true).open(&main).unwrap();
    assert_eq!(try_lock(&cleaner).unwrap(), Locked::Yes);
    let error = put_beside(&main, sets::VERIFIED, b"{}").unwrap_err();
    assert!(error.to_string().ends_with("the set is being written or removed"), "{error}");
    drop(cleaner);
    put_beside(&main, sets::VERIFIED, b"{}").unwrap();
    assert_eq!(scratch.names(), [MAIN.to_owned(), MANIFEST.to_owned(), format!("{MAIN}.verified")]);
}

/// Copies the only set there is, and does something to it at the first bytes.
fn copy_while(scratch: &Scratch, disturb: &dyn Fn(&Path)) -> Result<Copied> {
    let set = only_set(&archives(scratch.path()));
    let mut disturbed = false;
    let tick = &mut |_| {
        if !std::mem::replace(&mut disturbed, true) {
            disturb(&set.main);
        }
        Ok(())
    };
    let staging = Staging::begin(&scratch.path().join("vault"), Existing::Refuse, None).unwrap();
    staging.copy(Copying { set: &set, read_back: ReadBack::Yes, tick })
}

/// P20: a set without a manifest has nothing to be compared with, so whoever changes it while it is copied must be noticed.
#[test]
fn p20_a_set_that_changes_while_it_is_copied_is_not_copied() {
    let scratch = Scratch::new();
    scratch.write(MAIN, "an archive of KB17");
    copy_while(&scratch, &|_| ()).unwrap();
    assert_eq!(scratch.read(&format!("vault/{MAIN}")), "an archive of KB17");
    std::fs::remove_dir_all(scratch.path().join("vault")).unwrap();
    for (length, what) in [(40, "grows"), (3, "shrinks")] {
        let error = copy_while(&scratch, &|main| {
            File::options().write(true).open(main).unwrap().set_len(length).unwrap();
        });
        assert!(error.unwrap_err().to_string().ends_with("it changed while it was copied"), "{what}");
        assert_eq!(scratch.names(), [MAIN], "{what}");
    }
}

/// P20, P24: whoever can write beside a set can write a manifest; nothing but what stands beside it is copied for that.
#[test]
fn p24_a_manifest_leads_nowhere_else() {
    for name in ["../victim", "./victim", "/etc/passwd", ".."] {
        let scratch = Scratch::new();
        scratch.write("victim", "secret");
        let dir = scratch.path().join("d");
        put(&dir, Existing::Refuse, &[(MAIN, "x")]).unwrap();
        let records = vec![record(MAIN, "x"), record(name, "secret")];
        let text = manifest("tar0", records).to_json().unwrap();
        std::fs::write(dir.join(MANIFEST), text).unwrap();
        let set = only_set(&archives(&dir));
        let staging = Staging::begin(&scratch.path().join("vault"), Existing::Refuse, None).unwrap();
        let copied = staging.copy(Copying { set: &set, read_back: ReadBack::Yes, tick: &mut |_| Ok(()) });
        let error = copied.unwrap_err().to_string();
        assert!(error.contains("its manifest names `") || error.contains("it is damaged: "), "{name}: {error}");
        assert!(!scratch.names().iter().any(|name| name.starts_with("vault/")), "{:?}", scratch.names());
    }
}

/// P2, P24: what nobody but a stranger can have put under a temporary name stays, and holds up no run.
#[test]
fn p2_a_directory_where_a_file_should_be_holds_up_nobody() {
    let scratch = Scratch::new();
    scratch.write(&format!("{}/inside", part(LIST)), "x");
    scratch.write(&format!("{LIST}/inside"), "x");
    scratch.write(&part(MAIN), "x");
    let removed = sweep(&archives(scratch.path())).unwrap();
    assert_eq!(removed, [scratch.path().join(part(MAIN))]);
    assert_eq!(scratch.names(), [format!("{}/inside", part(LIST)), format!("{LIST}/inside")]);
}

/// P2: what a rival with a longer base name has not finished is the rival's to sweep.
#[test]
fn p2_the_leftovers_of_another_action_stay() {
    let scratch = Scratch::new();
    let theirs = part("db-prod-x-20200701_000000.pgdump");
    scratch.write(&theirs, "x");
    let long = Source { basename: "db-prod".into(), action: "prod".into(), ..dumps(scratch.path()) };
    let short = Source { rivals: vec![long.clone()], ..dumps(scratch.path()) };
    assert!(sweep(&short).unwrap().is_empty());
    assert_eq!(scratch.names(), [theirs]);
    assert_eq!(sweep(&Source { rivals: vec![dumps(scratch.path())], ..long }).unwrap().len(), 1);
}

/// P20: while a set is copied no rotation takes it away.
#[test]
fn p20_a_set_that_is_copied_is_not_rotated_away() {
    let scratch = Scratch::new();
    scratch.write(MAIN, "an archive of KB17");
    let set = only_set(&archives(scratch.path()));
    copy_while(&scratch, &|_| assert_eq!(withdraw(&set).unwrap(), Withdrawn::InUse)).unwrap();
    assert_eq!(withdraw(&set).unwrap(), Withdrawn::Removed);
}

/// P24, P29: what lets a file run as somebody else is not copied along.
#[test]
fn p24_a_copy_has_no_set_id_bits() {
    let scratch = Scratch::new();
    let main = scratch.write(MAIN, "x");
    std::fs::set_permissions(&main, std::fs::Permissions::from_mode(0o6755)).unwrap();
    let copied = copy_while(&scratch, &|_| ()).unwrap();
    assert_eq!(mode(&copied.files[0]), 0o755);
}
