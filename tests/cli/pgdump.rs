//! `pgdump` against a real PostgreSQL: every dump is restored into another cluster and compared row by row.

use crate::support::postgres::{Cluster, programs};
use crate::support::{Bench, Ran, contains, files_with, lacks};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Database names that try to be something else (P14).
const HOSTILE: &[&str] = &[
    "a b; touch X",
    "$(id)",
    "host=evil.example",
    "postgresql://evil.example/x",
    "--file=x",
    "../x",
    "'\"",
    "new\nline",
    "100%41",
    "globals",
    "База данных",
];

/// A configuration with one action `dump` of these properties beside the obvious ones.
fn bench(cluster: &Cluster, name: &str, properties: &str) -> Bench {
    let bench = Bench::new(name);
    configure(&bench, cluster, properties);
    bench
}

fn configure(bench: &Bench, cluster: &Cluster, properties: &str) {
    let head = crate::support::HEAD;
    let socket = cluster.socket();
    bench.config(&format!(
        "{head}actions:\n  dump: {{type: pgdump, basename: pg, dest_path: '{{dir}}/out', host: {socket}, {properties}}}\n"
    ));
}

/// Some rows that a careless copy would spoil.
fn fill(cluster: &Cluster, database: &str) {
    cluster.sql(
        database,
        "create table t (id int primary key, name text, raw bytea); \
         insert into t select g, 'строка ' || g || E'\\t\\\\.\\n' , decode(md5(g::text), 'hex') from generate_series(1, 500) g; \
         create schema \"odd schema\"; create table \"odd schema\".\"odd \"\"table\" (v numeric); \
         insert into \"odd schema\".\"odd \"\"table\" values (1e100), ('NaN'), (null)",
    );
}

/// Manifests of the published sets, by what they hold.
fn manifests(bench: &Bench) -> BTreeMap<String, (PathBuf, Value)> {
    let mut found = BTreeMap::new();
    for name in bench.names("out").iter().filter(|name| name.ends_with(".manifest")) {
        let manifest: Value = serde_json::from_str(&bench.read(&format!("out/{name}"))).unwrap();
        let main = bench.path("out").join(name.strip_suffix(".manifest").unwrap());
        found.insert(manifest["database"].as_str().unwrap_or("(globals)").to_owned(), (main, manifest));
    }
    found
}

/// Runs the action and expects it to end well.
#[track_caller]
fn succeeds(bench: &Bench) -> Ran {
    let ran = bench.run(&["run", "dump"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, bench.debug_log());
    ran
}

/// P6, P14: databases of any name are dumped in each format, three at a time, and come back equal in a fresh cluster.
fn comes_back(format: &str) {
    let (Some(old), Some(new)) = (Cluster::start(), Cluster::start()) else { return };
    let strays = || ["/X", "/x", "/tmp/X", "/tmp/x"].map(|path| Path::new(path).exists());
    let before = strays();
    for name in HOSTILE {
        old.create(name);
        fill(&old, name);
        new.create(name);
    }
    old.sql("postgres", "create role \"строгий\" login password 'x'");
    old.sql("postgres", "create database shut allow_connections false");
    let workers = if format == "directory" { "opts: -j 2, " } else { "" };
    let properties = format!(
        "mode: all, format: {format}, {workers}jobs: 3, globals: true, checksum_file: true, exclusions: post*es"
    );
    let bench = bench(&old, format, &properties);
    succeeds(&bench);

    let found = manifests(&bench);
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    let mut wanted = HOSTILE.to_vec();
    wanted.push("(globals)");
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    let mains: std::collections::BTreeSet<_> = found.values().map(|(main, _)| main).collect();
    assert_eq!(mains.len(), wanted.len(), "two dumps share a file");
    let (globals, manifest) = &found["(globals)"];
    assert_eq!(manifest["verified"], true);
    new.feed(globals_without_postgres(&bench, globals).as_path(), "postgres");
    assert_eq!(new.sql("postgres", "select count(*) from pg_roles where rolname = 'строгий'"), "1");
    for name in HOSTILE {
        let (main, manifest) = &found[*name];
        assert_eq!(manifest["verified"], true, "{name}");
        let bring_back = if format == "plain" { Cluster::feed } else { Cluster::restore };
        bring_back(&new, main, name);
        assert_eq!(new.rows(name), old.rows(name), "{name:?}");
        assert!(old.rows(name).lines().count() > 1000, "there was nothing to compare in {name:?}");
    }
    assert_eq!(strays(), before, "a name was taken for a command");
    checksums_hold(&bench);
    private(&bench.path("out"));
}

/// The role that made the cluster exists in every other one.
fn globals_without_postgres(bench: &Bench, globals: &Path) -> PathBuf {
    let text = fs::read_to_string(globals).unwrap();
    contains(&text, "CREATE ROLE postgres;");
    bench.write("globals.sql", text.replace("CREATE ROLE postgres;", ""))
}

/// `sha1sum` itself agrees with the checksum files.
fn checksums_hold(bench: &Bench) {
    let out = bench.path("out");
    let mut seen = 0;
    for name in bench.names("out").iter().filter(|name| Path::new(name).extension().is_some_and(|e| e == "hash")) {
        let text = bench.read(&format!("out/{name}"));
        let dump = name.strip_suffix(".hash").unwrap().to_owned() + ".pgdump";
        let lines = if out.join(&dump).is_dir() { text } else { format!("{text}  {dump}\n") };
        let list = bench.write("sums", lines);
        // a file name with a backslash or a line break would need escaping; dumps have none of these
        let check = std::process::Command::new("sha1sum").arg("--check").arg(list).current_dir(&out).output().unwrap();
        assert!(check.status.success(), "{name}: {check:?}");
        seen += 1;
    }
    assert!(seen > HOSTILE.len(), "{seen} checksum files");
}

/// P24: nobody but the owner can read any of it.
fn private(path: &Path) {
    let st = path.symlink_metadata().unwrap();
    assert_eq!(st.permissions().mode() & 0o077, 0, "{} can be read by others", path.display());
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&st), own_uid(), "{} belongs to somebody else", path.display());
    if st.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            private(&entry.unwrap().path());
        }
    }
}

fn own_uid() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap())
}

#[test]
fn p6_p14_custom_dumps_come_back() {
    comes_back("custom");
}

#[test]
fn p6_p14_directory_dumps_come_back() {
    comes_back("directory");
}

#[test]
fn p6_p14_plain_dumps_come_back() {
    comes_back("plain");
}

/// The environment of whoever starts a run leads to no other server and changes no session.
#[test]
fn what_libpq_would_take_from_the_environment_does_not_count() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.sql("postgres", "create database app");
    fill(&cluster, "app");
    let mut bench = bench(&cluster, "pg-environment", "databases: app, format: plain");
    for (name, value) in [
        ("PGSERVICE", "nowhere"),
        ("PGSERVICEFILE", "/nonexistent"),
        ("PGOPTIONS", "-c statement_timeout=1"),
        ("PGHOST", "/nonexistent"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGDATABASE", "nothing"),
        ("PGCLIENTENCODING", "KOI8R"),
    ] {
        bench.set(name, value);
    }
    bench.run(&["run", "dump"]).exits(0);
    let (dump, _) = &manifests(&bench)["app"];
    contains(&fs::read_to_string(dump).unwrap(), "строка 500");
}

/// P1, P17: a dump that fails in its middle leaves nothing under a final name, the older dump stays, the others are made,
/// and the rotation after it removes nothing.
#[test]
fn p1_p17_a_dump_that_fails_half_way_leaves_the_older_one_alone() {
    let Some(cluster) = Cluster::start() else { return };
    for name in ["breaks", "holds"] {
        cluster.create(name);
        fill(&cluster, name);
    }
    let bench = Bench::with(
        "half",
        &format!(
            "schedule: {{nightly: {{actions: [dump, clean]}}}}\nactions:\n  \
             dump: {{type: pgdump, basename: pg, dest_path: '{{dir}}/out', host: {}, databases: [breaks, holds], \
             continue_on_error: yes}}\n  clean: {{type: cleaner, source: dump, max_files: 1}}\n",
            cluster.socket()
        ),
    );
    succeeds(&bench);
    let older = bench.names("out");
    assert_eq!(older.len(), 4, "{older:?}");

    cluster.sql(
        "breaks",
        "create table big as select g, md5(g::text) || md5((-g)::text) from generate_series(1, 600000) g",
    );
    let killer = kill_the_copy(&cluster, "breaks");
    let ran = bench.run(&["run", "nightly"]);
    let said = String::from_utf8(killer.wait_with_output().unwrap().stderr).unwrap();
    contains(&said, "killed while copying");
    assert_eq!(ran.code, 1, "{}", bench.log());
    contains(&bench.log(), "ERROR dump \"breaks\": pg_dump: ");
    contains(&bench.log(), "1 of 2 databases failed: \"breaks\"");
    assert_eq!(bench.trigger(), "ERROR");
    let found = bench.names("out");
    assert!(older.iter().all(|name| found.contains(name)), "{older:?} {found:?}");
    let new: Vec<_> = found.iter().filter(|name| !older.contains(name)).collect();
    assert_eq!(new.len(), 2, "{new:?}");
    assert!(new.iter().all(|name| name.starts_with("pg-holds-")), "{new:?}");

    cluster.sql("breaks", "drop table big");
    assert_eq!(bench.run(&["run", "nightly"]).code, 0, "{}", bench.debug_log());
    let rotated = bench.names("out");
    assert!(rotated.len() == 4 && older.iter().all(|name| !rotated.contains(name)), "rotation does work: {rotated:?}");
}

/// Waits inside the server until a COPY of this database has begun, and ends its connection.
fn kill_the_copy(cluster: &Cluster, database: &str) -> Child {
    let sql = format!(
        "do $$ declare victim int; begin for i in 1..6000 loop \
         perform pg_stat_clear_snapshot(); \
         select pid into victim from pg_stat_activity where datname = '{database}' and query like 'COPY public.big%'; \
         if victim is not null then perform pg_terminate_backend(victim); raise info 'killed while copying'; return; \
         end if; perform pg_sleep(0.01); end loop; end $$"
    );
    let mut psql = cluster.tool("psql");
    psql.args(["-X", "-A", "-t", "-c", &sql]).env("PGDATABASE", "postgres");
    psql.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// P15: the password is in nothing left behind, nor in the command line of any process during the run.
#[test]
fn p15_a_password_is_seen_nowhere() {
    const CANARY: &str = "kanarek:9f\\31:c7'x";
    let Some(cluster) = Cluster::start() else { return };
    cluster.sql("postgres", &format!("create role keeper superuser login password '{}'", CANARY.replace('\'', "''")));
    for name in ["one", "two"] {
        cluster.create(name);
        fill(&cluster, name);
    }
    let yaml = CANARY.replace('\'', "''");
    for format in ["custom", "directory", "plain"] {
        let properties =
            format!("mode: all, format: {format}, opts: -v, globals: true, user: keeper, password: '{yaml}'");
        let bench = bench(&cluster, "secret", &properties);
        let watch = Watch::start();
        let ran = bench.run(&["run", "dump", "-v"]);
        let seen = watch.stop();
        assert_eq!(ran.code, 0, "{}", bench.debug_log());
        assert!(
            seen.iter().any(|line| line.contains("pg_dump") && line.contains("--no-password")),
            "nothing was sampled"
        );
        assert_eq!(manifests(&bench).len(), 4);
        // half of it is enough to be found, however it was escaped
        for part in ["kanarek", "c7'x"] {
            assert!(seen.iter().all(|line| !line.contains(part)), "in a command line: {seen:?}");
            lacks(&(ran.stdout.clone() + &ran.stderr), part);
            fs::remove_file(bench.path("config.yaml")).ok();
            // the scrambled form of it that pg_dumpall writes does not contain it
            assert_eq!(files_with(&bench.path(""), part), Vec::<PathBuf>::new());
        }
    }

    let bench = bench(&cluster, "wrong", "databases: one, user: keeper, password: kanarek-wrong");
    let ran = bench.run(&["run", "dump", "-v"]);
    assert_eq!(ran.code, 1);
    contains(&bench.log(), "password authentication failed");
    fs::remove_file(bench.path("config.yaml")).unwrap();
    lacks(&(ran.stdout + &ran.stderr), "kanarek");
    assert_eq!(files_with(&bench.path(""), "kanarek"), Vec::<PathBuf>::new());
}

/// Reads every command line of the machine over and over, as `ps` does.
struct Watch {
    stop: std::sync::Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<String>>,
}

impl Watch {
    fn start() -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut seen = std::collections::BTreeSet::new();
            while !told.load(Ordering::SeqCst) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            seen.into_iter().collect()
        });
        Self { stop, thread }
    }

    fn stop(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

/// A database that is not there fails by name; the others are dumped.
#[test]
fn a_missing_database_fails_alone() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("here");
    let bench = bench(&cluster, "missing", "databases: 'here, gone'");
    let ran = bench.run(&["run", "dump"]);
    assert_eq!(ran.code, 1);
    contains(&bench.log(), "ERROR dump \"gone\": there is no such database on the server");
    contains(&bench.log(), "1 of 2 databases failed: \"gone\"");
    assert_eq!(bench.names("out").len(), 2);
}

/// The manifest of a directory dump names the files in it.
#[test]
fn the_files_beside_a_directory_dump_are_no_other_backups() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "beside", "databases: one, format: directory, checksum_file: yes");
    succeeds(&bench);
    let names: Vec<_> = bench.names("out").iter().map(|name| bench.path("out").join(name)).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let ran = bench.ran(bench.command(&["verify"]).args(&names).output().unwrap());
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 3), "{}", ran.stdout);
}

/// Section 6: nothing new takes the place of what is left of a database that was dropped; the server knows, or the list.
#[test]
fn a_dropped_database_keeps_all_its_dumps() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("live");
    for (properties, port, left) in [
        ("mode: all", "", [1, 3]),
        ("databases: 'live, gone'", "", [1, 3]),
        ("databases: live", ", port: 1", [1, 3]),
        ("mode: all", ", port: 1", [1, 3]),
    ] {
        let bench = bench(&cluster, "dropped", &format!("{properties}{port}"));
        let clean = "  clean: {type: cleaner, source: dump, max_files: 1}\n";
        bench.config(&(bench.read("config.yaml") + clean));
        for day in 1..4 {
            bench.write(&format!("out/pg-live-2020070{}_000000.pgdump", day + 3), "x");
            bench.write(&format!("out/pg-gone-2020070{day}_000000.pgdump"), "x");
        }
        bench.run(&["run", "clean"]).exits(0);
        let count = |database: &str| bench.names("out").iter().filter(|name| name.contains(database)).count();
        assert_eq!([count("live"), count("gone")], left, "{properties}{port}: {}", bench.log());
    }
}

/// A `pg_dump` on PATH that is as new as the others is the one that is used.
#[test]
fn pg_dump_on_path_is_preferred() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let mut bench = bench(&cluster, "path", "databases: one");
    let script =
        format!("real={}\n{VERSION}echo 'from PATH' >&2; exec \"$real/pg_dump\" \"$@\"", programs().unwrap().display());
    bench.fake("pg_dump", &script);
    bench.run(&["run", "dump"]).exits(3);
    contains(&bench.log(), "ERROR dump \"one\": from PATH");
    bench.fake(
        "pg_dump",
        &script.replace("exec \"$real/pg_dump\" --version", "{ echo 'pg_dump (PostgreSQL) 9.6.1'; exit; }"),
    );
    bench.run(&["run", "dump"]).exits(0);
}

/// P21: nothing is written to a directory that should be a mounted file system, and that is said once.
#[test]
fn p21_a_destination_that_is_not_mounted_is_left_alone() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "unmounted", "mode: all, globals: yes, require_mounted: ['{dir}/out']");
    let ran = bench.run(&["run", "dump"]);
    assert_eq!(ran.code, 1);
    assert_eq!(bench.log().matches(" ERROR ").count(), 1, "{}", bench.log());
    assert!(!bench.path("out").exists());
}

/// A dry run asks for the list and writes nothing but logs.
#[test]
fn a_dry_run_lists_the_dumps() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("a b");
    let bench = bench(&cluster, "dry", "mode: all, exclusions: 'postgres'");
    let ran = bench.run(&["run", "dump", "--dry"]);
    assert_eq!(ran.code, 0, "{}", bench.debug_log());
    contains(&bench.log(), "INFO dump_DRYRUN would dump \"a b\" to {dir}/out/pg-a b-");
    lacks(&bench.log(), "postgres to");
    assert!(!bench.path("out").exists());
}

/// A dump of the same name is replaced, as a whole.
#[test]
fn a_dump_of_the_same_name_is_replaced() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    for format in ["custom", "directory"] {
        let scheme = "naming_scheme: {scheme_id: flat, pgdump_fileformat: '{basename}-{dbname}.dump', \
                      pgdump_hash_fileformat: '{basename}-{dbname}.hash'}";
        let bench = bench(&cluster, "same", &format!("databases: one, format: {format}, checksum_file: yes, {scheme}"));
        succeeds(&bench);
        let first = manifests(&bench).remove("one").unwrap().1;
        cluster.sql("one", "create table if not exists later (v int)");
        succeeds(&bench);
        let second = manifests(&bench).remove("one").unwrap().1;
        assert_ne!(first["run_time"], second["run_time"]);
        assert_eq!(bench.names("out"), ["pg-one.dump", "pg-one.dump.manifest", "pg-one.hash"]);
        cluster.sql("one", "drop table later");
    }
}

/// Programs beside a `pg_dump` of our own making; the real ones are run by it.
fn wrapper(bench: &Bench, script: &str) -> PathBuf {
    let real = programs().unwrap();
    let path = bench.write("tools/pg_dump", format!("#!/bin/sh\nreal={}\n{script}\n", real.display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Passes on the question for the version, so that the rest of a script sees dumps only.
const VERSION: &str = "[ \"$1\" = --version ] && exec \"$real/pg_dump\" --version\n";

/// P13: a dump that looks whole in every way is none when `pg_dump` says that it failed, or was ended by a signal.
#[test]
fn p13_the_exit_status_of_pg_dump_decides() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "status", "databases: one, command_path: '{dir}/tools/pg_dump'");
    for (end, reason) in [("exit 3", "exit status 3"), ("kill -9 $$", "ended by signal 9")] {
        wrapper(&bench, &format!("{VERSION}\"$real/pg_dump\" \"$@\"\n{end}"));
        assert_eq!(bench.run(&["run", "dump"]).code, 1, "{}", bench.log());
        contains(&bench.log(), &format!("ERROR dump \"one\": pg_dump: {reason}"));
        assert_eq!(bench.names("out"), [""; 0], "{end}");
        assert_eq!(bench.trigger(), "ERROR");
    }
    wrapper(&bench, &format!("{VERSION}exec \"$real/pg_dump\" \"$@\""));
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.log());
}

#[test]
fn an_old_pg_dump_is_refused_with_both_versions() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "old", "databases: one, command_path: '{dir}/tools/pg_dump'");
    wrapper(&bench, "[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 9.6.24' && exit; touch \"$0.ran\"");
    assert_eq!(bench.run(&["run", "dump"]).code, 1);
    let server = cluster.sql("one", "select current_setting('server_version_num')::int / 10000");
    contains(&bench.log(), "/tools/pg_dump is version 9.6, older than the server");
    contains(&bench.log(), &format!("which is version {server}"));
    assert!(!bench.path("tools/pg_dump.ran").exists(), "it was used all the same");
    assert!(bench.names("out").is_empty());
}

/// P6: whatever `pg_dump`'s exit status says, a dump that cannot be read to its end gets no name.
#[test]
fn p6_a_truncated_dump_gets_no_name() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    fill(&cluster, "one");
    let cut_file = "\"$real/pg_dump\" \"$@\" > /tmp/$$ ; head -c -150 /tmp/$$; rm /tmp/$$";
    let cut_folder =
        "\"$real/pg_dump\" \"$@\" < /proc/self/fd/0; for f in /proc/self/fd/0/*.gz; do :; done; : > \"$f\"";
    let unpacked = "\"$real/pg_dump\" -Z0 \"$@\" < /proc/self/fd/0; truncate -s -9 /proc/self/fd/0/[0-9]*.dat";
    for (format, script, why) in [
        ("custom", cut_file, "could not be read back to its end"),
        ("plain", cut_file, "could not be read back to its end"),
        ("directory", cut_folder, "could not be read back to its end"),
        ("directory", unpacked, "could not be read back to its end"),
        ("custom", "exit 0", "could not be read back to its end"),
        ("custom", "exit 3", "pg_dump: exit status 3"),
        ("custom", "\"$real/pg_dump\" \"$@\"; kill -9 $$", "pg_dump: ended by signal 9"),
    ] {
        let bench =
            bench(&cluster, "cut", &format!("databases: one, format: {format}, command_path: '{{dir}}/tools/pg_dump'"));
        wrapper(&bench, &format!("{VERSION}{script}"));
        let ran = bench.run(&["run", "dump"]);
        assert_eq!(ran.code, 1, "{format} {script}: {}", bench.debug_log());
        contains(&bench.log(), why);
        assert!(bench.names("out").is_empty(), "{format}: {:?}", bench.names("out"));
    }
    let bench = bench(&cluster, "empty", "databases: one, verify: no, command_path: '{dir}/tools/pg_dump'");
    wrapper(&bench, &format!("{VERSION}exit 0"));
    assert_eq!(bench.run(&["run", "dump"]).code, 1);
    contains(&bench.log(), "the dump is empty although no error was reported");
    assert!(bench.names("out").is_empty());
}

/// P6: without a `pg_restore` that is new enough the dump is kept, marked and warned about.
#[test]
fn p6_what_nothing_can_read_back_is_kept_unverified() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "unverified", "databases: one, command_path: '{dir}/tools/pg_dump'");
    wrapper(
        &bench,
        "[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99.1' && exit; exec \"$real/pg_dump\" \"$@\"",
    );
    assert_eq!(bench.run(&["run", "dump"]).code, 3, "{}", bench.debug_log());
    contains(&bench.log(), "WARNING dump \"one\": nothing here can read this dump back: it stays unverified");
    assert_eq!(manifests(&bench)["one"].1["verified"], false);
}

/// Lines of `pg_dump`'s stderr keep their severity; a warning makes the run a warning.
#[test]
fn stderr_is_sorted_by_severity() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    let bench = bench(&cluster, "stderr", "databases: one, opts: --verbose, command_path: '{dir}/tools/pg_dump'");
    wrapper(
        &bench,
        &format!(
            "{VERSION}echo 'pg_dump: предупреждение: осторожно' >&2; echo 'AC MODEL: x' >&2; exec \"$real/pg_dump\" \"$@\""
        ),
    );
    assert_eq!(bench.run(&["run", "dump"]).code, 3, "{}", bench.debug_log());
    contains(&bench.log(), "WARNING dump \"one\": pg_dump: предупреждение: осторожно");
    lacks(&bench.log(), "reading extensions");
    lacks(&bench.log(), "ERROR");
    contains(&bench.debug_log(), "DEBUG dump \"one\": pg_dump: reading extensions");
    contains(&bench.debug_log(), "DEBUG dump \"one\": AC MODEL: x");
    assert_eq!(manifests(&bench)["one"].1["warnings"], 1);
}

/// P16: a timeout or SIGTERM ends `pg_dump` and all it started, and leaves no file.
#[test]
fn p16_nothing_survives_a_timeout_or_sigterm() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    for (number, (properties, code)) in [("timeout: 5s", 1), ("jobs: 1", 143)].into_iter().enumerate() {
        let bench =
            bench(&cluster, "stop", &format!("databases: one, {properties}, command_path: '{{dir}}/tools/pg_dump'"));
        let mark = format!("3{number}{}", std::process::id());
        wrapper(&bench, &format!("{VERSION}echo begun; sleep {mark} & sleep {mark}"));
        let mut child = bench.command(&["run", "dump"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut most = 0;
        while most < 2 && child.try_wait().unwrap().is_none() {
            most = most.max(processes_with(&mark));
        }
        assert_eq!(most, 2, "the fake dump does not do what it should: {}", bench.debug_log());
        if code == 143 {
            let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
            assert!(killed.success());
        }
        let ran = bench.ran(child.wait_with_output().unwrap());
        assert_eq!(ran.code, code, "{}", bench.debug_log());
        assert_eq!(processes_with(&mark), 0, "something survived");
        assert!(bench.names("out").is_empty(), "{:?}", bench.names("out"));
    }
}

/// P2, P15, P16: SIGKILL of the agent in the middle of a dump takes the dump's processes along; what it leaves holds no
/// password, and the next run removes it.
#[test]
fn p2_p15_p16_sigkill_leaves_nothing_that_matters() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.sql("postgres", "create role keeper superuser login password 'kanarek'");
    cluster.create("one");
    let properties = "databases: one, user: keeper, password: kanarek, command_path: '{dir}/tools/pg_dump'";
    for format in ["custom", "directory"] {
        let bench = bench(&cluster, "kill", &format!("{properties}, format: {format}"));
        let mark = format!("4{}", std::process::id());
        wrapper(&bench, &format!("{VERSION}[ -e \"$0.slow\" ] && sleep {mark}; exec \"$real/pg_dump\" \"$@\""));
        let slow = bench.write("tools/pg_dump.slow", "");
        let mut child = bench.command(&["run", "dump"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while processes_with(&mark) == 0 {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed: {}", bench.debug_log());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while processes_with(&mark) > 0 {
            std::thread::sleep(std::time::Duration::from_millis(10)); // hangs, and so fails, when one survives
        }
        let left = bench.names("out");
        assert!(!left.is_empty() && left.iter().all(|name| name.starts_with('.')), "{left:?}");
        let config = fs::read_to_string(bench.path("config.yaml")).unwrap();
        fs::remove_file(bench.path("config.yaml")).unwrap();
        assert_eq!(files_with(&bench.path(""), "kanarek"), Vec::<PathBuf>::new());

        bench.config(&config);
        fs::remove_file(slow).unwrap();
        assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
        let names = bench.names("out");
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("pg-one-")), "{names:?}");
    }
}

/// P4: a disk that fills up under `pg_dump` fails the dump, and nothing stays on it.
#[test]
fn p4_a_full_disk_fails_the_dump() {
    if own_uid() != 0 {
        return; // mounting needs root
    }
    let Some(cluster) = Cluster::start() else { return };
    cluster.create("one");
    cluster.sql("one", "create table t as select md5(g::text) from generate_series(1, 50000) g");
    for format in ["custom", "directory", "plain"] {
        let bench = bench(&cluster, "full", &format!("databases: one, format: {format}"));
        fs::create_dir(bench.path("out")).unwrap();
        let inside =
            "mount -t tmpfs -o size=300k tmpfs \"$OUT\" || exit 99; \"$@\"; code=$?; ls -A \"$OUT\"; exit $code";
        let run = bench.command(&["run", "dump"]);
        let mut command = std::process::Command::new("unshare");
        command.args(["-m", "sh", "-c", inside, "sh"]).arg(run.get_program()).args(run.get_args());
        let ran = bench.ran(command.env("OUT", bench.path("out")).output().unwrap());
        assert_ne!(ran.code, 99, "no tmpfs can be mounted here: {}", ran.stderr);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{format}: {}", bench.debug_log());
        contains(&bench.log(), "No space left on device");
        assert_eq!(bench.trigger(), "ERROR");
    }
}

/// How many `sleep MARK` there are.
fn processes_with(mark: &str) -> usize {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.map(|entry| fs::read(entry.path().join("cmdline")).unwrap_or_default());
    lines.filter(|line| *line == format!("sleep\0{mark}\0").as_bytes()).count()
}

/// P25: a program that others could change is not run by root.
#[test]
fn p25_a_command_path_that_others_can_write_is_refused() {
    if own_uid() != 0 || programs().is_none() {
        return;
    }
    let bench = Bench::new("trust");
    wrapper(&bench, "touch \"$0.ran\"");
    bench.config(&format!(
        "{}actions:\n  dump: {{type: pgdump, basename: pg, dest_path: '{{dir}}/out', databases: one, \
         command_path: '{{dir}}/tools/pg_dump'}}\n",
        crate::support::HEAD
    ));
    fs::set_permissions(bench.path("tools/pg_dump"), fs::Permissions::from_mode(0o757)).unwrap();
    let ran = bench.run(&["run", "dump"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    contains(&ran.stderr, "is writable by everybody (mode 0757)");
    assert!(!bench.path("tools/pg_dump.ran").exists());
}
