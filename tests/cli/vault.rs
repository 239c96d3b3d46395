//! Bringing back, listing and proving what `move_bkp_period` copied.

use crate::support::{Bench, Ran, contains, lacks};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

const ACTIONS: &str = "\
actions:
  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/b', level_folders: ['0', '1']}
  diff: {source: full, level: 1}
  vault: {type: move_bkp_period, action_list: [full], dest_path: '{dir}/v', periods: {daily: {cron: '* * * * *'}, weekly: {cron: '* * * * *'}}}
";

/// A bench with a full set in its place and in both periods of the vault.
fn bench(name: &str) -> Bench {
    let bench = Bench::with(name, ACTIONS);
    bench.write("src/a", "alpha");
    for action in ["full", "vault"] {
        bench.run(&["run", action]).exits(0);
    }
    bench
}

#[track_caller]
fn restore(bench: &Bench, unit: &str, to: &str) -> Ran {
    bench.run(&["restore", unit, "--to", bench.path(to).to_str().unwrap()])
}

fn only(bench: &Bench, dir: &str) -> PathBuf {
    let names: Vec<_> = bench.names(dir).into_iter().filter(|name| name.ends_with(".tar.gz")).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    bench.path(dir).join(&names[0])
}

#[test]
fn what_was_lost_comes_back_from_the_vault() {
    let bench = bench("from-vault");
    let ran = restore(&bench, "vault", "asked");
    assert_eq!((ran.code, bench.read("asked/a").as_str()), (0, "alpha"), "{}", ran.stderr);
    contains(&ran.stderr, "restoring {dir}/v/");
    let ran = restore(&bench, "full", "both");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "restoring {dir}/b/0/");
    fs::remove_dir_all(bench.path("b")).unwrap();
    for unit in ["full", "diff"] {
        let ran = restore(&bench, unit, unit);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        contains(&ran.stderr, "restoring {dir}/v/");
        assert_eq!(bench.read(&format!("{unit}/a")), "alpha");
    }
}

#[test]
fn a_differential_finds_its_base_in_the_vault_and_the_other_way_round() {
    let bench = bench("base-elsewhere");
    bench.write("src/b", "beta");
    bench.run(&["run", "diff"]).exits(0);
    let base = only(&bench, "b/0");
    fs::rename(bench.path("b/0"), bench.path("b/away")).unwrap();
    let ran = restore(&bench, "diff", "to");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((bench.read("to/a").as_str(), bench.read("to/b").as_str()), ("alpha", "beta"));
    contains(&ran.stderr, "restoring {dir}/v/");
    contains(&ran.stderr, "restoring {dir}/b/1/");
    // a vault of KB17 holds differentials alone
    fs::rename(bench.path("b/away"), bench.path("b/0")).unwrap();
    for name in bench.names("b/1") {
        fs::copy(bench.path("b/1").join(&name), bench.path("v/daily").join(&name)).unwrap();
    }
    for period in ["daily", "weekly"] {
        fs::remove_file(bench.path("v").join(period).join(base.file_name().unwrap())).unwrap();
    }
    let ran = restore(&bench, "vault", "to2");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((bench.read("to2/a").as_str(), bench.read("to2/b").as_str()), ("alpha", "beta"));
    contains(&ran.stderr, "restoring {dir}/b/0/");
    contains(&ran.stderr, "restoring {dir}/v/daily/");
}

#[test]
fn of_a_damaged_set_the_copy_is_taken() {
    let bench = bench("copy-is-good");
    let archive = only(&bench, "b/0");
    let good = fs::read(&archive).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    // one shows at a glance, the other only after `verify`
    for (number, content) in [good[..20].to_vec(), flipped].into_iter().enumerate() {
        fs::write(&archive, content).unwrap();
        assert_eq!(bench.run(&["verify", "full"]).code, 1);
        let ran = restore(&bench, "full", &number.to_string());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        contains(&ran.stderr, "restoring {dir}/v/");
    }
}

#[test]
fn listed_and_proven_with_the_originals() {
    let bench = bench("vault-listed");
    let answer: Value = serde_json::from_str(&bench.run(&["backups", "full", "--json"]).stdout).unwrap();
    let sets = answer["backups"].as_array().unwrap();
    assert_eq!(sets.len(), 3, "{answer:#}");
    assert_eq!((&sets[0]["copies_of"], &sets[0]["actions"]), (&Value::Null, &serde_json::json!(["full"])));
    for set in &sets[1..] {
        let made_by = (&set["copies_of"], &set["actions"]);
        assert_eq!(made_by, (&serde_json::json!(["full"]), &serde_json::json!(["vault"])));
    }
    contains(&bench.run(&["backups", "full"]).stdout, "vault, copies of full (move_bkp_period): {dir}/v/daily");
    let proven = bench.run(&["verify", "full"]);
    assert_eq!((proven.code, proven.stdout.lines().count()), (0, 3), "{}", proven.stderr);
    lacks(&bench.run(&["backups", "full"]).stdout, "never");
    assert_eq!(bench.run(&["verify", "vault"]).stdout.lines().count(), 2);
}

#[test]
fn a_vault_of_several_actions_asks_which() {
    let bench = Bench::with(
        "vault-several",
        "actions:
  one: {type: tar, basename: one, src_path: '{dir}/src', dest_path: '{dir}/b'}
  two: {type: tar, basename: two, src_path: '{dir}/src', dest_path: '{dir}/b'}
  vault: {type: move_bkp_period, action_list: [one, two], dest_path: '{dir}/v', periods: {daily: {cron: '* * * * *'}}}
",
    );
    let message = "krista-backup: `vault` writes several kinds of backups, name one of these actions: one; two\n";
    restore(&bench, "vault", "to").gives(2, "", message);
}
