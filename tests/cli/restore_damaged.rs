//! `restore` of what is damaged or has lost a part: whatever comes back wrong or not at all is told, by name and by the exit code.

use crate::support::tree::Random;
use crate::support::{BINARY, Bench, Ran, contains, lacks};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const ACTIONS: &str = "\
actions:
  full: {type: tar, basename: app, level: 0, src_path: '{dir}/src', dest_path: '{dir}/out'}
  diff: {source: full, level: 1}
";

/// A full backup and a differential that has one file, a new one, and three deletions.
fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, ACTIONS);
    for name in ["kept", "changed", "gone", "dir/gone"] {
        bench.write(&format!("src/{name}"), "full");
    }
    bench.run(&["run", "full"]).exits(0);
    fs::remove_file(bench.path("src/gone")).unwrap();
    fs::remove_dir_all(bench.path("src/dir")).unwrap();
    bench.write("src/changed", "differential");
    bench.run(&["run", "diff"]).exits(0);
    bench
}

fn restore(bench: &Bench, to: &str, more: &[&str]) -> Ran {
    let to = bench.path(to);
    let mut arguments = vec!["restore", "full", "--to", to.to_str().unwrap()];
    arguments.extend(more);
    bench.run(&arguments)
}

fn file(bench: &Bench, ending: &str) -> PathBuf {
    let name = bench.names("out").into_iter().find(|name| name.ends_with(ending)).unwrap();
    bench.path("out").join(name)
}

/// Without its list nobody knows what was deleted: that is damage, not a differential of KB17.
#[test]
fn a_differential_without_its_list_is_damaged() {
    let bench = bench("list-gone");
    fs::remove_file(file(&bench, "-1.list")).unwrap();
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "-1.list: No such file");
    assert!(bench.names("to").iter().all(|name| name.starts_with("krista-backup.incomplete-")));
    let ran = restore(&bench, "going", &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "is damaged");
    lacks(&ran.stderr, "KB17");
    lacks(&ran.stderr, "checksums verified");
    assert_eq!(bench.names("going"), ["changed", "dir", "gone", "kept"]);
    assert_eq!(bench.read("going/changed"), "differential");
    contains(&ran.stderr, "restored 6 entries");
}

/// What is wrong with a set before it is read is not forgotten when it can be read after all.
#[test]
fn a_set_that_is_not_the_one_of_its_manifest_is_no_success() {
    let bench = bench("swapped");
    let manifest = file(&bench, "-1.tar.gz.manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    let archive = file(&bench, "-1.tar.gz");
    let own = fs::read(&archive).unwrap();
    for (number, (content, told)) in
        [(own, "{}".to_owned()), (fs::read(file(&bench, "-0.tar.gz")).unwrap(), text)].into_iter().enumerate()
    {
        fs::write(&archive, content).unwrap();
        fs::write(&manifest, told).unwrap();
        restore(&bench, "to", &[]).exits(1);
        assert!(!bench.path("to").exists());
        let ran = restore(&bench, &format!("going{number}"), &["--keep-going"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        contains(&ran.stderr, "-1.tar.gz is damaged");
        lacks(&ran.stderr, "checksums verified");
    }
}

/// Whatever is not as it was backed up is named, missing or in doubt.
#[test]
fn every_wrong_file_is_named() {
    for (library, kind) in [("gzip", "tar"), ("bzip", "tar"), ("lzma", "tar"), ("zip", "zip")] {
        let actions = format!(
            "actions:\n  full: {{type: {kind}, basename: app, compression_lib: {library}, compression: 1, src_path: '{{dir}}/src', dest_path: '{{dir}}/out'}}\n"
        );
        let bench = Bench::with("wrong", &actions);
        let mut random = Random::new(11);
        for number in 0..40 {
            let text: Vec<_> = (0..30_000).map(|_| b'a' + random.below(24) as u8).collect();
            bench.write(&format!("src/f{number:02}"), text);
        }
        bench.run(&["run", "full"]).exits(0);
        let ending = if kind == "zip" {
            ".zip"
        } else {
            &["gz", "bz2", "xz"].map(|e| format!(".tar.{e}"))
                [["gzip", "bzip", "lzma"].iter().position(|name| *name == library).unwrap()]
        };
        let archive = file(&bench, ending);
        let whole = fs::read(&archive).unwrap();
        let mut wrong = 0;
        for part in [2, 5, 7] {
            let mut bytes = whole.clone();
            for at in 0..3 {
                bytes[whole.len() * part / 10 + at] ^= 0x55;
            }
            fs::write(&archive, bytes).unwrap();
            let to = format!("to{part}");
            let ran = restore(&bench, &to, &["--keep-going"]);
            assert_eq!(ran.code, 1, "{library} {part}: {}", ran.stderr);
            for number in 0..40 {
                let name = format!("f{number:02}");
                let is_same =
                    fs::read(bench.path(&format!("{to}/{name}"))).ok() == fs::read(bench.path("src").join(&name)).ok();
                wrong += usize::from(!is_same);
                let told =
                    ran.stderr.contains(&name) || ran.stderr.contains(", …") || ran.stderr.contains("cannot be told");
                assert!(is_same || told, "{library} {part} {name}: {}", ran.stderr);
                let is_there = bench.path(&format!("{to}/{name}")).exists();
                let doubt = ran.stderr.lines().find(|line| line.contains("may be wrong")).unwrap_or_default();
                assert!(
                    is_same || !is_there || doubt.contains(&name) || ran.stderr.contains("cannot be told"),
                    "{library} {part} {name}: {}",
                    ran.stderr
                );
            }
            if kind == "zip" {
                assert_eq!(bench.names(&to).len(), 39, "{}", ran.stderr);
            }
        }
        assert!(wrong > 0, "{library}");
    }
}

/// What an earlier restore left is told from what the administrator has there.
#[test]
fn what_a_killed_restore_left_is_named() {
    let bench = bench("left");
    bench.write("to/krista-backup.incomplete-7/f", "half");
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    contains(
        &ran.stderr,
        "{dir}/to holds krista-backup.incomplete-7 of a restore that is still at work or did not end",
    );
    fs::remove_dir_all(bench.path("to/krista-backup.incomplete-7")).unwrap();
    restore(&bench, "to", &[]).exits(0);
    bench.write("to/.krista-backup.incomplete-8", "half");
    let ran = restore(&bench, "to", &["--force"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "holds .krista-backup.incomplete-8 of a restore");
}

/// A place that is taken keeps everything where it is, and is named.
#[test]
fn a_lost_and_found_in_use_keeps_everything_aside() {
    let bench = Bench::with("found", ACTIONS);
    bench.write("src/a", "a");
    bench.write("src/lost+found/mine", "mine");
    bench.run(&["run", "full"]).exits(0);
    bench.write("to/lost+found/theirs", "theirs");
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "lost+found: Directory not empty");
    let names = bench.names("to");
    assert_eq!((names.len(), names[1].as_str()), (2, "lost+found"), "{names:?}");
    assert_eq!(bench.names(&format!("to/{}", names[0])), ["a", "lost+found"]);
}

/// Names that are no text can be asked for as they are shown.
#[test]
fn names_are_those_that_the_list_shows() {
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::with("shown", ACTIONS);
    let odd = std::ffi::OsStr::from_bytes(b"\xee\xf2\xf7\xb8\xf2\n1");
    bench.write("src/plain", "x");
    fs::write(bench.path("src").join(odd), "odd").unwrap();
    bench.run(&["run", "full"]).exits(0);
    let listed = bench.run(&["restore", "full", "--list"]);
    let shown = listed.stdout.lines().find_map(|line| line.split_once(" \\x")).unwrap().1;
    restore(&bench, "to", &["--only", &format!("\\x{shown}")]).exits(0);
    assert_eq!(fs::read(bench.path("to").join(odd)).unwrap(), b"odd");
    let ran = restore(&bench, "other", &["--only", bench.path("src/plain").to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "names are those that --list shows");
}

/// An ordinary user: a deletion that is not possible is told, and a target keeps its mode.
#[test]
fn what_a_user_may_not_remove_is_told() {
    if !crate::support::tree::is_root() || !crate::support::tools::have(&["setpriv"]) {
        return;
    }
    let bench = bench("user");
    bench.write("to/mine", "mine");
    bench.write("to/dir/gone", "theirs");
    let mode = |path: &str, mode: &str| {
        assert!(Command::new("chmod").arg(mode).arg(bench.path(path)).status().unwrap().success());
    };
    let own = |path: &str| {
        assert!(Command::new("chown").args(["-hR", "65534:65534"]).arg(bench.path(path)).status().unwrap().success());
    };
    own("");
    mode("", "755");
    mode("to", "555");
    mode("to/dir", "700");
    std::os::unix::fs::chown(bench.path("to/dir"), Some(0), Some(0)).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", BINARY, "--config"]);
    command.arg(bench.path("config.yaml")).args(["restore", "full", "--force", "--to"]).arg(bench.path("to"));
    let ran = bench.ran(command.output().unwrap());
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    contains(&ran.stderr, "dir/gone: is deleted, but cannot be removed: Permission denied");
    assert_eq!(bench.read("to/dir/gone"), "theirs");
    let after = fs::metadata(bench.path("to")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&after.permissions()) & 0o777, 0o555);
}

/// `verify DIR/*` is no false alarm, and notices what was changed beside a backup.
#[test]
fn verify_takes_everything_of_a_directory() {
    let bench = bench("glob");
    assert_eq!(bench.run(&["verify"]).code, 0);
    let all: Vec<_> = bench.names("out").iter().map(|name| bench.path("out").join(name)).collect();
    let verify = || {
        let mut arguments = vec!["verify"];
        arguments.extend(all.iter().map(|path| path.to_str().unwrap()));
        bench.run(&arguments)
    };
    let ran = verify();
    assert_eq!((ran.code, ran.stdout.matches("ok ").count()), (0, all.len()), "{}", ran.stdout);
    let list = file(&bench, "-0.list");
    let text = fs::read(&list).unwrap();
    fs::write(&list, [&text[..], b"x"].concat()).unwrap();
    let ran = verify();
    assert_eq!(ran.code, 1);
    contains(&ran.stdout, "-0.list (it is not what app-");
    fs::write(&list, text).unwrap();
    let (one, other) = (file(&bench, "-0.tar.gz.manifest"), file(&bench, "-1.tar.gz.manifest"));
    fs::copy(one, other).unwrap();
    let ran = verify();
    assert_eq!(ran.code, 1);
    contains(&ran.stdout, ".manifest (it is of another backup)");
}

/// The newest backup has lost its archive: an older one is not brought back without a word.
#[test]
fn a_list_without_its_archive_is_told() {
    let bench = bench("archive-gone");
    let archive = file(&bench, "-1.tar.gz");
    fs::rename(&archive, bench.path("moved")).unwrap();
    let ran = restore(&bench, "to", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(bench.read("to/changed"), "full");
    contains(&ran.stderr, "-1.list stands without its archive: a newer backup than the one restored");
    contains(&bench.run(&["restore", "full", "--list"]).stderr, "-1.list stands without its archive");
    // nobody asked for what came later
    let day_before = bench.run(&["restore", "full", "--list", "--at", "2001-01-01"]);
    lacks(&day_before.stderr, "without its archive");
    fs::rename(bench.path("moved"), archive).unwrap();
    lacks(&restore(&bench, "again", &[]).stderr, "without its archive");
}
