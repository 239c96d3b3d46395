//! `restore` and `verify` of dumps, against a real PostgreSQL.

use crate::support::postgres::Cluster;
use crate::support::{Bench, contains, files_with, lacks};
use std::fs;

/// Database names that try to be something else (P14).
const HOSTILE: &[&str] = &["a b; touch X", "$(id)", "host=evil.example", "--file=x", "'\"", "new\nline", "back\\slash"];

fn configure(cluster: &Cluster, name: &str, properties: &str) -> Bench {
    let bench = Bench::new(name);
    bench.config(&format!(
        "{}actions:\n  dump: {{type: pgdump, basename: pg, dest_path: '{{dir}}/out', host: {}, {properties}}}\n",
        crate::support::HEAD,
        cluster.socket()
    ));
    bench
}

fn fill(cluster: &Cluster, database: &str) {
    cluster.create(database);
    cluster.sql(
        database,
        "create table t (id int primary key, name text, raw bytea); \
         insert into t select g, 'строка ' || g || E'\\t\\\\.\\n' , decode(md5(g::text), 'hex') from generate_series(1, 500) g",
    );
}

/// P14: a dump of each format comes back into a new database, whatever either is called.
fn comes_back(format: &str) {
    let Some(cluster) = Cluster::start() else { return };
    let bench =
        configure(&cluster, format, &format!("mode: all, format: {format}, globals: true, exclusions: postgres"));
    HOSTILE.iter().for_each(|name| fill(&cluster, name));
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
    let ran = bench.run(&["verify"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, HOSTILE.len() + 1), "{}{}", ran.stdout, ran.stderr);
    for name in HOSTILE {
        let new = format!("{name} again");
        let ran = bench.run(&["restore", "dump", "--db", name, "--to-db", &new]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{name:?}: {}", ran.stderr);
        assert_eq!(cluster.rows(&new), cluster.rows(name), "{name:?}");
        assert!(cluster.rows(&new).lines().count() > 500);
    }
}

#[test]
fn custom_dumps_come_back() {
    comes_back("custom");
}

#[test]
fn directory_dumps_come_back() {
    comes_back("directory");
}

#[test]
fn plain_dumps_come_back() {
    comes_back("plain");
}

#[test]
fn packed_plain_dumps_come_back() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "packed", "databases: app, format: plain, opts: -Z 5");
    fill(&cluster, "app");
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
    let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(cluster.rows("new"), cluster.rows("app"));
    let dump = bench.names("out").into_iter().find(|name| name.ends_with(".pgdump")).unwrap();
    assert_eq!(bench.run(&["verify", bench.path("out").join(dump).to_str().unwrap()]).code, 0);
}

/// A database that exists is refused, or with `--force` keeps its data under another name.
#[test]
fn a_database_that_exists_is_never_lost() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "exists", "databases: app");
    fill(&cluster, "app");
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
    let before = cluster.rows("app");
    cluster.sql("app", "delete from t");
    let ran = bench.run(&["restore", "dump", "--to-db", "app"]);
    ran.exits(1);
    contains(&ran.stderr, "database \"app\" exists already");
    assert_eq!(cluster.sql("app", "select count(*) from t"), "0");
    let ran = bench.run(&["restore", "dump", "--to-db", "app", "--force"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "is now \"app.before-");
    assert_eq!(cluster.rows("app"), before);
    let kept = cluster.sql("postgres", "select datname from pg_database where datname like 'app.before-%'");
    assert_eq!(cluster.sql(&kept, "select count(*) from t"), "0");
}

/// Roles of the same run come first; those that exist keep their passwords.
#[test]
fn missing_roles_are_made_and_others_stay_as_they_are() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "roles", "databases: app, globals: true");
    fill(&cluster, "app");
    cluster.sql("postgres", "create role gone; create role \"stays here\" login connection limit 5");
    cluster.sql("app", "alter table t owner to gone; grant select on t to \"stays here\"");
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
    cluster.sql("app", "drop table t; drop role gone");
    cluster.sql("postgres", "alter role \"stays here\" connection limit 7");
    let ran = bench.run(&["restore", "dump", "--db", "app", "--to-db", "new"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(cluster.sql("new", "select tableowner from pg_tables where tablename = 't'"), "gone");
    assert_eq!(cluster.sql("postgres", "select rolconnlimit from pg_roles where rolname = 'stays here'"), "7");
    // without the roles there are errors, and they are told
    cluster.sql("new", "drop table t; drop role gone");
    for name in bench.names("out").into_iter().filter(|name| name.contains("%00globals")) {
        fs::remove_file(bench.path("out").join(name)).unwrap();
    }
    let ran = bench.run(&["restore", "dump", "--db", "app", "--to-db", "newer"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "errors, see above");
    contains(&ran.stderr, "\"gone\" does not exist");
}

/// P15: the password of the configuration works and is in nothing that is left or printed.
#[test]
fn p15_a_password_goes_along_unseen() {
    let Some(cluster) = Cluster::start() else { return };
    const CANARY: &str = "c4n4ry:with\\odd";
    cluster.sql("postgres", &format!("create role kb login superuser password E'{}'", CANARY.replace('\\', "\\\\")));
    fill(&cluster, "app");
    for format in ["custom", "directory", "plain", "plain, opts: -Z 5"] {
        let properties = format!("databases: app, user: kb, password: 'c4n4ry:with\\odd', format: {format}");
        let bench = configure(&cluster, "password", &properties);
        assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
        let new = format!("new {format}");
        let ran = bench.run(&["restore", "dump", "--to-db", &new]);
        assert_eq!(ran.code, 0, "{format}: {}", ran.stderr);
        assert_eq!(cluster.rows(&new), cluster.rows("app"));
        lacks(&ran.stderr, "c4n4ry");
        fs::remove_file(bench.path("config.yaml")).unwrap();
        assert!(files_with(&bench.path(""), "c4n4ry").is_empty());
    }
}

#[test]
fn the_files_of_dumps_are_copied_out_and_checked() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "files", "databases: [one, two], format: directory");
    fill(&cluster, "one");
    fill(&cluster, "two");
    assert_eq!(bench.run(&["run", "dump"]).code, 0, "{}", bench.debug_log());
    let to = bench.path("to");
    let ran = bench.run(&["restore", "dump", "--to", to.to_str().unwrap(), "--db", "one"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names = bench.names("to");
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("pg-one-")));
    let dump = bench.path("to").join(&names[0]);
    cluster.create("back");
    cluster.restore(&dump, "back");
    assert_eq!(cluster.rows("back"), cluster.rows("one"));
    // a dump that is not what it was is not restored
    let inner = fs::read_dir(bench.path("out").join(&names[0])).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&inner).unwrap();
    bytes[10] ^= 1;
    fs::write(&inner, bytes).unwrap();
    let ran = bench.run(&["restore", "dump", "--db", "one", "--to-db", "spoiled"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stderr, "is damaged");
    let ran = bench.run(&["restore", "dump", "--db", "nosuch", "--to-db", "x"]);
    assert_eq!(ran.code, 1);
    contains(&ran.stderr, "there are: one, two");
    let ran = bench.run(&["restore", "dump", "--to-db", "x"]);
    assert_eq!(ran.code, 2);
    contains(&ran.stderr, "--db has to say which one of: one, two");
    assert_eq!(bench.run(&["verify", "dump"]).code, 1);
}
