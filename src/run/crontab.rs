//! One user's crontab as it is on this machine: read and replaced through `crontab`, nothing lost on the way.

use crate::config::Config;
use crate::cron::crontab as table;
use crate::error::{Doing, Error, Result};
use crate::output;
use crate::run::logfile;
use crate::run::places::Places;
use crate::sys::process::{Command, End, Stdout, Stream, run};
use crate::sys::signals::{self, Deadline, Limits};
use crate::sys::users::{self, User};
use crate::sys::{files, trust};
use log::Level;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Below it, a directory per user whose crontab root edits for him.
const STATE_OF_OTHERS: &str = "/var/lib/krista-backup";

/// How long `crontab` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to say what is in it, where nothing depends on that.
const PATIENCE_FOR_A_LOOK: Duration = Duration::from_secs(10);

/// Whose crontab it is.
pub struct Owner {
    /// Login name.
    pub user: String,
    /// Whether `-u` is needed.
    other: bool,
}

/// What `crontab` is connected to.
#[derive(Default)]
struct Streams {
    stdin: Option<File>,
    stdout: Stdout,
}

impl Owner {
    /// Whose is edited: `cron_user`'s, else that of whoever logged in, if their runs could read the configuration and write
    /// logs, else root's.
    pub fn of(config: &Config) -> Result<Self> {
        let works =
            |user: &User| trust::lets_read(&config.path, user) && trust::lets_write(&config.logging.logs_path, user);
        let login = || users::login_user().filter(works);
        let user = match &config.cron_user {
            Some(user) => user.clone(),
            None if users::is_root() => login().map_or_else(root, |user| user.name),
            None => own_name(),
        };
        Self::named(user)
    }

    /// All that may hold lines of ours and can be read by whoever asks: without a `cron_user` also those that root edited
    /// earlier, whoever was logged in then. None when only another user can read them.
    pub fn all(config: &Config) -> Vec<Self> {
        let first = Self::of(config);
        if config.cron_user.is_some() {
            return first.into_iter().collect();
        }
        if !users::is_root() {
            let holds = |owner: &Self| owner.peek().is_ok_and(|text| !table::tasks(text.as_bytes()).is_empty());
            let own_file = std::fs::metadata(&config.path).is_ok_and(|meta| meta.uid() == users::effective_uid());
            return first.into_iter().filter(|owner| own_file || holds(owner)).collect();
        }
        let mut owners: Vec<Self> = first.into_iter().collect();
        let earlier = std::fs::read_dir(STATE_OF_OTHERS).into_iter().flatten().flatten();
        let earlier = earlier.filter_map(|entry| entry.file_name().into_string().ok());
        for user in std::iter::once(root()).chain(earlier).filter(|user| users::by_name(user).is_some()) {
            if !owners.iter().any(|owner| owner.user == user) {
                owners.extend(Self::named(user));
            }
        }
        owners
    }

    fn named(user: String) -> Result<Self> {
        let own = own_name();
        // it becomes an argument and part of a file name
        if user.is_empty() || user.starts_with(['-', '.']) || user.contains(['/', '\0']) {
            return Err(Error::usage(format!("`{}` is no name of a user", user.escape_debug())));
        }
        let other = user != own;
        if other && !users::is_root() {
            return Err(Error::usage(format!("only root can edit the crontab of {user}")));
        }
        Ok(Self { user, other })
    }

    /// Where the state of this crontab belongs. Root writes nothing where another user says or may write: links would
    /// lead it astray, and that user's own runs could not write into directories that are root's.
    pub fn places(&self, config: &Config) -> Places {
        if self.other {
            return Places { logs: Path::new(STATE_OF_OTHERS).join(&self.user), group: None };
        }
        Places { logs: config.logging.logs_path.clone(), group: config.logging.group }
    }

    /// Fails when root would act on a configuration that is neither root's nor this user's own (P25).
    fn check_file(&self, config: &Path, file_owner: u32) -> Result<()> {
        let own = || users::by_name(&self.user).is_some_and(|user| user.uid == file_owner);
        if !users::is_root() || file_owner == 0 || own() {
            return Ok(());
        }
        Err(Error::usage(format!(
            "reading configuration {}: refused as root, because it belongs to user {file_owner}, neither to root nor to {}, \
             whose crontab it is about",
            config.display(),
            self.user
        )))
    }

    /// Fails when the runs, which are this user's, could not read the configuration: nothing would ever be backed up.
    pub fn check_runs(&self, config: &Path) -> Result<()> {
        let Some(user) = users::by_name(&self.user) else { return Ok(()) };
        let config = std::path::absolute(config).doing(|| format!("resolving {}", config.display()))?;
        if trust::lets_read(&config, &user) {
            return Ok(());
        }
        Err(Error::usage(format!(
            "no run could read {}: they would be those of {}, in whose crontab they stand; let this user read it, or set \
             `cron_user` in the section `cron`",
            config.display(),
            self.user
        )))
    }

    /// How a person puts a saved table back.
    pub fn restore_command(&self, saved: &Path) -> String {
        let user = if self.other { format!("-u {} ", self.user) } else { String::new() };
        format!("crontab {user}{}", saved.display())
    }

    /// The table, without a lock and without writing anything anywhere.
    pub fn peek(&self) -> Result<String> {
        let limits =
            Limits { deadline: Deadline::after(PATIENCE_FOR_A_LOOK, "the time for `crontab`"), ..Limits::default() };
        let mut table = String::new();
        let (end, complaint) = self.crontab("-l", Streams::default(), &limits, &mut table)?;
        if !end.ok() && !is_no_table(&complaint) {
            return Err(Error::failed(format!("reading the crontab of {}: {complaint}", self.user)));
        }
        Ok(table)
    }

    /// Runs `crontab`; what it prints line by line goes to `printed`, what it complains about is returned.
    fn crontab(&self, verb: &str, streams: Streams, limits: &Limits, printed: &mut String) -> Result<(End, String)> {
        let user = if self.other { vec!["-u", &self.user] } else { Vec::new() };
        let command = Command {
            program: "crontab".into(),
            args: user.into_iter().chain([verb]).map(Into::into).collect(),
            env: vec![("LC_ALL".into(), "C".into())],
            stdin: streams.stdin,
            stdout: streams.stdout,
            ..Command::default()
        };
        let mut complaint = Vec::new();
        let end = run(command, limits, &mut |stream, line: &str| match stream {
            Stream::Out => printed.extend([line, "\n"]),
            Stream::Err => complaint.push(line.to_owned()),
        })?;
        Ok((end, complaint.join(" ")))
    }
}

/// One user's crontab, locked against others of us.
pub struct Crontab {
    /// Whose.
    pub owner: Owner,
    /// Where its state and what was done are recorded.
    pub places: Places,
    limits: Limits,
    _lock: File,
}

impl Crontab {
    /// Takes the lock. `file_owner` is the user whose file the configuration is: root's, or his whose crontab it is about.
    pub fn of(config: &Config, file_owner: u32) -> Result<Self> {
        signals::install()?;
        let owner = Owner::of(config)?;
        owner.check_file(&config.path, file_owner)?;
        let places = owner.places(config);
        places.create_dir(&places.state())?;
        let lock = places.state().join("crontab.lock");
        let doing = || format!("taking the lock {}", lock.display());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let lock = options.open(&lock).and_then(|file| file.lock().map(|()| file)).doing(doing)?;
        let limits =
            Limits { cancel: signals::process_cancel(), deadline: Deadline::after(PATIENCE, "the time for `crontab`") };
        Ok(Self { owner, places, limits, _lock: lock })
    }

    /// The table as it is. Only a clear word that there is none counts as empty; any other failure is an error, because
    /// what is written back replaces everything.
    pub fn read(&self) -> Result<Vec<u8>> {
        let doing = || format!("reading the crontab of {}", self.owner.user);
        let mut output = self.scratch()?;
        let file = output.try_clone().doing(doing)?;
        let (end, complaint) = self.crontab("-l", Streams { stdin: None, stdout: Stdout::File(file) })?;
        if !end.ok() {
            if is_no_table(&complaint) {
                return Ok(Vec::new());
            }
            return Err(Error::failed(format!("{}: `crontab -l` gave {end}: {complaint}", doing())));
        }
        let mut table = Vec::new();
        output.seek(SeekFrom::Start(0)).and_then(|_| output.read_to_end(&mut table)).doing(doing)?;
        Ok(table)
    }

    /// Writes the new table, keeps the old one beside the logs, and reads back what really is there now.
    pub fn replace(&self, old: &[u8], new: &[u8]) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let saved = self.save(old, "saved")?;
        let doing = || format!("writing the crontab of {}", self.owner.user);
        let mut input = self.scratch()?;
        input.write_all(new).and_then(|()| input.seek(SeekFrom::Start(0))).doing(doing)?;
        let (end, complaint) = self.crontab("-", Streams { stdin: Some(input), stdout: Stdout::Lines })?;
        if !end.ok() {
            return Err(Error::failed(format!("{}: `crontab -` gave {end}: {complaint}; it is unchanged", doing())));
        }
        if self.read()? != new {
            let saved = saved.display();
            return Err(Error::failed(format!(
                "{}: it reads back differently; the table before is in {saved}",
                doing()
            )));
        }
        Ok(())
    }

    /// Keeps a table beside the logs under this extension; says where.
    pub fn save(&self, table: &[u8], extension: &str) -> Result<PathBuf> {
        let saved = self.places.state().join(format!("crontab-{}.{extension}", self.owner.user));
        files::replace_file(&saved, table, 0o600)?;
        Ok(saved)
    }

    fn crontab(&self, verb: &str, streams: Streams) -> Result<(End, String)> {
        self.owner.crontab(verb, streams, &self.limits, &mut String::new())
    }

    /// A file without a name, for bytes that lines would spoil.
    fn scratch(&self) -> Result<File> {
        let path = self.places.state().join(format!("crontab-{}.tmp", std::process::id()));
        let doing = || format!("creating {}", path.display());
        let _ = std::fs::remove_file(&path);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path).doing(doing)?;
        std::fs::remove_file(&path).doing(doing)?;
        Ok(file)
    }

    /// Records what was done, in the log of what happens outside runs.
    pub fn log(&self, done: &[String]) {
        for line in self.lines(done) {
            let logged = logfile::program(&self.places, Level::Info, &line);
            logged.unwrap_or_else(|error| output::note(&error.to_string()));
        }
    }

    /// Shows what was done.
    pub fn tell(&self, done: &[String]) -> Result<()> {
        self.lines(done).try_for_each(|line| output::line(&line))
    }

    fn lines(&self, done: &[String]) -> impl Iterator<Item = String> {
        done.iter().map(|line| format!("crontab of {}: {line}", self.owner.user))
    }
}

fn root() -> String {
    "root".to_owned()
}

fn own_name() -> String {
    users::by_uid(users::effective_uid()).map_or_else(root, |user| user.name)
}

/// Debian's, cronie's and BusyBox's wording for a user without a table.
fn is_no_table(complaint: &str) -> bool {
    let busybox = complaint.contains("can't open") && complaint.contains("No such file or directory");
    complaint.contains("no crontab for") || busybox
}
