//! What a `pgdump` entry says: keys → [`Settings`], every problem recorded.

use super::connection::{Login, Secret};
use super::databases::Mode;
use super::dump::{self, Subject};
use super::options;
use crate::actions::common::Common;
use crate::actions::guards::Guards;
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Surroundings};
use crate::store::sets::{Family, Folder, Source};
use crate::sys::trust;
use std::path::PathBuf;
use time::PrimitiveDateTime;

/// `format`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// One compressed file for `pg_restore`.
    #[default]
    Custom,
    /// A directory of compressed files for `pg_restore`.
    Directory,
    /// SQL for psql.
    Plain,
}

impl Format {
    /// As `pg_dump` and `pg_restore` spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Directory => "directory",
            Self::Plain => "plain",
        }
    }
}

/// The properties of a `pgdump` action.
pub struct Settings {
    /// Where its sets are and how they are named.
    pub source: Source,
    /// `dest_path`.
    pub dest: PathBuf,
    /// What must be true of the destination, and who else may read the dumps.
    pub guards: Guards,
    /// `mode` with `databases`.
    pub mode: Mode,
    /// `format`.
    pub format: Format,
    /// `host`, `user`, `password`.
    pub login: Login,
    /// `port`.
    pub port: u16,
    /// `opts`, split into words.
    pub options: Vec<String>,
    /// `command_path`; none means the newest suitable one.
    pub command_path: Option<PathBuf>,
    /// `checksum_file`.
    pub checksum_file: bool,
    /// `verify`.
    pub verify: bool,
    /// `globals`.
    pub globals: bool,
    /// `jobs`: how many databases at once.
    pub jobs: usize,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    let format =
        p.choice("format", &[("custom", Format::Custom), ("directory", Format::Directory), ("plain", Format::Plain)]);
    let settings = Settings {
        source: source(p, common, around),
        dest: common.dest_path.clone(),
        guards: Guards::read(p),
        mode: mode(p),
        format,
        login: login(p),
        port: u16::try_from(p.number_or("port", 1..=65_535, 5432)).unwrap_or(5432),
        options: read_options(p, format),
        command_path: command_path(p),
        checksum_file: p.flag("checksum_file", false),
        verify: p.flag("verify", true),
        globals: p.flag("globals", false),
        jobs: p.number_or("jobs", 1..=64, 1).try_into().unwrap_or(1),
    };
    if p.has("extension") {
        p.problem(
            Severity::Warning,
            "extension",
            "`extension` has no effect, as in KB17: names come from the naming scheme",
        );
    }
    p.accept("extension");
    check_names(p, &settings);
    Box::new(settings)
}

fn source(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Source {
    Source {
        action: around.name.to_owned(),
        family: Family::Dumps,
        basename: common.basename.clone().unwrap_or_default(),
        scheme: around.scheme.clone(),
        folders: vec![Folder { level: None, dir: common.dest_path.clone() }],
        level: None,
        extensions: vec!["pgdump".to_owned()],
        list_extension: String::new(),
        shield: p.patterns("exclusions", common.pattern_syntax),
        rivals: Vec::new(),
    }
}

fn mode(p: &mut Properties<'_>) -> Mode {
    let all = p.choice("mode", &[("single", false), ("all", true)]);
    let mut names: Vec<String> = Vec::new();
    for name in p.list("databases").unwrap_or_default() {
        if names.contains(&name) {
            p.problem(Severity::Warning, "databases", format!("database {name:?} is listed twice"));
        } else if name.is_empty() || name.contains('\0') {
            p.problem(Severity::Error, "databases", format!("{name:?} cannot be the name of a database"));
        } else {
            names.push(name);
        }
    }
    if all {
        return Mode::All;
    }
    if names.is_empty() {
        p.problem(Severity::Error, "databases", "`databases` is required unless `mode` is all");
    }
    Mode::Single(names)
}

fn login(p: &mut Properties<'_>) -> Login {
    let host = p.text("host").filter(|host| !host.is_empty());
    let password = p.text("password").filter(|password| !password.is_empty());
    if password.as_ref().is_some_and(|password| password.contains(['\n', '\r', '\0'])) {
        p.problem(Severity::Error, "password", "`password` must be one line");
    }
    if let Some(user) = p.text("user").filter(|user| !user.is_empty()) {
        return Login::Remote { host, user, password: password.map(Secret::new) };
    }
    if password.is_some() {
        let message = "`password` is ignored without `user`: the dump runs as the operating-system user postgres";
        p.problem(Severity::Warning, "password", message);
    }
    let socket = host.clone().filter(|host| host.starts_with('/'));
    if host.is_some() && socket.is_none() {
        let message = "`host` is ignored without `user`, as in KB17: the dump goes over the local socket";
        p.problem(Severity::Warning, "host", message);
    }
    Login::Local(socket)
}

fn read_options(p: &mut Properties<'_>, format: Format) -> Vec<String> {
    let words = p.options("opts", "");
    for (severity, message) in options::problems(&words, format) {
        p.problem(severity, "opts", message);
    }
    words
}

fn command_path(p: &mut Properties<'_>) -> Option<PathBuf> {
    let text = p.text("command_path").filter(|text| !text.is_empty() && text != "pg_dump")?;
    let path = if text.contains('/') { p.absolute(&text) } else { PathBuf::from(text) };
    if path.is_absolute()
        && path.exists()
        && let Err(e) = trust::program(&path)
    {
        p.problem(Severity::Error, "command_path", format!("`command_path`: {e}"));
    }
    Some(path)
}

/// Two databases, or a dump and its checksum file, must not want the same name.
fn check_names(p: &mut Properties<'_>, settings: &Settings) {
    let time = PrimitiveDateTime::MIN;
    let name = |database: &str| dump::file_name(settings, &Subject::Database(database.to_owned()), time);
    let several = settings.globals || !matches!(&settings.mode, Mode::Single(names) if names.len() < 2);
    if several && name("a") == name("b") {
        let message = "every database would get the same file name: `pgdump_fileformat` needs {dbname}";
        p.problem(Severity::Error, "naming_scheme", message);
    }
}
