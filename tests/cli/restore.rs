//! `restore`: what comes back equals what was there, whatever it was, and nothing gets out of the target.

use crate::support::tarfile::Tar;
use crate::support::tree::{Random, change, hostile, is_root, same, snapshot};
use crate::support::{Bench, Ran, contains, lacks};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const ACTIONS: &str = "\
actions:
  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}
  diff: {source: full, level: 1}
";

fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, ACTIONS);
    fs::create_dir(bench.path("src")).unwrap();
    bench
}

/// Runs an action that must succeed.
#[track_caller]
fn backup(bench: &Bench, action: &str) {
    let ran = bench.run(&["run", action]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Restores into a directory of this name.
fn restore(bench: &Bench, to: &str, more: &[&str]) -> Ran {
    let to = bench.path(to);
    let mut arguments = vec!["restore", "full", "--to", to.to_str().unwrap()];
    arguments.extend(more);
    bench.run(&arguments)
}

/// The archives in `out`, oldest first.
fn archives(bench: &Bench) -> Vec<String> {
    bench.names("out").into_iter().filter(|name| name.ends_with(".tar.gz")).collect()
}

/// P10: everything comes back as it was, attributes and all.
#[test]
fn p10_a_hostile_tree_comes_back() {
    let bench = bench("hostile");
    hostile(&bench.path("src"));
    let ran = bench.run(&["run", "full"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = restore(&bench, "to", &["--privileged"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    same(&snapshot(&bench.path("src")), &snapshot(&bench.path("to")), "restored");
    contains(&ran.stderr, "checksums verified");
}

/// A set that a wrong clock dated ahead is not what was backed up last; it is told about, and can be had by name of its time.
/// When there is nothing else it is today's clock that is wrong.
#[test]
fn a_set_of_the_future_does_not_hide_the_newest_one() {
    let bench = bench("future");
    bench.write("src/file", "of a wrong clock");
    backup(&bench, "full");
    let ahead = |bench: &Bench| {
        for name in bench.names("out") {
            let day = name.split(['-', '_']).nth(1).unwrap().to_owned();
            fs::rename(
                bench.path(&format!("out/{name}")),
                bench.path(&format!("out/{}", name.replace(&day, "29991231"))),
            )
            .unwrap();
        }
        // as of another program, because what the manifest says was not changed with the name
        for name in bench.names("out").into_iter().filter(|name| name.ends_with(".manifest")) {
            fs::remove_file(bench.path(&format!("out/{name}"))).unwrap();
        }
    };
    ahead(&bench);
    restore(&bench, "alone", &[]).exits(0);
    assert_eq!(bench.read("alone/file"), "of a wrong clock");
    bench.write("src/file", "of today");
    backup(&bench, "full");
    let ran = restore(&bench, "to", &[]);
    ran.exits(0);
    contains(&ran.stderr, "is dated in the future and left out");
    assert_eq!(bench.read("to/file"), "of today");
    restore(&bench, "asked", &["--at", "3000-01-01"]).exits(0);
    assert_eq!(bench.read("asked/file"), "of a wrong clock");
}

/// Getting data back does not wait for the configuration to be mended, as long as it says where the backups are.
#[test]
fn an_error_elsewhere_in_the_configuration_keeps_no_data() {
    let bench = bench("broken-config");
    bench.write("src/file", "precious");
    backup(&bench, "full");
    let broken = ACTIONS.replace("basename: app,", "basename: app, compression: 99,") + "  other: {type: nonsense}\n";
    bench.config(&format!("{}{broken}", crate::support::HEAD));
    bench.run(&["run", "full"]).exits(2);
    let ran = restore(&bench, "to", &[]);
    ran.exits(0);
    contains(
        &ran.stderr,
        "{dir}/config.yaml has errors (see `krista-backup check`): going by what can be understood of `full`",
    );
    assert_eq!(bench.read("to/file"), "precious");
    for command in ["verify", "backups"] {
        let ran = bench.run(&[command, "full"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        contains(&ran.stdout, "app-");
    }
}

/// P29: what takes privileges is left out and counted, and nothing else is.
#[test]
fn p29_privileged_things_need_the_word() {
    if !is_root() {
        return;
    }
    let bench = bench("plain");
    hostile(&bench.path("src"));
    backup(&bench, "full");
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    contains(&ran.stderr, "2 device nodes were left out");
    contains(&ran.stderr, "2 entries lost their setuid or setgid bits");
    contains(&ran.stderr, "3 entries lost security attributes");
    assert!(!bench.path("to/null").exists() && !bench.path("to/disk").exists());
    let mode = |name: &str| fs::metadata(bench.path(name)).unwrap().mode() & 0o7777;
    assert_eq!((mode("to/-rf"), mode("to/empty-file"), mode("to/empty")), (0o711, 0o644, 0o1777));
    let all = snapshot(&bench.path("to"));
    lacks(&format!("{all:?}"), "security.");
    contains(&all[Path::new("./big")], "trusted.note");
}

/// The state at each time comes back, whatever was changed, renamed, deleted or turned into something else in between.
#[test]
fn full_and_differentials_bring_back_the_tree_of_each_time() {
    for seed in 0..6 {
        let bench = bench(&format!("times-{seed}"));
        let source = bench.path("src");
        let mut random = Random::new(seed + 1);
        (0..80).for_each(|_| change(&source, &mut random));
        let mut states = Vec::new();
        for action in ["full", "diff", "diff", "diff"] {
            backup(&bench, action);
            states.push(snapshot(&source));
            (0..12).for_each(|_| change(&source, &mut random));
        }
        let answer: Value = serde_json::from_str(&bench.run(&["backups", "diff", "--json"]).stdout).unwrap();
        let sets = answer["backups"].as_array().unwrap();
        assert_eq!(sets.len(), 4);
        for (number, (set, state)) in sets.iter().zip(&states).enumerate() {
            let to = format!("to-{number}");
            let ran = restore(&bench, &to, &["--at", set["time"].as_str().unwrap()]);
            assert_eq!(ran.code, 0, "seed {seed}, state {number}: {}", ran.stderr);
            same(state, &snapshot(&bench.path(&to)), &format!("seed {seed}, state {number}: {}", ran.stderr));
        }
    }
}

#[test]
fn only_what_matches_with_the_directories_around_it() {
    let bench = bench("only");
    for name in ["etc/nginx/nginx.conf", "etc/nginx/sites/a.conf", "etc/passwd", "var/x.conf", "var/y"] {
        bench.write(&format!("src/{name}"), name);
    }
    fs::hard_link(bench.path("src/etc/passwd"), bench.path("src/var/z-link")).unwrap();
    fs::set_permissions(bench.path("src/etc"), fs::Permissions::from_mode(0o751)).unwrap();
    backup(&bench, "full");
    let ran = restore(&bench, "to", &["--only", "etc/nginx/", "--only", "var/*"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found = snapshot(&bench.path("to"));
    let names: Vec<_> = found.keys().map(|path| path.to_str().unwrap().to_owned()).collect();
    let expected = [
        ".",
        "./etc",
        "./etc/nginx",
        "./etc/nginx/nginx.conf",
        "./etc/nginx/sites",
        "./etc/nginx/sites/a.conf",
        "./var",
        "./var/x.conf",
        "./var/y",
        "./var/z-link",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::metadata(bench.path("to/etc")).unwrap().mode() & 0o777, 0o751);
    assert_eq!(bench.read("to/var/z-link"), "etc/passwd", "a link whose first name was not asked for");
    let ran = restore(&bench, "other", &["--only", "nosuch"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stderr, "nothing in the backup matches --only");
    let ran = bench.run(&["restore", "full", "--list", "--only", "nosuch"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    contains(&ran.stderr, "nothing in the backup matches --only");
    let listed = bench.run(&["restore", "full", "--list", "--only", "var"]).stdout;
    contains(&listed, "var/x.conf");
    contains(&listed, "var/z-link link to etc/passwd");
    lacks(&listed, "nginx");
}

#[test]
fn list_shows_the_state_that_would_come_back() {
    let bench = bench("list");
    bench.write("src/old", "1");
    bench.write("src/kept", "22");
    bench.write("src/changed", "333");
    backup(&bench, "full");
    fs::remove_file(bench.path("src/old")).unwrap();
    bench.write("src/changed", "4444");
    bench.write("src/new", "55555");
    backup(&bench, "diff");
    let listed = bench.run(&["restore", "diff", "--list"]).stdout;
    let sizes: Vec<_> = ["kept", "changed", "new"]
        .iter()
        .map(|name| {
            let lines: Vec<_> = listed.lines().filter(|line| line.ends_with(name)).collect();
            assert_eq!(lines.len(), 1, "{listed}");
            lines[0].split_whitespace().nth(3).unwrap().to_owned()
        })
        .collect();
    assert_eq!(sizes, ["2", "4", "5"]);
    lacks(&listed, "old");
}

/// What the last line counts is what is there: neither what the differential replaced nor what it deleted.
#[test]
fn the_entries_there_at_the_end_are_counted() {
    let bench = bench("count");
    for name in ["old", "kept", "changed", "dir/gone", "odd \n name"] {
        bench.write(&format!("src/{name}"), "22");
    }
    backup(&bench, "full");
    fs::remove_file(bench.path("src/old")).unwrap();
    fs::remove_dir_all(bench.path("src/dir")).unwrap();
    bench.write("src/changed", "4444");
    bench.write("src/odd \n name", "4444");
    bench.write("src/new", "55555");
    backup(&bench, "diff");
    bench.write("used/mine", "mine");
    for (to, more) in [("to", &[][..]), ("used", &["--force"][..])] {
        let ran = restore(&bench, to, more);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        contains(&ran.stderr, &format!("restored 5 entries, 15 B to {{dir}}/{to}, 3 deletions applied"));
    }
    assert_eq!(snapshot(&bench.path("to")).len(), 5);
}

/// A target with something in it is refused; `--force` restores over it without following what stands there.
#[test]
fn p29_a_target_in_use_needs_force_and_its_links_are_not_followed() {
    let bench = bench("force");
    bench.write("src/dir/file", "new");
    bench.write("src/plain", "new");
    backup(&bench, "full");
    bench.write("victim/file", "precious");
    bench.write("to/kept", "mine");
    symlink(bench.path("victim"), bench.path("to/dir")).unwrap();
    symlink(bench.path("victim/file"), bench.path("to/plain")).unwrap();
    let ran = restore(&bench, "to", &[]);
    ran.exits(2);
    contains(&ran.stderr, "{dir}/to is not empty");
    restore(&bench, "to", &["--force"]).exits(0);
    assert_eq!(bench.read("to/dir/file"), "new");
    assert_eq!(bench.read("to/plain"), "new");
    assert_eq!(bench.read("to/kept"), "mine");
    assert_eq!(bench.read("victim/file"), "precious");
    assert_eq!(bench.names("victim"), ["file"]);
}

/// P24: a target we make is for us alone until it gets what the backup says.
#[test]
fn what_goes_wrong_leaves_nothing_that_looks_complete() {
    let bench = bench("truncated");
    for number in 0..40 {
        bench.write(&format!("src/f{number:02}"), noise(100_000, number));
    }
    backup(&bench, "full");
    let archive = bench.path("out").join(&archives(&bench)[0]);
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    // the size is not what the manifest says, which shows before anything is read
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "--keep-going");
    assert!(!bench.path("to").exists());
    let ran = restore(&bench, "to", &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "not restored because of the damage: f");
    let restored: Vec<_> = bench.names("to");
    assert!(restored.len() > 10 && restored.len() < 30, "{restored:?}\n{}", ran.stderr);
    for name in &restored {
        assert_eq!(fs::read(bench.path("to").join(name)).unwrap(), fs::read(bench.path("src").join(name)).unwrap());
    }
    let missing: usize = ran
        .stderr
        .lines()
        .find_map(|line| line.split(" not restored because").next().filter(|n| *n != line)?.parse().ok())
        .unwrap();
    assert_eq!(restored.len() + missing, 40);

    // without a manifest the damage is found on the way
    fs::remove_file(format!("{}.manifest", archive.display())).unwrap();
    let ran = restore(&bench, "other", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let names = bench.names("other");
    assert_eq!(names.len(), 1, "{names:?}");
    contains(&ran.stderr, &names[0]);
    assert!(names[0].starts_with("krista-backup.incomplete-"));
}

/// Section 5: a task may name the files of its actions in its own way; they are the action's all the same.
#[test]
fn an_action_has_what_it_wrote_for_any_task() {
    let tasks = "schedule:\n  own: {actions: [full], naming: {naming_scheme: {scheme_id: own, fsdump_fileformat: \
                 '{basename}+{date:%d%m%Y_%H%M%S}+{level}.{ext}'}}}\n  more: {actions: [diff], naming: {naming_scheme: own}}\n";
    let bench = Bench::with("task-names", &format!("{tasks}{ACTIONS}"));
    bench.write("src/a", "a");
    backup(&bench, "own");
    bench.write("src/b", "b");
    backup(&bench, "more");
    assert_eq!(archives(&bench).iter().filter(|name| name.starts_with("app+")).count(), 2);
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "checksums verified");
    assert_eq!(bench.names("to"), ["a", "b"]);
    assert_eq!(bench.run(&["verify", "full"]).stdout.lines().count(), 2);
    contains(&bench.run(&["backups", "diff"]).stdout, "based on app+");
    // and what it wrote by itself, which is newer now
    bench.write("src/c", "c");
    backup(&bench, "full");
    assert_eq!(restore(&bench, "again", &[]).code, 0);
    assert_eq!(bench.names("again"), ["a", "b", "c"]);
}

/// What a cut file still holds comes back, also where it is less than a block.
#[test]
fn a_small_archive_is_restored_up_to_the_cut() {
    for (library, ending) in [("gzip", ".tar.gz"), ("lzma", ".tar.xz")] {
        let bench = bench("small-cut");
        let actions = ACTIONS.replace("basename: app", &format!("basename: app, compression_lib: {library}"));
        bench.config(&format!("{}{actions}", crate::support::HEAD));
        for number in 0..20 {
            bench.write(&format!("src/f{number:02}"), noise(10_000, number));
        }
        backup(&bench, "full");
        let name = bench.names("out").into_iter().find(|name| name.ends_with(ending)).unwrap();
        let archive = bench.path("out").join(name);
        let length = fs::metadata(&archive).unwrap().len();
        fs::OpenOptions::new().write(true).open(&archive).unwrap().set_len(length / 2).unwrap();
        let ran = restore(&bench, "to", &["--keep-going"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        contains(&ran.stderr, "not restored because of the damage: f");
        let restored = bench.names("to");
        assert!(restored.len() > 3 && restored.len() < 12, "{library}: {restored:?}\n{}", ran.stderr);
        for name in &restored {
            assert_eq!(fs::read(bench.path("to").join(name)).unwrap(), fs::read(bench.path("src").join(name)).unwrap());
        }
    }
}

/// A byte changed in a way that still unpacks is found by the checksums at the end.
#[test]
fn wrong_content_is_noticed_although_it_unpacks() {
    let bench = bench("stored");
    bench.config(&format!(
        "{}{}",
        crate::support::HEAD,
        ACTIONS.replace("basename: app", "basename: app, compression: 0")
    ));
    bench.write("src/f", noise(300_000, 1));
    backup(&bench, "full");
    let archive = bench.path("out").join(&archives(&bench)[0]);
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "checksum");
    assert!(!bench.path("to/f").exists());
    let ran = restore(&bench, "to2", &["--keep-going"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stderr, "cannot be told");
    assert!(bench.path("to2/f").exists());
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed + 7);
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// An archive without a manifest, as KB17's, in the place of a level 0.
fn crafted(bench: &Bench, tar: Tar) {
    tar.write(&bench.path("out/app-20200703_013000-0.tar.gz"));
}

/// P29: nothing an archive says leads out of the target, and what was refused is told.
#[test]
fn p29_malicious_names_stay_inside() {
    let bench = bench("malicious");
    bench.write("victim/file", "precious");
    let victim = bench.path("victim");
    let victim = victim.to_str().unwrap();
    let absolute = format!("{victim}/absolute");
    let file = format!("{victim}/file");
    let tar = Tar::default()
        .dir("./")
        .file(&absolute, b"x")
        .file("../upwards", b"x")
        .file("a/../../upwards", b"x")
        .symlink("way-out", victim)
        .file("way-out/through", b"x")
        .dir("way-out/dir/")
        .symlink("to-file", &file)
        .file("to-file", b"replaced, not written through")
        .link("hard-absolute", &file)
        .link("hard-upwards", "../victim/file")
        .link("hard-through", "way-out/file")
        .symlink("relative", "..")
        .file("relative/victim/file", b"x")
        .file("good", b"good")
        .end();
    crafted(&bench, tar);
    let ran = restore(&bench, "to", &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "9 not restored");
    contains(&ran.stderr, "../upwards: refused: its name leads upwards");
    contains(&ran.stderr, "refused: its name is absolute");
    assert_eq!(bench.names("victim"), ["file"]);
    assert_eq!(bench.read("victim/file"), "precious");
    assert_eq!(fs::metadata(&file).unwrap().nlink(), 1);
    assert!(!bench.path("upwards").exists());
    assert_eq!(bench.read("to/good"), "good");
    assert_eq!(bench.read("to/to-file"), "replaced, not written through");
    assert_eq!(bench.names("to"), ["good", "relative", "to-file", "way-out"]);
}

/// P29: a link to a member that did not come back is not made of what stood under that name before.
#[test]
fn p29_a_link_never_leads_to_what_was_there_before() {
    let bench = bench("old-name");
    crafted(&bench, Tar::default().member("x", b'3', "", 0).link("y", "x").file("good", b"good").end());
    bench.write("to/x", "mine");
    let ran = restore(&bench, "to", &["--force"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "y: what it links to is not there");
    assert_eq!(bench.names("to"), ["good", "x"]);
    assert_eq!((bench.read("to/x").as_str(), fs::metadata(bench.path("to/x")).unwrap().nlink()), ("mine", 1));
}

#[test]
fn p29_devices_and_false_sizes() {
    let bench = bench("claims");
    crafted(&bench, Tar::default().member("device", b'3', "", 0).file("good", b"x").end());
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(bench.names("to"), ["good"]);
    contains(&ran.stderr, "1 device nodes were left out");

    crafted(&bench, Tar::default().file("first", b"x").member("huge", b'0', "", 10 << 30).bytes(b"short"));
    let ran = restore(&bench, "to2", &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "ends too early");
    assert_eq!(bench.names("to2"), ["first"]);

    crafted(&bench, Tar::default().member("x", b'x', "", 10 << 30).bytes(b"short"));
    let ran = restore(&bench, "to3", &[]);
    assert_eq!(ran.code, 1);
    contains(&ran.stderr, "an extended header is too long");
}

/// A bomb ends with the space there is, and says so.
#[test]
fn endless_data_ends_with_the_space() {
    if !is_root() {
        return;
    }
    let bench = bench("bomb");
    let zeros = vec![0; 32 << 20];
    crafted(&bench, Tar::default().file("first", b"x").file("bomb", &zeros).end());
    fs::create_dir(bench.path("small")).unwrap();
    let small = bench.path("small");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "none"]).arg(&small).status().unwrap();
    if !mounted.success() {
        eprintln!("SKIPPED: mounting a small file system is not allowed here");
        return;
    }
    let ran = restore(&bench, "small", &["--keep-going"]);
    let names = bench.names("small");
    assert!(Command::new("umount").arg(&small).status().unwrap().success());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "No space left on device");
    assert_eq!(names.len(), 1, "{names:?}");
    contains(&ran.stderr, &names[0]);
}

/// What KB17 (Python's tarfile) made is restored; a differential of its own is said to know no deletions.
#[test]
fn kb17_sets_come_back() {
    let bench = bench("kb17");
    let script = "
import os, sys, tarfile
src, out = sys.argv[1:]
def make(name, paths):
    with tarfile.open(os.path.join(out, name + '.tar.gz'), 'w:gz', format=tarfile.GNU_FORMAT) as tar, \\
            open(os.path.join(out, name + '.list'), 'w') as lst:
        lst.write(os.path.join(out, name + '.tar.gz') + '\\n')
        for path in paths:
            full = os.path.join(src, path)
            tar.add(full, path, recursive=False)
            stat = os.stat(full)
            lst.write('%s,%s,%s\\n' % (stat.st_mtime, stat.st_size, path))
os.makedirs(out)
make('app-20200703_013000-0', ['dir', 'dir/file', 'dir/link', 'hard', 'gone', 'x' * 150])
os.remove(os.path.join(src, 'gone'))
open(os.path.join(src, 'dir/file'), 'w').write('changed')
make('app-20200704_013000-1', ['dir/file'])
";
    bench.write("src/dir/file", "original");
    bench.write("src/gone", "gone");
    bench.write(&format!("src/{}", "x".repeat(150)), "long");
    symlink("file", bench.path("src/dir/link")).unwrap();
    fs::hard_link(bench.path("src/dir/file"), bench.path("src/hard")).unwrap();
    let python = Command::new("python3").args(["-c", script]).arg(bench.path("src")).arg(bench.path("out")).status();
    let Ok(status) = python else {
        eprintln!("SKIPPED: python3 is not installed");
        return;
    };
    assert!(status.success());
    let ran = restore(&bench, "old", &["--at", "2020-07-03"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((bench.read("old/dir/file").as_str(), bench.read("old/gone").as_str()), ("original", "gone"));
    assert_eq!(fs::metadata(bench.path("old/hard")).unwrap().nlink(), 2);
    assert_eq!(bench.read(&format!("old/{}", "x".repeat(150))), "long");
    let ran = restore(&bench, "new", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "does not say what was deleted");
    assert_eq!((bench.read("new/dir/file").as_str(), bench.read("new/gone").as_str()), ("changed", "gone"));
    let ran = bench.run(&["verify", "full"]);
    assert_eq!((ran.code, ran.stdout.matches("ok {dir}/out/app-").count()), (0, 2), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let bench = bench("usage");
    let says = |arguments: &[&str], code: i32, part: &str| {
        let ran = bench.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
        contains(&ran.stderr, part);
    };
    says(&["restore", "full", "--list"], 1, "full: there are no backups");
    bench.write("src/f", "x");
    backup(&bench, "full");
    says(&["restore", "full"], 2, "--to DIR");
    says(&["restore", "nosuch", "--to", "/nowhere"], 2, "nosuch");
    says(&["restore", "full", "--to", "/nowhere", "--at", "yesterday"], 2, "--at `yesterday`");
    says(&["restore", "full", "--to", "/nowhere", "--at", "2001-01-01"], 1, "there is no backup that old");
    says(&["restore", "full", "--db", "a", "--to-db", "b"], 2, "--db and --to-db are for databases");
    assert!(!Path::new("/nowhere").exists());
}
