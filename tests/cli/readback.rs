//! P6: what does not read back as it was written gets no name.

use crate::support::{BINARY, Bench, contains, tools};
use std::path::PathBuf;
use std::process::Command;

/// Names without a time, so that it is known before what the temporary file is called.
const ACTIONS: &str = "\
schedule: {t: {actions: [gz]}, vault: {actions: [mv]}}
actions:
  gz: {type: TYPE, compression_lib: LIBRARY, basename: a, src_path: '{dir}/src', dest_path: '{dir}/out', verify: VERIFY,
    naming_scheme: {scheme_id: x, fsdump_fileformat: '{basename}-{level}.{ext}', fsdump_hash_fileformat: '{basename}-{level}.hash'}}
  mv: {type: move_bkp_period, action_list: [gz], dest_path: '{dir}/vault', verify: VERIFY, periods: {p: {cron: '* * * * *'}}}
";

fn bench(kind: &str, library: &str, verify: &str) -> Bench {
    let actions = ACTIONS.replace("TYPE", kind).replace("LIBRARY", library).replace("VERIFY", verify);
    let bench = Bench::with(&format!("lost-{kind}-{library}"), &actions);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    });
    bench.write("src/noise", noise.take(1_500_000).collect::<Vec<u8>>());
    bench
}

/// Does the work of a task on a disk that gives back other bytes of this file than were written.
fn on_a_bad_disk(bench: &Bench, task: &str, file: &str) -> Option<i32> {
    let log = bench.path("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "0", "-e", "trace=pread64", "-o"]).arg(&log).arg("-P").arg(bench.path(file));
    // every thread finds four other bytes at the beginning of every second piece it reads
    command.args(["-e", "inject=pread64:poke_exit=@arg2=5a5a5a5a:when=1+2"]);
    command.arg(BINARY).arg("--config").arg(bench.path("config.yaml")).args(["run", task]);
    let done = command.output().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("(INJECTED"), "{log}{}", String::from_utf8_lossy(&done.stderr));
    done.status.code()
}

/// P6: in every format.
#[test]
fn p6_an_archive_that_does_not_read_back_gets_no_name() {
    if !tools::have(&["strace"]) {
        return;
    }
    for (kind, library, file) in [
        ("tar", "gzip", "a-0.tar.gz"),
        ("tar", "bzip", "a-0.tar.bz2"),
        ("tar", "lzma", "a-0.tar.xz"),
        ("zip", "zip", "a-0.zip"),
        ("zip", "bzip", "a-0.zip"),
    ] {
        let bench = bench(kind, library, "yes");
        assert_eq!(on_a_bad_disk(&bench, "t", &format!("out/.{file}.part")), Some(1), "{kind} {library}");
        contains(&bench.log(), "ERROR gz reading");
        assert_eq!(bench.names("out"), [""; 0], "{kind} {library}");
        assert_eq!(bench.trigger(), "ERROR");
    }
}

/// P6: `verify: false` switches that off, and the set says so.
#[test]
fn p6_unread_archives_are_marked() {
    let manifest = |verify: &str| -> serde_json::Value {
        let bench = bench("tar", "gzip", verify);
        bench.run(&["run", "t"]).exits(0);
        serde_json::from_str(&bench.read("out/a-0.tar.gz.manifest")).unwrap()
    };
    assert_eq!(manifest("yes")["verified"], true);
    assert_eq!(manifest("no")["verified"], false);
}

/// P6, P20: a copy is read back as well.
#[test]
fn p20_a_copy_that_does_not_read_back_gets_no_name() {
    if !tools::have(&["strace"]) {
        return;
    }
    let bench = bench("tar", "gzip", "yes");
    bench.run(&["run", "t"]).exits(0);
    assert_eq!(on_a_bad_disk(&bench, "vault", "vault/p/.a-0.tar.gz.part"), Some(1));
    contains(&bench.log(), "the copy does not read back as it was written");
    assert_eq!(bench.names("vault/p"), [""; 0]);
}

/// P20, P1: every file of a copy is flushed after it was last written and before it gets its name.
#[test]
fn p20_every_file_of_a_copy_is_flushed_before_it_gets_its_name() {
    if !tools::have(&["strace"]) {
        return;
    }
    let bench = bench("tar", "gzip", "yes");
    bench.run(&["run", "t"]).exits(0);
    let names = bench.names("out");
    assert_eq!(names.len(), 3, "{names:?}");
    let part = |name: &String| -> PathBuf { bench.path(&format!("vault/p/.{name}.part")) };
    let log = bench.path("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-s", "0", "-e", "trace=write,fsync,fdatasync,renameat2", "-o"]).arg(&log);
    command.arg(BINARY).arg("--config").arg(bench.path("config.yaml")).args(["run", "vault"]);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    for name in &names {
        let file = format!("<{}>", part(name).display());
        let last = |call: &str| lines.iter().rposition(|line| line.contains(call) && line.contains(&file));
        let named =
            lines.iter().position(|line| line.contains("renameat2(") && line.contains(&format!("\".{name}.part\"")));
        let (wrote, flushed) = (last(" write("), last("sync("));
        assert!(
            wrote.is_some() && wrote < flushed && flushed < named,
            "{name}: {wrote:?} {flushed:?} {named:?}\n{log}"
        );
    }
}
