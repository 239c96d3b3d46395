//! `restore` and `verify` of dumps, against a real PostgreSQL.

use crate::support::postgres::Cluster;
use crate::support::{Bench, Ran, contains, files_with, lacks};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

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
    ran.exits(2);
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
    contains(&ran.stderr, "\"gone\" does not exist");
    // what came back with errors does not look complete, but is there
    let aside = named(&cluster, "newer.incomplete-%");
    contains(&ran.stderr, "restored with 1 error, see above");
    contains(&ran.stderr, &format!("ALTER DATABASE \"{aside}\" RENAME TO \"newer\";"));
    contains(&ran.stderr, &format!("To be rid of it: DROP DATABASE \"{aside}\";"));
    assert_eq!(named(&cluster, "newer"), "");
    assert_eq!(cluster.sql(&aside, "select count(*) from t"), "500");
    let ran = bench.run(&["restore", "dump", "--db", "app", "--to-db", "newer", "--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "restored into \"newer\" with 1 error, see above");
    assert_eq!(cluster.sql("newer", "select count(*) from t"), "500");
}

/// The databases whose names fit a pattern, as lines.
fn named(cluster: &Cluster, pattern: &str) -> String {
    cluster.sql("postgres", &format!("select datname from pg_database where datname like '{pattern}' order by 1"))
}

/// A database whose rows can be restored only while there is no role `gate`: whoever restores it stands still in the middle.
fn gated(cluster: &Cluster, properties: &str) -> Bench {
    let bench = configure(cluster, "gated", &format!("databases: app, {properties}"));
    fill(cluster, "app");
    cluster.sql(
        "app",
        "create function gate() returns boolean language plpgsql volatile as $$ begin \
         while exists (select 1 from pg_catalog.pg_roles where rolname = 'gate') loop perform pg_catalog.pg_sleep(0.02); \
         end loop; return true; end $$; alter table t add check (gate())",
    );
    bench.run(&["run", "dump"]).exits(0);
    cluster.sql("postgres", "create role gate");
    bench
}

/// Starts a restore and waits until it stands in the middle of the rows; the name of the database it fills.
fn standing(cluster: &Cluster, bench: &Bench, arguments: &[&str]) -> (Child, String) {
    let mut restoring = bench.command(arguments);
    let child = restoring.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let database = filled(cluster);
    (child, database)
}

/// Waits until rows are on their way into a database; its name.
fn filled(cluster: &Cluster) -> String {
    let copying = "select datname from pg_stat_activity where query ilike 'copy %' and state = 'active'";
    let start = Instant::now();
    loop {
        let database = cluster.sql("postgres", copying);
        if !database.is_empty() {
            return database;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never came to the rows");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(bench: &Bench, child: Child) -> Ran {
    bench.ran(child.wait_with_output().unwrap())
}

const OVER: &[&str] = &["restore", "dump", "--to-db", "app", "--force"];

/// A restore that is stopped half way takes its half away, and the live database never lost its name.
fn stopped_half_way(format: &str, signals: usize) {
    let Some(cluster) = Cluster::start() else { return };
    let bench = gated(&cluster, &format!("format: {format}"));
    let before = cluster.rows("app");
    let (child, filled) = standing(&cluster, &bench, OVER);
    assert!(filled.starts_with("app.incomplete-"), "{filled:?}");
    (0..signals).for_each(|_| signal(&child, "-TERM"));
    let ran = ended(&bench, child);
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    contains(&ran.stderr, &format!("the incomplete database {filled:?} was dropped, \"app\" is as it was"));
    assert_eq!(named(&cluster, "app%"), "app");
    assert_eq!(cluster.rows("app"), before);
}

#[test]
fn a_custom_restore_that_is_stopped_changes_nothing() {
    stopped_half_way("custom", 1);
}

/// `timeout(1)` signals the process and its group: twice.
#[test]
fn a_plain_restore_that_is_stopped_changes_nothing() {
    stopped_half_way("plain", 2);
}

/// What is killed leaves a database that says what it is.
#[test]
fn a_restore_that_is_killed_leaves_nothing_that_looks_complete() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = gated(&cluster, "format: custom");
    let before = cluster.rows("app");
    for (to, there) in [("new", ""), ("app", "app")] {
        let (child, filled) = standing(&cluster, &bench, &["restore", "dump", "--to-db", to, "--force"]);
        signal(&child, "-KILL");
        assert_eq!(ended(&bench, child).code, -9);
        assert!(filled.starts_with(&format!("{to}.incomplete-")), "{filled:?}");
        assert_eq!(named(&cluster, &format!("{to}%")), format!("{there}\n{filled}").trim());
        // whoever is still in there does not leave by itself
        cluster.sql(
            "postgres",
            "select pg_terminate_backend(pid) from pg_stat_activity where datname like '%.incomplete-%'",
        );
    }
    assert_eq!(cluster.rows("app"), before);
}

/// A restore that cannot be dropped, because the server is gone, says what is left.
#[test]
fn what_cannot_be_dropped_is_named() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = gated(&cluster, "format: custom");
    let (child, filled) = standing(&cluster, &bench, OVER);
    // nobody gets in any more to drop it
    fs::write(cluster.dir().join("data/pg_hba.conf"), "local all all reject\n").unwrap();
    cluster.tool("pg_ctl").args(["-s", "reload", "-D"]).arg(cluster.dir().join("data")).status().unwrap();
    let start = Instant::now();
    while cluster.tool("psql").args(["-X", "-c", "select 1"]).output().unwrap().status.success() {
        assert!(start.elapsed() < Duration::from_secs(60), "the server still lets everybody in");
    }
    signal(&child, "-TERM");
    let ran = ended(&bench, child);
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    contains(&ran.stderr, &format!("the incomplete database {filled:?} could not be dropped"));
    contains(&ran.stderr, &format!("DROP DATABASE \"{filled}\";"));
    contains(&ran.stderr, "\"app\" is as it was");
}

/// Clients of the live database keep it where it is; the copy is finished and waits.
#[test]
fn a_database_in_use_keeps_its_name_and_the_copy_waits() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "in-use", "databases: app");
    fill(&cluster, "app");
    bench.run(&["run", "dump"]).exits(0);
    let before = cluster.rows("app");
    cluster.sql("app", "delete from t");
    let mut client = cluster.tool("psql");
    let mut client = client.args(["-X", "-c", "select pg_sleep(600)"]).env("PGDATABASE", "app").spawn().unwrap();
    let inside = "select count(*) from pg_stat_activity where datname = 'app' and query like '%pg_sleep(600)%'";
    let start = Instant::now();
    while cluster.sql("postgres", inside) != "1" {
        assert!(start.elapsed() < Duration::from_secs(60), "the client never got in");
    }
    let ran = bench.run(OVER);
    let still = cluster.sql("postgres", inside);
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!((ran.code, still.as_str()), (1, "1"), "{}", ran.stderr);
    let aside = named(&cluster, "app.%");
    assert!(aside.starts_with("app.incomplete-"), "{aside:?}");
    contains(&ran.stderr, &format!("everything was restored into {aside:?}"));
    contains(&ran.stderr, "disconnect the clients of \"app\"");
    contains(&ran.stderr, &format!("ALTER DATABASE \"{aside}\" RENAME TO \"app\";"));
    assert_eq!(cluster.sql("app", "select count(*) from t"), "0");
    assert_eq!(cluster.rows(&aside), before);
}

/// A name that somebody else takes meanwhile is theirs.
#[test]
fn a_name_taken_during_the_restore_stays_taken() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = gated(&cluster, "format: custom");
    let (child, filled) = standing(&cluster, &bench, &["restore", "dump", "--to-db", "new"]);
    cluster.create("new");
    cluster.sql("new", "create table theirs (id int)");
    cluster.sql("postgres", "drop role gate");
    let ran = ended(&bench, child);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, &format!("everything was restored into {filled:?}"));
    assert_eq!(cluster.sql("new", "select count(*) from theirs"), "0");
    assert_eq!(cluster.rows(&filled), cluster.rows("app"));
}

/// Names are cut where the server would cut them, but between letters.
#[test]
fn long_names_fit() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "long", "databases: app");
    fill(&cluster, "app");
    bench.run(&["run", "dump"]).exits(0);
    let name = "ж".repeat(31) + "x";
    let ran = bench.run(&["restore", "dump", "--to-db", &format!("{name}x")]);
    ran.exits(2);
    contains(&ran.stderr, "63 bytes");
    bench.run(&["restore", "dump", "--to-db", &name]).exits(0);
    cluster.sql(&name, "delete from t");
    bench.run(&["restore", "dump", "--to-db", &name, "--force"]).exits(0);
    assert_eq!(cluster.rows(&name), cluster.rows("app"));
    let old = named(&cluster, "жжж%.before-%");
    assert_eq!(cluster.sql(&old, "select count(*) from t"), "0");
}

/// A plain dump that ends too early gives no error: psql takes the end of the file for the end of the rows.
#[test]
fn a_plain_dump_that_is_cut_off_does_not_look_complete() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "cut", "databases: app, format: plain");
    fill(&cluster, "app");
    bench.run(&["run", "dump"]).exits(0);
    let name = bench.names("out").into_iter().find(|name| name.ends_with(".pgdump")).unwrap();
    let dump = bench.path("out").join(&name);
    let text = fs::read_to_string(&dump).unwrap();
    let row = text.find("\n250\t").unwrap();
    fs::write(&dump, &text[..=row]).unwrap();
    // as KB17 left it: without a manifest
    fs::remove_file(bench.path("out").join(name + ".manifest")).unwrap();
    let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "ends too early");
    assert_eq!(named(&cluster, "new%"), "");
    let ran = bench.run(&["restore", "dump", "--to-db", "new", "--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(cluster.sql("new", "select count(*) from t"), "249");
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

/// Half a dump never has the name of a whole one, and what stands in the target is replaced when that is asked for.
#[test]
fn a_dump_that_could_not_be_copied_whole_has_no_name() {
    let Some(cluster) = Cluster::start() else { return };
    for format in ["custom", "directory"] {
        let bench = configure(&cluster, "copying", &format!("databases: app, format: {format}, compress: 0"));
        fill(&cluster, "app");
        cluster.sql("app", "insert into t select g, repeat('x', 100) from generate_series(1000000, 1005000) g");
        bench.run(&["run", "dump"]).exits(0);
        let to = bench.path("to");
        let mut command = std::process::Command::new("bash");
        command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\"", crate::support::BINARY, "--config"]);
        command.arg(bench.path("config.yaml")).args(["restore", "dump", "--to"]).arg(&to);
        let ran = bench.ran(command.output().unwrap());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        contains(&ran.stderr, "File too large");
        let names = bench.names("to");
        assert_eq!(names.len(), 1, "{names:?}");
        assert!(names[0].starts_with("krista-backup.incomplete-"), "{names:?}");
        contains(&ran.stderr, &names[0]);
        fs::remove_dir_all(&to).unwrap();
        for force in [&[][..], &["--force"][..]] {
            let ran = bench.run(&[&["restore", "dump", "--to", to.to_str().unwrap()], force].concat());
            assert_eq!(ran.code, 0, "{force:?}: {}", ran.stderr);
            assert!(bench.names("to").iter().all(|name| name.starts_with("pg-app-")), "{:?}", bench.names("to"));
            assert_eq!(bench.run(&["verify", to.join(&bench.names("to")[0]).to_str().unwrap()]).code, 0);
        }
        cluster.sql("postgres", "drop database app");
    }
}

/// Owner, rights, settings, comment and encoding belong to a database although they are not in it.
#[test]
fn what_belongs_to_a_database_comes_back_with_it() {
    let Some(cluster) = Cluster::start() else { return };
    for statement in [
        "create role owner",
        "create role guest",
        "create database app owner owner template template0 encoding 'LATIN1'",
        "alter database app set work_mem to '7MB'",
        "alter role guest in database app set work_mem to '8MB'",
        "comment on database app is 'it''s\n\\connect; the app'",
        "revoke connect on database app from public",
        "grant connect on database app to guest",
    ] {
        cluster.sql("postgres", statement);
    }
    let facts = |name: &str| {
        let of = format!("where datname = '{name}'");
        cluster.sql(
            "postgres",
            &format!(
                "select datdba::regrole, pg_encoding_to_char(encoding), datcollate, shobj_description(oid, 'pg_database') \
                 from pg_database {of}; \
                 select a::text from pg_database, unnest(datacl) a {of} order by 1; \
                 select setrole::regrole, setconfig from pg_db_role_setting s join pg_database d on d.oid = setdatabase {of} order by 1"
            ),
        )
    };
    contains(&facts("app"), "owner|LATIN1|C|it's");
    for format in ["custom", "directory"] {
        let bench = configure(&cluster, "properties", &format!("databases: app, format: {format}"));
        bench.run(&["run", "dump"]).exits(0);
        for (to, force) in [("new", &[][..]), ("new", &["--force"][..])] {
            let ran = bench.run(&[&["restore", "dump", "--to-db", to], force].concat());
            assert_eq!(ran.code, 0, "{format}: {}", ran.stderr);
            assert_eq!(facts(to), facts("app"), "{format}");
        }
        cluster.sql("postgres", "drop database new");
    }
}

/// What the server merely warns of is no error.
#[test]
fn a_warning_is_no_error() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "warning", "databases: app, format: plain");
    fill(&cluster, "app");
    cluster.sql("app", "create publication p for table t");
    bench.run(&["run", "dump"]).exits(0);
    let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    contains(&ran.stderr, "wal_level is insufficient");
    assert_eq!(cluster.rows("new"), cluster.rows("app"));
}

/// P7: a full disk under the logs keeps no data.
#[test]
fn a_full_log_disk_keeps_no_database() {
    if !crate::support::tools::can_mount() {
        return;
    }
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "logfull", "databases: app, user: client, password: secret");
    cluster.sql("postgres", "create role client superuser login password 'secret'");
    fill(&cluster, "app");
    bench.run(&["run", "dump"]).exits(0);
    let script =
        "mount -t tmpfs -o size=4k none \"$1\" && ! head -c 100000 /dev/zero 2>&- > \"$1/fill\"; shift; exec \"$@\"";
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]).arg(bench.path("log"));
    command.args([crate::support::BINARY, "--config"]).arg(bench.path("config.yaml"));
    let ran = bench.ran(command.args(["restore", "dump", "--to-db", "new"]).output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(cluster.rows("new"), cluster.rows("app"));
}

/// A tablespace that the server has already is no error.
#[test]
fn tablespaces_that_are_there_stay_as_they_are() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "tablespace", "databases: app, globals: true");
    let place = cluster.dir().join("space");
    fs::create_dir(&place).unwrap();
    let owner = fs::metadata(cluster.dir()).unwrap();
    std::os::unix::fs::chown(&place, Some(owner.uid()), Some(owner.gid())).unwrap();
    cluster.sql("postgres", &format!("create tablespace space location '{}'", place.display()));
    fill(&cluster, "app");
    cluster.sql("postgres", "alter database app set tablespace space");
    bench.run(&["run", "dump"]).exits(0);
    let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(cluster.rows("new"), cluster.rows("app"));
    // and one that the server has not is told
    cluster.sql("postgres", "drop database new");
    cluster.sql("postgres", "drop database app");
    cluster.sql("postgres", "drop tablespace space");
    fs::remove_dir(&place).unwrap();
    let ran = bench.run(&["restore", "dump", "--to-db", "new", "--keep-going"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    contains(&ran.stderr, "with 1 error, see above");
    contains(&ran.stderr, "its locale or tablespace is the server's own");
    assert_eq!(cluster.sql("new", "select count(*) from t"), "500");
}

/// Bytes that are in no encoding do not become broken text.
#[test]
fn rows_without_an_encoding_come_back_as_they_were() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.sql("postgres", "create database app template template0 encoding 'SQL_ASCII'");
    cluster.sql("app", "create table t (x text); insert into t values (E'\\xe9\\xff')");
    for format in ["custom", "plain"] {
        let bench = configure(&cluster, "ascii", &format!("databases: app, format: {format}"));
        bench.run(&["run", "dump"]).exits(0);
        let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
        assert_eq!(ran.code, 0, "{format}: {}", ran.stderr);
        let encoding = "select pg_encoding_to_char(encoding) from pg_database where datname = 'new'";
        assert_eq!(cluster.sql("postgres", encoding), "SQL_ASCII", "{format}");
        assert_eq!(cluster.sql("new", "select encode(x::bytea, 'hex') from t"), "e9ff", "{format}");
        cluster.sql("postgres", "drop database new");
    }
}

/// The database where statements are given can be replaced like any other; those that new ones are made from cannot.
#[test]
fn the_servers_own_databases() {
    let Some(cluster) = Cluster::start() else { return };
    let bench = configure(&cluster, "own", "databases: app");
    fill(&cluster, "app");
    bench.run(&["run", "dump"]).exits(0);
    for template in ["template0", "template1"] {
        let ran = bench.run(&["restore", "dump", "--to-db", template, "--force"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        contains(&ran.stderr, "is what new databases are made from");
    }
    let ran = bench.run(&["restore", "dump", "--to-db", "postgres", "--force"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(cluster.rows("postgres"), cluster.rows("app"));
    assert!(named(&cluster, "postgres.before%").starts_with("postgres.before-"));
}

/// `pg_dump --create` writes plain dumps that connect to the database they came from: that one is left alone.
#[test]
fn a_dump_that_connects_to_the_live_database_is_refused() {
    let Some(cluster) = Cluster::start() else { return };
    for opts in ["-C", "-C -Z 5", "--create --clean"] {
        let bench = configure(&cluster, "create", &format!("databases: app, format: plain, opts: '{opts}'"));
        fill(&cluster, "app");
        bench.run(&["run", "dump"]).exits(0);
        cluster.sql("app", "delete from t");
        let ran = bench.run(&["restore", "dump", "--to-db", "new"]);
        assert_eq!(cluster.sql("app", "select count(*) from t"), "0", "{opts}");
        assert_eq!((ran.code, named(&cluster, "new%")), (1, String::new()), "{}", ran.stderr);
        contains(&ran.stderr, "was made with --create");
        cluster.sql("postgres", "drop database app");
    }
}
