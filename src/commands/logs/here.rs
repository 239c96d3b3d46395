//! The logs of this server.

use super::{List, Reading, Row, Which, follow, show_line};
use crate::commands::list::Format;
use crate::config::Config;
use crate::error::{Doing, Error, Exit, Result};
use crate::logbook::lines::{Lines, Log};
use crate::logbook::mask::Secrets;
use crate::logbook::{self, Logbook, Shelf, names};
use crate::output;
use crate::store::journal::{self, Record};
use serde_json::json;
use std::io::ErrorKind::NotFound;
use std::path::Path;

/// Lists or shows them.
pub(super) fn logs(config_file: Option<&Path>, which: Which, reading: &Reading) -> Result<Exit> {
    let config = Config::load(&Config::find(config_file)?)?;
    let logs = &config.logging.logs_path;
    if logs.symlink_metadata().is_err_and(|error| error.kind() == NotFound) {
        return Err(Error::failed(format!("there are no logs yet: {} does not exist", logs.display())));
    }
    let (dir, name) = match which {
        Which::All => return list(&config)?.show(reading.format),
        Which::One { dir, name } => (dir, name),
        Which::Last(unit) => last(&config, &unit, reading.debug)?,
    };
    let log = logbook::open(logs, &dir, &name)?
        .ok_or_else(|| Error::failed(format!("there is no log {dir}/{name} under {}", logs.display())))?;
    let path = logs.join(&dir).join(&name);
    if reading.follow {
        let file = log.file.try_clone().doing(|| format!("reading {}", path.display()))?;
        let end = log.size;
        show(log, Format::Table, &path)?;
        return follow::follow(&file, end, &path);
    }
    show(log, reading.format, &path)?;
    Ok(Exit::Done)
}

fn show(log: Log, format: Format, path: &Path) -> Result<()> {
    let doing = || format!("reading {}", path.display());
    let mut lines = Lines::whole(log);
    if format == Format::Table {
        while let Some(line) = lines.next_line().doing(doing)? {
            show_line(&line)?;
        }
        return Ok(());
    }
    let mut all = Vec::new();
    while let Some(line) = lines.next_line().doing(doing)? {
        all.push(line);
    }
    output::json(&json!({"filename": path, "lines": all}))
}

fn list(config: &Config) -> Result<List> {
    let mut book = Logbook::new(&config.logging.logs_path, Secrets::default());
    let shelves = book.look(None)?;
    let rows = shelves.iter().flat_map(|shelf| shelf.logs.iter().map(|log| row(shelf, log))).collect();
    let troubles = shelves.iter().filter_map(|shelf| shelf.trouble.clone()).collect();
    Ok(List { server: config.server_name.clone(), rows, troubles })
}

fn row(shelf: &Shelf, log: &logbook::Listed) -> Row {
    let debug = Some(names::debug_name(&shelf.dir, &log.name)).filter(|name| log.has_debug && !name.is_empty());
    Row {
        dir: shelf.dir.clone(),
        name: log.name.to_string(),
        debug,
        error: log.verdict.is_error(),
        warning: log.verdict.is_warning(),
        message: log.verdict.message().to_owned(),
    }
}

/// The log of the unit's last run, by itself or as a part of a task: the run is found in the journal, its time names the log.
fn last(config: &Config, unit: &str, debug: bool) -> Result<(String, String)> {
    let logs = &config.logging.logs_path;
    let records = journal::read(&logs.join(journal::FILE_NAME))?;
    let time = records.iter().rev().find_map(|record| match record {
        Record::Start(start) => (start.unit == unit).then_some(&start.time),
        Record::End(end) => end.actions.iter().any(|action| action.name == unit).then_some(&end.started),
    });
    let Some(time) = time else {
        return Err(Error::failed(format!("no run of `{unit}` is recorded under {}", logs.display())));
    };
    // 2026-11-23T02:26:20+03:00 → 20261123_022620
    let stamp: String = time.chars().take(19).filter(|c| !"-:".contains(*c)).collect();
    let stamp = stamp.replace('T', "_");
    let year = time.get(..4).unwrap_or_default();
    let found = logbook::find(logs, if debug { names::DEBUG } else { year }, &stamp)?;
    let missing = || Error::failed(format!("the log of the last run of `{unit}`, at {time}, is gone"));
    found.ok_or_else(missing)
}
