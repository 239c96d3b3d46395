//! Which full archive a differential builds on: the newest one that is committed and whose list can be trusted (P5).

use super::Settings;
use crate::actions::context::Context;
use crate::archive::changes::Base;
use crate::archive::list::Style;
use crate::archive::open;
use crate::archive::unpack::Wanted;
use crate::error::{Doing, Error, Result};
use crate::store::manifest::{Manifest, hex};
use crate::store::proof::{Finding, Proof};
use crate::store::sets::{ListAlone, Origin, Scan, Set, Source};
use crate::sys::clock;
use crate::sys::files::{self, Dir, Locked};
use crate::sys::tree::Stamp;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use time::PrimitiveDateTime;

/// A base and what it is called.
pub struct Chosen {
    /// Main file name of the level 0.
    pub name: String,
    /// Its list.
    pub base: Base,
    /// The archive, locked, so that no cleaner takes it away while something is built on it; none when it is elsewhere.
    pub held: Option<File>,
}

/// Whether a list without its archive counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// The archive may have been moved away.
    Accepted,
    /// It has to be there.
    Refused,
}

/// Something that might be a base.
enum Candidate<'a> {
    Set(&'a Set),
    List(&'a ListAlone),
}

impl Candidate<'_> {
    fn time(&self) -> PrimitiveDateTime {
        match self {
            Self::Set(set) => set.time,
            Self::List(list) => list.time,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Set(set) => &set.main,
            Self::List(list) => &list.path,
        }
    }
}

/// The newest usable level 0 up to the run time, the one of this very run included; every newer one that is not usable is warned about.
pub fn choose(settings: &Settings, scan: &Scan, style: &Style, cx: &Context<'_>) -> Result<Option<Chosen>> {
    let moved = settings.moved;
    let now = PrimitiveDateTime::new(cx.run.now.date(), cx.run.now.time());
    let sets = scan.sets.iter().filter(|set| set.parts.level == Some(0)).map(Candidate::Set);
    let lists = scan.lists.iter().filter(|list| moved == Moved::Accepted && list.parts.level == Some(0));
    let mut candidates: Vec<_> = sets.chain(lists.map(Candidate::List)).filter(|found| found.time() <= now).collect();
    candidates.sort_by_key(Candidate::time);
    for candidate in candidates.iter().rev() {
        cx.limits.check()?;
        let opened = match candidate {
            Candidate::Set(set) => open_set(settings, set, style, cx),
            Candidate::List(list) => open_list_alone(settings, list, style),
        };
        match opened {
            Ok(chosen) if chosen.base.style() == style => return Ok(Some(chosen)),
            Ok(_) => cx.warn(format!(
                "{} is no base: its paths are written in another way (`use_absolute_path` or `src_path` differs)",
                candidate.path().display()
            )),
            Err(error) => {
                cx.limits.check()?;
                cx.warn(format!("{} is no base: {error}", candidate.path().display()));
            }
        }
    }
    Ok(None)
}

fn open_set(settings: &Settings, set: &Set, style: &Style, cx: &Context<'_>) -> Result<Chosen> {
    let source = &settings.source;
    let list_name = source.scheme.list_name(&set.parts, &source.list_extension);
    let list = set.files.iter().find(|file| file.file_name().is_some_and(|name| *name == *list_name));
    let list = list.ok_or_else(|| Error::failed("its list is missing"))?;
    if let Some(Proof { result: Finding::Damaged, reason, .. }) = Proof::read(set)? {
        return Err(Error::failed(format!("`verify` found it damaged: {}", reason.unwrap_or_default())));
    }
    let name = file_name(&set.main);
    let held = Some(hold(&set.main)?);
    match &set.origin {
        Origin::Damaged(reason) => Err(Error::failed(reason.clone())),
        Origin::Ours(manifest) => Ok(Chosen { name, base: open_ours(settings, list, manifest)?, held }),
        Origin::Kb17 => {
            read_to_end(&set.main, cx)?;
            Ok(Chosen { name, base: open_unproven(list, set.time, style)?, held })
        }
    }
}

/// Opens an archive with the lock that keeps cleaners away, where there are locks.
fn hold(path: &Path) -> Result<File> {
    let dir = Dir::open(path.parent().unwrap_or(Path::new("/")))?;
    let name = file_name(path);
    let file = dir.open_file(&name)?;
    if files::try_lock_shared(&file)? == Locked::Busy || !dir.is_same(&name, &file)? {
        return Err(Error::failed("it is being removed or replaced"));
    }
    Ok(file)
}

fn open_list_alone(settings: &Settings, list: &ListAlone, style: &Style) -> Result<Chosen> {
    let name = archive_name(&settings.source, list)?;
    if list.path.with_file_name(&name).exists() {
        // a zip beside a tar: neither is restored or rotated together with the other
        return Err(Error::failed(format!("it belongs to {name}, an archive of another type")));
    }
    let base = match &list.manifest {
        Some(manifest) => open_ours(settings, &list.path, &Manifest::read(manifest)?)?,
        None => open_unproven(&list.path, list.time, style)?,
    };
    Ok(Chosen { name, base, held: None })
}

/// A list of ours that is what its manifest says.
fn open_ours(settings: &Settings, path: &Path, manifest: &Manifest) -> Result<Base> {
    let doing = || format!("reading {}", path.display());
    if manifest.source.as_deref() != Some(&*settings.src_path.to_string_lossy()) {
        return Err(Error::failed("it is of another source"));
    }
    let name = file_name(path);
    let record = manifest.files.iter().find(|file| file.name == name);
    let record = record.ok_or_else(|| Error::failed("its manifest does not know its list"))?;
    let mut file = File::open(path).doing(doing)?;
    let mut sha = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).doing(doing)? {
            0 => break,
            len => sha.update(buffer.get(..len).unwrap_or_default()),
        }
    }
    if hex(&sha.finalize()) != record.sha256 {
        return Err(Error::failed("its list is not what its manifest says"));
    }
    file.rewind().doing(doing)?;
    Base::ours(file)?.ok_or_else(|| Error::failed("its list is not one of ours"))
}

/// A list without a manifest: KB17's, or one of ours whose manifest was lost.
fn open_unproven(path: &Path, time: PrimitiveDateTime, style: &Style) -> Result<Base> {
    let open = || File::open(path).doing(|| format!("reading {}", path.display()));
    match Base::ours(open()?)? {
        Some(base) => Ok(base),
        None => Base::kb17(open()?, started(time), style),
    }
}

/// The instant of a set's wall-clock time.
fn started(time: PrimitiveDateTime) -> Stamp {
    Stamp { sec: clock::instant(time).unix_timestamp(), nsec: 0 }
}

/// Reads an archive without a manifest to its end.
fn read_to_end(path: &Path, cx: &Context<'_>) -> Result<()> {
    let doing = || format!("reading {}", path.display());
    let mut members = open::members(File::open(path).doing(doing)?, &[], Wanted::default())?;
    while members.member()?.is_some() {
        loop {
            cx.limits.check()?;
            match members.content().fill_buf().doing(doing)?.len() {
                0 => break,
                len => members.content().consume(len),
            }
        }
    }
    members.finish()?;
    members.end().map(|_| ())
}

/// Name of the archive that a list belongs to: its first line says.
fn archive_name(source: &Source, list: &ListAlone) -> Result<String> {
    let mut start = Vec::new();
    let doing = || format!("reading {}", list.path.display());
    File::open(&list.path).doing(doing)?.take(4096).read_to_end(&mut start).doing(doing)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let said = PathBuf::from(String::from_utf8_lossy(line).into_owned());
    let extension = |ext: &String| ext.clone();
    let parts = crate::store::naming::Parts {
        ext: source.extensions.first().map(extension).unwrap_or_default(),
        ..list.parts.clone()
    };
    let formatted = || source.scheme.main_name(source.family, &parts);
    Ok(said.file_name().map_or_else(formatted, |name| name.to_string_lossy().into_owned()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
