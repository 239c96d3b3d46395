//! `verify`: backups are read to their end and compared with what is known about them; when they were proven is remembered.

mod companion;

use crate::actions::context::Context;
use crate::actions::pgdump::{self, Proof};
use crate::archive::notes::show;
use crate::archive::set::{Opened, sha256};
use crate::archive::verify::prove;
use crate::commands::desk;
use crate::commands::progress::Progress;
use crate::commands::run::rfc3339;
use crate::config::Config;
use crate::error::{Doing, Error, Exit, Kind, Result};
use crate::output::{self, Colour, Target};
use crate::status::stock::{self, Stock};
use crate::store::manifest::Manifest;
use crate::store::naming::Family;
use crate::store::proof::{self, Finding};
use crate::store::sets::{self, Origin, Set};
use crate::sys::clock;
use crate::sys::signals::{self, Limits};
use std::io::ErrorKind::NotFound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What came of looking at one set.
enum Verdict {
    Ok,
    Damaged(String),
    /// Nothing here can tell.
    Unknown(String),
}

/// Verifies what was asked for: units, files, or (nothing named) every set of every action.
pub fn verify(config_file: Option<&Path>, wanted: &[String]) -> Result<Exit> {
    signals::install()?;
    let limits = Limits { cancel: signals::process_cancel(), deadline: None };
    // a file can be looked at where there is no configuration at all
    let config = Config::find(config_file).and_then(|path| Config::load(&path));
    let mut work = Work { limits, worst: Exit::Done, config: None, told: 0 };
    let (units, files): (Vec<_>, Vec<_>) = wanted.iter().partition(|name| !is_file(name, config.as_ref().ok()));
    match &config {
        Ok(config) => work.config = Some(config),
        Err(_) if units.is_empty() && !files.is_empty() => {}
        Err(_) => return config.map(|_| Exit::Done),
    }
    if wanted.is_empty()
        && let Ok(config) = &config
    {
        let (stocks, wrong) = stock::all(config);
        for error in &wrong {
            work.complain(&error.to_string());
        }
        stocks.iter().try_for_each(|stock| work.stock(stock))?;
    }
    for (unit, config) in units.iter().zip(config.iter().cycle()) {
        stock::of_unit(config, unit)?.iter().try_for_each(|stock| work.stock(stock))?;
    }
    for file in files {
        let path = std::path::absolute(file).doing(|| format!("finding {file}"))?;
        if path.symlink_metadata().is_err_and(|error| error.kind() == NotFound) {
            output::note(&format!("there is no file {}", show(path.as_os_str().as_bytes())));
            work.worsen(Exit::Failed);
        } else {
            work.file(&path)?;
        }
    }
    if work.told == 0 && work.worst == Exit::Done {
        output::note("there are no backups to verify");
    }
    Ok(work.worst)
}

/// Whether an argument is meant as a file: units have no slashes in their names, and win over files of their name.
fn is_file(name: &str, config: Option<&Config>) -> bool {
    let is_unit = config.is_some_and(|config| config.has_unit(name));
    !is_unit && (name.contains('/') || Path::new(name).exists())
}

struct Work<'a> {
    limits: Limits,
    worst: Exit,
    config: Option<&'a Config>,
    /// How many backups there was something to say of.
    told: usize,
}

impl Work<'_> {
    fn stock(&mut self, stock: &Stock) -> Result<()> {
        for set in sets::find(&stock.source)? {
            let verdict = match (&set.origin, stock.source.family) {
                (Origin::Damaged(reason), _) => Verdict::Damaged(reason.clone()),
                (_, Family::Files) => self.archive(Opened::set(&set, &stock.source))?,
                (_, Family::Dumps) => self.dump(&set.main, Some(stock))?,
            };
            self.tell(&set.main, &verdict)?;
            self.remember(&set, &verdict);
        }
        Ok(())
    }

    /// A single file, with or without a manifest.
    fn file(&mut self, path: &Path) -> Result<()> {
        if let Some(verdict) = companion::verdict(path)? {
            return self.tell(path, &verdict);
        }
        let opened = if path.is_dir() { Err(Error::failed("it is a directory")) } else { Opened::single(path) };
        let is_archive = opened.as_ref().is_ok_and(Opened::is_archive);
        let verdict = match opened {
            Err(error) if !path.is_dir() => Verdict::Damaged(error.to_string()),
            opened if is_archive => self.archive(opened)?,
            _ => self.dump(path, None)?,
        };
        self.tell(path, &verdict)?;
        if let (Ok(_), Some(finding)) = (Manifest::read(&manifest_of(path)), finding(&verdict)) {
            self.record(path, finding, &verdict);
        }
        Ok(())
    }

    fn archive(&self, opened: Result<Opened>) -> Result<Verdict> {
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Verdict::Damaged(error.to_string())),
        };
        let progress = Progress::new(&self.limits, opened.manifest.as_ref().map(|manifest| manifest.bytes));
        let proven = prove(&opened, &progress);
        output::transient("");
        match proven {
            Ok(_) => Ok(Verdict::Ok),
            Err(error) if error.kind() == Kind::Failed => Ok(Verdict::Damaged(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn dump(&self, path: &Path, stock: Option<&Stock>) -> Result<Verdict> {
        let damaged = |error: Error| match error.kind() {
            Kind::Failed => Ok(Verdict::Damaged(error.to_string())),
            _ => Err(error),
        };
        let manifest = manifest_of(path);
        if manifest.exists()
            && let Err(error) = Manifest::read(&manifest).and_then(|manifest| compare(path, &manifest))
        {
            return damaged(error);
        }
        let facts = desk::facts(self.config, "verify");
        let cx = Context::new(&facts, "verify", self.limits.clone());
        let step = stock.and_then(|stock| stock.step.as_ref());
        let proof = match step.and_then(|step| step.action.dumps()) {
            Some(dumps) => dumps.prove(path, &cx),
            None => pgdump::prove_file(path, &cx),
        };
        match proof {
            Ok(Proof::Complete) => Ok(Verdict::Ok),
            Ok(Proof::Damaged) => Ok(Verdict::Damaged("it could not be decoded to its end".into())),
            Ok(Proof::Unknown) => Ok(Verdict::Unknown("nothing here can decode it: is pg_restore installed?".into())),
            Err(error) => damaged(error),
        }
    }

    fn tell(&mut self, path: &Path, verdict: &Verdict) -> Result<()> {
        let path = show(path.as_os_str().as_bytes());
        let (colour, line, exit) = match verdict {
            Verdict::Ok => (Colour::Green, format!("ok {path}"), Exit::Done),
            Verdict::Damaged(why) => (Colour::Red, format!("damaged {path} ({why})"), Exit::Failed),
            Verdict::Unknown(why) => (Colour::Yellow, format!("unverified {path} ({why})"), Exit::Warning),
        };
        self.worsen(exit);
        self.told += 1;
        output::line(&output::coloured(Target::Stdout, colour, &line))
    }

    fn remember(&mut self, set: &Set, verdict: &Verdict) {
        if let Some(finding) = finding(verdict) {
            self.record(&set.main, finding, verdict);
        }
    }

    fn record(&mut self, main: &Path, result: Finding, verdict: &Verdict) {
        let reason = match verdict {
            Verdict::Damaged(why) => Some(why.clone()),
            _ => None,
        };
        let proof = proof::Proof { time: rfc3339(clock::now()), result, reason };
        if let Err(error) = proof.write(main) {
            self.complain(&format!("when it was verified cannot be remembered: {error}"));
        }
    }

    fn complain(&mut self, text: &str) {
        output::note(text);
        self.worsen(Exit::Warning);
    }

    fn worsen(&mut self, exit: Exit) {
        if exit == Exit::Failed || self.worst == Exit::Done {
            self.worst = exit;
        }
    }
}

fn finding(verdict: &Verdict) -> Option<Finding> {
    match verdict {
        Verdict::Ok => Some(Finding::Ok),
        Verdict::Damaged(_) => Some(Finding::Damaged),
        Verdict::Unknown(_) => None,
    }
}

/// Every file of a dump against its manifest.
pub fn compare(main: &Path, manifest: &Manifest) -> Result<()> {
    for record in &manifest.files {
        let path = main.with_file_name(&record.name);
        let mut file = pgdump::open(&path)?;
        if sha256(&mut file).doing(|| format!("reading {}", path.display()))? != record.sha256 {
            return Err(Error::failed(format!("{} is not what the manifest says", record.name)));
        }
    }
    Ok(())
}

fn manifest_of(main: &Path) -> PathBuf {
    let name = main.file_name().unwrap_or_default().to_string_lossy();
    main.with_file_name(Manifest::name_for(&name))
}
