//! P21, P23: every type with a path does nothing unless what it insists on is there.

use crate::support::{Bench, contains};

/// Types with their properties; each would leave something in `{dir}/dest`.
const ACTIONS: [(&str, &str); 6] = [
    ("tar", "type: tar, basename: a, src_path: '{dir}/src', dest_path: '{dir}/dest'"),
    ("rsync", "type: rsync, src_path: '{dir}/src/', dest_path: '{dir}/dest'"),
    (
        "move_bkp_period",
        "type: move_bkp_period, action_list: [made], dest_path: '{dir}/dest', periods: {p: {cron: '* * * * *'}}",
    ),
    ("command", "type: command, src_path: '{dir}/src', cmd: 'mkdir -p ../dest && touch ../dest/x'"),
    ("script", "type: script, src_path: '{dir}/src', cmds: ['mkdir -p ../dest', 'touch ../dest/x']"),
    ("set_in_progress_ticket", "type: set_in_progress_ticket, src_path: '{dir}/dest'"),
];

/// Runs an action with one more property.
fn run(name: &str, properties: &str, more: &str) -> (Bench, i32, String) {
    let bench = Bench::with(
        "guards",
        &format!(
            "actions:\n  made: {{type: tar, basename: m, src_path: '{{dir}}/src', dest_path: '{{dir}}/made'}}\n  x: {{{properties}, {more}}}\n"
        ),
    );
    bench.write("src/file", "one file");
    if name == "move_bkp_period" {
        assert_eq!(bench.run(&["run", "made"]).code, 0);
    }
    let ran = bench.run(&["run", "x"]);
    let log = bench.log();
    (bench, ran.code, log)
}

#[test]
fn p21_nothing_is_done_without_the_mount_or_the_file() {
    for (name, properties) in ACTIONS {
        // it does its work when nothing stands in the way
        let (bench, code, log) = run(name, properties, "require_file: '{dir}/src/file'");
        assert_eq!(code, 0, "{name}: {log}");
        assert!(!bench.names("dest").is_empty(), "{name} leaves nothing behind to be missed");
        for (more, message) in [
            ("require_file: '{dir}/marker'", "`require_file` {dir}/marker: No such file"),
            ("require_mounted: '{dir}/src'", "nothing is mounted at {dir}/src"),
            ("min_free: 8000T", "less than `min_free` 7.8 PiB"),
        ] {
            let (bench, code, log) = run(name, properties, more);
            assert_eq!(code, 1, "{name} with {more}: {log}");
            contains(&log, message);
            assert!(!bench.path("dest").exists(), "{name} with {more} made its destination");
        }
    }
}

#[test]
fn p21_too_few_files_are_no_source() {
    for (name, properties) in
        ACTIONS.into_iter().filter(|(name, _)| ["tar", "rsync", "command", "script"].contains(name))
    {
        assert_eq!(run(name, properties, "min_files: 1").1, 0, "{name}");
        let (bench, code, log) = run(name, properties, "min_files: 2");
        assert_eq!(code, 1, "{name}: {log}");
        contains(&log, "the source {dir}/src holds 1 files, fewer than `min_files` 2");
        assert!(!bench.path("dest").exists(), "{name} made its destination");
    }
}
