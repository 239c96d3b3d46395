//! `move_bkp_period` and the rotation of what it copied, on real archives and on KB17's.

use crate::support::{BINARY, Bench, contains, tools};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

const VAULT: &str = "\
schedule:
  full: {actions: [tar0]}
  diff: {actions: [tar1]}
  vault: {actions: [mv]}
actions:
  tar0: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/b', level: 0, level_folders: ['0', '1'], checksum_file: true}
  tar1: {source: tar0, level: 1}
  mv: {type: move_bkp_period, action_list: [tar0], dest_path: '{dir}/vault', periods: {daily: {cron: '* * * * *', max_files: 2}, monthly: {path: month, cron: '* * 31 2 *'}}}
  clean: {type: cleaner, source: mv}
";

/// A bench with one full set.
fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, VAULT);
    bench.write("src/a", "alpha".repeat(1000));
    bench.run(&["run", "full"]).exits(0);
    bench
}

fn only(bench: &Bench, dir: &str, end: &str) -> String {
    let names: Vec<_> = bench.names(dir).into_iter().filter(|name| name.ends_with(end)).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    format!("{dir}/{}", names[0])
}

/// P20: a copy is the whole set, byte for byte, with modes and times.
#[test]
fn the_newest_set_goes_whole_into_every_due_period() {
    let bench = bench("vault");
    let archive = only(&bench, "b/0", ".tar.gz");
    fs::set_permissions(bench.path(&archive), fs::Permissions::from_mode(0o640)).unwrap();
    bench.run(&["run", "vault"]).gives(0, "", "");
    let names = bench.names("b/0");
    assert_eq!(names.len(), 4, "archive, list, checksum, manifest: {names:?}");
    assert_eq!(bench.names("vault/daily"), names);
    assert!(!bench.path("vault/month").exists(), "that period is not due");
    for name in &names {
        let (from, to) = (bench.path(&format!("b/0/{name}")), bench.path(&format!("vault/daily/{name}")));
        assert_eq!(fs::read(&from).unwrap(), fs::read(&to).unwrap(), "{name}");
        let (from, to) = (fs::metadata(from).unwrap(), fs::metadata(to).unwrap());
        let facts = |meta: &fs::Metadata| (meta.mode(), meta.mtime(), meta.mtime_nsec(), meta.gid());
        assert_eq!(facts(&from), facts(&to), "{name}");
    }
    assert_eq!(fs::metadata(bench.path("vault/daily")).unwrap().mode() & 0o777, 0o700);
    let copied = &bench.last_record()["actions"][0]["sets"][0];
    contains(copied.as_str().unwrap(), "/vault/daily/app-");
    // again: nothing new, nothing done
    bench.run(&["run", "vault"]).gives(0, "", "");
    contains(&bench.log(), "is in period daily already");
    assert_eq!(bench.names("vault/daily"), names);
}

/// The full set that a differential needs is one that its own action sends there, too: it is copied once, whoever comes first.
#[test]
fn a_full_set_and_its_differential_go_together() {
    for list in ["[tar0, tar1]", "[tar1, tar0]"] {
        let bench = bench("vault-both");
        bench.config(&format!("{}{}", crate::support::HEAD, VAULT.replace("[tar0]", list)));
        bench.write("src/b", "beta");
        bench.run(&["run", "diff"]).exits(0);
        bench.run(&["run", "vault"]).gives(0, "", "");
        let archives = bench.names("vault/daily").into_iter().filter(|name| name.ends_with(".tar.gz")).count();
        assert_eq!((archives, bench.last_record()["actions"][0]["files"].clone()), (2, 2.into()), "{list}");
        bench.run(&["run", "vault"]).gives(0, "", "");
        contains(&bench.log(), "is in period daily already");
    }
}

/// P24: a group may read the copies when it is asked for, as everywhere else.
#[test]
fn a_group_of_its_own_reads_the_copies() {
    let bench = bench("vault-group");
    let text = VAULT.replace("type: move_bkp_period,", "type: move_bkp_period, group: 12345,");
    bench.config(&format!("{}{text}", crate::support::HEAD));
    if !crate::support::tree::is_root() {
        return;
    }
    bench.run(&["run", "vault"]).gives(0, "", "");
    let facts = |path: &str| {
        let meta = fs::metadata(bench.path(path)).unwrap();
        (meta.mode() & 0o777, meta.gid())
    };
    assert_eq!(facts("vault/daily"), (0o750, 12345));
    for name in bench.names("vault/daily") {
        assert_eq!(facts(&format!("vault/daily/{name}")), (0o640, 12345), "{name}");
        assert_eq!(facts(&format!("b/0/{name}")).0, 0o600, "{name}");
    }
}

#[test]
fn dry_changes_nothing_and_says_what_it_would_do() {
    let bench = bench("vault-dry");
    bench.run(&["run", "mv", "--dry"]).exits(0);
    assert!(!bench.path("vault").exists());
    contains(&bench.log(), "INFO mv_DRYRUN would copy {dir}/b/0/app-");
    contains(&bench.log(), "INFO mv_DRYRUN period monthly of `tar0`: not due");
}

/// A differential without its full set is of no use to anybody, so both are copied.
#[test]
fn a_differential_brings_its_full_set() {
    let bench = bench("vault-diff");
    bench.write("src/b", "beta");
    bench.run(&["run", "diff"]).exits(0);
    bench.config(&format!("{}{}", crate::support::HEAD, VAULT.replace("action_list: [tar0]", "action_list: [tar1]")));
    bench.run(&["run", "vault"]).gives(0, "", "");
    only(&bench, "vault/daily", "-0.tar.gz");
    only(&bench, "vault/daily", "-1.tar.gz");
    // and the rotation of the vault keeps it as long as it is needed
    bench.run(&["run", "clean"]).gives(0, "", "");
    only(&bench, "vault/daily", "-0.tar.gz");
}

#[test]
fn a_damaged_set_is_not_copied() {
    let bench = bench("vault-damaged");
    let archive = bench.path(&only(&bench, "b/0", ".tar.gz"));
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    bench.run(&["run", "vault"]).exits(1);
    assert_eq!(bench.names("vault/daily"), [""; 0], "neither the set nor a leftover");
    contains(&bench.log(), "it is damaged: app-");
    assert_eq!(bench.trigger(), "ERROR");
}

/// P24
#[test]
fn a_planted_link_is_not_followed() {
    let bench = bench("vault-link");
    let target = bench.write("target", "precious");
    let name = only(&bench, "b/0", ".tar.gz").replace("b/0/", "");
    fs::create_dir_all(bench.path("vault/daily")).unwrap();
    std::os::unix::fs::symlink(&target, bench.path(&format!("vault/daily/{name}"))).unwrap();
    bench.run(&["run", "vault"]).exits(1);
    assert_eq!(bench.read("target"), "precious");
    assert_eq!(bench.names("vault/daily"), [name]);
}

/// Somebody else's set of the same name is not replaced.
#[test]
fn another_content_under_the_same_name_stays() {
    let bench = bench("vault-other");
    let name = only(&bench, "b/0", ".tar.gz").replace("b/0/", "");
    bench.write(&format!("vault/daily/{name}"), "another archive");
    bench.run(&["run", "vault"]).exits(1);
    assert_eq!(bench.read(&format!("vault/daily/{name}")), "another archive");
    contains(&bench.log(), "has the same name as {dir}/b/0/app-");
}

#[test]
fn an_older_set_of_an_action_that_failed_is_not_taken_for_a_new_one() {
    let bench = bench("vault-failed");
    fs::rename(bench.path("src"), bench.path("away")).unwrap();
    let text = VAULT
        .replace("vault: {actions: [mv]}", "vault: {actions: [tar0, mv]}")
        .replace("level: 0,", "level: 0, continue_on_error: yes,");
    bench.config(&format!("{}{text}", crate::support::HEAD));
    bench.run(&["run", "vault"]).exits(1);
    contains(&bench.log(), "WARNING mv `tar0` failed in this run: the older set {dir}/b/0/app-");
    only(&bench, "vault/daily", ".tar.gz");
}

#[test]
fn a_missed_period_is_caught_up_once() {
    let bench = bench("vault-late");
    bench.config(&format!(
        "{}{}",
        crate::support::HEAD,
        VAULT.replace("cron: '* * 31 2 *'", "cron: '0 0 1 1 *', catch_up: yes")
    ));
    bench.run(&["run", "vault"]).gives(0, "", "");
    contains(&bench.log(), "period monthly of `tar0`: missed on ");
    let first = bench.names("vault/month");
    assert_eq!(first.len(), 4);
    bench.run(&["run", "full"]).exits(0);
    bench.run(&["run", "vault"]).gives(0, "", "");
    assert_eq!(bench.names("vault/month"), first, "once is enough");
    assert_eq!(bench.names("vault/daily").len(), 8);
}

/// Files as KB17 left them, in its own naming scheme.
fn kb17(bench: &Bench, day: u32, content: &str) {
    use sha1::Digest;
    let name = format!("app_{day:02}072020_230000_0");
    bench.write(&format!("b/{name}.tar.gz"), content);
    bench.write(&format!("b/{name}.list"), "/b/x\n1.5,5,/srv/app/a\n");
    let sum: String = sha1::Sha1::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    bench.write(&format!("b/{name}.hash"), sum);
}

const KB17: &str = "\
actions:
  tar0: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/b', naming_scheme: by_day}
  mv: {type: move_bkp_period, action_list: [tar0], dest_path: '{dir}/vault', periods: {daily: {cron: '* * * * *', max_files: 3}, forever: {cron: '* * * * *'}}}
  clean: {type: cleaner, source: mv}
";

const SCHEME: &str = "\
naming: {server_name: srv, project: test, region: 77, naming_scheme: {scheme_id: by_day, fsdump_fileformat: '{basename}_{date:%d%m%Y_%H%M%S}_{level}.{ext}', fsdump_hash_fileformat: '{basename}_{date:%d%m%Y_%H%M%S}_{level}.hash'}}
logging: {logs_path: '{dir}/log', trigger_filepath: '{dir}/trigger'}
";

/// A set of KB17 stays one of KB17 in the vault, and its checksum is looked at.
#[test]
fn sets_of_kb17_are_copied_and_rotated_per_period() {
    let bench = Bench::new("vault-kb17");
    bench.config(&format!("{SCHEME}{KB17}"));
    for day in 1..=5 {
        kb17(&bench, day, &format!("archive {day}"));
        bench.run(&["run", "mv"]).gives(0, "", "");
    }
    // near misses in the vault are nobody's to remove
    for name in [
        "app_01072020_230000_0.tar.gz.bak",
        "xapp_01072020_230000_0.tar.gz",
        "app_99072020_230000_0.tar.gz",
        "app2_01072020_230000_0.tar.gz",
    ] {
        bench.write(&format!("vault/daily/{name}"), "x");
    }
    assert_eq!(bench.names("vault/daily").len(), 5 * 3 + 4);
    bench.run(&["run", "clean"]).gives(0, "", "");
    let left = bench.names("vault/daily");
    assert_eq!(left.len(), 3 * 3 + 4, "{left:?}");
    assert_eq!(
        left.iter().filter(|name| name.starts_with("app_0") && name.ends_with("2020_230000_0.tar.gz")).count(),
        3
    );
    assert!(!bench.path("vault/daily/app_01072020_230000_0.tar.gz").exists());
    assert_eq!(bench.names("vault/forever").len(), 5 * 3, "a period without limits is never cleaned");
    kb17(&bench, 6, "archive 6");
    bench.write("b/app_06072020_230000_0.tar.gz", "damaged later");
    bench.run(&["run", "mv"]).exits(1);
    contains(&bench.log(), "its SHA-1 is not what its checksum file says");
    assert_eq!(bench.names("vault/forever").len(), 5 * 3);
}

/// Names without a level and a date of its own order: what lies in the vault is known all the same, as only full sets go there.
#[test]
fn names_without_a_level_are_rotated_too() {
    let bench = Bench::new("vault-plain");
    let scheme = "naming_scheme: {scheme_id: plain, fsdump_fileformat: '{basename}-{date:%Y%m%d_%H%M%S}.{ext}', fsdump_hash_fileformat: '{basename}-{date:%Y%m%d_%H%M%S}.hash'}";
    bench.config(&format!("{}{}", crate::support::HEAD, KB17.replace("naming_scheme: by_day", scheme)));
    for day in 1..=5 {
        bench.write(&format!("b/app-2020070{day}_230000.tar.gz"), format!("archive {day}"));
        bench.run(&["run", "mv"]).gives(0, "", "");
    }
    assert_eq!(bench.names("vault/daily").len(), 5);
    bench.run(&["run", "clean"]).gives(0, "", "");
    assert_eq!(bench.names("vault/daily"), [3, 4, 5].map(|day| format!("app-2020070{day}_230000.tar.gz")));
}

/// A scheme without a date: the newer set takes the place of the older one in the vault, as it does at home.
#[test]
fn a_scheme_without_a_date_replaces() {
    let bench = Bench::new("vault-undated");
    let scheme = "naming_scheme: {scheme_id: plain, fsdump_fileformat: '{basename}.{ext}', fsdump_hash_fileformat: '{basename}.hash'}, overwrite: yes";
    bench.config(&format!("{}{}", crate::support::HEAD, KB17.replace("naming_scheme: by_day", scheme)));
    bench.write("src/a", "first");
    bench.run(&["run", "tar0"]).exits(0);
    bench.run(&["run", "mv"]).gives(0, "", "");
    bench.write("src/a", "second, longer");
    bench.run(&["run", "tar0"]).exits(0);
    bench.run(&["run", "mv"]).gives(0, "", "");
    assert_eq!(bench.names("vault/daily"), bench.names("b"));
    for name in bench.names("b") {
        let read = |dir: &str| fs::read(bench.path(&format!("{dir}/{name}"))).unwrap();
        assert_eq!(read("b"), read("vault/daily"), "{name}");
    }
}

/// Dumps of KB17: the newest of every database.
#[test]
fn the_newest_dump_of_every_database() {
    let bench = Bench::with(
        "vault-dumps",
        "actions:\n  dump: {type: pgdump, basename: pg, dest_path: '{dir}/b', mode: all}\n  mv: {type: move_bkp_period, action_list: dump, dest_path: '{dir}/vault', periods: {daily: {cron: '* * * * *'}}}\n",
    );
    for name in ["pg-one-20200701_000000", "pg-one-20200702_000000", "pg-two-20200701_000000"] {
        bench.write(&format!("b/{name}.pgdump"), name);
    }
    bench.run(&["run", "mv"]).gives(0, "", "");
    assert_eq!(bench.names("vault/daily"), ["pg-one-20200702_000000.pgdump", "pg-two-20200701_000000.pgdump"]);
}

/// `cleaner` on a `zip` source, with what KB17 called its archives.
#[test]
fn zip_archives_of_kb17_are_rotated() {
    let bench = Bench::with(
        "clean-zip",
        "actions:\n  zip0: {type: zip, basename: z, src_path: '{dir}', dest_path: '{dir}/b'}\n  clean: {type: cleaner, source: zip0, max_files: 2}\n",
    );
    for (day, ext) in [(1, "zip"), (2, "xz"), (3, "bz2"), (4, "zip")] {
        bench.write(&format!("b/z-2020070{day}_000000-0.{ext}"), "x");
        bench.write(&format!("b/z-2020070{day}_000000-0.list"), "x");
    }
    bench.write("b/z-20200701_000000-0.tar", "not one of them");
    bench.run(&["run", "clean"]).gives(0, "", "");
    let left = [
        "z-20200701_000000-0.tar",
        "z-20200703_000000-0.bz2",
        "z-20200703_000000-0.list",
        "z-20200704_000000-0.list",
        "z-20200704_000000-0.zip",
    ];
    assert_eq!(bench.names("b"), left);
}

/// P4: a full disk leaves no file, neither under a final name nor under a temporary one.
#[test]
fn a_full_vault_keeps_nothing_half_done() {
    if !tools::have(&["mount"]) || !tools::can_mount() {
        return;
    }
    let bench = bench("vault-full");
    fs::create_dir_all(bench.path("vault")).unwrap();
    bench.write("src/random", random(600_000));
    bench.run(&["run", "full"]).exits(0);
    let script = format!(
        "cd {0}; mount -t tmpfs -o size=256k none vault && {BINARY} --config config.yaml run vault; echo $?; find vault -type f",
        bench.path("").display()
    );
    let output = Command::new("unshare").args(["-m", "sh", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n", "{output:?}");
    contains(&bench.log(), "No space left on device");
}

fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// Runs the vault task with one fault injected at the `count`-th such call on a file of the vault; its exit code, none when it
/// was killed.
fn with_fault(bench: &Bench, names: &[String], call: &str, fault: &str, count: usize) -> Option<i32> {
    let _ = fs::remove_dir_all(bench.path("vault"));
    let inject = format!("inject={call}:{fault}:when={count}");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(bench.path("vault/daily"));
    for name in names {
        command.arg("-P").arg(bench.path(&format!("vault/daily/.{name}.part")));
    }
    command.args(["-e", &format!("trace={call}"), "-e", &inject, BINARY, "--config"]);
    command.arg(bench.path("config.yaml")).args(["run", "vault"]).output().unwrap().status.code()
}

/// P2: killed at any renaming, flushing or writing, the vault holds whole sets only, and the next run finishes the work.
#[test]
fn killed_anywhere_it_leaves_whole_sets_only() {
    if !tools::have(&["strace"]) {
        return;
    }
    let bench = bench("vault-kill");
    let names = bench.names("b/0");
    let mut killed = 0;
    for call in ["renameat2", "fsync", "write", "fchmod", "unlinkat"] {
        for count in 1..=12 {
            if with_fault(&bench, &names, call, "signal=SIGKILL", count) == Some(0) {
                break;
            }
            killed += 1;
            let found: Vec<_> = bench.names("vault/daily").into_iter().filter(|name| !name.starts_with('.')).collect();
            if found.iter().any(|name| name.ends_with(".tar.gz")) {
                assert_eq!(found, names, "{call} {count}");
            }
            bench.run(&["run", "vault"]).exits(0);
            assert_eq!(bench.names("vault/daily"), names, "{call} {count}");
            for name in &names {
                let path = |dir: &str| -> PathBuf { bench.path(&format!("{dir}/{name}")) };
                assert_eq!(fs::read(path("b/0")).unwrap(), fs::read(path("vault/daily")).unwrap());
            }
        }
    }
    assert!(killed > 10, "only {killed} kills happened");
}

/// P4: an error at any of these calls fails the action and leaves nothing.
#[test]
fn an_error_anywhere_leaves_nothing() {
    if !tools::have(&["strace"]) {
        return;
    }
    let bench = bench("vault-error");
    let names = bench.names("b/0");
    let mut failed = 0;
    for (call, error) in [("renameat2", "EIO"), ("fsync", "EIO"), ("write", "ENOSPC"), ("write", "EDQUOT")] {
        for count in 1..=12 {
            match with_fault(&bench, &names, call, &format!("error={error}"), count) {
                Some(0) => break,
                code => assert_eq!(code, Some(1), "{call} {count}"),
            }
            failed += 1;
            assert_eq!(bench.trigger(), "ERROR");
            assert_eq!(bench.names("vault/daily"), [""; 0], "{call} {error} {count}");
            assert_eq!(bench.names("b/0"), names);
        }
    }
    assert!(failed > 8, "only {failed} errors happened");
}

#[test]
fn mistakes_are_found_by_check() {
    let bench = Bench::new("vault-check");
    let check = |vault: &str| {
        bench.config(&format!("{}{}", crate::support::HEAD, VAULT.replace("dest_path: '{dir}/vault'", vault)));
        let ran = bench.run(&["check"]);
        format!("{} {}{}", ran.code, ran.stdout, ran.stderr)
    };
    assert!(check("dest_path: '{dir}/vault'").starts_with("0 "), "{}", check("dest_path: '{dir}/vault'"));
    bench.config(&format!("{}{}", crate::support::HEAD, VAULT.replace("path: month", "path: ../b/0")));
    assert_eq!(bench.run(&["check"]).code, 2);
    bench.config(&format!(
        "{}{}",
        crate::support::HEAD,
        VAULT.replace("dest_path: '{dir}/vault', periods: {daily", "dest_path: '{dir}/b', periods: {'0'")
    ));
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 2);
    contains(&format!("{}{}", ran.stdout, ran.stderr), "the directory of period `0` is where `tar0` writes itself");
    bench.config(&format!("{}{}", crate::support::HEAD, VAULT.replace("source: mv}", "source: mv, max_files: 3}")));
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 3);
    contains(&format!("{}{}", ran.stdout, ran.stderr), "`max_files` has no effect here");
    // without {level} a full set and a differential could have one name, were they made in the same second
    let undated = VAULT.replace("basename: app,", "basename: app, naming_scheme: {scheme_id: x, fsdump_fileformat: '{basename}-{date:%Y%m%d_%H%M%S}.{ext}', fsdump_hash_fileformat: '{basename}-{date:%Y%m%d_%H%M%S}.hash'},");
    bench.config(&format!(
        "{}{}",
        crate::support::HEAD,
        undated.replace("action_list: [tar0]", "action_list: [tar0, tar1]")
    ));
    let ran = bench.run(&["check"]);
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    contains(&format!("{}{}", ran.stdout, ran.stderr), "give the same file names in {dir}/vault/daily");
}
