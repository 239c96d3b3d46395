//! `check_backup`: what it finds, and what it leaves alone.

use crate::support::{Bench, contains, lacks};
use std::fs;

const CONFIG: &str = "\
schedule:
  full: {actions: [tar0]}
  rotate: {actions: [clean]}
  mixed: {actions: [tar0, look]}
actions:
  tar0: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/b', checksum_file: true}
  clean: {type: cleaner, source: tar0, max_files: 1}
  look: {type: check_backup}
  quick: {type: check_backup, verify: no}
";

fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, CONFIG);
    bench.write("src/a", "alpha".repeat(1000));
    bench.run(&["run", "full"]).exits(0);
    bench
}

fn archive(bench: &Bench) -> String {
    let mut names: Vec<_> = bench.names("b").into_iter().filter(|name| name.ends_with(".tar.gz")).collect();
    format!("b/{}", names.pop().unwrap())
}

#[test]
fn all_is_well() {
    let bench = bench("check-well");
    bench.run(&["run", "look"]).gives(0, "", "");
    let log = bench.log();
    contains(&log, "INFO look full: the last run, of ");
    contains(&log, " ended as ok\n");
    contains(&log, "INFO look full: {dir}/b/app-");
    contains(&log, "INFO look mixed: has not run yet\n");
    lacks(&log, "look tar0:");
    // rotated away on purpose is not missing
    bench.run(&["run", "full"]).exits(0);
    bench.run(&["run", "rotate"]).exits(0);
    bench.run(&["run", "look"]).gives(0, "", "");
}

#[test]
fn a_flipped_bit_a_short_file_a_missing_one() {
    let bench = bench("check-damage");
    let archive = archive(&bench);
    let good = fs::read(bench.path(&archive)).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    bench.write(&archive, &bad);
    bench.run(&["run", "quick"]).exits(0);
    bench.run(&["run", "look"]).exits(1);
    contains(
        &bench.log(),
        &format!(
            "ERROR look full: backup of tar0: {{dir}}/{archive}: its content is not what was written: it is damaged"
        ),
    );
    // and a rotation does not count it as good
    contains(&bench.read(&format!("{archive}.verified")), "\"damaged\"");

    bench.write(&archive, &good[..middle]);
    bench.run(&["run", "quick"]).exits(1);
    contains(&bench.log(), &format!("{{dir}}/{archive} has {middle} bytes instead of {}", good.len()));

    bench.write(&archive, &good);
    bench.run(&["run", "look"]).gives(0, "", "");
    contains(&bench.read(&format!("{archive}.verified")), "\"ok\"");

    let list = archive.replace(".tar.gz", ".list");
    fs::remove_file(bench.path(&list)).unwrap();
    bench.run(&["run", "look"]).exits(1);
    contains(&bench.log(), &format!("{{dir}}/{list} is missing"));

    fs::remove_file(bench.path(&archive)).unwrap();
    bench.run(&["run", "look"]).exits(1);
    contains(&bench.log(), &format!("{{dir}}/{archive} is missing"));
    assert_eq!(bench.trigger(), "ERROR");
}

#[test]
fn a_failed_run_is_reported_and_its_older_set_still_proven() {
    let bench = bench("check-failed");
    fs::rename(bench.path("src"), bench.path("away")).unwrap();
    bench.run(&["run", "full"]).exits(1);
    bench.run(&["run", "look"]).exits(1);
    let log = bench.log();
    contains(&log, "ERROR look full: the last run, of ");
    contains(&log, " ended as failed: tar0: ");
    contains(&log, "of tar0 is as it was written");
    // dry runs tell the same and change nothing
    bench.run(&["run", "look", "--dry"]).exits(0);
    contains(&bench.log(), "would read back {dir}/b/app-");
}

#[test]
fn a_run_that_was_cut_off_is_reported() {
    let bench = bench("check-cut");
    let journal = bench.read("log/journal.jsonl");
    let start = journal.lines().find(|line| line.contains("\"start\"")).unwrap();
    let mut start: serde_json::Value = serde_json::from_str(start).unwrap();
    start["run"] = "killed".into();
    start["process"]["boot"] = "an earlier boot".into();
    bench.write("log/journal.jsonl", format!("{journal}{start}\n"));
    bench.run(&["run", "look"]).exits(1);
    contains(&bench.log(), "was cut off");
}

/// In the middle of a run the last one counts, not the one that is at work.
#[test]
fn at_the_end_of_a_task_of_its_own() {
    let bench = bench("check-mixed");
    bench.run(&["run", "mixed"]).gives(0, "", "");
    contains(&bench.log(), "mixed: runs for the first time");
    bench.run(&["run", "mixed"]).gives(0, "", "");
    contains(&bench.log(), "INFO look mixed: the last run, of ");
}
