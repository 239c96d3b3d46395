//! A full archive and its differential → a directory.

use super::lineage::Found;
use super::place::place;
use super::report::{self, Damage, Doubt, Outcome};
use super::{Job, Request};
use crate::archive::list::{Entry, Line};
use crate::archive::restore::metadata::Privileges;
use crate::archive::restore::select::Selection;
use crate::archive::restore::superseded::Superseded;
use crate::archive::restore::{Failure, Layer, Place, Restorer, Rules};
use crate::archive::set::Opened;
use crate::archive::verify;
use crate::commands::progress::Progress;
use crate::error::{Doing, Error, Exit, Result};
use crate::output;
use crate::store::family::{self, Chain, Nothing, minute};
use crate::store::sets::{Origin, Set};
use crate::sys::tree;

const NO_MATCH: &str =
    "nothing in the backup matches --only: names are those that --list shows, without the directory that was backed up";

/// Restores files.
pub fn restore(job: &Job<'_>) -> Result<Exit> {
    tree::no_umask();
    let to = job.target()?;
    let found = job.lineage.find()?;
    let chain = chosen(job, &found)?;
    let layers = open(job, &chain)?;
    let selection = Selection::new(&job.request.only);
    let total = layers.iter().map(|layer| layer.opened.manifest.as_ref().map(|manifest| manifest.bytes)).sum();
    let progress = Progress::new(&job.limits, total);
    let privileges = privileges(job.request);
    // what is wrong with it shows when its turn comes
    let superseded = superseded(job, &layers).unwrap_or_default();
    let rules = Rules { privileges, selection: &selection, superseded: &superseded, watch: &progress };
    let (place, aside) = place(to, job.request)?;
    if matches!(place, Place::Straight(..)) && !job.request.keep_going {
        prove(job, &layers, total)?;
    }
    for layer in &layers {
        output::note(&format!("restoring {}", layer.title()));
    }
    let restorer = Restorer::new(place, &rules).doing(|| format!("restoring to {}", to.display()))?;
    let mut work = Work { restorer, damage: Vec::new(), request: job.request };
    let ended = work.layers(&layers);
    output::transient("");
    let aside = aside.map(|name| to.join(name));
    let incomplete = || {
        let left = aside.as_ref().map(|aside| format!("; what was restored so far is in {}", aside.display()));
        format!("the restore is incomplete{}", left.unwrap_or_default())
    };
    ended.doing(incomplete)?;
    let Work { restorer, damage, .. } = work;
    let is_complete = restorer.tally.missing.is_empty() || job.request.keep_going;
    let tally = if is_complete { restorer.finish() } else { restorer.leave() }.doing(incomplete)?;
    if tally.restored + tally.missing.count + tally.devices == 0 {
        no_match(&selection)?;
    }
    let outcome = Outcome {
        tally: &tally,
        damage: &damage,
        left: aside.filter(|_| !is_complete),
        lost: layers.last().map(|newest| report::lost_before(&newest.opened, &selection)).unwrap_or_default(),
        proven: damage.is_empty() && tally.missing.is_empty() && layers.iter().all(|layer| layer.opened.is_known()),
    };
    report::print(to, &outcome);
    Ok(report::exit(&outcome))
}

fn privileges(request: &Request) -> Privileges {
    if request.privileged { Privileges::Full } else { Privileges::Plain }
}

/// The sets to restore.
pub fn chosen<'a>(job: &Job<'_>, found: &'a Found) -> Result<Chain<'a>> {
    let name = &job.request.unit;
    let chain = family::choose(&found.sets, &found.bases, job.at);
    let chain = chain.map_err(|nothing| {
        let hint = match nothing {
            Nothing::NoBase(..) => {
                " (--at TIME takes an earlier backup; the files in a differential can be unpacked by themselves)"
            }
            Nothing::Empty | Nothing::OnlyYounger(_) => "",
        };
        Error::failed(format!("{name}: {nothing}{hint}"))
    })?;
    for set in chain.sets() {
        if let Origin::Damaged(reason) = &set.origin {
            let text = format!("{}: {reason}", set.main.display());
            if !job.request.keep_going {
                let hint = "--at TIME takes an earlier one, --keep-going what can be read of it";
                return Err(Error::failed(format!("{text} ({hint})")));
            }
            output::note(&text);
        }
    }
    found.tell_of_newer(chain.newest, job.at);
    Ok(chain)
}

/// A set, opened, and what it is to the restore.
pub struct Source<'a> {
    set: &'a Set,
    /// Its files.
    pub opened: Opened,
    /// Whether it comes first.
    pub layer: Layer,
}

impl Source<'_> {
    /// What was known to be damaged before it was opened.
    fn damage(&self) -> Option<Damage> {
        match &self.set.origin {
            Origin::Damaged(reason) => {
                Some(Damage::new(&self.opened, &Error::failed(reason.clone()), None, Doubt::Anything))
            }
            _ => None,
        }
    }

    fn title(&self) -> String {
        let level = match self.layer {
            Layer::Base => "full",
            Layer::Over => "differential",
        };
        format!("{} ({level}, {})", self.set.main.display(), minute(self.set.time))
    }
}

/// Opens the sets of a chain, first one first.
pub fn open<'a>(job: &Job<'_>, chain: &Chain<'a>) -> Result<Vec<Source<'a>>> {
    let layers = [(chain.base, Layer::Base), (Some(chain.newest), Layer::Over)];
    let layers = layers.into_iter().filter_map(|(set, layer)| Some((set?, layer)));
    let alone = chain.base.is_none();
    layers
        .map(|(set, layer)| {
            let nowhere = || Error::failed(format!("{} is in no directory of this family", set.main.display()));
            let opened = Opened::set(set, job.lineage.source_of(set).ok_or_else(nowhere)?)?;
            Ok(Source { set, opened, layer: if alone { Layer::Base } else { layer } })
        })
        .collect()
}

/// Fails when nothing was found because of what was asked for.
pub fn no_match(selection: &Selection) -> Result<()> {
    if selection.is_everything() { Ok(()) } else { Err(Error::failed(NO_MATCH)) }
}

/// What the differential among these sets replaces and deletes.
pub fn superseded(job: &Job<'_>, layers: &[Source<'_>]) -> Result<Superseded> {
    let mut names = Superseded::default();
    for source in layers.iter().filter(|source| source.layer == Layer::Over) {
        let list = match source.opened.list() {
            // its members tell at least what it replaces
            Err(_) if job.request.keep_going => None,
            other => other?,
        };
        let Some(mut list) = list else {
            let mut members = source.opened.members()?;
            while let Some(member) = members.member()? {
                job.limits.check()?;
                names.add(&member.path);
            }
            continue;
        };
        let style = list.head.style.clone();
        while let Some(line) = list.line()? {
            let (Line::Entry(Entry { path, .. }) | Line::Deleted(path)) = line;
            names.add(&style.member(&path));
        }
    }
    Ok(names)
}

/// Reads everything that is to replace something before anything is replaced.
fn prove(job: &Job<'_>, layers: &[Source<'_>], total: Option<u64>) -> Result<()> {
    let progress = Progress::new(&job.limits, total);
    for source in layers {
        let path = source.opened.path.display();
        output::note(&format!("reading {path} to its end before anything is replaced"));
        let proven = verify::prove(&source.opened, &progress);
        output::transient("");
        if let Err(error) = proven {
            job.limits.check()?;
            let hint = "--keep-going restores what can be read";
            return Err(error).doing(|| format!("nothing was changed: {path} is damaged ({hint})"));
        }
    }
    Ok(())
}

/// A restore on its way.
struct Work<'a> {
    restorer: Restorer<'a>,
    damage: Vec<Damage>,
    request: &'a Request,
}

impl Work<'_> {
    fn layers(&mut self, layers: &[Source<'_>]) -> Result<()> {
        for source in layers {
            let known = self.damage.len();
            if source.layer == Layer::Over {
                self.deletions(source)?;
            }
            self.archive(source)?;
            if self.damage.len() == known {
                // whatever is wrong with it, reading it did not show what
                self.damage.extend(source.damage());
            }
        }
        Ok(())
    }

    /// Removes what the differential says is gone.
    fn deletions(&mut self, source: &Source<'_>) -> Result<()> {
        let list = match source.opened.list() {
            Ok(list) => list,
            Err(error) => return self.damaged(source, error, None),
        };
        let Some(mut list) = list else {
            let what = "a differential of KB17 does not say what was deleted: files that were gone by then may be back";
            output::note(&format!("{}: {what}", source.opened.path.display()));
            return Ok(());
        };
        let style = list.head.style.clone();
        loop {
            match list.line() {
                Ok(None) => break,
                Ok(Some(Line::Entry(_))) => {}
                Ok(Some(Line::Deleted(path))) => {
                    self.restorer.delete(&style.member(&path)).map_err(reason)?;
                }
                Err(error) => return self.damaged(source, error, None),
            }
        }
        self.restorer.deleted();
        Ok(())
    }

    fn archive(&mut self, source: &Source<'_>) -> Result<()> {
        let before = self.restorer.tally.seen;
        let mut members = match source.opened.members() {
            Ok(members) => members,
            Err(error) => return self.damaged(source, error, Some(0)),
        };
        let ended = self.restorer.archive(&mut *members, source.layer);
        let done = self.restorer.tally.seen - before;
        match ended {
            Ok(()) => {}
            Err(Failure::Archive(error)) => return self.damaged(source, error, Some(done)),
            Err(Failure::Stopped(error)) => return Err(error),
        }
        if let Err(error) = members.end().and_then(|seen| source.opened.compare(&seen, done)) {
            return self.damaged(source, error, None);
        }
        if self.restorer.has_orphans() {
            let mut again = source.opened.members()?;
            self.restorer.adopt(&mut *again).map_err(reason)?;
        }
        Ok(())
    }

    /// Something of a set is damaged: the end, or with `--keep-going` something to be told at the end. `done` says how many
    /// members came before the damage.
    fn damaged(&mut self, source: &Source<'_>, error: Error, done: Option<u64>) -> Result<()> {
        let path = source.opened.path.display().to_string();
        if !self.request.keep_going {
            let hint = "--keep-going restores what can be read";
            return Err(error).doing(|| format!("{path} is damaged ({hint})"));
        }
        let doubt = match done {
            // a checksum of everything does not say where
            None => Doubt::Anything,
            Some(done) if done == 0 || source.opened.checks_members() => Doubt::Nothing,
            Some(_) if error.to_string().contains("checksum") => Doubt::Anything,
            Some(_) => Doubt::Near(self.restorer.recent()),
        };
        self.damage.push(Damage::new(&source.opened, &error, done, doubt));
        Ok(())
    }
}

fn reason(failure: Failure) -> Error {
    match failure {
        Failure::Archive(error) | Failure::Stopped(error) => error,
    }
}
