//! What `tar` and `zip` have in common: an archive of a directory or a file, full or of what changed since a full one, proven
//! before it gets its name.

mod base;
mod log;
mod make;

use crate::actions::answering;
use crate::actions::common::Common;
use crate::actions::context::{Context, Plan, Report};
use crate::actions::guards::Guards;
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Surroundings};
use crate::archive::blocks::Checksums;
use crate::archive::pack::ReadBack;
use crate::archive::walk::{Excluded, Mounts};
use crate::archive::zip::Method;
use crate::error::Result;
use crate::patterns::Patterns;
use crate::store::publish::Existing;
use crate::store::sets::{Family, Folder, Source};
use crate::sys::politeness::DiskPriority;
use base::Moved;
use log::Files;
use std::path::PathBuf;

/// What a `tar` has ever been called.
const TAR_EXTENSIONS: [&str; 4] = ["tar.gz", "tar.bz2", "tar.xz", "xz"];
/// What a `zip` has ever been called.
const ZIP_EXTENSIONS: [&str; 3] = ["zip", "bz2", "xz"];

/// What packs the content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Library {
    /// tar and gzip.
    #[default]
    Gzip,
    /// tar and bzip2.
    Bzip,
    /// tar and xz.
    Xz,
    /// zip.
    Zip(Method),
}

impl Library {
    /// Extension of what is written now, then those of the same kind that another library gives, KB17's among them: a full
    /// archive is the same base, and is rotated and restored the same, whatever packed it.
    fn extensions(self) -> Vec<String> {
        let (own, kind): (&str, &[&str]) = match self {
            Self::Gzip => ("tar.gz", &TAR_EXTENSIONS),
            Self::Bzip => ("tar.bz2", &TAR_EXTENSIONS),
            Self::Xz => ("tar.xz", &TAR_EXTENSIONS),
            Self::Zip(_) => ("zip", &ZIP_EXTENSIONS),
        };
        let others = kind.iter().filter(|ext| **ext != own);
        std::iter::once(&own).chain(others).map(|ext| (*ext).to_owned()).collect()
    }

    /// Threads when nothing is said: LZMA needs up to 100 MiB for each.
    fn usual_threads(self) -> usize {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        if matches!(self, Self::Xz | Self::Zip(Method::Lzma)) { all.min(4) } else { all }
    }
}

/// An action type that makes archives.
pub struct Kind {
    /// Its name, as the manifest has it.
    pub name: &'static str,
    /// What `compression_lib` may say, the default first.
    pub libraries: &'static [(&'static str, Library)],
}

/// The properties of the action.
pub struct Settings {
    kind: &'static str,
    source: Source,
    src_path: PathBuf,
    guards: Guards,
    level: u8,
    library: Library,
    compression: u32,
    exclusions: Patterns,
    excluded: Excluded,
    mounts: Mounts,
    existing: Existing,
    absolute: bool,
    moved: Moved,
    checksums: Checksums,
    files: Files,
    read_back: ReadBack,
    threads: usize,
    nice: i32,
    disk: DiskPriority,
    /// Bytes per second.
    read_limit: Option<u64>,
}

/// Builds an action of this kind.
pub fn build(kind: &Kind, p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let level = level(p);
    let library = p.choice("compression_lib", kind.libraries);
    let source = source(p, common, around, (level, library));
    Box::new(Settings {
        kind: kind.name,
        source,
        src_path: common.src_path.clone(),
        guards: Guards::read(p),
        level,
        library,
        compression: u32::try_from(p.number_or("compression", 0..=9, 5)).unwrap_or(5),
        exclusions: p.patterns("exclusions", common.pattern_syntax),
        excluded: if p.flag("exclude_subtrees", false) { Excluded::WithSubtree } else { Excluded::AloneAsTested },
        mounts: if p.flag("one_file_system", false) { Mounts::Stay } else { Mounts::Enter },
        existing: if p.flag("overwrite", false) { Existing::Replace } else { Existing::Refuse },
        absolute: p.flag("use_absolute_path", false),
        moved: if p.flag("check_level_list_only", true) { Moved::Accepted } else { Moved::Refused },
        checksums: if p.flag("checksum_file", false) { Checksums::Sha256AndSha1 } else { Checksums::Sha256 },
        files: if p.flag("log_files", false) { Files::Logged } else { Files::Quiet },
        read_back: if p.flag("verify", true) { ReadBack::Whole } else { ReadBack::Skip },
        threads: threads(p, library),
        nice: i32::try_from(p.number_or("nice", 0..=19, 10)).unwrap_or(10),
        disk: p.choice(
            "ionice",
            &[("low", DiskPriority::Low), ("idle", DiskPriority::Idle), ("normal", DiskPriority::Unchanged)],
        ),
        read_limit: p.number("bwlimit", 0..=1 << 40).and_then(|kilobytes| u64::try_from(kilobytes * 1024).ok()),
    })
}

fn level(p: &mut Properties<'_>) -> u8 {
    let level = p.number_or("level", 0..=99, 0);
    if level > 1 {
        let message = format!("there are only levels 0 and 1: {level} is taken as 1");
        p.problem(Severity::Warning, "level", message);
    }
    u8::from(level > 0)
}

fn threads(p: &mut Properties<'_>, library: Library) -> usize {
    let wanted = p.number("threads", 1..=256).and_then(|threads| usize::try_from(threads).ok());
    wanted.unwrap_or_else(|| library.usual_threads())
}

fn source(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>, kind: (u8, Library)) -> Source {
    let (level, library) = kind;
    Source {
        action: around.name.to_owned(),
        family: Family::Files,
        basename: common.basename.clone().unwrap_or_default(),
        scheme: around.scheme.clone(),
        folders: folders(p, common, level),
        level: Some(level),
        extensions: library.extensions(),
        list_extension: p.text_or("list_extension", "list"),
        shield: Patterns::default(),
        rivals: Vec::new(),
    }
}

/// Where each level goes.
fn folders(p: &mut Properties<'_>, common: &Common, level: u8) -> Vec<Folder> {
    let at = |level: u8, dir: PathBuf| Folder { level: Some(level), dir };
    let Some(names) = p.list("level_folders") else {
        return vec![at(0, common.dest_path.clone()), at(1, common.dest_path.clone())];
    };
    if names.len() <= usize::from(level) {
        let message = format!("`level_folders` has no folder for level {level}");
        p.problem(Severity::Error, "level_folders", message);
    }
    let dir = |name: &String| common.dest_path.join(name).components().collect();
    (0..=1).zip(&names).map(|(level, name)| at(level, dir(name))).collect()
}

impl Settings {
    /// Fails when source or destination lies on a file system that hangs.
    fn require_answers(&self, cx: &Context<'_>) -> Result<()> {
        let places = std::iter::once(self.src_path.as_path()).chain(self.source.dirs());
        answering::require(&places.collect::<Vec<_>>(), cx)
    }
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        self.require_answers(cx)?;
        make::preview(self, cx)
    }

    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()> {
        self.require_answers(cx)?;
        make::run(self, cx, report)
    }

    fn source(&self) -> Option<&Source> {
        Some(&self.source)
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        Some(&mut self.source)
    }
}
