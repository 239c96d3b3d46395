//! The actions: what a task is made of. One file per type; adding a type is a file and its lines in [`TYPES`].

pub mod answering;
pub mod archiving;
pub mod check_backup;
pub mod cleaner;
pub mod command;
pub mod common;
pub mod context;
pub mod dschecker;
pub mod guards;
pub mod mount;
pub mod move_bkp_period;
pub mod pgdump;
pub mod properties;
pub mod rsync;
pub mod script;
pub mod shown;
pub mod tar;
#[cfg(test)]
mod testing;
pub mod tickets;
pub mod umount;
pub mod zip;

use crate::error::Result;
use crate::store::naming::Scheme;
use crate::store::retention::Policy;
use crate::store::sets::Source;
pub use common::Common;
pub use context::{Context, Plan, Report};
pub use properties::Properties;
use std::path::Path;

/// One atomic operation.
pub trait Action: Send + Sync {
    /// What `run` would do, in words, without changing anything.
    fn preview(&self, cx: &Context<'_>) -> Result<Plan>;

    /// Does it. What was achieved goes into `report` as it is achieved, so that a failure does not hide it. `Err` means the
    /// action failed; warnings are what was logged through `cx` at WARNING or ERROR.
    fn run(&self, cx: &Context<'_>, report: &mut Report) -> Result<()>;

    /// The sets this action leaves behind, if it leaves any.
    fn source(&self) -> Option<&Source> {
        None
    }

    /// The same, for whoever knows the rivals.
    fn source_mut(&mut self) -> Option<&mut Source> {
        None
    }

    /// What can be done with its dumps, if it makes any.
    fn dumps(&self) -> Option<&dyn Dumps> {
        None
    }

    /// The copies of other actions' sets that this action makes, place by place.
    fn copies(&self) -> &[Copies] {
        &[]
    }

    /// The same, for whoever knows the rivals.
    fn copies_mut(&mut self) -> &mut [Copies] {
        &mut []
    }
}

/// What an action that dumps databases can do with dumps that exist.
pub trait Dumps {
    /// Decodes the dump at `path` to its end.
    fn prove(&self, path: &Path, cx: &Context<'_>) -> Result<pgdump::Proof>;

    /// Restores a dump into a new database. `Err` when nothing was restored.
    fn restore(&self, wanted: &pgdump::Wanted<'_>, cx: &Context<'_>) -> Result<pgdump::Restored>;

    /// What is known about which databases there are now. `Err` only when the run has to stop.
    fn census(&self, cx: &Context<'_>) -> Result<pgdump::Census>;
}

/// Copies of one action's sets in one place.
#[derive(Clone, Debug)]
pub struct Copies {
    /// The action whose sets they are, as if it had written them there itself.
    pub source: Source,
    /// The limits of that place; none means that nothing is ever removed.
    pub policy: Option<Policy>,
}

/// What an action leaves behind.
pub enum Sets {
    /// Sets of its own: the action itself, which has a [`Action::source`].
    Own(Box<dyn Action>),
    /// Copies of other actions' sets, place by place.
    Copies(Vec<Copies>),
}

/// What an action is built from besides its own properties.
pub struct Surroundings<'a> {
    /// Name of the action.
    pub name: &'a str,
    /// The naming scheme in force for it in this task.
    pub scheme: Scheme,
    /// The sets of another action, by name (for `cleaner`, `move_bkp_period`): `Err` is a message for `check`.
    pub sets_of: &'a dyn Fn(&str) -> std::result::Result<Sets, String>,
    /// Everything in the configuration that makes backups (for `check_backup`).
    pub units: &'a dyn Fn() -> Vec<BackupUnit>,
}

/// A task that makes backups, or an action by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackupUnit {
    /// Its name.
    pub name: String,
    /// Those of its actions that make backups.
    pub actions: Vec<String>,
}

/// The types that make backups.
pub const BACKUP_TYPES: [&str; 5] = ["tar", "zip", "pgdump", "move_bkp_period", "rsync"];

/// Builds an action; problems are recorded in the properties, which then count as an error of the entry.
pub type Build = fn(&mut Properties<'_>, &Common, &Surroundings<'_>) -> Box<dyn Action>;

/// An action type.
pub struct Type {
    /// What stands after `type:`.
    pub name: &'static str,
    /// Whether `continue_on_error` is true when not given.
    pub continues_on_error: bool,
    /// Its builder.
    pub build: Build,
}

/// Every type there is.
pub const TYPES: &[Type] = &[
    Type { name: "tar", continues_on_error: false, build: tar::build },
    Type { name: "pgdump", continues_on_error: false, build: pgdump::build },
    Type { name: "cleaner", continues_on_error: false, build: cleaner::build },
    Type { name: "command", continues_on_error: true, build: command::build },
    Type { name: "script", continues_on_error: true, build: script::build },
    Type { name: "dschecker", continues_on_error: false, build: dschecker::build },
    Type { name: "zip", continues_on_error: false, build: zip::build },
    Type { name: "move_bkp_period", continues_on_error: false, build: move_bkp_period::build },
    Type { name: "rsync", continues_on_error: false, build: rsync::build },
    Type { name: "mount", continues_on_error: false, build: mount::build },
    Type { name: "umount", continues_on_error: false, build: umount::build },
    Type { name: "check_backup", continues_on_error: false, build: check_backup::build },
    Type { name: "set_in_progress_ticket", continues_on_error: false, build: tickets::set },
    Type { name: "unset_in_progress_ticket", continues_on_error: false, build: tickets::unset },
    Type { name: "check_in_progress_ticket", continues_on_error: false, build: tickets::check },
];

/// The type of this name.
pub fn by_name(name: &str) -> Option<&'static Type> {
    TYPES.iter().find(|t| t.name == name)
}
