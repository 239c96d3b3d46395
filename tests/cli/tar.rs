//! `tar`: archives that plain tools read back bit for bit, differentials, live files.

use crate::support::{Bench, contains, lacks};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const ACTIONS: &str = "\
schedule: {full: {actions: [t0]}, diff: {actions: [t1]}}
actions:
  t0: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/dst', level: 0, KEYS}
  t1: {source: t0, level: 1}
";

fn bench(name: &str, keys: &str) -> Bench {
    let bench = Bench::with(name, &ACTIONS.replace("KEYS", keys));
    fs::create_dir(bench.path("src")).unwrap();
    bench
}

pub fn sh(script: &str) -> String {
    let output = Command::new("sh").arg("-euc").arg(script).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The newest file below `dir` with this ending.
pub fn newest(bench: &Bench, dir: &str, ending: &str) -> PathBuf {
    let names = bench.names(dir).into_iter().filter(|name| name.ends_with(ending));
    bench.path(dir).join(names.max().unwrap_or_else(|| panic!("no {ending} in {dir}")))
}

/// Unpacks with GNU tar into a fresh directory.
fn unpack(bench: &Bench, archive: &Path, to: &str) -> PathBuf {
    let dir = bench.path(to);
    fs::create_dir_all(&dir).unwrap();
    let (archive, into) = (archive.display(), dir.display());
    sh(&format!("tar --xattrs --xattrs-include='*' --acls -xpzf '{archive}' -C '{into}' --numeric-owner 2>&1"));
    dir
}

/// Everything about a tree that a restore must bring back, path by path.
fn fingerprint(top: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut found = BTreeMap::new();
    let mut groups: BTreeMap<u64, usize> = BTreeMap::new();
    let mut waiting = vec![top.to_owned()];
    while let Some(path) = waiting.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut facts = format!(
            "{:o} {}:{} rdev {} mtime {}.{:09} links {}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.rdev(),
            meta.mtime(),
            meta.mtime_nsec(),
            if meta.is_dir() { 0 } else { meta.nlink() }
        );
        if meta.is_dir() {
            let mut entries: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            entries.reverse();
            waiting.extend(entries);
        } else if meta.is_symlink() {
            facts += &format!(" -> {:?}", fs::read_link(&path).unwrap());
        } else if meta.is_file() {
            facts += &format!(" size {} content {:016x}", meta.size(), content_hash(&path, meta.size()));
        }
        if !meta.is_dir() && meta.nlink() > 1 {
            let next = groups.len();
            facts += &format!(" group {}", groups.entry(meta.ino()).or_insert(next));
        }
        let relative = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
        found.insert(relative, facts);
    }
    found
}

/// FNV over the content; only the ends of huge sparse files.
fn content_hash(path: &Path, size: u64) -> u64 {
    let mut file = fs::File::open(path).unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat =
        |bytes: &[u8]| bytes.iter().for_each(|byte| hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    if size < 64 << 20 {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        eat(&bytes);
    } else {
        let mut bytes = vec![0; 1 << 20];
        file.read_exact(&mut bytes).unwrap();
        eat(&bytes);
        file.seek(SeekFrom::End(-(1 << 20))).unwrap();
        file.read_exact(&mut bytes).unwrap();
        eat(&bytes);
    }
    hash
}

#[track_caller]
fn assert_same_trees(expected: &Path, found: &Path) {
    let (expected, found) = (fingerprint(expected), fingerprint(found));
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let mut wrong = Vec::new();
    for name in names {
        if expected.get(name) != found.get(name) {
            let shown = String::from_utf8_lossy(name);
            wrong.push(format!("{shown:?}\n  expected {:?}\n  found    {:?}", expected.get(name), found.get(name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Extended attributes and ACLs as the usual tools show them.
fn attributes(top: &Path) -> String {
    let top = top.display();
    sh(&format!("cd '{top}' && getfattr -R -P -h -d -m - -e hex . 2>/dev/null | sort; getfacl -R -P -n . 2>/dev/null"))
}

/// A tree with everything of P10 in it. Needs root.
fn hostile_tree(top: &Path) {
    let top = top.display();
    sh(&format!(
        r#"cd '{top}'
        mkdir -p empty d/e/f sticky setgid acl
        echo hello > d/file; printf '' > d/nothing
        head -c 3000000 /dev/urandom > d/noise; seq 1 200000 > d/numbers
        ln -s file d/link; ln -s ../.. d/up; ln -s e d/dirlink; ln -s /nonexistent/target broken
        ln -s "$(head -c 300 /dev/zero | tr '\0' t)" longlink
        ln d/file d/hard1; ln d/file hard2; ln -P broken brokenhard; mkfifo fifo; ln fifo fifohard
        mkfifo -m 600 d/fifo2; mknod null c 1 3; mknod loop b 7 250; mknod big b 4000 1000000
        truncate -s 10M sparse-empty
        truncate -s 20M sparse; printf data | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
        printf end | dd of=sparse bs=1 seek=20971517 conv=notrunc status=none
        truncate -s 9G sparse-huge; printf x | dd of=sparse-huge bs=1 seek=9663676415 conv=notrunc status=none
        printf x | dd of=sparse-hole-at-end bs=1 status=none; truncate -s 3M sparse-hole-at-end
        long="$(head -c 200 /dev/zero | tr '\0' n)"; mkdir -p "$long/$long"; echo deep > "$long/$long/$long"
        ln "$long/$long/$long" "$long/hardlong"; ln -s "$long/$long" "$long/symlong"
        mkdir "$(head -c 99 /dev/zero | tr '\0' m)"; echo x > "$(head -c 100 /dev/zero | tr '\0' m)"
        echo x > "$(printf 'new\nline')"; echo x > "$(printf 'bad\377\376utf8')"; echo x > "$(printf 'cr\r')"
        echo x > "$(printf '%.0s\321\204' $(seq 60)).txt"; mkdir -p "$long/$(printf 'long\377bad')"
        echo x > "$long/$(printf 'long\377bad')/$(printf '\377')"; echo x > 'a%20,b,c'; echo x > ' lead'; echo x > '#hash'
        echo x > "-dash"; echo x > '*star?[x]'; echo x > "quo'te\"s"; echo x > 'back\slash'
        echo own > owner; chown 3000000:4000000 owner; chown 4294967294:1 d/e; chown 12345:54321 d/nothing; chown -h 77:88 broken
        chmod 4755 d/file; chmod 1777 sticky; chmod 2770 setgid; chmod 000 d/numbers; chmod 7777 setgid
        setfattr -n user.note -v 'some text' d/noise; setfattr -n user.bin -v 0x00ff0a0d3d00 d/noise; setfattr -n user.empty d/noise
        setfattr -n 'user.odd=name%' -v x d/noise; setfattr -n trusted.t -v 0x0102 d/e; setfattr -n user.dir -v 1 .
        setfattr -n security.PDPL -v 0x0001020304 d/noise; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 owner
        setfattr -h -n trusted.onlink -v 0x11 broken; setfattr -n trusted.onfifo -v 0x12 fifo
        setfacl -m u:1000:rw,g:2000:r,m:rw owner; setfacl -m u:99:rwx acl; setfacl -d -m u:1000:rwx,g::r,o::- acl
        touch -d '1950-01-02 03:04:05.678901234' d/nothing; touch -d '1969-12-31 23:59:59.5' sparse-empty; touch -d '2300-01-01 00:00:00.000000001' fifo
        touch -d '2020-02-02 02:02:02.123456789' d/file; touch -h -d '2011-11-11 11:11:11.111111111' d/link; touch -d '2242-03-16 12:56:32' hard2 
        touch -d '2001-09-09 01:46:40.000000007' empty d/e/f d . "#
    ));
}

/// P10: what GNU tar makes of our archive is the tree again, and every other reader takes it too.
#[test]
fn a_hostile_tree_comes_back_from_plain_tools() {
    let bench = bench("hostile", "checksum_file: true");
    hostile_tree(&bench.path("src"));
    bench.run(&["run", "full"]).gives(0, "", "");
    let archive = newest(&bench, "dst", ".tar.gz");
    let back = unpack(&bench, &archive, "gnu");
    assert_same_trees(&bench.path("src"), &back);
    assert_eq!(attributes(&bench.path("src")), attributes(&back));
    for sparse in ["sparse", "sparse-empty", "sparse-huge", "sparse-hole-at-end"] {
        let blocks = |top: &Path| fs::metadata(top.join(sparse)).unwrap().blocks();
        let (was, is) = (blocks(&bench.path("src")), blocks(&back));
        assert!(is <= was, "{sparse}: {is} blocks on disk instead of {was}");
    }
    let shown = archive.display();
    sh(&format!("gzip -t '{shown}'; pigz -t '{shown}'"));
    let sha1 = sh(&format!("sha1sum '{shown}' | cut -c1-40 | tr -d '\\n'"));
    assert_eq!(fs::read_to_string(newest(&bench, "dst", ".hash")).unwrap(), sha1);
    assert_eq!(bench.trigger(), "SUCCESS");
}

/// P10: bsdtar and Python read the same names, sizes and times out of it as GNU tar put on disk.
#[test]
fn bsdtar_and_python_agree_with_gnu_tar() {
    let bench = bench("readers", "verify: true");
    hostile_tree(&bench.path("src"));
    // nobody but GNU tar wants to write nine GiB of zeros, and bsdtar knows times before 1970 only as zero
    sh(&format!("cd '{}'; rm sparse-huge; rm d/nothing sparse-empty", bench.path("src").display()));
    bench.run(&["run", "full"]).gives(0, "", "");
    let archive = newest(&bench, "dst", ".tar.gz");
    for (name, unpack) in [
        ("bsdtar", "bsdtar --numeric-owner --xattrs --acls -xpf A -C D"),
        ("python", "python3 -c 'import tarfile; t = tarfile.open(\"A\"); t.extractall(\"D\", numeric_owner=True)'"),
    ] {
        let dir = bench.path(name);
        fs::create_dir(&dir).unwrap();
        let script = unpack.replace('A', &archive.display().to_string()).replace('D', &dir.display().to_string());
        let output = Command::new("sh").arg("-c").arg(&script).env("LC_ALL", "C.UTF-8").output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {errors}");
        let (mut expected, mut found) = (fingerprint(&bench.path("src")), fingerprint(&dir));
        if name == "python" {
            // Python's times are floats, and it makes no second name of a link that leads nowhere
            for facts in expected.values_mut().chain(found.values_mut()) {
                let words: Vec<_> = facts.split(' ').collect();
                let after = |word| words.iter().position(|w| *w == word).map(|at| words[at + 1]);
                *facts = format!("{} {} {:?} {:?}", words[0], words[1], after("content"), after("->"));
            }
        }
        // bsdtar sets the times of the top too early
        for (path, facts) in expected.into_iter().filter(|(path, _)| !path.is_empty()) {
            assert_eq!(found.get(&path), Some(&facts), "{name}: {:?}", String::from_utf8_lossy(&path));
        }
    }
}

/// What a list of ours names as deleted, in its order.
fn deletions(list: &Path) -> Vec<PathBuf> {
    let bytes = fs::read(list).unwrap();
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"#-"));
    lines.map(|line| PathBuf::from(OsStr::from_bytes(&unescape(line)))).collect()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        if *byte == b'%' {
            out.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            out.push(*byte);
            rest = tail;
        }
    }
    out
}

/// The lines of a list that are entries, as KB17 reads them: path → (time, size).
fn kb17_reads(list: &Path) -> BTreeMap<String, (f64, u64)> {
    let text = fs::read_to_string(list).unwrap();
    let entry = |line: &str| {
        let mut fields = line.splitn(3, ',');
        let (time, size, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some((path.to_owned(), (time.parse().unwrap(), size.parse().unwrap())))
    };
    text.lines().skip(1).filter_map(entry).collect()
}

/// Brings a differential back with plain tools: full, deletions from the last one up, differential.
fn restore(bench: &Bench, full: &Path, diff: &Path, list: &Path, to: &str) -> PathBuf {
    let dir = unpack(bench, full, to);
    for path in deletions(list).iter().rev() {
        let path = dir.join(path);
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            fs::remove_dir(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    unpack(bench, diff, to)
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % limit
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    fn pick(&mut self, paths: &[PathBuf]) -> Option<PathBuf> {
        if paths.is_empty() { None } else { Some(paths[self.below(paths.len())].clone()) }
    }

    /// A name that sorts around others in every nasty way.
    fn name(&mut self) -> Vec<u8> {
        let pieces: [&[u8]; 12] =
            [b"a", b"b", b"a.b", b"a-", b"a0", b"%41", b"\xff", b"\n", b",", b" ", b"#-", b"\xd1\x84"];
        let mut name: Vec<u8> = pieces[self.below(pieces.len())].to_vec();
        name.extend_from_slice(pieces[self.below(pieces.len())]);
        name
    }
}

fn tree(top: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut dirs, mut others) = (vec![top.to_owned()], Vec::new());
    let mut next = 0;
    while next < dirs.len() {
        let mut entries: Vec<_> = fs::read_dir(&dirs[next]).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if fs::symlink_metadata(&path).unwrap().is_dir() { dirs.push(path) } else { others.push(path) }
        }
        next += 1;
    }
    (dirs, others)
}

/// One random change; some come to nothing.
fn change(top: &Path, random: &mut Random) {
    let (dirs, others) = tree(top);
    let place = random.pick(&dirs).unwrap().join(OsStr::from_bytes(&random.name()));
    let victim = random.pick(&others);
    let remove = |path: &Path| {
        if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    };
    match (random.below(12), victim) {
        (0..=2, _) => drop(fs::write(&place, {
            let len = random.below(3000);
            random.bytes(len)
        })),
        (3, _) => drop(fs::create_dir(&place)),
        (4, _) => drop(symlink(OsStr::from_bytes(&random.name()), &place)),
        (5, Some(victim)) => drop(remove(&victim)),
        (6, Some(victim)) => drop(fs::rename(victim, place)),
        (7, Some(victim)) => drop(fs::hard_link(victim, place)),
        (8, Some(victim)) if !victim.is_symlink() => {
            // content of the same length under the same time: only ctime tells
            let meta = fs::metadata(&victim).unwrap();
            fs::write(&victim, random.bytes(usize::try_from(meta.len()).unwrap())).unwrap();
            fs::File::open(&victim).unwrap().set_modified(meta.modified().unwrap()).unwrap();
        }
        (9, _) => {
            // a directory goes, moves, or becomes something else
            if let Some(dir) = random.pick(&dirs[1..]) {
                match random.below(3) {
                    0 => drop(fs::rename(dir, place)),
                    1 => fs::remove_dir_all(dir).unwrap(),
                    _ => {
                        fs::remove_dir_all(&dir).unwrap();
                        fs::write(dir, "once a directory").unwrap();
                    }
                }
            }
        }
        (10, Some(victim)) => {
            remove(&victim).unwrap();
            fs::create_dir(&victim).unwrap();
            fs::write(victim.join("inside"), "once a file").unwrap();
        }
        (11, Some(victim)) if !victim.is_symlink() => {
            let mode = u32::try_from(random.below(0o1000)).unwrap();
            fs::set_permissions(victim, fs::Permissions::from_mode(mode)).unwrap();
        }
        _ => {}
    }
}

/// P11: whatever happens to a tree, full + differential + deletions is the tree again, and an untouched one costs nothing.
#[test]
fn full_and_differential_make_the_tree_of_that_time() {
    for seed in 1..=6 {
        let bench = bench("changes", "exclude_subtrees: no");
        let src = bench.path("src");
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed << 40));
        (0..120).for_each(|_| change(&src, &mut random));
        std::thread::sleep(Duration::from_millis(60));
        bench.run(&["run", "full"]).gives(0, "", "");
        let full = newest(&bench, "dst", "-0.tar.gz");
        for round in 0..4 {
            // the first differential sees an untouched tree
            (0..round * 12).for_each(|_| change(&src, &mut random));
            bench.run(&["run", "diff"]).gives(0, "", "");
            let (diff, list) = (newest(&bench, "dst", "-1.tar.gz"), newest(&bench, "dst", "-1.list"));
            if round == 0 {
                assert_eq!(sh(&format!("tar tzf '{}'", diff.display())), "", "seed {seed}: nothing changed");
                assert_eq!(deletions(&list), [] as [PathBuf; 0]);
            }
            let to = format!("back{round}");
            let back = restore(&bench, &full, &diff, &list, &to);
            assert_same_trees(&src, &back);
            fs::remove_dir_all(back).unwrap();
        }
    }
}

/// P11: a change that leaves size and times as they were is found when it came after the scan began.
#[test]
fn what_changed_while_the_full_archive_was_made_is_taken_again() {
    let bench = bench("again", "verify: true");
    fs::write(bench.path("src/old"), "old").unwrap();
    std::thread::sleep(Duration::from_millis(60));
    // stamped right before the scan: the kernel's clock may stand still between this and a later change
    fs::write(bench.path("src/fresh"), "fresh").unwrap();
    bench.run(&["run", "full"]).gives(0, "", "");
    bench.run(&["run", "diff"]).gives(0, "", "");
    let taken = sh(&format!("tar tzf '{}'", newest(&bench, "dst", "-1.tar.gz").display()));
    lacks(&taken, "old");
    if !taken.is_empty() {
        contains(&taken, "fresh");
    }
}

/// KB17's lists serve as base: unsorted, floats, links followed, no deletions recorded by it but by us.
#[test]
fn a_list_of_kb17_is_a_base() {
    let bench = bench("kb17", "list_extension: list");
    for name in ["kept.txt", "changed.txt", "gone.txt", "a-b", "a/inner, with comma"] {
        bench.write(&format!("src/{name}"), name);
    }
    symlink("kept.txt", bench.path("src/link")).unwrap();
    fs::create_dir(bench.path("dst")).unwrap();
    let name = "app-20200712_230000-0";
    let (src, dst) = (bench.path("src"), bench.path("dst"));
    sh(&format!(
        "cd '{0}'; find . -exec touch -h -d '2020-01-02 03:04:05.123456789' {{}} +; tar czf '{1}/{name}.tar.gz' *",
        src.display(),
        dst.display()
    ));
    // reversed, as a walk of KB17's comes in any order
    let list = sh(&format!(
        "cd '{}'; echo /old/place/{name}.tar.gz; python3 -c \"
import os
for d, ds, fs in os.walk('.', topdown=False):
    for n in reversed(fs + ds):
        p = os.path.join(d, n)[2:]
        s = os.stat(p)
        print('%s,%s,%s' % (s.st_mtime, s.st_size, p))\"",
        src.display()
    ));
    bench.write(&format!("dst/{name}.list"), list);
    fs::remove_file(src.join("gone.txt")).unwrap();
    fs::write(src.join("changed.txt"), "other").unwrap();
    fs::write(src.join("new.txt"), "new").unwrap();
    bench.run(&["run", "diff"]).gives(0, "", "");
    let members = sh(&format!("tar tzf '{}'", newest(&bench, "dst", "-1.tar.gz").display()));
    assert_eq!(members, "./\nchanged.txt\nlink\nnew.txt\n");
    assert_eq!(deletions(&newest(&bench, "dst", "-1.list")), [PathBuf::from("gone.txt")]);
    assert_eq!(manifest(&bench, "-1.tar.gz")["base"], format!("{name}.tar.gz"));
    // the archive may have been moved away
    fs::remove_file(dst.join(format!("{name}.tar.gz"))).unwrap();
    bench.run(&["run", "diff"]).gives(0, "", "");
    assert_eq!(manifest(&bench, "-1.tar.gz")["base"], format!("{name}.tar.gz"));
}

/// P5: a KB17 archive that does not read to its end is no base; the full that is made instead says so.
#[test]
fn a_truncated_archive_of_kb17_is_no_base() {
    let bench = bench("kb17cut", "list_extension: list");
    bench.write("src/f", "f");
    let archive = bench.path("dst/app-20200712_230000-0.tar.gz");
    bench.write("dst/app-20200712_230000-0.list", "/dst/app-20200712_230000-0.tar.gz\n1.0,1,f\n");
    sh(&format!(
        "cd '{}'; head -c 100000 /dev/urandom > src/r; tar czf '{1}' -C src .; truncate -s -9 '{1}'",
        bench.path("").display(),
        archive.display()
    ));
    let ran = bench.run(&["run", "diff"]);
    ran.exits(3);
    contains(&ran.stderr, "is no base");
    contains(&ran.stderr, "making a full archive instead");
    assert_eq!(manifest(&bench, "-0.tar.gz")["level"], 0);
}

fn manifest(bench: &Bench, ending: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(newest(bench, "dst", &format!("{ending}.manifest"))).unwrap()).unwrap()
}

/// P5: a level 0 whose list was tampered with, whose archive is not as long as it should be, or which `verify` found damaged, is
/// no base.
#[test]
fn a_damaged_level_0_is_no_base() {
    for damage in ["list", "archive", "byte", "nothing"] {
        let bench = bench("damaged", "list_extension: list");
        bench.write("src/f", "f");
        bench.run(&["run", "full"]).gives(0, "", "");
        let (list, archive) = (newest(&bench, "dst", "-0.list"), newest(&bench, "dst", "-0.tar.gz"));
        match damage {
            "list" => fs::write(&list, fs::read_to_string(&list).unwrap().replace(",1,f", ",2,f")).unwrap(),
            "archive" => fs::write(&archive, [0; 30]).unwrap(),
            "byte" => {
                let mut bytes = fs::read(&archive).unwrap();
                bytes[60] ^= 1;
                fs::write(&archive, bytes).unwrap();
                assert_eq!(bench.run(&["verify", "t0"]).code, 1);
            }
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(1100));
        let ran = bench.run(&["run", "diff"]);
        if damage == "nothing" {
            ran.gives(0, "", "");
            continue;
        }
        ran.exits(3);
        contains(&ran.stderr, "is no base");
        assert_eq!(bench.names("dst").iter().filter(|name| name.ends_with("-0.tar.gz")).count(), 2, "{damage}");
    }
}

/// P5: what a whole level 0 may be and still no base: of another source, with paths written in another way, of a time to come, or
/// a list alone where the archive has to be there.
#[test]
fn p5_a_level_0_that_does_not_fit_is_no_base() {
    for (change, reason) in [
        ("nothing", ""),
        ("source", "it is of another source"),
        ("style", "its paths are written in another way"),
        ("future", "there is no usable level 0"),
        ("moved", ""),
        ("moved and missed", "there is no usable level 0"),
    ] {
        let bench = bench("unfit", "list_extension: list");
        bench.write("src/f", "f");
        bench.write("other/f", "f");
        std::thread::sleep(Duration::from_millis(60));
        bench.run(&["run", "full"]).gives(0, "", "");
        let configure = |old: &str, new: &str| bench.config(&bench.read("config.yaml").replace(old, new));
        match change {
            "source" => configure("/src'", "/other'"),
            "style" => configure("level: 0,", "level: 0, use_absolute_path: yes,"),
            "future" => {
                let path = newest(&bench, "dst", "-0.tar.gz.manifest");
                let mut manifest = manifest(&bench, "-0.tar.gz");
                let time = manifest["run_time"].as_str().unwrap();
                manifest["run_time"] = format!("2099{}", &time[4..]).into();
                fs::write(path, manifest.to_string()).unwrap();
            }
            "moved" => fs::remove_file(newest(&bench, "dst", "-0.tar.gz")).unwrap(),
            "moved and missed" => {
                fs::remove_file(newest(&bench, "dst", "-0.tar.gz")).unwrap();
                configure("level: 0,", "level: 0, check_level_list_only: no,");
            }
            _ => {}
        }
        let ran = bench.run(&["run", "diff"]);
        if reason.is_empty() {
            ran.gives(0, "", "");
            assert_eq!(manifest(&bench, "-1.tar.gz")["level"], 1, "{change}");
            continue;
        }
        ran.exits(3);
        contains(&ran.stderr, reason);
        assert!(!bench.names("dst").iter().any(|name| name.ends_with("-1.tar.gz")), "{change}");
    }
}

/// While a differential is at work its base is not rotated away, however many newer ones there are.
#[test]
fn the_base_of_a_differential_at_work_stays() {
    let bench = bench("base-held", "bwlimit: 3000");
    let config = bench.read("config.yaml") + "  clean: {type: cleaner, source: t0, max_files: 1}\n";
    bench.config(&config);
    bench.write("src/f", "f");
    bench.run(&["run", "full"]).exits(0);
    bench.write("src/big", vec![b'b'; 6_000_000]);
    let child = bench.command(&["run", "diff"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !child_reads(child.id(), &bench.path("src/big")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::rename(bench.path("src/big"), bench.path("big")).unwrap();
    bench.run(&["run", "full"]).exits(0);
    let fulls = || bench.names("dst").iter().filter(|name| name.ends_with("-0.tar.gz")).count();
    assert_eq!(fulls(), 2);
    bench.run(&["run", "clean"]);
    assert!(child_reads(child.id(), &bench.path("big")), "it was over too soon to prove anything");
    assert_eq!(fulls(), 2, "the base is in use");
    bench.ran(child.wait_with_output().unwrap());
    bench.run(&["run", "clean"]);
    // rotation itself keeps the base of a differential that there is
    assert!(bench.run(&["verify", "t1"]).code == 0 && bench.run(&["backups"]).code == 0);
}

/// A KB17 reader gets time, size and path of ordinary names out of our lists.
#[test]
fn kb17_can_read_our_list() {
    let bench = bench("oldreader", "checksum_file: true");
    bench.write("src/dir/a,b.txt", "12345");
    sh(&format!("touch -d '2020-01-02 03:04:05.123456789' '{}'", bench.path("src/dir/a,b.txt").display()));
    bench.run(&["run", "full"]).gives(0, "", "");
    let list = newest(&bench, "dst", ".list");
    let archive = newest(&bench, "dst", ".tar.gz");
    assert_eq!(fs::read_to_string(&list).unwrap().lines().next(), archive.to_str());
    let entries = kb17_reads(&list);
    let path = bench.path("src/dir/a,b.txt");
    let python = sh(&format!("python3 -c 'import os; print(repr(os.stat(\"{}\").st_mtime))'", path.display()));
    assert_eq!(entries["dir/a,b.txt"], (python.trim().parse().unwrap(), 5));
    contains(&fs::read_to_string(&list).unwrap(), &format!("{},5,dir/a,b.txt", python.trim()));
    assert_eq!(entries.keys().collect::<Vec<_>>(), [".", "dir", "dir/a,b.txt"]);
}

/// Section 4: an excluded directory leaves out its entry only, unless a pattern covers what is below or subtrees are asked for.
#[test]
fn exclusions_mean_what_they_meant() {
    let members = |keys: &str| {
        let bench = bench("exclude", keys);
        for name in ["tmp/f", "tmp/deep/g", "keep/x.dll", "keep/x.txt", "cache/1", "cache/sub/2"] {
            bench.write(&format!("src/{name}"), name);
        }
        bench.run(&["run", "full"]).gives(0, "", "");
        sh(&format!("tar tzf '{}'", newest(&bench, "dst", ".tar.gz").display()))
    };
    assert_eq!(
        members("exclusions: 'tmp, *.dll, cache/*'"),
        "./\ncache/\nkeep/\nkeep/x.txt\ntmp/deep/\ntmp/deep/g\ntmp/f\n"
    );
    assert_eq!(members("exclusions: 'tmp, cache', exclude_subtrees: true"), "./\nkeep/\nkeep/x.dll\nkeep/x.txt\n");
    let absolute = members("exclusions: ['*/src/tmp/*'], use_absolute_path: true");
    assert!(absolute.lines().all(|line| line.contains("/src/") && !line.starts_with('/')), "{absolute}");
    assert!(!absolute.contains("tmp/f") && absolute.ends_with("/src/tmp/\n"), "{absolute}");
}

/// What is not even looked at is told, too.
#[test]
fn log_files_names_what_is_taken_and_what_is_left_out() {
    let bench = bench("log-files", "exclusions: 'cache/*, *.tmp', log_files: true");
    for name in ["a", "b.tmp", "cache/x"] {
        bench.write(&format!("src/{name}"), name);
    }
    bench.run(&["run", "full"]).gives(0, "", "");
    let log = bench.debug_log();
    let told: Vec<_> = log.lines().filter_map(|line| line.split_once(" DEBUG t0 ").map(|(_, text)| text)).collect();
    assert_eq!(told, ["added: .", "added: a", "excluded: b.tmp", "excluded: cache/*", "added: cache"]);
    lacks(&bench.log(), "added:");
}

/// P12: neither a destination inside the source, nor the source as destination, ends up in the archive.
#[test]
fn the_destination_stays_out_of_its_own_archive() {
    let members = |dest: &str| {
        let config = ACTIONS.replace("KEYS", "checksum_file: true").replace("{dir}/dst", dest);
        let bench = Bench::with("inside", &config);
        bench.write("src/file", "content");
        for unit in ["full", "diff", "full"] {
            bench.run(&["run", unit]).exits(0);
        }
        let dir = dest.strip_prefix("{dir}/").unwrap();
        let archive = newest(&bench, dir, "-0.tar.gz");
        sh(&format!("tar tzf '{}'", archive.display()))
    };
    assert_eq!(members("{dir}/src/backups/here"), "./\nbackups/\nfile\n");
    assert_eq!(members("{dir}/src"), "./\nfile\n");
}

#[test]
fn a_single_file_is_a_source() {
    let config = ACTIONS.replace("KEYS", "verify: true").replace("{dir}/src", "{dir}/one file.txt");
    let bench = Bench::with("single", &config);
    bench.write("one file.txt", "content");
    bench.run(&["run", "full"]).gives(0, "", "");
    let archive = newest(&bench, "dst", ".tar.gz");
    assert_eq!(sh(&format!("tar xzOf '{0}'; tar tzf '{0}'", archive.display())), "contentone file.txt\n");
    bench.write("one file.txt", "content 2");
    bench.run(&["run", "diff"]).gives(0, "", "");
    assert_eq!(sh(&format!("tar xzOf '{0}'", newest(&bench, "dst", "-1.tar.gz").display())), "content 2");
}

/// P21: a source that lost everything since it was last archived is an error, unless that is meant.
#[test]
fn a_source_that_became_empty_is_an_error() {
    let bench = bench("empty", "verify: true");
    bench.write("src/f", "f");
    bench.run(&["run", "full"]).gives(0, "", "");
    fs::remove_file(bench.path("src/f")).unwrap();
    let before = bench.names("dst");
    for unit in ["full", "diff"] {
        let ran = bench.run(&["run", unit]);
        ran.exits(1);
        contains(&ran.stderr, "empty");
    }
    assert_eq!(bench.names("dst"), before);
    bench.config(&bench.read("config.yaml").replace("verify: true", "allow_empty: true"));
    bench.run(&["run", "full"]).gives(0, "", "");
}

/// P9: a socket and an unreadable entry are counted, named, and cost nothing else.
#[test]
fn a_socket_is_a_warning_and_nothing_more() {
    let bench = bench("socket", "verify: true");
    bench.write("src/a", "a");
    bench.write("src/z", "z");
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("src/m.sock")).unwrap();
    let ran = bench.run(&["run", "full"]);
    ran.exits(3);
    contains(&ran.stderr, "WARNING t0 m.sock: is a socket");
    assert_eq!(bench.trigger(), "WARNING");
    let manifest = manifest(&bench, "-0.tar.gz");
    assert_eq!((manifest["skipped"][0].as_str(), manifest["warnings"].as_u64()), (Some("m.sock"), Some(1)));
    assert_eq!(sh(&format!("tar tzf '{}'", newest(&bench, "dst", ".tar.gz").display())), "./\na\nz\n");
}

/// P8: a file that grows and one that shrinks while they are read; everything around them is intact.
#[test]
fn files_that_grow_and_shrink_under_the_reader() {
    let bench = bench("live", "bwlimit: 3000, level_folders: ['']");
    let (before, after) = (vec![b'b'; 300_000], vec![b'c'; 300_000]);
    bench.write("src/1-before", &before);
    bench.write("src/2-grows", vec![b'g'; 3_000_000]);
    bench.write("src/3-shrinks", vec![b's'; 3_000_000]);
    bench.write("src/4-after", &after);
    let (grows, shrinks) = (bench.path("src/2-grows"), bench.path("src/3-shrinks"));
    let child = bench.command(&["run", "full"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    // at 3 MB/s the first file of 3 MB is being read now, and for most of a second to come
    std::thread::sleep(Duration::from_millis(500));
    fs::OpenOptions::new().append(true).open(&grows).unwrap().write_all(&[b'G'; 500_000]).unwrap();
    // and this one is not begun before a second is over
    while !child_reads(child.id(), &shrinks) {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::OpenOptions::new().write(true).open(&shrinks).unwrap().set_len(1_000_000).unwrap();
    let ran = bench.ran(child.wait_with_output().unwrap());
    ran.exits(3);
    contains(&ran.stderr, "2-grows: grew while it was read");
    contains(&ran.stderr, "3-shrinks: shrank while it was read");
    let back = unpack(&bench, &newest(&bench, "dst", ".tar.gz"), "back");
    assert_eq!(fs::read(back.join("1-before")).unwrap(), before);
    assert_eq!(fs::read(back.join("2-grows")).unwrap(), vec![b'g'; 3_000_000]);
    let shrunk = fs::read(back.join("3-shrinks")).unwrap();
    assert_eq!(shrunk.len(), 3_000_000);
    assert_eq!((shrunk[999_999], shrunk[2_999_999]), (b's', 0));
    assert_eq!(fs::read(back.join("4-after")).unwrap(), after);
    // both are taken again although nothing happened to them since
    std::thread::sleep(Duration::from_millis(50));
}

pub fn child_reads(pid: u32, file: &Path) -> bool {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    fds.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|target| target == file))
}

/// P8, P9: a file that the disk cannot give any more is padded and named; everything around it is intact.
#[test]
fn p9_a_file_that_cannot_be_read_to_its_end_is_named_and_costs_nothing_else() {
    if !crate::support::tools::have(&["strace"]) {
        return;
    }
    let bench = bench("eio", "verify: true");
    let (before, bad, after) = (vec![b'b'; 300_000], vec![b'x'; 1_500_000], vec![b'c'; 300_000]);
    bench.write("src/1-before", &before);
    let file = bench.write("src/2-bad", &bad);
    bench.write("src/3-after", &after);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(bench.path("strace")).args(["-e", "trace=pread64", "-P"]).arg(&file);
    command.args(["-e", "inject=pread64:error=EIO:when=3+", crate::support::BINARY, "--config"]);
    let ran = bench.ran(command.arg(bench.path("config.yaml")).args(["run", "full"]).output().unwrap());
    contains(&bench.read("strace"), "(INJECTED)");
    ran.exits(3);
    contains(&ran.stderr, "WARNING t0 2-bad: cannot be read from byte ");
    assert_eq!(bench.trigger(), "WARNING");
    assert_eq!(manifest(&bench, "-0.tar.gz")["skipped"][0], "2-bad");
    let back = unpack(&bench, &newest(&bench, "dst", ".tar.gz"), "back");
    assert_eq!(fs::read(back.join("1-before")).unwrap(), before);
    assert_eq!(fs::read(back.join("3-after")).unwrap(), after);
    let stored = fs::read(back.join("2-bad")).unwrap();
    assert_eq!((stored.len(), stored[0], stored[bad.len() - 1]), (bad.len(), b'x', 0));
}

/// P9, P11: a directory that cannot be read when a differential is made is named, and nothing below it counts as deleted.
#[test]
fn p11_what_cannot_be_read_is_not_deleted() {
    if !crate::support::tools::have(&["strace"]) {
        return;
    }
    let bench = bench("unreadable", "allow_empty: yes");
    for name in ["dir/a", "dir/deep/b", "z"] {
        bench.write(&format!("src/{name}"), name);
    }
    bench.run(&["run", "full"]).exits(0);
    fs::remove_file(bench.path("src/z")).unwrap();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(bench.path("strace"))
        .args(["-e", "trace=openat", "-P"])
        .arg(bench.path("src"));
    // the first that the walk opens in there is `dir`
    command.args(["-e", "inject=openat:error=EACCES:when=1", crate::support::BINARY, "--config"]);
    let ran = bench.ran(command.arg(bench.path("config.yaml")).args(["run", "diff"]).output().unwrap());
    assert_eq!(bench.read("strace").matches("(INJECTED)").count(), 1, "{}", bench.read("strace"));
    ran.exits(3);
    contains(&ran.stderr, "WARNING t1 dir: cannot be entered: ");
    assert_eq!(manifest(&bench, "-1.tar.gz")["skipped"][0], "dir");
    assert_eq!(deletions(&newest(&bench, "dst", "-1.list")), [PathBuf::from("z")]);
    bench.run(&["restore", "t1", "--to", bench.path("to").to_str().unwrap()]);
    assert_eq!((bench.read("to/dir/a").as_str(), bench.read("to/dir/deep/b").as_str()), ("dir/a", "dir/deep/b"));
    assert!(!bench.path("to/z").exists());
}

/// P21: a list alone, whose archive was moved away, tells as well that the source was not empty.
#[test]
fn p21_an_empty_source_is_noticed_by_the_list_of_a_base_that_was_moved_away() {
    let bench = bench("empty-moved", "list_extension: list");
    bench.write("src/f", "f");
    bench.run(&["run", "full"]).gives(0, "", "");
    for ending in ["-0.tar.gz", "-0.tar.gz.manifest"] {
        fs::remove_file(newest(&bench, "dst", ending)).unwrap();
    }
    fs::remove_file(bench.path("src/f")).unwrap();
    let ran = bench.run(&["run", "diff"]);
    ran.exits(1);
    contains(&ran.stderr, "src is empty, but was not when it was last archived");
    assert_eq!(bench.names("dst").len(), 1);
}

/// P4: a full disk ends the action; nothing has a name and the older set is intact.
#[test]
fn a_full_disk_leaves_nothing_half_done() {
    fill_the_disk(&bench("full", "verify: true, check_space: no"));
}

/// Runs `full` into `dst` on a small disk, then again with more than fits; the first set must stay and nothing else be there.
pub fn fill_the_disk(bench: &Bench) {
    bench.write("src/small", "small");
    fs::create_dir(bench.path("dst")).unwrap();
    let noise = Random(77).bytes(3_000_000);
    let dir = bench.path("").display().to_string();
    let dir = dir.trim_end_matches('/');
    let program = crate::support::BINARY;
    let run = format!("'{program}' --config '{dir}/config.yaml' run full");
    bench.write("noise", noise);
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs '{dir}/dst'; {run}; mv '{dir}/noise' '{dir}/src'; {run} 2>'{dir}/err' && exit 9 || echo $? >'{dir}/code'; ls -A '{dir}/dst' > '{dir}/names'"
    );
    let status = Command::new("unshare").args(["-m", "sh", "-euc", &script]).status().unwrap();
    assert!(status.success());
    assert_eq!(bench.read("code"), "1\n");
    contains(&bench.read("err"), "No space left on device");
    assert_eq!(
        bench.read("names").lines().count(),
        3,
        "archive, list and manifest of the first run: {}",
        bench.read("names")
    );
    assert_eq!(bench.trigger(), "ERROR");
}

#[test]
fn an_existing_target_is_refused_or_replaced_as_asked() {
    // a name without a time is the same every day
    let scheme = "naming_scheme: {scheme_id: fixed, fsdump_fileformat: '{basename}-{level}.{ext}', fsdump_hash_fileformat: '{basename}-{level}.hash'}";
    let bench = bench("exists", scheme);
    bench.write("src/f", "one");
    bench.run(&["run", "full"]).exits(0);
    bench.write("src/f", "two");
    let ran = bench.run(&["run", "full"]);
    ran.exits(1);
    contains(&ran.stderr, "exists");
    let content = || sh(&format!("tar xzOf '{}' f", bench.path("dst/app-0.tar.gz").display()));
    assert_eq!(content(), "one");
    bench.config(&bench.read("config.yaml").replace("level: 0,", "level: 0, overwrite: yes,"));
    bench.run(&["run", "full"]).exits(0);
    assert_eq!(content(), "two");
}

/// KB17's manual names one backup like any other, and its checksum file, too: then that is the newest one's.
#[test]
fn names_may_be_fixed_and_checksum_files_shared() {
    let bench = Bench::with(
        "fixed",
        "actions:\n  one: {type: tar, basename: a, src_path: '{dir}/src', dest_path: '{dir}/one', checksum_file: yes,\n    \
         naming_scheme: {fsdump_fileformat: 'last_backup.{ext}', fsdump_hash_fileformat: last_backup_hash.hash}}\n  \
         many: {type: tar, basename: b, src_path: '{dir}/src', dest_path: '{dir}/many', checksum_file: yes,\n    \
         naming_scheme: {fsdump_hash_fileformat: '{basename}.hash'}}\n  \
         clean: {type: cleaner, source: many, max_files: 1}\n",
    );
    bench.write("src/f", "one");
    assert_eq!(bench.run(&["check"]).code, 0);
    bench.run(&["run", "one"]).gives(0, "", "");
    assert_eq!(
        bench.names("one"),
        ["last_backup.list", "last_backup.tar.gz", "last_backup.tar.gz.manifest", "last_backup_hash.hash"]
    );
    bench.run(&["run", "many"]).gives(0, "", "");
    bench.write("src/f", "two");
    bench.run(&["run", "many"]).gives(0, "", "");
    let ran = bench.run(&["verify"]);
    assert_eq!((ran.code, ran.stdout.matches("ok ").count()), (0, 3), "{}", ran.stdout);
    bench.run(&["run", "clean"]).gives(0, "", "");
    assert_eq!(bench.names("many").iter().filter(|name| name.ends_with(".tar.gz")).count(), 1);
    let newest = bench.names("many").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    let sum = sh(&format!("sha1sum '{}' | cut -c1-40 | tr -d '\n'", bench.path(&format!("many/{newest}")).display()));
    assert_eq!(bench.read("many/b.hash"), sum);
}

#[test]
fn what_check_says_about_tar() {
    let config = "actions:\n  a: {type: tar, basename: a, level: 2, level_folders: ['0'], compression_lib: rar}\n  b: {type: tar}\n";
    let bench = Bench::with("check", config);
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    for part in [
        "there are only levels 0 and 1: 2 is taken as 1",
        "`level_folders` has no folder for level 1",
        "`compression_lib` must be gzip or bzip or lzma, not `rar`",
        "no `basename`",
    ] {
        contains(&said, part);
    }
}

/// P21: an empty source is an error even when what was archived before has no manifest, as after an upgrade from KB17, and
/// also when an empty set was made by mistake in between.
#[test]
fn p21_an_empty_source_is_noticed_whatever_the_last_set_was() {
    let bench = Bench::with(
        "emptykb17",
        "actions:\n  t: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}\n  e: {source: t, allow_empty: yes}\n",
    );
    bench.write("src/a", "x");
    bench.run(&["run", "t"]).gives(0, "", "");
    for name in bench.names("out").iter().filter(|name| name.ends_with(".manifest")) {
        fs::remove_file(bench.path("out").join(name)).unwrap();
    }
    fs::remove_file(bench.path("src/a")).unwrap();
    let refused = bench.run(&["run", "t"]);
    refused.exits(1);
    contains(&refused.stderr, "is empty");
    bench.run(&["run", "e"]).gives(0, "", "");
    bench.run(&["run", "t"]).exits(1);
    for name in bench.names("out").iter().filter(|name| name.ends_with(".list")) {
        fs::remove_file(bench.path("out").join(name)).unwrap();
    }
    bench.run(&["run", "e"]).gives(0, "", "");
}

#[test]
fn a_differential_in_the_same_task_builds_on_the_full_just_made() {
    let bench = Bench::with(
        "sametask",
        "schedule: {both: {actions: [f, d]}}\nactions:\n  f: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}\n  d: {source: f, level: 1}\n",
    );
    bench.write("src/a", "x");
    for _ in 0..2 {
        bench.run(&["run", "both"]).gives(0, "", "");
    }
    let manifests: Vec<_> = bench.names("out").into_iter().filter(|n| n.ends_with("-1.tar.gz.manifest")).collect();
    assert_eq!(manifests.len(), 2);
    for name in manifests {
        let manifest: serde_json::Value = serde_json::from_str(&bench.read(&format!("out/{name}"))).unwrap();
        let full = name.replace("-1.tar.gz.manifest", "-0.tar.gz");
        assert_eq!(manifest["base"], full.as_str());
    }
}

/// P8: what the kernel makes up claims to be empty and is not. It is stored as it is read, or said to be too long.
#[test]
fn p8_files_that_only_say_they_are_empty() {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    for (kind, extension, unpack) in [("tar", ".tar.gz", "tar xzf"), ("zip", ".zip", "unzip -qq")] {
        let sections = format!(
            "actions:\n  random: {{type: {kind}, basename: r, src_path: /proc/sys/kernel/random, dest_path: '{{dir}}/b'}}\n  \
             long: {{source: random, basename: l, src_path: /proc/kallsyms}}\n"
        );
        let bench = Bench::with(&format!("made-up-{kind}"), &sections);
        bench.run(&["run", "random"]).exits(0);
        let archive = bench.names("b").into_iter().find(|name| name.ends_with(extension)).unwrap();
        fs::create_dir(bench.path("to")).unwrap();
        let script = format!("{unpack} ../b/{archive}");
        let status = Command::new("sh").args(["-c", &script]).current_dir(bench.path("to")).status().unwrap();
        assert!(status.success());
        assert_eq!(bench.read("to/boot_id"), boot, "{kind}");
        if fs::read("/proc/kallsyms").is_ok_and(|symbols| symbols.len() > 1 << 20) {
            bench.run(&["run", "long"]).exits(3);
            contains(
                &bench.log(),
                "kallsyms: says it is empty and holds more than 1 MiB: only that much of it was stored",
            );
            assert_eq!(bench.run(&["verify", "long"]).code, 0);
        }
    }
}
