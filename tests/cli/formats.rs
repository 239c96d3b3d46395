//! The formats besides tar.gz: what we write is read by everybody else's tools, what KB17 wrote is read by us.

use crate::support::tools::have;
use crate::support::tree::{Random, change, hostile, is_root, same, snapshot};
use crate::support::{Bench, Ran, contains};
use crate::tar::{child_reads, fill_the_disk, newest, sh};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// tar's other formats: `compression_lib`, ending, and what proves it.
const TARS: [(&str, &str, &str); 2] = [("bzip", ".tar.bz2", "bzip2 -t"), ("lzma", ".tar.xz", "xz -t")];
/// zip's methods: `compression_lib`, and the number of the method.
const ZIPS: [(&str, u8); 3] = [("zip", 8), ("bzip", 12), ("lzma", 14)];

/// An action `full`, its heir `diff` of level 1, and a `cleaner` that keeps one set.
fn bench(name: &str, keys: &str) -> Bench {
    let text = "\
actions:
  full: {basename: app, src_path: '{dir}/src', dest_path: '{dir}/dst', KEYS}
  diff: {source: full, level: 1}
  clean: {type: cleaner, source: full, max_files: 1}
";
    let bench = Bench::with(name, &text.replace("KEYS", keys));
    fs::create_dir(bench.path("src")).unwrap();
    bench
}

#[track_caller]
fn backup(bench: &Bench, unit: &str) {
    let ran = bench.run(&["run", unit]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

fn restore(bench: &Bench, unit: &str, to: &str) -> Ran {
    bench.run(&["restore", unit, "--to", bench.path(to).to_str().unwrap(), "--privileged"])
}

fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(len as u64);
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// Content of several blocks of every format, some of it compressible.
fn big(bench: &Bench) {
    let text: String = (0..150_000).map(|number| format!("{number} ")).collect();
    bench.write("src/text", &text);
    bench.write("src/noise", noise(700_000));
    bench.write("src/mixed", [noise(300_000), text.as_bytes()[..600_000].to_vec()].concat());
}

/// What a zip keeps of a tree: kind, mode, owner, whole seconds, content.
fn kept_by_zip(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut facts = format!("{:o} {}:{} {}", meta.mode(), meta.uid(), meta.gid(), meta.mtime());
        if meta.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if meta.is_symlink() {
            facts += &format!(" -> {:?}", fs::read_link(&path).unwrap());
        } else {
            let content = fs::read(&path).unwrap();
            let sum = content.iter().fold(7u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
            facts += &format!(" {} {sum:x}", content.len());
        }
        found.insert(path.strip_prefix(top).unwrap().to_owned(), facts);
    }
    found
}

/// Everything a zip can hold.
fn zippable(bench: &Bench) {
    big(bench);
    bench.write("src/d/e/plain", "content");
    bench.write("src/отчёт за год.txt", "текст");
    bench.write("src/new\nline", "x");
    bench.write("src/-dash", "x");
    bench.write("src/one block", vec![b'z'; 512 * 1024]);
    bench.write("src/two blocks", vec![b'z'; 512 * 1024 + 1]);
    bench.write("src/nothing", "");
    fs::create_dir_all(bench.path("src/empty/inner")).unwrap();
    fs::hard_link(bench.path("src/d/e/plain"), bench.path("src/second name")).unwrap();
    symlink("d/e/plain", bench.path("src/link")).unwrap();
    symlink("nowhere", bench.path("src/broken")).unwrap();
    for (name, mode) in [("src/d/e/plain", 0o4755), ("src/empty", 0o1777), ("src/-dash", 0o400), ("src/d", 0o750)] {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    crate::support::tree::set_time(&bench.path("src/nothing"), 1_500_000_001, 0);
    if is_root() {
        std::os::unix::fs::chown(bench.path("src/-dash"), Some(3_000_000), Some(77)).unwrap();
    }
}

/// P6, P10: what the other compressions make of a hostile tree, GNU tar and our own restore make the tree of again; bsdtar
/// and Python agree; every part is used by a test of several blocks.
#[test]
fn p10_tar_by_bzip_and_lzma_is_read_by_everybody() {
    if !have(&["bzip2", "xz", "bsdtar", "python3"]) {
        return;
    }
    for (library, ending, test) in TARS {
        let bench = bench(library, &format!("type: tar, compression_lib: {library}, compression: 1"));
        hostile(&bench.path("src"));
        big(&bench);
        backup(&bench, "full");
        let archive = newest(&bench, "dst", ending);
        let (shown, to) = (archive.display(), bench.path("gnu"));
        fs::create_dir(&to).unwrap();
        sh(&format!("{test} '{shown}'"));
        sh(&format!(
            "tar --xattrs --xattrs-include='*' --acls --numeric-owner -xpf '{shown}' -C '{}' 2>&1",
            to.display()
        ));
        let source = snapshot(&bench.path("src"));
        same(&source, &snapshot(&to), library);
        let ran = restore(&bench, "full", "to");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        same(&source, &snapshot(&bench.path("to")), library);
        contains(&ran.stderr, "checksums verified");
        let count = source.len().to_string();
        assert_eq!(sh(&format!("bsdtar tf '{shown}' | wc -l")).trim(), count, "a name has a line break");
        let read = "import tarfile, sys\nwith tarfile.open(sys.argv[1]) as t: print(sum(1 for m in t if not m.isfile() or t.extractfile(m).read() is not None))";
        assert_eq!(sh(&format!("python3 -c '{read}' '{shown}'")).trim(), count);
    }
}

/// P6, P10: zip by every method: `unzip`, Python and bsdtar accept it, and bsdtar and our own restore bring back what a zip
/// can hold.
#[test]
fn p10_zip_by_every_method_is_read_by_everybody() {
    if !have(&["unzip", "bsdtar", "python3"]) {
        return;
    }
    for (library, method) in ZIPS {
        let bench = bench(library, &format!("type: zip, compression_lib: {library}, compression: 1"));
        zippable(&bench);
        let ran = bench.run(&["run", "full", "-v"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        contains(&ran.stderr, "2 entries are names of files that have others, too: a zip holds a copy for each");
        let archive = newest(&bench, "dst", ".zip");
        let shown = archive.display();
        if library != "lzma" {
            // Info-ZIP does not know the method
            contains(&sh(&format!("unzip -tq '{shown}'")), "No errors detected");
        }
        let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(z.testzip(), len(z.infolist()), sorted({i.compress_type for i in z.infolist()}))";
        let source = kept_by_zip(&bench.path("src"));
        let said = sh(&format!("python3 -c '{script}' '{shown}'"));
        assert_eq!(said, format!("None {} [0, {method}]\n", source.len()));
        let to = bench.path("bsd");
        fs::create_dir(&to).unwrap();
        sh(&format!("LC_ALL=C.UTF-8 bsdtar --numeric-owner -xpf '{shown}' -C '{}'", to.display()));
        let mut found = kept_by_zip(&to);
        // it sets the times of the top too early
        found.insert(PathBuf::new(), source[Path::new("")].clone());
        assert_eq!(source, found, "bsdtar");
        let ran = restore(&bench, "full", "to");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(source, kept_by_zip(&bench.path("to")), "restore");
        let ran = bench.run(&["verify", "full"]);
        assert_eq!((ran.code, ran.stdout.starts_with("ok ")), (0, true), "{}", ran.stdout);
    }
}

/// Without compression nothing is compressed; every reader still knows where each member ends.
#[test]
fn level_0_stores() {
    for (keys, ending, test) in [
        ("type: zip", ".zip", "unzip -tq"),
        ("type: zip, compression_lib: lzma", ".zip", "unzip -tq"),
        ("type: tar, compression_lib: lzma", ".tar.xz", "xz -t"),
    ] {
        let bench = bench("stored", &format!("{keys}, compression: 0"));
        big(&bench);
        backup(&bench, "full");
        let archive = newest(&bench, "dst", ending);
        let size = fs::metadata(&archive).unwrap().len();
        assert!((2_500_000..2_700_000).contains(&size), "{keys}: {size}");
        if have(&["unzip", "xz"]) {
            sh(&format!("{test} '{}'", archive.display()));
        }
        assert_eq!(restore(&bench, "full", "to").code, 0);
        assert_eq!(kept_by_zip(&bench.path("src")), kept_by_zip(&bench.path("to")));
    }
}

/// P9: what a zip cannot hold is named and counted, and everything else is there.
#[test]
fn p9_special_files_are_left_out_of_a_zip_with_a_warning() {
    let bench = bench("special", "type: zip");
    bench.write("src/a", "a");
    bench.write("src/z", "z");
    sh(&format!("mkfifo '{}'", bench.path("src/fifo").display()));
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("src/m.sock")).unwrap();
    let ran = bench.run(&["run", "full"]);
    ran.exits(3);
    contains(&ran.stderr, "WARNING full fifo: is a named pipe, which a zip cannot hold");
    contains(&ran.stderr, "WARNING full m.sock: is a socket, which a zip cannot hold");
    let manifest = fs::read_to_string(newest(&bench, "dst", ".zip.manifest")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!((manifest["type"].as_str(), manifest["entries"].as_u64()), (Some("zip"), Some(3)));
    assert_eq!(manifest["skipped"], serde_json::json!(["fifo", "m.sock"]));
}

/// Names that are no UTF-8 come back from our own restore byte by byte, and `unzip` makes no two of them one.
#[test]
fn odd_names_in_a_zip_stay_apart() {
    use std::os::unix::ffi::OsStrExt;
    let bench = bench("names", "type: zip");
    for name in [&b"bad"[..], b"bad\xff", b"bad\xfe", b"b\\c"] {
        fs::write(bench.path("src").join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    backup(&bench, "full");
    assert_eq!(restore(&bench, "full", "to").code, 0);
    assert_eq!(kept_by_zip(&bench.path("src")), kept_by_zip(&bench.path("to")));
    if have(&["unzip"]) {
        let (archive, to) = (newest(&bench, "dst", ".zip"), bench.path("unzip"));
        sh(&format!("LC_ALL=C.UTF-8 unzip -q '{}' -d '{}'", archive.display(), to.display()));
        assert_eq!(bench.names("unzip"), ["b\\c", "bad", "bad%FE", "bad%FF"]);
    }
}

/// Full and differential by zip bring back the tree of each time, deletions included.
#[test]
fn p11_level_1_by_zip_makes_the_tree_of_its_time() {
    for seed in 0..3 {
        let bench = bench("level1", "type: zip, compression: 1");
        let source = bench.path("src");
        let mut random = Random::new(seed + 40);
        (0..60).for_each(|_| change(&source, &mut random));
        std::thread::sleep(Duration::from_millis(60));
        backup(&bench, "full");
        backup(&bench, "diff");
        let untouched = fs::metadata(newest(&bench, "dst", "-1.zip")).unwrap().len();
        assert_eq!(untouched, 22, "seed {seed}: an empty directory and nothing else");
        for round in 0..3 {
            (0..12).for_each(|_| change(&source, &mut random));
            backup(&bench, "diff");
            let to = format!("to-{round}");
            let ran = restore(&bench, "diff", &to);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert_eq!(kept_by_zip(&source), kept_by_zip(&bench.path(&to)), "seed {seed}, round {round}");
        }
    }
}

/// Writes a KB17 set by Python's modules: archive, list, names without a manifest.
fn kb17(bench: &Bench, name: &str, how: &str) {
    let script = "
import os, sys, tarfile, zipfile
src, archive, how = sys.argv[1:]
paths = sorted(os.path.relpath(os.path.join(d, n), src) for d, ds, fs in os.walk(src) for n in ds + fs)
if how.startswith('w'):
    with tarfile.open(archive, how) as out:
        for path in paths: out.add(os.path.join(src, path), path, recursive=False)
else:
    with zipfile.ZipFile(archive, 'w', int(how)) as out:
        for path in paths: out.write(os.path.join(src, path), path)
with open(archive.split('-0.')[0] + '-0.list', 'w') as lst:
    lst.write(archive + '\\n')
    for path in paths:
        stat = os.stat(os.path.join(src, path))
        lst.write('%s,%s,%s\\n' % (stat.st_mtime, stat.st_size, path))
";
    fs::create_dir_all(bench.path("dst")).unwrap();
    let archive = bench.path("dst").join(name);
    sh(&format!("python3 -c \"{script}\" '{}' '{}' {how}", bench.path("src").display(), archive.display()));
}

/// P5: what KB17 left under its own names, `.xz` for a tar as for a zip, is told by what it begins with: it is verified,
/// restored, serves as base, and a truncated one does not.
#[test]
fn p5_sets_of_kb17_in_every_format_are_used() {
    if !have(&["python3"]) {
        return;
    }
    for (keys, ending, how) in [
        ("type: tar, compression_lib: bzip", "tar.bz2", "w:bz2"),
        ("type: tar, compression_lib: lzma", "xz", "w:xz"),
        ("type: zip", "zip", "8"),
        ("type: zip, compression_lib: bzip", "bz2", "12"),
        ("type: zip, compression_lib: lzma", "xz", "14"),
    ] {
        let bench = bench("kb17", keys);
        bench.write("src/conf/app.ini", "a=1\n");
        bench.write("src/отчёты/итоги за год.txt", "итоги");
        bench.write("src/data/log.txt", "line after line\n".repeat(20_000));
        sh(&format!("find '{}' -exec touch -d '2020-06-30 12:00:00' {{}} +", bench.path("src").display()));
        let name = format!("app-20200703_013000-0.{ending}");
        kb17(&bench, &name, how);
        let ran = bench.run(&["verify", "full"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (0, &*format!("ok {{dir}}/dst/{name}\n")),
            "{keys}: {}",
            ran.stderr
        );
        let ran = restore(&bench, "full", "to");
        assert_eq!(ran.code, 0, "{keys}: {}", ran.stderr);
        for file in ["conf/app.ini", "отчёты/итоги за год.txt", "data/log.txt"] {
            assert_eq!(bench.read(&format!("src/{file}")), bench.read(&format!("to/{file}")), "{keys}");
        }
        bench.write("src/conf/app.ini", "a=2\n");
        backup(&bench, "diff");
        let ran = restore(&bench, "diff", "changed");
        assert_eq!(ran.code, 0, "{keys}: {}", ran.stderr);
        assert_eq!((bench.read("changed/conf/app.ini").as_str(), bench.names("changed").len()), ("a=2\n", 3), "{keys}");
        // a damaged one is no base
        let archive = bench.path("dst").join(&name);
        let whole = fs::read(&archive).unwrap();
        fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
        let ran = bench.run(&["run", "diff"]);
        assert_eq!(ran.code, 3, "{keys}: {}", ran.stderr);
        contains(&ran.stderr, "there is no usable level 0");
    }
}

/// P17: rotation counts what KB17 called `.bz2` and `.xz` with what we call `.zip` and `.tar.xz`.
#[test]
fn p17_a_change_of_compression_keeps_a_family_together() {
    let bench = bench("changed", "type: tar");
    let names = |ending: &str| {
        let names = bench.names("dst").into_iter().filter(|name| name.ends_with(ending)).collect::<Vec<_>>();
        assert!(names.len() < 3, "{names:?}");
        names
    };
    bench.write("src/a", "a");
    backup(&bench, "full");
    let config = bench.read("config.yaml");
    bench.config(&config.replace("source: full, level: 1", "source: full, level: 1, compression_lib: lzma"));
    bench.write("src/b", "b");
    backup(&bench, "diff");
    assert_eq!(names("-1.tar.xz").len(), 1);
    restore(&bench, "diff", "to").exits(0);
    assert_eq!(bench.names("to"), ["a", "b"]);
    // the full archives change, too: the old one is rotated with the new ones, but not as long as it is needed
    bench.config(&config.replace("type: tar", "type: tar, compression_lib: bzip"));
    backup(&bench, "full");
    backup(&bench, "clean");
    assert_eq!((names("-0.tar.gz").len(), names("-0.tar.bz2").len()), (1, 1));
    assert_eq!(bench.run(&["verify", "diff"]).code, 0);
    std::fs::remove_file(bench.path("dst").join(&names("-1.tar.xz")[0])).unwrap();
    backup(&bench, "clean");
    assert_eq!((names("-0.tar.gz").len(), names("-0.tar.bz2").len()), (0, 1));
    // an archive of another type is rotated apart, so nothing is built on it
    bench.config(&config.replace("{source: full, level: 1}", "{source: full, type: zip, level: 1}"));
    let ran = bench.run(&["run", "diff"]);
    ran.exits(3);
    contains(&bench.log(), "is no base: it belongs to app-");
    assert_eq!(names("-0.zip").len(), 1);
}

#[test]
fn p17_old_names_are_rotated_with_the_new() {
    for (keys, old, new) in [
        ("type: zip", vec!["bz2", "xz", "zip"], "zip"),
        ("type: zip, compression_lib: lzma", vec!["xz"], "zip"),
        ("type: tar, compression_lib: lzma", vec!["xz"], "tar.xz"),
        ("type: tar, compression_lib: bzip", vec!["tar.bz2"], "tar.bz2"),
    ] {
        let bench = bench("rotate", keys);
        bench.write("src/f", "f");
        for (day, ending) in old.iter().enumerate() {
            bench.write(&format!("dst/app-2020070{}_013000-0.{ending}", day + 1), "an old one");
            bench.write(&format!("dst/app-2020070{}_013000-0.list", day + 1), "its list");
        }
        bench.write("dst/app-20200709_013000-0.rar", "somebody else's");
        backup(&bench, "full");
        backup(&bench, "clean");
        let left = bench.names("dst");
        assert_eq!(left.len(), 4, "{keys}: {left:?}");
        assert!(left.contains(&"app-20200709_013000-0.rar".to_owned()), "{left:?}");
        assert!(left.iter().any(|name| name.ends_with(&format!("-0.{new}"))), "{left:?}");
    }
}

/// P6: `verify` notices a changed byte wherever it is.
#[test]
fn p6_flipped_bytes_are_noticed_in_every_format() {
    for (keys, ending) in [
        ("type: tar, compression_lib: bzip", ".tar.bz2"),
        ("type: tar, compression_lib: lzma", ".tar.xz"),
        ("type: zip", ".zip"),
        ("type: zip, compression_lib: bzip", ".zip"),
        ("type: zip, compression_lib: lzma", ".zip"),
    ] {
        let bench = bench("flips", keys);
        let text: String = (0..3000).map(|number| format!("line {number}\n")).collect();
        bench.write("src/text", text);
        bench.write("src/noise", noise(3000));
        backup(&bench, "full");
        let archive = newest(&bench, "dst", ending);
        let whole = fs::read(&archive).unwrap();
        let mut random = Random::new(9);
        for _ in 0..40 {
            let (place, bit) = (random.below(whole.len()), random.below(8));
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            fs::write(&archive, bytes).unwrap();
            let ran = bench.run(&["verify", archive.to_str().unwrap()]);
            assert_eq!(ran.code, 1, "{keys}: byte {place} of {}: {}{}", whole.len(), ran.stdout, ran.stderr);
        }
        fs::write(&archive, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(bench.run(&["verify", archive.to_str().unwrap()]).code, 1, "{keys}: cut off");
        fs::write(&archive, &whole).unwrap();
        assert_eq!(bench.run(&["verify", archive.to_str().unwrap()]).code, 0, "{keys}");
    }
}

/// P4: a full disk ends the action; nothing has a name and the older set is intact.
#[test]
fn p4_a_full_disk_leaves_nothing_half_done() {
    if !crate::support::tools::can_mount() {
        return;
    }
    for keys in [
        "type: zip",
        "type: zip, compression_lib: lzma",
        "type: tar, compression_lib: bzip",
        "type: tar, compression_lib: lzma",
    ] {
        fill_the_disk(&bench("full", &format!("{keys}, compression: 1, check_space: no")));
    }
}

/// P2: killed in the middle, nothing has a final name, and the next run removes what was left.
#[test]
fn p2_a_killed_run_leaves_only_what_the_next_one_removes() {
    for (keys, ending) in [("type: zip", "zip"), ("type: tar, compression_lib: lzma", "tar.xz")] {
        let bench = bench("killed", &format!("{keys}, compression: 0, bwlimit: 2000"));
        bench.write("src/a", noise(1_500_000));
        bench.write("src/b", noise(1_500_000));
        let mut child = bench.command(&["run", "full"]).stderr(Stdio::null()).spawn().unwrap();
        while !child_reads(child.id(), &bench.path("src/b")) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let left = bench.names("dst");
        assert!(left.iter().any(|name| name.ends_with(&format!(".{ending}.part"))), "nothing was under way: {left:?}");
        assert!(left.iter().all(|name| name.ends_with(".part")), "{left:?}");
        bench.config(&bench.read("config.yaml").replace(", bwlimit: 2000", ""));
        backup(&bench, "full");
        let left = bench.names("dst");
        assert_eq!((left.len(), left.iter().any(|name| name.ends_with(".part"))), (3, false), "{left:?}");
    }
}

/// P8: a file that shrinks while it is read does no harm to what is around it.
#[test]
fn p8_a_shrinking_file_leaves_a_zip_well_formed() {
    let bench = bench("live", "type: zip, bwlimit: 3000");
    bench.write("src/1-shrinks", vec![b's'; 3_000_000]);
    bench.write("src/2-after", "after");
    let shrinks = bench.path("src/1-shrinks");
    let child = bench.command(&["run", "full"]).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    while !child_reads(pid, &shrinks) {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::OpenOptions::new().write(true).open(&shrinks).unwrap().set_len(100_000).unwrap();
    let ran = bench.ran(child.wait_with_output().unwrap());
    ran.exits(3);
    contains(&ran.stderr, "1-shrinks: shrank while it was read");
    let back = restore(&bench, "full", "to");
    assert_eq!(back.code, 3, "{}", back.stderr);
    contains(&back.stderr, "1 could not be backed up whole in the first place: 1-shrinks");
    let shrunk = fs::read(bench.path("to/1-shrinks")).unwrap();
    assert_eq!((shrunk.len(), shrunk[50_000], shrunk[2_999_999]), (3_000_000, b's', 0));
    assert_eq!(bench.read("to/2-after"), "after");
}

/// P12, exclusions, an existing name, a preview: `zip` shares them with `tar`.
#[test]
fn zip_has_the_properties_of_tar() {
    let bench = bench(
        "shared",
        "type: zip, checksum_file: yes, exclusions: '*.tmp', use_absolute_path: yes, level_folders: ['0', '1']",
    );
    bench.config(&bench.read("config.yaml").replace("/dst'", "/src/dst'"));
    bench.write("src/f", "f");
    bench.write("src/g.tmp", "g");
    let ran = bench.run(&["run", "full", "--dry"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!bench.path("src/dst").exists());
    backup(&bench, "full");
    let archive = newest(&bench, "src/dst/0", ".zip");
    let sum = sh(&format!("sha1sum '{}' | cut -c1-40 | tr -d '\\n'", archive.display()));
    assert_eq!(fs::read_to_string(newest(&bench, "src/dst/0", ".hash")).unwrap(), sum);
    let list = fs::read_to_string(newest(&bench, "src/dst/0", ".list")).unwrap();
    contains(&list, &format!(",{}\n", bench.path("src/f").display()));
    if have(&["unzip"]) {
        let src = bench.path("src").display().to_string();
        let src = src.trim_start_matches('/');
        let names = sh(&format!("unzip -Z1 '{}'", archive.display()));
        assert_eq!(names, format!("{src}/\n{src}/dst/\n{src}/f\n"));
    }
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    bench.config(&bench.read("config.yaml").replace("type: zip,", "type: zip, compression_lib: gzip,"));
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    contains(&format!("{}{}", ran.stdout, ran.stderr), "`compression_lib` must be zip or bzip or lzma, not `gzip`");
}
