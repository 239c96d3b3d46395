//! `restore --force`: whatever goes wrong, what stands in the target is either as it was or as in the backup.

use crate::support::tarfile::Tar;
use crate::support::tree::{Random, is_root};
use crate::support::{BINARY, Bench, Ran, contains, lacks, tools};
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const ACTIONS: &str = "\
actions:
  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out', compression: 0}
";

fn noise(len: usize) -> Vec<u8> {
    let mut random = Random::new(7);
    (0..len).map(|_| random.below(256) as u8).collect()
}

/// A backup of a small file, a big one and another name of that, and a target where all of them are something else.
fn bench(name: &str, size: usize) -> Bench {
    let bench = Bench::with(name, ACTIONS);
    bench.write("src/a", "new");
    bench.write("src/big", noise(size));
    fs::hard_link(bench.path("src/big"), bench.path("src/other-name")).unwrap();
    bench.run(&["run", "full"]).exits(0);
    fs::create_dir(bench.path("to")).unwrap();
    live(&bench, "to");
    bench
}

fn live(bench: &Bench, to: &str) {
    for name in ["a", "big", "other-name"] {
        bench.write(&format!("{to}/{name}"), "live");
    }
}

/// Fails unless the two names of the big file are what they were, and nothing else was left.
fn untouched(bench: &Bench, ran: &Ran) {
    assert_eq!((bench.read("to/big"), bench.read("to/other-name")), ("live".into(), "live".into()), "{}", ran.stderr);
    assert_eq!(bench.names("to"), ["a", "big", "other-name"], "{}", ran.stderr);
}

fn restore(bench: &Bench, more: &[&str]) -> Ran {
    let to = bench.path("to");
    let mut arguments = vec!["restore", "full", "--to", to.to_str().unwrap()];
    arguments.extend(more);
    bench.run(&arguments)
}

/// Restores where no file may become larger than 100 KiB.
fn restore_small_files(bench: &Bench, to: &str, more: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -f 100; exec \"$0\" \"$@\"", BINARY, "--config"]).arg(bench.path("config.yaml"));
    command.args(["restore", "full", "--to"]).arg(bench.path(to)).args(more);
    bench.ran(command.output().unwrap())
}

fn archive(bench: &Bench) -> std::path::PathBuf {
    let name = bench.names("out").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    bench.path("out").join(name)
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_live_one() {
    let bench = bench("over-fbig", 300_000);
    let ran = restore_small_files(&bench, "to", &["--force"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "2 not restored: big: File too large");
    contains(&ran.stderr, "other-name: what it links to is not there");
    lacks(&ran.stderr, "checksums verified");
    untouched(&bench, &ran);
    assert_eq!(bench.read("to/a"), "new");
    restore(&bench, &["--force"]).exits(0);
    restore(&bench, &["--force"]).exits(0);
    assert!(fs::read(bench.path("to/other-name")).unwrap() == noise(300_000));
    assert_eq!(bench.names("to"), ["a", "big", "other-name"]);
}

/// Nothing incomplete gets the place of what is complete.
#[test]
fn a_restore_that_misses_something_stays_aside() {
    let bench = bench("over-aside", 300_000);
    let ran = restore_small_files(&bench, "new", &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    lacks(&ran.stderr, "checksums verified");
    let names = bench.names("new");
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].starts_with("krista-backup.incomplete-"), "{names:?}");
    contains(&ran.stderr, &format!("{{dir}}/new/{}: it stays there because it is incomplete", names[0]));
    assert_eq!(bench.read(&format!("new/{}/a", names[0])), "new");
    let ran = restore_small_files(&bench, "other", &["--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "2 not restored: big: File too large");
    lacks(&ran.stderr, "checksums verified");
    assert_eq!(bench.names("other"), ["a"]);
}

#[test]
fn a_full_target_keeps_the_live_file_and_the_message_names_it() {
    if !is_root() {
        return;
    }
    let bench = bench("over-full", 3_000_000);
    let to = bench.path("to");
    if !Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&to).status().unwrap().success() {
        eprintln!("SKIPPED: mounting a small file system is not allowed here");
        return;
    }
    live(&bench, "to");
    let ran = restore(&bench, &["--force"]);
    let after = (bench.read("to/a"), bench.read("to/big"), bench.names("to"));
    assert!(Command::new("umount").arg(&to).status().unwrap().success());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "writing big: No space left on device");
    let names = ["a", "big", "other-name"].map(str::to_owned).to_vec();
    assert_eq!(after, ("new".into(), "live".into(), names), "{}", ran.stderr);
}

/// Content that unpacks but is wrong shows only in the checksum of the whole.
#[test]
fn a_damaged_archive_changes_nothing() {
    let bench = bench("over-damaged", 300_000);
    let archive = archive(&bench);
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let ran = restore(&bench, &["--force"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "nothing was changed");
    assert_eq!(bench.read("to/a"), "live");
    untouched(&bench, &ran);
}

#[test]
fn a_cut_archive_and_keep_going_leave_what_it_does_not_hold() {
    let bench = bench("over-cut", 8_000_000);
    let archive = archive(&bench);
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() - 2_000_000]).unwrap();
    let ran = restore(&bench, &["--force", "--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "not restored because of the damage: big");
    assert_eq!(bench.read("to/a"), "new");
    untouched(&bench, &ran);
}

#[test]
fn a_killed_restore_tears_no_file() {
    let bench = bench("over-killed", 60_000_000);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < deadline, "it was always done before it could be killed");
        live(&bench, "to");
        let mut command = bench.command(&["restore", "full", "--force", "--to"]);
        let mut child = command.arg(bench.path("to")).stderr(Stdio::null()).spawn().unwrap();
        let draft = bench.path("to").join(format!(".krista-backup.incomplete-{}", child.id()));
        while !fs::metadata(&draft).is_ok_and(|meta| meta.len() > 100_000) && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if draft.exists() {
            assert_eq!(bench.read("to/big"), "live");
            return;
        }
    }
}

/// A directory in which somebody else keeps something is never removed, whatever a differential has in its place.
#[test]
fn a_directory_with_something_in_it_stays() {
    let bench = Bench::with("over-dir", ACTIONS);
    Tar::default().dir("d/").file("d/x", b"x").end().write(&bench.path("out/app-20200703_013000-0.tar.gz"));
    Tar::default().file("d", b"a file now").end().write(&bench.path("out/app-20200704_013000-1.tar.gz"));
    bench.write("to/d/mine", "precious");
    let ran = restore(&bench, &["--force"]);
    assert_eq!(bench.read("to/d/mine"), "precious", "{}", ran.stderr);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "1 not restored: d: Directory not empty");
    assert_eq!(bench.names("to/d"), ["mine", "x"]);
}

/// What a restore calls done is on the disk: the power fails right after it.
#[test]
fn a_power_cut_after_a_restore_takes_nothing() {
    let needs = ["mkfs.ext4", "losetup", "python3", "unshare"];
    if !tools::have(&needs) || !tools::can_mount() {
        return;
    }
    let bench = bench("over-power", 3_000_000);
    bench.write("disk.img", vec![0; 64 << 20]);
    let cut = "import fcntl,os,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, b'\\2\\0\\0\\0')";
    let script = "set -e; mkfs.ext4 -q disk.img; mkdir disk; mount -o loop disk.img disk
        \"$@\" --to disk/new; python3 -c \"$CUT\" disk; if touch disk/x; then exit 77; fi
        umount disk; mount -o loop disk.img disk; cp -r disk/new after; umount disk";
    let mut command = Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", script, "sh", BINARY, "--config"]);
    command.arg(bench.path("config.yaml")).args(["restore", "full"]).env("CUT", cut).current_dir(bench.path(""));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(bench.names("after"), ["a", "big", "other-name"]);
    assert!(fs::read(bench.path("after/big")).unwrap() == noise(3_000_000), "it is not what it was");
}

/// P3: every file is on the disk before it takes the name of a live one: a power cut must not take both.
#[test]
fn p3_what_takes_a_live_name_is_on_the_disk_before() {
    if !tools::have(&["strace"]) {
        return;
    }
    let bench = bench("over-order", 300_000);
    let (log, to) = (bench.path("strace"), bench.path("to"));
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-e", "trace=write,pwrite64,fsync,renameat,renameat2", "-o"]).arg(&log);
    command.arg(BINARY).arg("--config").arg(bench.path("config.yaml")).args(["restore", "full", "--force", "--to"]);
    assert!(command.arg(&to).output().unwrap().status.success());
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let mut replaced = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" renameat")) {
        // `PID renameat(5</to>, ".draft", 5</to>, "a") = 0`
        let names: Vec<&str> = line.split('"').collect();
        if !line.contains(&format!("<{}>", to.display())) || !["a", "big"].contains(&names[3]) {
            continue;
        }
        let draft = format!("<{}>", to.join(names[1]).display());
        let last = |call: &str| lines[..at].iter().rposition(|line| line.contains(call) && line.contains(&draft));
        assert!(last("write").is_some() && last("write") < last(" fsync("), "{line}\n{log}");
        replaced += 1;
    }
    assert_eq!(replaced, 2, "{log}");
}
