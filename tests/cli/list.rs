//! `list`: how actions inside tasks ended, and when the newest backups were last proven.

use crate::support::{Bench, contains};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;

const SECTIONS: &str = "\
schedule:
  nightly: {actions: [app, fails, never_reached]}
actions:
  app: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/b'}
  fails: {type: command, cmd: 'exit 3', continue_on_error: no}
  never_reached: {type: command, cmd: 'true'}
  unused: {type: command, cmd: 'true'}
";

fn answer(bench: &Bench) -> Value {
    serde_json::from_str(&bench.run(&["list", "--json"]).stdout).unwrap()
}

#[test]
fn actions_that_ran_inside_a_task_have_run() {
    let bench = Bench::with("list-actions", SECTIONS);
    bench.write("src/a", "alpha");
    bench.run(&["run", "nightly"]).exits(1);
    let answer = answer(&bench);
    let results: Vec<_> =
        answer["actions"].as_array().unwrap().iter().map(|action| action["last"]["result"].as_str()).collect();
    assert_eq!(results, [Some("ok"), Some("failed"), Some("skipped"), None]);
    contains(&bench.run(&["list"]).stdout, "never ran");
}

#[test]
fn when_the_newest_backup_was_last_proven() {
    let bench = Bench::with("list-proven", SECTIONS);
    bench.write("src/a", "alpha");
    let newest = |bench: &Bench| {
        let answer = answer(bench);
        let (action, task) = (answer["actions"][0]["newest_backup"].clone(), &answer["tasks"][0]["newest_backup"]);
        assert_eq!(action, *task);
        action
    };
    assert_eq!(newest(&bench), Value::Null);
    bench.run(&["run", "app"]).exits(0);
    let when_written = newest(&bench);
    assert_eq!(when_written["state"], "proven");
    // a later proof counts more
    let archive = bench.names("b").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    let proof = r#"{"time": "2026-01-02T03:04:05+00:00", "result": "ok"}"#;
    bench.write(&format!("b/{archive}.verified"), proof);
    assert_eq!(newest(&bench)["proven"].as_str().map(|at| &at[..4]), Some("2026"));
    assert_ne!(newest(&bench), when_written);
    let file = fs::File::options().write(true).open(bench.path("b").join(&archive)).unwrap();
    file.write_all_at(b"damage", 20).unwrap();
    assert_eq!(bench.run(&["verify", "app"]).code, 1);
    assert_eq!(newest(&bench)["state"], "damaged");
    contains(&bench.run(&["list"]).stdout, "DAMAGED");
    // a dump of KB17 was never proven
    bench.write("b/app-20990101_000000-0.tar.gz", "as KB17 left it");
    assert_eq!(newest(&bench)["state"], "unproven");
}
