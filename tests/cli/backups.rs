//! `backups`: what is on disk and what depends on what.

use crate::support::{Bench, contains};
use serde_json::Value;
use std::fs;

#[test]
fn sets_with_what_depends_on_what() {
    let bench = Bench::with(
        "sets",
        "actions:\n  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}\n  diff: {source: full, level: 1}\n  broken: {type: tar}\n",
    );
    bench.write("src/f", "x");
    assert_eq!(bench.run(&["run", "full"]).code, 0);
    assert_eq!(bench.run(&["run", "diff"]).code, 0);
    bench.write("out/app-20200703_013000-0.tar.gz", "KB17 was here");
    let ran = bench.run(&["backups", "diff", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let sets = answer["backups"].as_array().unwrap();
    assert_eq!(sets.len(), 3);
    assert_eq!((sets[0]["origin"].as_str(), sets[0]["time"].as_str()), (Some("kb17"), Some("2020-07-03T01:30:00")));
    assert_eq!((sets[1]["level"].as_u64(), sets[2]["level"].as_u64()), (Some(0), Some(1)));
    let name = |set: &Value| set["path"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(sets[2]["base"], name(&sets[1]).as_str());
    assert_eq!(sets[1]["needed_by"][0], name(&sets[2]).as_str());
    assert_eq!(sets[1]["verified_when_written"], true);
    let table = bench.run(&["backups", "diff"]).stdout;
    contains(&table, "KB17");
    contains(&table, "needed by 1");
    contains(&table, &format!("based on {}", name(&sets[1])));
    fs::remove_file(bench.path("out").join(name(&sets[1]))).unwrap();
    let answer: Value = serde_json::from_str(&bench.run(&["backups", "diff", "--json"]).stdout).unwrap();
    assert_eq!(answer["backups"][1]["base_missing"], true);
}

#[test]
fn one_warning_is_not_several() {
    let bench = Bench::with(
        "sets",
        "actions:\n  diff: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out', level: 1}\n",
    );
    bench.write("src/f", "x");
    assert_eq!(bench.run(&["run", "diff"]).code, 3);
    let table = bench.run(&["backups"]).stdout;
    assert_eq!(table.lines().last().and_then(|line| line.rsplit("  ").next()), Some("1 warning"), "{table}");
}

/// A task may have a naming scheme of its own: then its actions find what they wrote there, too.
#[test]
fn an_action_finds_what_it_wrote_as_part_of_a_task_with_another_scheme() {
    let bench = Bench::with(
        "own-scheme",
        "schedule:\n  t: {actions: [full], naming: {naming_scheme: {scheme_id: own, fsdump_fileformat: 'T-{basename}-{date:%Y%m%d%H%M%S}-{level}.{ext}'}}}\n  \
         d: {actions: [diff], naming: {naming_scheme: own}}\nactions:\n  \
         full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out'}\n  diff: {source: full, level: 1}\n",
    );
    bench.write("src/f", "one");
    bench.run(&["run", "t"]).gives(0, "", "");
    bench.write("src/f", "two");
    bench.run(&["run", "d"]).gives(0, "", "");
    for action in ["full", "diff"] {
        let shown = bench.run(&["backups", action]).stdout.clone();
        assert_eq!(shown.matches("T-app-").count(), 3, "full, diff, and what that is based on: {shown}");
        let to = bench.path(action).display().to_string();
        assert_eq!(bench.run(&["restore", action, "--to", &to]).code, 0);
        assert_eq!(bench.read(&format!("{action}/f")), "two");
    }
    // and by itself under the other names
    bench.run(&["run", "full"]).gives(0, "", "");
    assert_eq!(bench.run(&["backups", "full"]).stdout.matches("app-").count(), 4);
}
