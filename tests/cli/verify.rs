//! `verify`: what is whole is told from what is not, and when it was proven is remembered.

use crate::support::tree::Random;
use crate::support::{Bench, contains};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn bench(name: &str) -> Bench {
    let bench = Bench::with(
        name,
        "actions:\n  full: {type: tar, basename: app, src_path: '{dir}/src', dest_path: '{dir}/out', checksum_file: true}\n",
    );
    let mut random = Random::new(5);
    let words = ["alpha ", "beta ", "gamma\n", "delta "];
    let text: String = (0..60_000).map(|_| words[random.below(4)]).collect();
    let noise: Vec<u8> = (0..40_000).map(|_| random.below(256) as u8).collect();
    bench.write("src/text", text);
    bench.write("src/noise", noise);
    let ran = bench.run(&["run", "full"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    bench
}

fn archive(bench: &Bench) -> PathBuf {
    let name = bench.names("out").into_iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    bench.path("out").join(name)
}

/// A changed byte is noticed wherever it is, each of 200 random places.
#[test]
fn every_flipped_byte_is_noticed() {
    let bench = bench("flips");
    let archive = archive(&bench);
    let whole = fs::read(&archive).unwrap();
    let path = archive.to_str().unwrap();
    let mut random = Random::new(200);
    for _ in 0..200 {
        let place = random.below(whole.len());
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << random.below(8);
        fs::write(&archive, bytes).unwrap();
        let ran = bench.run(&["verify", path]);
        assert_eq!(ran.code, 1, "byte {place} of {}: {}{}", whole.len(), ran.stdout, ran.stderr);
        assert!(ran.stdout.starts_with("damaged {dir}/out/app-"), "{}", ran.stdout);
    }
    fs::write(&archive, &whole).unwrap();
    bench.run(&["verify", path]).gives(
        0,
        &format!("ok {}\n", path.replace(bench.path("").to_str().unwrap().trim_end_matches('/'), "{dir}")),
        "",
    );
}

#[test]
fn every_way_of_being_cut_off_is_noticed() {
    let bench = bench("cuts");
    let archive = archive(&bench);
    let whole = fs::read(&archive).unwrap();
    // a copy without a manifest: only the archive itself can tell
    let copy = bench.path("copy.tar.gz");
    let path = copy.to_str().unwrap();
    fs::write(&copy, &whole).unwrap();
    assert_eq!(bench.run(&["verify", path]).code, 0);
    for length in [1, 5, 11, 100, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1] {
        fs::write(&copy, &whole[..length]).unwrap();
        let ran = bench.run(&["verify", path]);
        assert_eq!(ran.code, 1, "{length}: {}{}", ran.stdout, ran.stderr);
        fs::write(&archive, &whole[..length]).unwrap();
        assert_eq!(bench.run(&["verify", "full"]).code, 1, "{length}");
    }
    fs::write(&copy, [&whole[..], b"more"].concat()).unwrap();
    assert_eq!(bench.run(&["verify", path]).code, 1);
}

/// Silence would look like a good answer.
#[test]
fn where_there_is_nothing_to_verify_that_is_said() {
    let bench = bench("nothing");
    fs::remove_dir_all(bench.path("out")).unwrap();
    for arguments in [&["verify"][..], &["verify", "full"]] {
        bench.run(arguments).gives(0, "", "there are no backups to verify\n");
    }
}

#[test]
fn the_other_files_of_a_set_count_too() {
    let bench = bench("others");
    let archive = archive(&bench);
    for extension in ["list", "hash"] {
        let path = PathBuf::from(archive.to_str().unwrap().replace("tar.gz", extension));
        let before = fs::read(&path).unwrap();
        let mut bytes = before.clone();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
        let ran = bench.run(&["verify"]);
        assert_eq!(ran.code, 1, "{extension}: {}", ran.stdout);
        fs::write(&path, before).unwrap();
    }
    assert_eq!(bench.run(&["verify"]).code, 0);
    // KB17 left no manifest, but its checksum file counts
    fs::remove_file(format!("{}.manifest", archive.display())).unwrap();
    assert_eq!(bench.run(&["verify"]).code, 0);
    let hash = archive.to_str().unwrap().replace("tar.gz", "hash");
    fs::write(hash, "0".repeat(40)).unwrap();
    let ran = bench.run(&["verify"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stdout, "its SHA-1 is not the one in its checksum file");
}

#[test]
fn when_it_was_proven_is_remembered() {
    let bench = bench("remember");
    let verified = || {
        let answer: Value = serde_json::from_str(&bench.run(&["backups", "--json"]).stdout).unwrap();
        answer["backups"][0]["verified"].clone()
    };
    assert_eq!(verified(), Value::Null);
    assert_eq!(bench.run(&["verify", "full"]).code, 0);
    assert_eq!(verified()["result"], "ok");
    let archive = archive(&bench);
    let mut bytes = fs::read(&archive).unwrap();
    bytes[500] ^= 1;
    fs::write(&archive, bytes).unwrap();
    assert_eq!(bench.run(&["verify", "full"]).code, 1);
    assert_eq!(verified()["result"], "damaged");
    let shown = bench.run(&["backups"]).stdout;
    contains(&shown, "DAMAGED");
    contains(&shown, "damaged: ");
}

#[test]
fn any_file_can_be_asked_about_without_a_configuration() {
    let bench = bench("anywhere");
    let archive = archive(&bench);
    fs::rename(bench.path("config.yaml"), bench.path("elsewhere.yaml")).unwrap();
    assert_eq!(bench.run(&["verify", archive.to_str().unwrap()]).code, 0);
    let sql = bench.write("x.sql", "SELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n\n");
    assert_eq!(bench.run(&["verify", sql.to_str().unwrap()]).code, 0);
    let cut = bench.write("y.sql", "SELECT 1;\n--\n-- PostgreSQL dat");
    assert_eq!(bench.run(&["verify", cut.to_str().unwrap()]).code, 1);
    let missing = bench.path("missing.tar.gz");
    bench.run(&["verify", missing.to_str().unwrap()]).gives(1, "", "there is no file {dir}/missing.tar.gz\n");
    assert_eq!(bench.run(&["verify", "full"]).code, 2, "a unit needs the configuration");
}
