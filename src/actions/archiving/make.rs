//! One archive from start to name: base chosen, packed, read back, published.

use super::base::{self, Chosen};
use super::log::Log;
use super::{Library, Settings};
use crate::actions::context::{Context, Plan, Report};
use crate::actions::guards::Last;
use crate::archive::blocks::Codec;
use crate::archive::bzip::Bzip;
use crate::archive::gzip::Gzip;
use crate::archive::list::{Head, Style};
use crate::archive::pack::{self, Format, Packed, ReadBack};
use crate::archive::walk::Select;
use crate::archive::xz::Xz;
use crate::archive::zip::Compression;
use crate::error::{Doing, Error, Result};
use crate::store::manifest::{self, FileRecord, Manifest, hex};
use crate::store::naming::{Family, Parts};
use crate::store::publish::{self, Draft, Staging};
use crate::store::sets::{self, Scan};
use crate::sys::{clock, politeness, threads, tree};
use crate::units::show_bytes;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use time::PrimitiveDateTime;
use time::format_description::well_known::Rfc3339;

/// Most blocks in a manifest: of 1 MiB each, 64 GiB of content, in some 450 KB. Of a longer archive several are taken
/// together, and threads that unpack it have to wait for each other: two at a time cost nothing, four and more do.
const BLOCKS: usize = 65_536;

/// What is decided before anything is written, for a run as for a preview.
struct Ready {
    style: Style,
    scan: Scan,
    /// The level that is really made.
    level: u8,
    chosen: Option<Chosen>,
    dir: PathBuf,
    parts: Parts,
    /// What the last set says about the next one.
    last: Option<Last>,
}

/// What [`run`] would do.
pub fn preview(settings: &Settings, cx: &Context<'_>) -> Result<Plan> {
    let ready = prepare(settings, cx)?;
    let select = select(settings, &ready, &[])?;
    let log = Log::new(cx, settings.files);
    let path = ready.dir.join(settings.source.scheme.main_name(Family::Files, &ready.parts));
    let since = ready.chosen.as_ref().map(|chosen| chosen.name.clone());
    let found = pack::preview(&settings.src_path, &select, ready.chosen.map(|chosen| chosen.base), &log)?;
    log.finish();
    let mut plan = vec![format!("would write {} (level {})", path.display(), ready.level)];
    plan.push(format!("would store {} of {}", holds(&found), settings.src_path.display()));
    if let Some(base) = since {
        plan.push(format!("would record {} deletions since {base}", found.deleted));
    }
    Ok(plan)
}

/// Makes the archive.
pub fn run(settings: &Settings, cx: &Context<'_>, report: &mut Report) -> Result<()> {
    for path in publish::sweep(&settings.source)? {
        cx.debug(format!("removed a leftover of an earlier run: {}", path.display()));
    }
    let mut ready = prepare(settings, cx)?;
    let checked = settings.guards.check_destination(cx, &ready.dir, ready.last)?;
    let mut staging = Staging::begin(&ready.dir, settings.existing, settings.guards.group())?;
    checked.recheck(staging.dir().file())?;
    if let Some(note) = staging.note() {
        cx.info(note);
    }
    // until the archive that builds on it has its name
    let _held = ready.chosen.as_mut().and_then(|chosen| chosen.held.take());
    match stage(settings, ready, &mut staging, cx) {
        Ok((manifest, summary)) => {
            let paths = staging.commit(&manifest)?;
            let main = paths.into_iter().next().unwrap_or_default();
            cx.info(format!("{summary} as {}", main.display()));
            report.bytes += manifest.files.iter().map(|file| file.size).sum::<u64>();
            report.files += manifest.entries;
            report.sets.push(main);
            Ok(())
        }
        Err(failure) => {
            if let Err(left) = staging.discard() {
                cx.warn(left.to_string());
            }
            Err(failure)
        }
    }
}

fn prepare(settings: &Settings, cx: &Context<'_>) -> Result<Ready> {
    let source = &settings.source;
    let style = style(settings)?;
    let scan = sets::scan(source)?;
    let last = |level: u8| Last::of(&scan.sets, Some(level));
    settings.guards.check_source(cx, &settings.src_path, last(settings.level))?;
    let mut chosen = None;
    if settings.level > 0 {
        chosen = base::choose(settings, &scan, &style, cx)?;
        if chosen.is_none() {
            cx.warn("there is no usable level 0: making a full archive instead");
        }
    }
    let level = u8::from(chosen.is_some());
    let folder = source.folders.iter().find(|folder| folder.level == Some(level));
    let dir = folder.map(|folder| folder.dir.clone());
    let dir = dir.ok_or_else(|| Error::failed(format!("`level_folders` has no folder for level {level}")))?;
    let parts = Parts {
        basename: source.basename.clone(),
        level: Some(level),
        ext: source.extensions.first().cloned().unwrap_or_default(),
        dbname: None,
        time: Some(PrimitiveDateTime::new(cx.run.now.date(), cx.run.now.time())),
    };
    Ok(Ready { style, level, chosen, dir, parts, last: last(level), scan })
}

/// Writes all files of the set but the manifest; returns that and a line for the log.
fn stage(settings: &Settings, ready: Ready, staging: &mut Staging, cx: &Context<'_>) -> Result<(Manifest, String)> {
    let started = Instant::now();
    let scheme = &settings.source.scheme;
    let main_name = scheme.main_name(Family::Files, &ready.parts);
    let list_name = scheme.list_name(&ready.parts, &settings.source.list_extension);
    staging.replaces(settings.source.companions(&main_name));
    let archive = staging.create(&main_name)?;
    let list = staging.create(&list_name)?;
    let select = select(settings, &ready, &[&archive, &list])?;
    let base_name = ready.chosen.as_ref().map(|chosen| chosen.name.clone());
    let packing = Packing::begin(settings, staging)?;
    let plan = pack::Plan {
        source: &settings.src_path,
        select: &select,
        format: packing.format(),
        threads: settings.threads,
        read_limit: settings.read_limit,
        checksums: settings.checksums,
        read_back: settings.read_back,
        head: Head {
            scan: clock::file_stamp(),
            level: ready.level,
            style: ready.style.clone(),
            base: base_name.clone(),
        },
    };
    let main_path = ready.dir.join(&main_name);
    let target = pack::Files { archive: &archive.file, archive_name: &main_path.to_string_lossy(), list: &list.file };
    let log = Log::new(cx, settings.files);
    let held_something = ready.last.is_some_and(|last| last.held_something);
    let packed = politely(settings, cx, || pack::pack(&plan, &target, ready.chosen.map(|chosen| chosen.base), &log))?;
    let skipped = log.finish();
    // the top itself is an entry
    if packed.seen <= 1 && (held_something || packed.base_entries > 1) && !settings.guards.allows_empty() {
        let what = format!("{} is empty, but was not when it was last archived", settings.src_path.display());
        return Err(Error::failed(format!("{what} (`allow_empty: true` accepts that)")));
    }
    let mut records = vec![
        FileRecord { name: main_name, size: packed.archive.size, sha256: packed.archive.sha256.clone() },
        FileRecord { name: list_name, size: packed.list.size, sha256: packed.list.sha256.clone() },
    ];
    if let Some(sha1) = &packed.archive.sha1 {
        let record = checksum_file(staging, &scheme.hash_name(Family::Files, &ready.parts), sha1)?;
        if scheme.has_own_hash(Family::Files) {
            records.push(record);
        } else {
            staging.shares(record.name);
        }
    }
    let summary = summary(&packed, base_name.as_deref());
    let manifest = Manifest {
        format: manifest::FORMAT,
        tool: concat!("krista-backup ", env!("CARGO_PKG_VERSION")).into(),
        unit: cx.run.unit.clone(),
        action: settings.source.action.clone(),
        kind: settings.kind.into(),
        level: Some(ready.level),
        base: base_name,
        source: Some(settings.src_path.to_string_lossy().into_owned()),
        database: None,
        run_time: cx.run.now.format(&Rfc3339).doing(|| "writing the run time".into())?,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        verified: settings.read_back == ReadBack::Whole,
        entries: packed.counts.entries,
        bytes: packed.counts.bytes,
        warnings: cx.warnings(),
        skipped,
        files: records,
        blocks: packed.archive.index.thinned(BLOCKS),
    };
    Ok((manifest, summary))
}

/// What the engine needs for the chosen library.
enum Packing {
    Tar(Box<dyn Codec>),
    Zip(Compression, File),
}

impl Packing {
    fn begin(settings: &Settings, staging: &Staging) -> Result<Self> {
        let level = settings.compression;
        Ok(match settings.library {
            Library::Gzip => Self::Tar(Box::new(Gzip { level })),
            Library::Bzip => Self::Tar(Box::new(Bzip { level })),
            Library::Xz => Self::Tar(Box::new(Xz { level })),
            Library::Zip(method) => Self::Zip(Compression { method, level }, staging.scratch()?),
        })
    }

    fn format(&self) -> Format<'_> {
        match self {
            Self::Tar(codec) => Format::Tar(&**codec),
            Self::Zip(compression, directory) => Format::Zip(*compression, directory),
        }
    }
}

fn style(settings: &Settings) -> Result<Style> {
    if !settings.absolute {
        return Ok(Style::default());
    }
    let doing = || format!("looking at the source {}", settings.src_path.display());
    let is_dir = tree::meta_at(&settings.src_path).doing(doing)?.kind == tree::Kind::Dir;
    let top = if is_dir { &*settings.src_path } else { settings.src_path.parent().unwrap_or(Path::new("/")) };
    let mut prefix = top.as_os_str().as_bytes().to_vec();
    if !prefix.ends_with(b"/") {
        prefix.push(b'/');
    }
    Ok(Style { prefix })
}

/// What stays out, the action's own files among it (P12).
fn select(settings: &Settings, ready: &Ready, drafts: &[&Draft]) -> Result<Select> {
    let top =
        tree::meta_at(&settings.src_path).doing(|| format!("looking at the source {}", settings.src_path.display()))?;
    let mut own_dirs = HashSet::new();
    let mut own_files = HashSet::new();
    for dir in settings.source.dirs() {
        match tree::meta_at(dir) {
            // the source itself is the destination: then only the files can be told apart
            Ok(meta) if meta.id() == top.id() => {
                let files = ready.scan.sets.iter().flat_map(|set| &set.files);
                let files = files.chain(ready.scan.lists.iter().map(|list| &list.path));
                own_files.extend(files.filter_map(|path| tree::meta_at(path).ok()).map(|meta| meta.id()));
            }
            Ok(meta) => {
                own_dirs.insert(meta.id());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).doing(|| format!("looking at {}", dir.display())),
        }
    }
    for draft in drafts {
        let meta = tree::meta_of(&draft.file).doing(|| format!("looking at {}", draft.path.display()))?;
        own_files.insert(meta.id());
    }
    Ok(Select {
        exclusions: settings.exclusions.clone(),
        excluded: settings.excluded,
        mounts: settings.mounts,
        prefix: ready.style.prefix.clone(),
        own_dirs,
        own_files,
    })
}

/// Runs work on a thread of its own, and everything it starts, with the priorities the administrator chose.
fn politely<T: Send>(settings: &Settings, cx: &Context<'_>, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let work = Mutex::new(Some(work));
    let begin = || work.lock().ok()?.take();
    std::thread::scope(|scope| {
        let polite = || {
            let lowered = politeness::be_nice(settings.nice).and_then(|()| politeness::be_quiet(settings.disk));
            if let Err(error) = lowered {
                cx.debug(format!("working at the usual priority: {error}"));
            }
            begin().map(|work| work())
        };
        let done = match threads::start(scope, "archive", polite) {
            Ok(thread) => thread.join().ok().flatten(),
            Err(error) => {
                cx.debug(format!("working at the usual priority: {error}"));
                begin().map(|work| work())
            }
        };
        done.unwrap_or_else(|| Err(Error::failed("the archiving thread ended unexpectedly")))
    })
}

fn checksum_file(staging: &mut Staging, name: &str, sha1: &str) -> Result<FileRecord> {
    let mut draft = staging.create(name)?;
    draft.file.write_all(sha1.as_bytes()).doing(|| format!("writing {}", draft.path.display()))?;
    let sha256 = hex(&Sha256::digest(sha1.as_bytes()));
    Ok(FileRecord { name: name.to_owned(), size: sha1.len() as u64, sha256 })
}

fn holds(packed: &Packed) -> String {
    format!("{} entries ({})", packed.counts.entries, show_bytes(packed.counts.bytes))
}

fn summary(packed: &Packed, base: Option<&str>) -> String {
    let size = show_bytes(packed.archive.size);
    match base {
        None => format!("stored {} in {size}", holds(packed)),
        Some(base) => format!("stored {} in {size}, {} deletions since {base}", holds(packed), packed.deleted),
    }
}
