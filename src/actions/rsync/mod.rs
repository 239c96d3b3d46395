//! `rsync`: a copy of a tree, made by rsync itself.

mod location;
pub mod tool;

use crate::actions::answering;
use crate::actions::guards::{Checked, Guards};
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Doing, Error, Result};
use crate::sys::files::{Dir, Readers};
use crate::sys::process::{End, Stream};
use crate::sys::trust;
pub use location::{Location, password_in, without_password};
use log::Level;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The suffixes that are not worth compressing on the way, as KB17 had them.
const SKIP_COMPRESS: &str = "zip/7z/tgz/gz/bz2/rar";

/// The properties of an `rsync` action.
struct Settings {
    program: OsString,
    /// Everything between the program's name and the paths.
    options: Vec<OsString>,
    src: Location,
    dest: Location,
    guards: Guards,
    empty_source: EmptySource,
}

/// What an empty local source means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum EmptySource {
    /// Something is not mounted.
    Suspicious,
    /// It may be (`allow_empty`).
    Fine,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let src = location(p, "src_path");
    let has_dest = !p.required("dest_path").is_empty();
    let dest = location(p, "dest_path");
    if let (Location::Remote(_), Location::Remote(_)) = (&src, &dest) {
        p.problem(Severity::Error, "dest_path", "rsync cannot copy from one remote place to another");
    }
    let options = options(p);
    if has_dest {
        warn_about_own_tail(p, &src, &dest);
    }
    let empty_source = if p.flag("allow_empty", false) { EmptySource::Fine } else { EmptySource::Suspicious };
    Box::new(Settings { program: command_path(p), options, src, dest, guards: Guards::read(p), empty_source })
}

/// An end of the transfer; a problem is recorded when it cannot be one.
pub fn location(p: &mut Properties<'_>, key: &'static str) -> Location {
    let text = p.verbatim(key).filter(|text| !text.is_empty()).unwrap_or_else(|| ".".into());
    let base = p.absolute("");
    Location::parse(&text, &base).unwrap_or_else(|message| {
        p.problem(Severity::Error, key, format!("`{key}` {message}"));
        Location::Remote(String::new())
    })
}

fn options(p: &mut Properties<'_>) -> Vec<OsString> {
    let mut options = p.options("opts", "");
    options.extend(p.options("other_opts", "-a -h -d -v"));
    options.extend(p.number("bwlimit", 0..=i64::MAX).map(|limit| format!("--bwlimit={limit}")));
    let suffixes = p.list("skip_compress").map_or_else(|| SKIP_COMPRESS.to_owned(), |list| list.join("/"));
    options.push(format!("--skip-compress={suffixes}"));
    let excludes = p.list("exclusions").unwrap_or_default();
    if !excludes.is_empty() && options.iter().any(|option| option == "--delete-excluded") {
        let message = "with `--delete-excluded` what `exclusions` name is removed from `dest_path`; KB17 never left out \
                       entries at the top, so it is still there now";
        p.problem(Severity::Warning, "exclusions", message);
    }
    options.extend(excludes.iter().map(|pattern| format!("--exclude={pattern}")));
    options.into_iter().map(OsString::from).collect()
}

/// Every run would copy the last copy once more.
fn warn_about_own_tail(p: &mut Properties<'_>, src: &Location, dest: &Location) {
    if let (Some(src), Some(dest)) = (src.local(), dest.local())
        && dest.starts_with(src)
    {
        let message = "`dest_path` lies inside `src_path`: exclude it, or every copy holds the one before";
        p.problem(Severity::Warning, "dest_path", message);
    }
}

fn command_path(p: &mut Properties<'_>) -> OsString {
    let text = p.text_or("command_path", "rsync");
    if !text.contains('/') {
        return if text.is_empty() { "rsync".into() } else { text.into() };
    }
    let path = p.absolute(&text);
    if path.exists()
        && let Err(error) = trust::program(&path)
    {
        p.problem(Severity::Error, "command_path", format!("`command_path`: {error}"));
    }
    path.into()
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let Ready { program, .. } = self.prepare(cx)?;
        if let Some(missing) = self.missing_dest() {
            cx.info(format!("would create directory {}", missing.display()));
        }
        cx.info(format!("rsync would copy {} to {}:", self.src, self.dest));
        let asked = ["--dry-run", "--itemize-changes"].map(OsString::from);
        let end = tool::run(program, self.arguments(&asked), cx, &mut |stream, line| match stream {
            Stream::Out if line.trim().is_empty() => {}
            Stream::Out => cx.info(line),
            Stream::Err => complain(cx, line),
        })?;
        judge(end, cx)?;
        Ok(Plan::new())
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        let Ready { program, checked } = self.prepare(cx)?;
        if let Some(missing) = self.missing_dest() {
            cx.info(format!("creating directory {}", missing.display()));
            Dir::create(missing, Readers::Owner)?;
        }
        if let (Some(checked), Some(dest)) = (checked, self.dest.local()) {
            let dest = std::fs::File::open(dest).doing(|| format!("opening {}", dest.display()))?;
            checked.recheck(&dest)?;
        }
        cx.info(format!("copying {} to {}", self.src, self.dest));
        let end = tool::run(program, self.arguments(&[]), cx, &mut |stream, line| match stream {
            Stream::Out => cx.debug(line),
            Stream::Err => complain(cx, line),
        })?;
        judge(end, cx)
    }
}

/// What is found out before rsync starts.
struct Ready {
    program: PathBuf,
    /// The destination, if it is on this machine.
    checked: Option<Checked>,
}

impl Settings {
    /// What must hold before rsync starts, for a run as for a preview.
    fn prepare(&self, cx: &Context<'_>) -> Result<Ready> {
        let program = tool::find(&self.program)?;
        let local: Vec<&Path> = [&self.src, &self.dest].into_iter().filter_map(Location::local).collect();
        answering::require(&local, cx)?;
        if let Some(src) = self.src.local() {
            self.guards.check_source(cx, src, None)?;
            self.check_source(src)?;
        }
        let checked = self.dest.local().map(|dest| self.guards.check_destination(cx, dest, None)).transpose()?;
        Ok(Ready { program, checked })
    }

    /// An empty source with a full destination is a file system that is not mounted far more often than a wish to have
    /// nothing (P21); with `--delete` it would cost the copy.
    fn check_source(&self, src: &Path) -> Result<()> {
        let meta = std::fs::metadata(src).doing(|| format!("looking at the source {}", src.display()))?;
        let suspicious = self.empty_source == EmptySource::Suspicious && meta.is_dir() && is_empty(src)?;
        if !suspicious {
            return Ok(());
        }
        let full = match self.dest.local() {
            Some(dest) => dest.exists() && !is_empty(dest)?,
            None => self.options.iter().any(|option| option.to_string_lossy().starts_with("--del")),
        };
        if full {
            let message = format!(
                "the source {} is empty, but the copy at {} may not be: nothing was done (`allow_empty: yes` if it may)",
                src.display(),
                self.dest
            );
            return Err(Error::failed(message));
        }
        Ok(())
    }

    fn missing_dest(&self) -> Option<&Path> {
        self.dest.local().filter(|dest| std::fs::symlink_metadata(dest).is_err())
    }

    /// Neither path can be taken for an option: a local one is absolute, and a remote one that begins with `-` is refused.
    fn arguments(&self, more: &[OsString]) -> Vec<OsString> {
        let paths = [self.src.argument(), self.dest.argument()];
        self.options.iter().chain(more).cloned().chain(paths).collect()
    }
}

fn is_empty(dir: &Path) -> Result<bool> {
    let doing = || format!("reading directory {}", dir.display());
    Ok(std::fs::read_dir(dir).doing(doing)?.next().transpose().doing(doing)?.is_none())
}

/// A line of rsync's standard error. What vanished meanwhile is no error by itself: exit status 24 stands for it.
fn complain(cx: &Context<'_>, line: &str) {
    let mild = ["file has vanished:", "rsync warning:", "Warning:"].iter().any(|start| line.starts_with(start));
    let level = match line.trim() {
        "" => Level::Debug,
        _ if mild => Level::Warn,
        _ => Level::Error,
    };
    cx.log(level, line);
}

/// The exit status decides; 24 is a warning.
fn judge(end: End, cx: &Context<'_>) -> Result<()> {
    match end {
        End::Exited(0) => Ok(()),
        End::Exited(24) => {
            cx.warn("some files vanished before they were copied (rsync exit status 24)");
            Ok(())
        }
        End::Exited(status) => {
            let meaning = tool::meaning(status).map(|text| format!(": {text}")).unwrap_or_default();
            Err(Error::failed(format!("rsync ended with exit status {status}{meaning}")))
        }
        End::Signalled(signal) => Err(Error::failed(format!("rsync was ended by signal {signal}"))),
    }
}
