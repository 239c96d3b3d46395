//! What is on the disks: the newest set of each action, and the space of each destination. Neither may hang.

use crate::actions::rsync::Location;
use crate::config::Config;
use crate::error::Result;
use crate::status::moment::Moment;
use crate::status::probe::{self, Look};
use crate::status::stock::{self, Stock};
use crate::store::family;
use crate::store::proof::{Finding, Proof};
use crate::store::sets::{self, Origin, Set, Source};
use crate::sys::files;
use crate::sys::space::{self, Space};
use crate::sys::{clock, mounts};
use serde::Serialize;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long all disks together may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The sets that one or several actions write into the same places.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Backups {
    /// The actions.
    pub actions: Vec<String>,
    /// Their type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The directory they are in, the first one of several.
    pub path: String,
    /// How many sets there are; none when nobody knows.
    pub count: Option<usize>,
    /// Bytes of all of them.
    pub bytes: u64,
    /// The newest of them.
    pub newest: Option<Newest>,
    /// Why nobody knows.
    pub problem: Option<String>,
}

/// The sets of the newest run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Newest {
    /// Run time.
    pub time: Moment,
    /// 0 full, 1 differential; none for dumps.
    pub level: Option<u8>,
    /// Bytes on disk, of all databases together.
    pub size: u64,
    /// Whether all of it was read back to its end, when it was written or since.
    pub verified: bool,
    /// When all of it was last proven after it was written.
    pub proven: Option<Moment>,
    /// Why it, or the newest full one before it, cannot be relied on.
    pub damage: Option<String>,
}

/// A directory that backups are written to.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Destination {
    /// The directory.
    pub path: String,
    /// Where the file system is mounted that it lies on.
    pub mount: Option<String>,
    /// Size of the file system in bytes.
    pub total: Option<u64>,
    /// What can still be written, in bytes.
    pub free: Option<u64>,
    /// Why nobody knows.
    pub problem: Option<String>,
}

enum Answer {
    Sets(Result<Vec<Set>>),
    Space(Result<Space>),
}

/// Asks all disks at the same time.
pub fn look(config: &Config) -> (Vec<Backups>, Vec<Destination>) {
    let stocks = stock::all(config).0;
    let dirs = destinations(config, &stocks);
    let mounts = mounts::all().unwrap_or_default();
    let mount = |dir: &Path| mounts::holding(&mounts, dir).map(|mount| mount.point.clone());
    let looks =
        stocks.iter().enumerate().map(sets_of).chain(dirs.iter().map(|dir| space_of(dir, mount(dir)))).collect();
    let mut answers = probe::take_all(looks, PATIENCE).into_iter();
    let backups = stocks.iter().zip(answers.by_ref()).map(|(stock, answer)| backups(stock, answer)).collect();
    let mount = |dir: &Path| mount(dir).map(|point| point.display().to_string());
    let destinations = dirs.iter().zip(answers).map(|(dir, answer)| destination(dir, mount(dir), answer));
    (backups, destinations.collect())
}

/// Every directory that is written to, each once, in the order of the configuration.
fn destinations(config: &Config, stocks: &[Stock]) -> Vec<PathBuf> {
    let of_stocks = stocks.iter().flat_map(|stock| stock.source.dirs()).map(Path::to_owned);
    let of_rsync = config.actions.iter().filter(|entry| entry.kind.as_deref() == Some("rsync"));
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in of_stocks.chain(of_rsync.filter_map(|entry| rsync_destination(config, &entry.name))) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs
}

fn rsync_destination(config: &Config, action: &str) -> Option<PathBuf> {
    let properties = config.properties(action);
    let text = properties.iter().find(|property| property.key == "dest_path")?.value.text()?;
    let file = std::path::absolute(&config.path).ok()?;
    Some(Location::parse(&text, file.parent()?).ok()?.local()?.to_owned())
}

fn sets_of((number, stock): (usize, &Stock)) -> Look<Answer> {
    let source: Source = stock.source.clone();
    // several have the same actions: the periods of a vault
    let name = format!("sets {number} of {}", stock.label());
    (name, Box::new(move || Answer::Sets(sets::find(&source))))
}

/// The webapi's user may not enter directories of backups; their file system answers at its mount point as well.
fn space_of(dir: &Path, mount: Option<PathBuf>) -> Look<Answer> {
    let path = dir.to_owned();
    let ask = move || match (space::around(&path), mount) {
        (Err(error), Some(mount)) if files::is(&error, ErrorKind::PermissionDenied) => space::of(&mount).or(Err(error)),
        (answer, _) => answer,
    };
    (format!("space of {}", dir.display()), Box::new(move || Answer::Space(ask())))
}

fn silent() -> String {
    format!("no answer within {} s: its server or device is gone or hangs", PATIENCE.as_secs())
}

fn backups(stock: &Stock, answer: Option<Answer>) -> Backups {
    let known = Backups {
        actions: stock.actions.clone(),
        kind: stock.kind,
        path: stock.source.dirs().first().map_or_else(String::new, |dir| dir.display().to_string()),
        count: None,
        bytes: 0,
        newest: None,
        problem: None,
    };
    match answer {
        Some(Answer::Sets(Ok(sets))) => Backups {
            count: Some(sets.len()),
            bytes: sets.iter().map(|set| set.size).sum(),
            newest: newest(&sets),
            ..known
        },
        Some(Answer::Sets(Err(error))) => Backups { problem: Some(error.to_string()), ..known },
        _ => Backups { problem: Some(silent()), ..known },
    }
}

/// The sets of the newest run (one for every database), and what is known of the newest ones of each level: a differential
/// is worth no more than its full one.
fn newest(sets: &[Set]) -> Option<Newest> {
    let time = sets.iter().map(|set| set.time).max()?;
    let mut found = Newest {
        time: Moment(clock::instant(time)),
        level: sets.iter().filter(|set| set.time == time).filter_map(|set| set.parts.level).max(),
        size: sets.iter().filter(|set| set.time == time).map(|set| set.size).sum(),
        verified: true,
        proven: None,
        damage: None,
    };
    let newest_of_level = |set: &Set| {
        let same = sets.iter().filter(|other| other.parts.level == set.parts.level);
        same.map(|other| other.time).max() == Some(set.time)
    };
    let mut proofs = Vec::new();
    for set in sets.iter().filter(|set| newest_of_level(set)) {
        // what cannot be read proves nothing
        let proof = Proof::read(set).ok().flatten();
        let damage = damage(set, proof.as_ref());
        if set.time == time {
            let written_well = matches!(&set.origin, Origin::Ours(manifest) if manifest.verified);
            found.verified &= damage.is_none() && (written_well || proof.is_some());
            proofs.push(proof.and_then(|proof| Moment::parse(&proof.time)));
        }
        found.damage = found.damage.or(damage);
    }
    found.proven = proofs.into_iter().min().flatten();
    Some(found)
}

fn damage(set: &Set, proof: Option<&Proof>) -> Option<String> {
    let name = family::name(set);
    match (&set.origin, proof.filter(|proof| proof.result == Finding::Damaged)) {
        (Origin::Damaged(why), _) => Some(format!("{name}: {why}")),
        (_, Some(proof)) => Some(format!("{name}: {}", proof.reason.as_deref().unwrap_or("it could not be read back"))),
        _ => None,
    }
}

fn destination(dir: &Path, mount: Option<String>, answer: Option<Answer>) -> Destination {
    let known = Destination { path: dir.display().to_string(), mount, total: None, free: None, problem: None };
    match answer {
        Some(Answer::Space(Ok(space))) => Destination { total: Some(space.total), free: Some(space.free), ..known },
        Some(Answer::Space(Err(error))) => Destination { problem: Some(error.to_string()), ..known },
        _ => Destination { problem: Some(silent()), ..known },
    }
}
