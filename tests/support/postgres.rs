//! A private PostgreSQL cluster for one test: socket only, owned by `postgres`, stopped and removed by whoever started it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where distributions put the server's programs.
const FOLDERS: &[&str] = &["/usr/lib/postgresql", "/usr"];

/// Numbers what is made, so that no two have one name.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The operating-system user a cluster belongs to; none when we are not root and it belongs to ourselves.
fn owner() -> Option<(u32, u32)> {
    let own = fs::metadata("/proc/self").unwrap();
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The folder with `initdb` and the client programs, the newest one.
pub fn programs() -> Option<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let bin = entry.path().join("bin");
            let is_one = *folder != "/usr" || entry.file_name().to_string_lossy().starts_with("pgsql-");
            if is_one && bin.join("initdb").is_file() {
                found.push(bin);
            }
        }
    }
    found.sort();
    found.pop()
}

/// A running cluster; stopped and removed when dropped.
pub struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
}

impl Cluster {
    /// Starts a cluster that lets every local user in as `postgres` by trust, and everybody else with a password.
    ///
    /// None when PostgreSQL is not installed: the caller returns, and the test counts as skipped, which is said aloud and
    /// is a failure under CI.
    pub fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "PostgreSQL is not installed, and CI must test dumps"
            );
            // straight to the descriptor: the test harness swallows what goes through eprintln
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {test}: PostgreSQL is not installed");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // short: the path of a socket may have 107 bytes
        let dir = std::env::temp_dir().join(format!("kb-pg-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((uid, gid)) = owner() {
            std::os::unix::fs::chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        let cluster = Self { bin, dir };
        let data = cluster.dir.join("data");
        let data = data.to_str().unwrap();
        done(
            cluster
                .tool("initdb")
                .args(["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
                .arg("--locale=C"),
        );
        let rules = "local all postgres trust\nlocal all all scram-sha-256\n";
        fs::write(cluster.dir.join("data/pg_hba.conf"), rules).unwrap();
        let options = format!("-k {} -c listen_addresses='' -c fsync=off -c max_connections=40", cluster.dir.display());
        let log = cluster.dir.join("log");
        // its output must not hold our pipes open
        let mut start = cluster.tool("pg_ctl");
        start.args(["-D", data, "-w", "-s", "-l", log.to_str().unwrap(), "-o", &options, "start"]);
        assert!(start.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{:?}", fs::read(log));
        Some(cluster)
    }

    /// The directory of its socket: what `host` and PGHOST are set to.
    pub fn socket(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    /// A directory that belongs to the cluster's user, for whatever a test wants its programs to write.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of its programs, to be run as its user and pointed at it.
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env_clear().env("PGHOST", &self.dir).env("PGUSER", "postgres").env("PATH", "/usr/bin:/bin");
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Some((uid, gid)) = owner() {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Runs SQL in a database; what it returns, rows as lines.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = self.tool("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).env("PGDATABASE", database);
        String::from_utf8(done(&mut psql)).unwrap().trim_end().to_owned()
    }

    /// Makes a database of this name, whatever it is.
    pub fn create(&self, database: &str) {
        self.sql("postgres", &format!("create database \"{}\"", database.replace('"', "\"\"")));
    }

    /// Every row of every table of a database, in a fixed order.
    pub fn rows(&self, database: &str) -> String {
        let tables = "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables \
                      where schemaname not in ('pg_catalog', 'information_schema') order by 1";
        let mut all = String::new();
        for table in self.sql(database, tables).lines() {
            let rows = self.sql(database, &format!("select * from {table} t order by t::text"));
            all.extend([table, "\n", &rows, "\n"]);
        }
        all
    }

    /// Restores a custom dump or the directory of one into a database that exists.
    pub fn restore(&self, dump: &Path, database: &str) {
        let mut restore = self.tool("pg_restore");
        // `-d` is a connection string: the name is quoted in it
        let target = format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"));
        restore.args(["--exit-on-error", "--no-owner", "-d", &target]);
        if dump.is_dir() {
            restore.arg(self.within_reach(dump));
        } else {
            restore.stdin(fs::File::open(dump).unwrap());
        }
        done(&mut restore);
    }

    /// Feeds a plain dump to psql.
    pub fn feed(&self, dump: &Path, database: &str) {
        let mut psql = self.tool("psql");
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"])
            .env("PGDATABASE", database)
            .stdin(fs::File::open(dump).unwrap());
        done(&mut psql);
    }

    /// A copy of a directory that the cluster's user can read.
    fn within_reach(&self, dir: &Path) -> PathBuf {
        let copy = self.dir.join(format!("copy-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let file = copy.join(entry.file_name());
            fs::copy(entry.path(), &file).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        copy
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.dir.join("data");
        let mut stop = self.tool("pg_ctl");
        stop.args([OsStr::new("-D"), data.as_os_str(), OsStr::new("-m"), OsStr::new("immediate"), OsStr::new("stop")]);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Runs a command that must succeed; its output.
fn done(command: &mut Command) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    stdout
}
