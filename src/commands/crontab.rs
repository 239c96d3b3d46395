//! `enable` and `disable`: our lines in `cron_user`'s crontab, through `crontab` itself.

use crate::config::{Config, Task};
use crate::cron::crontab::{self as table, Entry};
use crate::cron::expression::{Dialect, Expression};
use crate::error::{Doing, Error, Exit, Result};
use crate::output;
use crate::run::logfile;
use crate::run::places::Places;
use crate::sys::process::{Command, End, Stdout, Stream, run};
use crate::sys::signals::{self, Limits};
use crate::sys::{files, users};
use log::Level;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long `crontab` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts a task, or with `all` every task that has a `cron`, into the crontab.
pub fn enable(config_file: Option<&Path>, unit: &str) -> Result<Exit> {
    let path = Config::find(config_file)?;
    let config = Config::load(&path)?;
    let explicit = explicit_path(config_file, &path)?;
    let tasks: Vec<&Task> = config.tasks.iter().filter(|task| unit == "all" || task.name == unit).collect();
    if tasks.is_empty() && unit != "all" {
        return Err(Error::usage(format!("there is no task `{unit}` in {}", path.display())));
    }
    let crontab = Crontab::of(&config)?;
    let old = crontab.read()?;
    let mut new = old.clone();
    let mut done = Vec::new();
    for task in tasks {
        match line(task, explicit.as_deref())? {
            Some(line) => {
                new = table::with(&new, &task.name, &line);
                done.push(format!("enabled {}: {line}", task.name));
            }
            None if unit == "all" => output::note(&format!("{} has no `cron`: skipped", task.name)),
            None => return Err(Error::usage(format!("task `{}` has no `cron`", task.name))),
        }
    }
    crontab.replace(&old, &new)?;
    crontab.tell(&done)
}

/// Takes a task, or with `all` every task, out of the crontab; the task need not be configured any more.
pub fn disable(config_file: Option<&Path>, unit: &str) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let crontab = Crontab::of(&config)?;
    let old = crontab.read()?;
    let task = (unit != "all").then_some(unit);
    let known = table::tasks(&old);
    let gone: Vec<_> = known.into_iter().filter(|name| task.is_none_or(|task| task == name)).collect();
    if gone.is_empty() {
        output::note(&format!(
            "nothing to disable: no line of ours for `{unit}` in the crontab of {}",
            crontab.owner.user
        ));
        return Ok(Exit::Done);
    }
    crontab.replace(&old, &table::without(&old, task))?;
    crontab.tell(&gone.iter().map(|name| format!("disabled {name}")).collect::<Vec<_>>())
}

/// The tasks that have a line in the crontab; `Err` when it cannot be read. Changes nothing.
pub fn enabled(config: &Config) -> Result<Vec<String>> {
    let owner = Owner::of(config)?;
    let limits = Limits { deadline: Instant::now().checked_add(PATIENCE), ..Limits::default() };
    let mut table = String::new();
    let (end, complaint) = owner.crontab("-l", Streams::default(), &limits, &mut table)?;
    if !end.ok() && !is_no_table(&complaint) {
        return Err(Error::failed(format!("reading the crontab of {}: {complaint}", owner.user)));
    }
    Ok(table::tasks(table.as_bytes()))
}

/// The file to name in the line, unless the program finds it there by itself: cron has no environment of ours.
fn explicit_path(given: Option<&Path>, found: &Path) -> Result<Option<PathBuf>> {
    if given.is_none() && std::env::var_os("KRISTA_BACKUP_CONFIG").is_none() {
        return Ok(None);
    }
    std::path::absolute(found).map(Some).doing(|| format!("resolving {}", found.display()))
}

fn line(task: &Task, config: Option<&Path>) -> Result<Option<String>> {
    let Some(cron) = &task.cron else { return Ok(None) };
    let invalid = |message| Error::usage(format!("task `{}`: {message}", task.name));
    let expression = Expression::parse(cron, Dialect::Crontab).map_err(invalid)?;
    // cron itself takes a day when either of the two day fields matches
    let expression = if task.all_fields_match { expression.on_days_matching_both() } else { expression };
    let days = task.all_fields_match.then(|| expression.weekdays());
    let days = days.map(|days| days.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let cron = expression.crontab_fields();
    let program = std::env::current_exe().doing(|| "finding this program's own path".to_owned())?;
    let entry = Entry {
        cron: &cron,
        program: text(&program)?,
        config: config.map(text).transpose()?,
        weekdays: days.as_deref(),
        task: &task.name,
    };
    entry.line().map(Some).map_err(Error::usage)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::usage(format!("{} cannot stand in a crontab: it is not UTF-8", path.display())))
}

/// Whose crontab it is.
struct Owner {
    user: String,
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
    fn of(config: &Config) -> Result<Self> {
        let own = users::by_uid(users::effective_uid()).map_or_else(|| "root".to_owned(), |user| user.name);
        let user = match &config.cron_user {
            Some(user) => user.clone(),
            None if users::is_root() => users::login_user().map_or_else(|| "root".to_owned(), |user| user.name),
            None => own.clone(),
        };
        let other = user != own;
        if other && !users::is_root() {
            return Err(Error::usage(format!("only root can edit the crontab of {user}")));
        }
        Ok(Self { user, other })
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
struct Crontab {
    owner: Owner,
    places: Places,
    limits: Limits,
    _lock: File,
}

impl Crontab {
    fn of(config: &Config) -> Result<Self> {
        signals::install()?;
        let owner = Owner::of(config)?;
        let places = Places { logs: config.logging.logs_path.clone(), group: config.logging.group };
        places.create_dir(&places.state())?;
        let lock = places.state().join("crontab.lock");
        let doing = || format!("taking the lock {}", lock.display());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let lock = options.open(&lock).and_then(|file| file.lock().map(|()| file)).doing(doing)?;
        let limits = Limits { cancel: signals::process_cancel(), deadline: Instant::now().checked_add(PATIENCE) };
        Ok(Self { owner, places, limits, _lock: lock })
    }

    /// The table as it is. Only a clear word that there is none counts as empty; any other failure is an error, because
    /// what is written back replaces everything.
    fn read(&self) -> Result<Vec<u8>> {
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
    fn replace(&self, old: &[u8], new: &[u8]) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let saved = self.places.state().join(format!("crontab-{}.saved", self.owner.user));
        files::replace_file(&saved, old, 0o600)?;
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

    fn tell(&self, done: &[String]) -> Result<Exit> {
        for line in done {
            output::line(line)?;
            let logged =
                logfile::program(&self.places, Level::Info, &format!("crontab of {}: {line}", self.owner.user));
            logged.unwrap_or_else(|error| output::note(&error.to_string()));
        }
        Ok(Exit::Done)
    }
}

/// Debian's, cronie's and BusyBox's wording for a user without a table.
fn is_no_table(complaint: &str) -> bool {
    let busybox = complaint.contains("can't open") && complaint.contains("No such file or directory");
    complaint.contains("no crontab for") || busybox
}
