//! Which `pg_dump`, psql, `pg_restore` and `pg_dumpall` are used: the newest suitable ones, or those beside `command_path`.

use super::connection::Session;
use crate::actions::context::Context;
use crate::error::{Doing, Error, Result};
use crate::sys::process::{self, Stream};
use crate::sys::trust;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A major version of PostgreSQL, comparable across the change of scheme in 10: 906 is 9.6, 1500 is 15.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version(u32);

impl Version {
    /// From `server_version_num`: `90624`, `150018`.
    pub fn of_number(number: &str) -> Option<Self> {
        number.trim().parse::<u32>().ok().filter(|n| *n > 9999).map(|n| Self(n / 100))
    }

    /// From `pg_dump (PostgreSQL) 15.18 (Debian …)`, `pg_dump (Postgres Pro) 9.6.24`, `… 16beta1`.
    pub fn of_program(line: &str) -> Option<Self> {
        let words = line.split_whitespace();
        words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())).find_map(|word| {
            let mut numbers = word.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
            let major = numbers.next()?.ok()?;
            let minor = if major < 10 { numbers.next()?.ok()? } else { 0 };
            Some(Self(major.checked_mul(100)?.checked_add(minor)?))
        })
    }

    /// From which version on `pg_dump` knows `--no-sync`.
    pub fn can_skip_sync(self) -> bool {
        self >= Self(1000)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 < 1000 { write!(f, "{}.{}", self.0 / 100, self.0 % 100) } else { write!(f, "{}", self.0 / 100) }
    }
}

/// A client program and the version it reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// Absolute path.
    pub path: PathBuf,
    /// Its major version.
    pub version: Version,
}

/// Every usable `pg_dump`, newest first.
#[derive(Debug)]
pub struct Installed {
    dumps: Vec<Tool>,
}

/// Finds `pg_dump`: the one at `command_path`, else all that are installed. Fails when there is none, or when the one that
/// was asked for may not be trusted (P25).
pub fn find(command_path: Option<&Path>, session: &Session, cx: &Context<'_>) -> Result<Installed> {
    if let Some(path) = command_path {
        let path = on_path(path)
            .ok_or_else(|| Error::failed(format!("`command_path`: there is no program {}", path.display())))?;
        trust::program(&path)?;
        return Ok(Installed { dumps: vec![probe(path, session, cx)?] });
    }
    let mut refused = Vec::new();
    let mut dumps: Vec<Tool> = Vec::new();
    for path in everywhere("pg_dump") {
        match trust::program(&path).and_then(|()| probe(path, session, cx)) {
            Ok(tool) => dumps.push(tool),
            Err(e) if matches!(e.kind(), crate::error::Kind::Failed) => refused.push(e.to_string()),
            Err(e) => return Err(e),
        }
    }
    for reason in &refused {
        cx.debug(format!("not used: {reason}"));
    }
    if dumps.is_empty() {
        let reasons = if refused.is_empty() { String::new() } else { format!(" ({})", refused.join("; ")) };
        return Err(Error::failed(format!(
            "no usable pg_dump found{reasons}: install the PostgreSQL client programs (postgresql-client on Debian and \
             AstraLinux, postgresql on RPM systems) or set `command_path`"
        )));
    }
    dumps.sort_by_key(|tool| Reverse(tool.version));
    Ok(Installed { dumps })
}

/// Every program of this name. What stands on `PATH` comes first, as the administrator's choice; Debian's `pg_wrapper` comes
/// last, because it looks for a cluster and a version by rules of its own.
fn everywhere(name: &str) -> Vec<PathBuf> {
    let is_wrapper = |path: &PathBuf| {
        path.canonicalize().is_ok_and(|real| real.file_name().is_some_and(|name| name == "pg_wrapper"))
    };
    let mut paths: Vec<_> =
        folders().into_iter().map(|folder| folder.join(name)).filter(|path| path.is_file()).collect();
    paths.sort_by_key(is_wrapper);
    paths
}

impl Installed {
    /// The psql that asks for the list of databases: beside any `pg_dump` found, else anywhere.
    pub fn psql(&self) -> Result<PathBuf> {
        let beside = self.dumps.iter().filter_map(|tool| sibling(&tool.path, "psql"));
        let elsewhere = everywhere("psql").into_iter().filter(|path| usable(path));
        beside.chain(elsewhere).next().ok_or_else(|| {
            Error::failed(
                "no usable psql found beside pg_dump or on PATH: install the PostgreSQL client programs \
                 (postgresql-client on Debian and AstraLinux, postgresql on RPM systems)",
            )
        })
    }

    /// The newest `pg_dump`.
    pub fn newest(&self) -> Option<&Tool> {
        self.dumps.first()
    }

    /// The newest `pg_dump`; it must not be older than the server.
    pub fn pg_dump(&self, server: Version) -> Result<&Tool> {
        let newest = self.dumps.first().ok_or_else(|| Error::failed("no pg_dump found"))?;
        if newest.version < server {
            return Err(Error::failed(format!(
                "{} is version {}, older than the server, which is version {server}: it cannot dump it; install \
                 the client programs of version {server} or newer",
                newest.path.display(),
                newest.version
            )));
        }
        Ok(newest)
    }
}

/// `name` beside `tool`, else the newest one elsewhere; none when every one is older than `at_least`.
pub fn companion(name: &str, tool: &Tool, session: &Session, cx: &Context<'_>) -> Option<Tool> {
    let at_least = tool.version;
    let good = |path: PathBuf| probe(path, session, cx).ok().filter(|found| found.version >= at_least);
    if let Some(found) = sibling(&tool.path, name).and_then(good) {
        return Some(found);
    }
    let paths = everywhere(name).into_iter().filter(|path| usable(path));
    let mut found: Vec<_> = paths.filter_map(good).collect();
    found.sort_by_key(|tool| Reverse(tool.version));
    found.into_iter().next()
}

fn sibling(path: &Path, name: &str) -> Option<PathBuf> {
    path.parent().map(|folder| folder.join(name)).filter(|path| usable(path))
}

fn usable(path: &Path) -> bool {
    path.is_file() && trust::program(path).is_ok()
}

/// The folders of `PATH`, then where distributions put the client programs.
fn folders() -> Vec<PathBuf> {
    let mut found = path_folders();
    for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/opt/pgpro", "")] {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        let mut folders: Vec<_> = named.map(|entry| entry.path().join("bin")).filter(|path| path.is_dir()).collect();
        folders.sort();
        found.extend(folders);
    }
    // `/bin` is a link to `/usr/bin` on most systems
    let mut seen = BTreeSet::new();
    found.retain(|folder| folder.canonicalize().is_ok_and(|real| seen.insert(real)));
    found
}

/// The absolute folders of `PATH`: a relative one would be found from wherever the administrator happened to stand.
fn path_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect()
}

fn on_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 || program.is_absolute() {
        return Some(program.to_owned()).filter(|path| path.is_file());
    }
    path_folders().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Asks a program for its version, as the user who will run it.
fn probe(path: PathBuf, session: &Session, cx: &Context<'_>) -> Result<Tool> {
    let mut answer = String::new();
    let command = session.local_command(&path, vec!["--version".into()]);
    let doing = || format!("asking {} for its version", path.display());
    let end = process::run(command, &cx.limits, &mut |stream, line| {
        if stream == Stream::Out && answer.is_empty() {
            line.clone_into(&mut answer);
        }
    })
    .doing(doing)?;
    if !end.ok() {
        return Err(Error::failed(format!("{}: {end}", doing())));
    }
    match Version::of_program(&answer) {
        Some(version) => Ok(Tool { path, version }),
        None => Err(Error::failed(format!("{}: it says `{answer}`", doing()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_across_schemes() {
        let program = |text| Version::of_program(text).unwrap();
        assert_eq!(program("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").to_string(), "15");
        assert_eq!(program("pg_dump (PostgreSQL) 9.6.24"), Version::of_number("90624").unwrap());
        assert_eq!(program("pg_dump (Postgres Pro) 11.12.1"), Version::of_number("110012").unwrap());
        assert_eq!(program("pg_dump (PostgreSQL) 17beta1").to_string(), "17");
        assert!(program("pg_dump (PostgreSQL) 9.6.24") < program("pg_dump (PostgreSQL) 10.1"));
        assert!(program("pg_dump (PostgreSQL) 9.2.24") < program("pg_dump (PostgreSQL) 9.6.1"));
        assert_eq!(program("pg_dump (PostgreSQL) 9.2.24").to_string(), "9.2");
        assert_eq!(Version::of_program("usage: pg_dump"), None);
        assert_eq!(Version::of_number("x"), None);
    }
}
