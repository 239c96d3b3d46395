//! One pass over the directories of a source: every name is judged, every main file becomes a set.

use crate::error::Result;
use crate::store::manifest::{Blocks, FileRecord, Manifest};
use crate::store::naming::{Family, Parts, part_name};
use crate::store::sets::owner::{Claim, Role, judge};
use crate::store::sets::{Origin, Set, Source};
use crate::sys::clock;
use crate::sys::files::{self, Dir, EntryKind, Facts};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use time::{OffsetDateTime, PrimitiveDateTime};

/// What the directories of a source hold.
#[derive(Debug, Default)]
pub struct Scan {
    /// The committed sets, oldest first.
    pub sets: Vec<Set>,
    /// Main files that another action might own just as well: nobody touches them.
    pub ambiguous: Vec<PathBuf>,
    /// List files whose archive was moved away, oldest first.
    pub lists: Vec<ListAlone>,
}

/// A list file without its archive: enough for a level 1 when `check_level_list_only` is on.
#[derive(Clone, Debug)]
pub struct ListAlone {
    /// The list file.
    pub path: PathBuf,
    /// What its name says; `ext` is the list's own.
    pub parts: Parts,
    /// Run time from the name, else the file's mtime.
    pub time: PrimitiveDateTime,
    /// The manifest that stands beside it, if we wrote it and the manifest was left behind.
    pub manifest: Option<PathBuf>,
}

/// Looks through every directory of a source once. A directory that does not exist holds nothing.
pub fn scan(source: &Source) -> Result<Scan> {
    let mut found = Scan::default();
    for path in source.dirs() {
        match Dir::open(path) {
            Ok(dir) => scan_dir(source, &dir, &mut found)?,
            Err(error) if files::is(&error, std::io::ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    found.sets.sort_by(|a, b| (a.time, &a.main).cmp(&(b.time, &b.main)));
    found.lists.sort_by(|a, b| (a.time, &a.path).cmp(&(b.time, &b.path)));
    found.ambiguous.sort();
    Ok(found)
}

/// The names in one directory, and which main file, ours or a rival's, each companion would belong to.
struct Listing<'a> {
    source: &'a Source,
    dir: &'a Dir,
    names: HashSet<String>,
    wanted: HashMap<String, Claimants>,
}

/// Whose companion a file is.
#[derive(PartialEq)]
enum Claimants {
    /// This main file's.
    One(String),
    /// That of any of several main files.
    Several,
}

fn scan_dir(source: &Source, dir: &Dir, found: &mut Scan) -> Result<()> {
    let names: HashSet<String> = dir.names()?.into_iter().collect();
    let judged = |name: &String| judge(source, dir.path(), name, Role::Main).map(|verdict| (name.clone(), verdict));
    let mains: Vec<_> = names.iter().filter_map(judged).collect();
    let mut wanted: HashMap<String, Claimants> = HashMap::new();
    for writer in std::iter::once(source).chain(&source.rivals) {
        let template = writer.scheme.main(writer.family);
        for main in names.iter().filter(|name| template.read(name, &writer.known()).is_some()) {
            for companion in writer.companions(main).into_iter().filter(|name| names.contains(name)) {
                let claim = wanted.entry(companion).or_insert_with(|| Claimants::One(main.clone()));
                if *claim != Claimants::One(main.clone()) {
                    *claim = Claimants::Several;
                }
            }
        }
    }
    let listing = Listing { source, dir, names, wanted };
    for (name, (parts, claim)) in mains {
        listing.add_main(&name, parts, claim, found)?;
    }
    if source.family == Family::Files && source.scheme.fsdump.has_ext() {
        listing.add_lists(found)?;
    }
    Ok(())
}

impl Listing<'_> {
    fn add_main(&self, name: &str, parts: Parts, claim: Claim, found: &mut Scan) -> Result<()> {
        let Some(facts) = self.dir.facts(name)? else { return Ok(()) };
        let fits = match facts.kind {
            EntryKind::File => true,
            EntryKind::Dir => self.source.family == Family::Dumps,
            EntryKind::Other => false,
        };
        if !fits {
            return Ok(());
        }
        let origin = self.origin(name, facts, &parts);
        let claim = match &origin {
            Origin::Ours(manifest) => claim.settled_by(&self.source.action, &manifest.action),
            _ => claim,
        };
        match claim {
            Claim::Ours => found.sets.push(self.set(name, parts, facts, origin)?),
            Claim::Disputed(_) => {
                found.sets.push(Set { disputed: true, ..self.set(name, parts, facts, origin)? });
            }
            Claim::Ambiguous(_) => found.ambiguous.push(self.dir.join(name)),
            Claim::Theirs(_) => {}
        }
        Ok(())
    }

    fn set(&self, name: &str, mut parts: Parts, facts: Facts, origin: Origin) -> Result<Set> {
        let mut files = vec![self.dir.join(name)];
        let mut size = if facts.kind == EntryKind::Dir { dir_size(self.dir, name)? } else { facts.size };
        for companion in self.source.companions(name) {
            // a companion that several sets could claim belongs to none
            if !matches!(self.wanted.get(&companion), Some(Claimants::One(_))) {
                continue;
            }
            if let Some(facts) = self.dir.facts(&companion)?.filter(|facts| facts.kind == EntryKind::File) {
                files.push(self.dir.join(&companion));
                size += facts.size;
            }
        }
        let mut time = parts.time.unwrap_or_else(|| local(facts.mtime));
        if let Origin::Ours(manifest) = &origin {
            time = manifest.wall_clock().unwrap_or(time);
            parts.level = parts.level.or(manifest.level);
            parts.dbname = parts.dbname.or_else(|| manifest.database.clone());
        }
        Ok(Set { main: self.dir.join(name), files, parts, time, origin, size, disputed: false })
    }

    fn origin(&self, name: &str, facts: Facts, parts: &Parts) -> Origin {
        let manifest = Manifest::name_for(name);
        if !self.names.contains(&manifest) {
            // KB17 left the final name to a dump that failed at once
            let is_empty = facts.kind == EntryKind::File && facts.size == 0;
            return if is_empty { Origin::Damaged("the file is empty".into()) } else { Origin::Kb17 };
        }
        match Manifest::read_in(self.dir, &manifest) {
            Ok(mut manifest) => {
                manifest.blocks = Blocks::default();
                match self.contradiction(&manifest, name, facts, parts) {
                    Some(reason) => Origin::Damaged(reason),
                    None => Origin::Ours(Box::new(manifest)),
                }
            }
            Err(error) => Origin::Damaged(error.to_string()),
        }
    }

    /// What in the manifest is not true of the main file, as far as that shows without reading it.
    fn contradiction(&self, manifest: &Manifest, name: &str, facts: Facts, parts: &Parts) -> Option<String> {
        if manifest.wall_clock().is_none() {
            return Some(format!("the manifest's run time `{}` is no time", manifest.run_time.escape_default()));
        }
        // a dump of roles and tablespaces has a name but no database
        if manifest.database.is_some() && parts.dbname.is_some() && manifest.database != parts.dbname {
            return Some("the manifest is of another database".into());
        }
        if facts.kind == EntryKind::Dir {
            return self.missing_in_dir(manifest, name);
        }
        match manifest.files.first() {
            Some(main) if main.name == name && main.size == facts.size => None,
            Some(main) if main.name == name => {
                Some(format!("the main file has {} bytes, the manifest says {}", facts.size, main.size))
            }
            _ => Some("the manifest is of another file".into()),
        }
    }

    /// The first file of a directory dump that is not there as recorded.
    fn missing_in_dir(&self, manifest: &Manifest, name: &str) -> Option<String> {
        let inside: Vec<(&str, &FileRecord)> =
            manifest.files.iter().filter_map(|file| Some((inside(&file.name, name)?, file))).collect();
        if inside.is_empty() {
            return Some("the manifest is of another file".into());
        }
        let dir = match self.dir.open_dir(name) {
            Ok(dir) => dir,
            Err(error) => return Some(error.to_string()),
        };
        let is_there = |name: &str, size: u64| {
            let facts = dir.facts(name).ok().flatten();
            facts.is_some_and(|facts| facts.kind == EntryKind::File && facts.size == size)
        };
        let missing = inside.into_iter().find(|(name, file)| !is_there(name, file.size))?;
        Some(format!("{} is not there as the manifest says", missing.1.name.escape_default()))
    }

    fn add_lists(&self, found: &mut Scan) -> Result<()> {
        for name in &self.names {
            let Some((parts, Claim::Ours | Claim::Disputed(_))) = judge(self.source, self.dir.path(), name, Role::List)
            else {
                continue;
            };
            let source = self.source;
            let mains = source.scheme.archives_of(name, &source.known(), &source.list_extension);
            let is_here = |main: &String| self.names.contains(main) || self.names.contains(&part_name(main));
            if mains.iter().any(is_here) {
                continue;
            }
            let Some(facts) = self.dir.facts(name)?.filter(|facts| facts.kind == EntryKind::File) else { continue };
            let manifest = mains.iter().map(|main| Manifest::name_for(main)).find(|name| self.names.contains(name));
            found.lists.push(ListAlone {
                path: self.dir.join(name),
                time: parts.time.unwrap_or_else(|| local(facts.mtime)),
                parts,
                manifest: manifest.map(|name| self.dir.join(&name)),
            });
        }
        Ok(())
    }
}

/// The name of a record inside the directory dump `main`, if it is a plain name in there.
fn inside<'a>(record: &'a str, main: &str) -> Option<&'a str> {
    let name = record.strip_prefix(main)?.strip_prefix('/')?;
    (!name.is_empty() && !name.contains('/') && name != "." && name != "..").then_some(name)
}

fn dir_size(dir: &Dir, name: &str) -> Result<u64> {
    let dir = dir.open_dir(name)?;
    let mut size = 0;
    for name in dir.names()? {
        size += dir.facts(&name)?.map_or(0, |facts| facts.size);
    }
    Ok(size)
}

/// A file's mtime as local wall clock.
fn local(mtime: i64) -> PrimitiveDateTime {
    let time = clock::local(OffsetDateTime::from_unix_timestamp(mtime).unwrap_or(OffsetDateTime::UNIX_EPOCH));
    PrimitiveDateTime::new(time.date(), time.time())
}
