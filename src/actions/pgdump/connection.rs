//! How the client programs reach the server and as whom they run: everything by environment, nothing by argv (P14, P15).

use crate::actions::context::Context;
use crate::error::{Doing, Error, Result};
use crate::sys::files::{self, Dir, Readers};
use crate::sys::process::Command;
use crate::sys::users::{self, User};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The operating-system user that dumps when no `user` is configured.
const ADMIN: &str = "postgres";

/// Seconds a client waits for the server to answer.
const CONNECT_SECONDS: &str = "30";

/// Our standard input as a path: whatever file or directory was opened for it, wherever it lies.
pub const STDIN: &str = "/proc/self/fd/0";

/// Text that appears nowhere: it has no `Debug` and no `Display`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

/// Where the server is and who we are to it, as configured.
#[derive(Clone)]
pub enum Login {
    /// As the operating-system user `postgres` over the local socket, in this directory or the usual one.
    Local(Option<String>),
    /// As a database user with a password, or whatever else the server asks for.
    Remote {
        /// Host name, address or socket directory; none is the usual socket.
        host: Option<String>,
        /// Database user.
        user: String,
        /// Their password.
        password: Option<Secret>,
    },
}

/// A [`Login`] ready for use in one run.
pub struct Session {
    env: Vec<(OsString, OsString)>,
    child: Option<User>,
    password: Option<Secret>,
    scratch: PathBuf,
}

impl Session {
    /// Finds out who runs the programs. Fails when the user `postgres` is needed and does not exist.
    pub fn open(login: &Login, port: u16, cx: &Context<'_>) -> Result<Self> {
        let mut env = fixed();
        let mut set = |key: &str, value: &str| env.push((key.into(), value.into()));
        set("PGPORT", &port.to_string());
        let (child, password) = match login {
            Login::Remote { host, user, password } => {
                set("PGHOST", host.as_deref().unwrap_or_default());
                set("PGUSER", user);
                if password.is_some() {
                    set("PGPASSWORD", ""); // an inherited one would come first
                }
                (None, password.clone())
            }
            Login::Local(socket) => {
                set("PGHOST", socket.as_deref().unwrap_or_default());
                let admin = admin(cx)?;
                let name = admin.as_ref().map(|user| user.name.clone()).or_else(own_name);
                if let Some(name) = name {
                    set("PGUSER", &name);
                }
                (admin, None)
            }
        };
        Ok(Self { env, child, password, scratch: cx.run.state_dir.clone() })
    }

    /// One for programs that connect to nothing, run by ourselves.
    pub fn own(cx: &Context<'_>) -> Self {
        Self { env: fixed(), child: None, password: None, scratch: cx.run.state_dir.clone() }
    }

    /// The user who runs the programs and so owns what they write; none when it is ourselves.
    pub fn child(&self) -> Option<&User> {
        self.child.as_ref()
    }

    /// A program that does not connect.
    pub fn local_command(&self, program: &Path, args: Vec<OsString>) -> Command {
        Command {
            program: program.into(),
            args,
            without: FOREIGN,
            env: self.env.clone(),
            // a directory that every user can enter: the programs look for themselves from where they stand
            cwd: Some("/".into()),
            user: self.child.clone(),
            ..Command::default()
        }
    }

    /// A program that connects to `database`, given as data: libpq takes `PGDATABASE` literally, where `--dbname` would
    /// let `host=evil` name another server. A password goes along as a password file without a name.
    pub fn command(&self, program: &Path, args: Vec<OsString>, database: &str) -> Result<Command> {
        let mut command = self.local_command(program, args);
        command.env.push(("PGDATABASE".into(), database.into()));
        if let Some(password) = &self.password {
            command.stdin = Some(self.password_file(password)?);
            command.env.push(("PGPASSFILE".into(), STDIN.into()));
        }
        Ok(command)
    }

    /// A file for reading and writing that has no name and is gone when closed, 0600. Full disks are what restores are made on,
    /// so it is in memory where the kernel can do that.
    pub fn nameless_file(&self) -> Result<File> {
        match files::in_memory() {
            Ok(file) => Ok(file),
            Err(_) => self.unlinked_file(),
        }
    }

    fn unlinked_file(&self) -> Result<File> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".nameless-{}-{number}", std::process::id());
        let dir = Dir::create(&self.scratch, Readers::Owner)?;
        // a leftover of a process of the same number that was killed between the next two lines
        dir.remove(&name)?;
        let file = dir.create_file(&name)?;
        dir.remove(&name)?;
        Ok(file)
    }

    /// The password reaches the disk, if at all, only after its file has lost its name: nothing can be left behind, not
    /// even by SIGKILL. The child opens it through its standard input.
    fn password_file(&self, password: &Secret) -> Result<File> {
        let mut file = self.nameless_file()?;
        file.write_all(passfile_line(&password.0).as_bytes()).doing(|| "passing the password on".into())?;
        Ok(file)
    }
}

/// `*:*:*:*:PASSWORD`, escaped as libpq's manual page on the password file says.
fn passfile_line(password: &str) -> String {
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    format!("*:*:*:*:{escaped}\n")
}

/// Variables of libpq that could lead to another server, change what a session does, or how a dump is encoded. What says how
/// to connect safely (`PGSSL…`) or with which password is left as it was inherited.
const FOREIGN: &[&str] = &["PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGOPTIONS", "PGCLIENTENCODING"];

/// What every child gets; empty values take the effect of what we may have inherited away.
fn fixed() -> Vec<(OsString, OsString)> {
    let pairs = [("PGHOSTADDR", ""), ("PGCONNECT_TIMEOUT", CONNECT_SECONDS), ("LC_ALL", ""), ("LC_MESSAGES", "C")];
    pairs.iter().map(|(key, value)| (OsStr::new(key).into(), OsStr::new(value).into())).collect()
}

/// The user to become: `postgres` when we are root; otherwise ourselves, which is said when it is somebody else.
fn admin(cx: &Context<'_>) -> Result<Option<User>> {
    if !users::is_root() {
        let own = own_name();
        if own.as_deref() != Some(ADMIN) {
            let own = own.unwrap_or_else(|| users::effective_uid().to_string());
            cx.info(format!("not root: dumping as `{own}`, not as `{ADMIN}`"));
        }
        return Ok(None);
    }
    let missing =
        || format!("there is no user `{ADMIN}` on this machine to dump as: set `user`, and `host` for another machine");
    users::by_name(ADMIN).map(Some).ok_or_else(|| Error::failed(missing()))
}

fn own_name() -> Option<String> {
    users::by_uid(users::effective_uid()).map(|user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P15: a password with separators is one field.
    #[test]
    fn passwords_are_escaped_for_the_password_file() {
        assert_eq!(passfile_line("a:b\\c#d e"), "*:*:*:*:a\\:b\\\\c#d e\n");
    }
}
