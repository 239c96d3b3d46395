//! STUBS: builders for types that others are making right now, so that the configuration can be tested before they land.
//! Remove this file and its lines in `TYPES` as they do.

use crate::actions::properties::Severity;
use crate::actions::{Action, Common, Context, Plan, Properties, Report, Surroundings};
use crate::error::{Error, Result};
use crate::store::sets::{Family, Folder, Source};

struct Stub(Option<Source>);

impl Action for Stub {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        Err(Error::failed("not implemented yet: a stub"))
    }

    fn run(&self, _: &Context<'_>, _: &mut Report) -> Result<()> {
        Err(Error::failed("not implemented yet: a stub"))
    }

    fn source(&self) -> Option<&Source> {
        self.0.as_ref()
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        self.0.as_mut()
    }
}

pub fn tar(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let level = p.number_or("level", 0..=99, 0);
    if level > 1 {
        p.problem(Severity::Warning, "level", "`level` is lowered to 1");
    }
    let level: u8 = u8::from(level != 0);
    let folders = p.list("level_folders").unwrap_or_default();
    if !folders.is_empty() && folders.len() <= usize::from(level) {
        p.problem(Severity::Error, "level_folders", format!("`level_folders` has no folder for level {level}"));
    }
    p.number_or("compression", 0..=9, 5);
    let ext = p.choice("compression_lib", &[("gzip", "tar.gz"), ("bzip", "tar.bz2"), ("lzma", "tar.xz")]);
    for (key, default) in [
        ("check_level_list_only", true),
        ("checksum_file", false),
        ("overwrite", false),
        ("use_absolute_path", false),
        ("log_files", false),
        ("exclude_subtrees", false),
        ("verify", true),
        ("require_mounted", false),
        ("allow_empty", false),
    ] {
        p.flag(key, default);
    }
    let list_extension = p.text_or("list_extension", "list");
    p.path("require_file");
    p.amount("min_free");
    p.number("min_files", 0..=i64::MAX);
    p.text("group");
    p.patterns("exclusions", common.pattern_syntax);
    let folder = |level: u8| {
        let below = folders.get(usize::from(level)).map_or("", String::as_str);
        Folder { level: Some(level), dir: common.dest_path.join(below).components().collect() }
    };
    Box::new(Stub(Some(Source {
        action: around.name.to_owned(),
        family: Family::Files,
        basename: common.basename.clone().unwrap_or_default(),
        scheme: around.scheme.clone(),
        folders: vec![folder(0), folder(1)],
        level: Some(level),
        extensions: vec![ext.to_owned()],
        list_extension,
        shield: crate::patterns::Patterns::default(),
        rivals: Vec::new(),
    })))
}

pub fn cleaner(p: &mut Properties<'_>, _: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    p.number("max_files", 1..=i64::from(u32::MAX));
    p.number("days", 1..=i64::from(u32::MAX));
    let source = p.required("source");
    if !source.is_empty()
        && let Err(message) = (around.source_of)(&source)
    {
        p.problem(Severity::Error, "source", message);
    }
    Box::new(Stub(None))
}

pub fn command(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    p.required("cmd");
    p.choice("stderr_level", &[("error", ()), ("warning", ()), ("info", ())]);
    Box::new(Stub(None))
}

pub fn script(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    if p.list("cmds").is_none_or(|list| list.is_empty()) {
        p.problem(Severity::Error, "cmds", "`cmds` is required");
    }
    p.choice("stderr_level", &[("error", ()), ("warning", ()), ("info", ())]);
    Box::new(Stub(None))
}

pub fn dschecker(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    p.amount("min_free");
    p.list("paths");
    Box::new(Stub(None))
}
