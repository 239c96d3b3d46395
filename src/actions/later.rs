//! Types that are read and checked but not made yet: running one says so and fails.

use crate::actions::guards::Guards;
use crate::actions::properties::Severity;
use crate::actions::{Action, Common, Context, Plan, Properties, Report, Surroundings};
use crate::error::{Error, Result};
use crate::store::sets::{Family, Folder, Source};

/// Stands for an action that cannot be run yet.
struct NotYet {
    what: String,
    source: Option<Source>,
}

impl NotYet {
    fn boxed(kind: &str, source: Option<Source>) -> Box<dyn Action> {
        Box::new(Self { what: format!("type `{kind}`"), source })
    }

    fn refuse<T>(&self) -> Result<T> {
        Err(Error::failed(format!("not implemented yet: {}", self.what)))
    }
}

impl Action for NotYet {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        self.refuse()
    }

    fn run(&self, _: &Context<'_>, _: &mut Report) -> Result<()> {
        self.refuse()
    }

    fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    fn source_mut(&mut self) -> Option<&mut Source> {
        self.source.as_mut()
    }
}

/// `zip`.
pub fn zip(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let level = p.number_or("level", 0..=99, 0).clamp(0, 1);
    let level: u8 = u8::from(level != 0);
    let level_folders = p.list("level_folders").unwrap_or_default();
    p.number_or("compression", 0..=9, 5);
    p.choice("compression_lib", &[("zip", ()), ("bzip", ()), ("lzma", ())]);
    for (key, default) in [
        ("check_level_list_only", true),
        ("checksum_file", false),
        ("overwrite", false),
        ("use_absolute_path", false),
        ("log_files", false),
        ("exclude_subtrees", false),
        ("verify", true),
        ("one_file_system", false),
    ] {
        p.flag(key, default);
    }
    for key in ["threads", "bwlimit"] {
        p.number(key, 0..=i64::MAX);
    }
    p.number_or("nice", 0..=19, 10);
    p.choice("ionice", &[("low", ()), ("idle", ()), ("normal", ())]);
    let list_extension = p.text_or("list_extension", "list");
    p.patterns("exclusions", common.pattern_syntax);
    guards(p);
    if !level_folders.is_empty() && level_folders.len() <= usize::from(level) {
        let message = format!("`level_folders` has no folder for level {level}");
        p.problem(Severity::Error, "level_folders", message);
    }
    let folder = |level: u8| {
        let below = level_folders.get(usize::from(level)).map_or("", String::as_str);
        Folder { level: Some(level), dir: common.dest_path.join(below).components().collect() }
    };
    let source = Source {
        action: around.name.to_owned(),
        family: Family::Files,
        basename: common.basename.clone().unwrap_or_default(),
        scheme: around.scheme.clone(),
        folders: vec![folder(0), folder(1)],
        level: Some(level),
        extensions: ["zip", "bz2", "xz"].map(str::to_owned).to_vec(),
        list_extension,
        shield: crate::patterns::Patterns::default(),
        rivals: Vec::new(),
    };
    NotYet::boxed("zip", Some(source))
}

/// The guards on paths.
fn guards(p: &mut Properties<'_>) {
    Guards::read(p);
}

#[cfg(test)]
mod tests {
    use crate::actions::testing::{Bench, action};

    #[test]
    fn what_is_checked_now_refuses_to_run() {
        let zip =
            action("zip", &[("basename", "a"), ("compression_lib", "lzma"), ("level_folders", "0, 1"), ("level", "1")]);
        assert_eq!(zip.problems, Vec::<String>::new());
        assert_eq!(zip.run(&Bench::new()).unwrap_err().to_string(), "not implemented yet: type `zip`");
        let too_few = action("zip", &[("basename", "a"), ("level_folders", "0"), ("level", "1")]);
        assert_eq!(too_few.problems, ["`level_folders` has no folder for level 1"]);
    }
}
