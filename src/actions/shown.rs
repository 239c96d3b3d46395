//! What of an action strangers may see through the webapi (P27): a list of what is allowed, so that a new property stays
//! hidden until somebody decides.

/// How a property is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// As written.
    AsWritten,
    /// That it is there, but not what it says: a secret, or free text that may hold one.
    Masked,
}

/// Properties of every type.
const COMMON: &[&str] = &[
    "type",
    "source",
    "descr",
    "desc",
    "basename",
    "src_path",
    "dest_path",
    "continue_on_error",
    "failure_level",
    "use_re_in_patterns",
    "naming_scheme",
    "dry",
    "timeout",
];

/// Properties of the types that look before they touch.
const GUARDS: &[&str] =
    &["require_mounted", "require_file", "min_free", "min_files", "allow_empty", "check_space", "group"];

const ARCHIVE: &[&str] = &[
    "level",
    "level_folders",
    "compression",
    "compression_lib",
    "exclusions",
    "exclude_subtrees",
    "one_file_system",
    "use_absolute_path",
    "check_level_list_only",
    "checksum_file",
    "list_extension",
    "log_files",
    "overwrite",
    "verify",
    "threads",
    "nice",
    "ionice",
    "bwlimit",
];

const DUMP: &[&str] = &[
    "mode",
    "databases",
    "exclusions",
    "format",
    "host",
    "port",
    "user",
    "command_path",
    "extension",
    "checksum_file",
    "globals",
    "jobs",
    "verify",
];

/// What one type shows besides [`COMMON`].
struct Row {
    kind: &'static str,
    plain: &'static [&'static [&'static str]],
    masked: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row { kind: "tar", plain: &[ARCHIVE, GUARDS], masked: &[] },
    Row { kind: "zip", plain: &[ARCHIVE, GUARDS], masked: &[] },
    Row { kind: "pgdump", plain: &[DUMP, GUARDS], masked: &["password", "opts"] },
    Row { kind: "cleaner", plain: &[&["max_files", "days", "exclusions"]], masked: &[] },
    Row { kind: "move_bkp_period", plain: &[&["action_list", "periods", "verify"], GUARDS], masked: &[] },
    Row {
        kind: "rsync",
        plain: &[&["exclusions", "skip_compress", "bwlimit", "command_path"], GUARDS],
        masked: &["opts", "other_opts"],
    },
    Row { kind: "mount", plain: &[&["mnt_dev", "mnt_point", "fs_type"]], masked: &["flags"] },
    Row { kind: "umount", plain: &[&["mnt_point"]], masked: &["flags"] },
    Row { kind: "command", plain: &[&["stderr_level"], GUARDS], masked: &["cmd"] },
    Row { kind: "script", plain: &[&["stderr_level"], GUARDS], masked: &["cmds"] },
    Row { kind: "check_backup", plain: &[&["verify"]], masked: &[] },
    Row { kind: "dschecker", plain: &[&["paths", "min_free"]], masked: &[] },
    Row { kind: "set_in_progress_ticket", plain: &[&["ticket_filename"], GUARDS], masked: &[] },
    Row { kind: "unset_in_progress_ticket", plain: &[&["ticket_filename"], GUARDS], masked: &[] },
    Row {
        kind: "check_in_progress_ticket",
        plain: &[&["ticket_filename", "ssh_servername", "wait_time", "wait_cycle_number"], GUARDS],
        masked: &["rsync_opts"],
    },
];

impl Row {
    fn shows(&self, key: &str) -> Option<Shown> {
        if self.masked.contains(&key) {
            return Some(Shown::Masked);
        }
        self.plain.iter().any(|keys| keys.contains(&key)).then_some(Shown::AsWritten)
    }
}

/// How a property of an action of this type is shown; none when it is not. An entry without a type is a template for any
/// type: what is masked for one of them is masked there.
pub fn of(kind: Option<&str>, key: &str) -> Option<Shown> {
    if COMMON.contains(&key) {
        return Some(Shown::AsWritten);
    }
    let rows = TABLE.iter().filter(|row| kind.is_none_or(|kind| kind == row.kind));
    rows.filter_map(|row| row.shows(key)).max_by_key(|shown| *shown == Shown::Masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::{Properties, Sets, Surroundings, TYPES};
    use crate::actions::{common::Common, properties::Property};
    use crate::store::naming::Scheme;
    use crate::value::{Scalar, Value};
    use std::path::Path;

    /// Every key that the builder of a type asks for.
    fn asked(kind: &'static crate::actions::Type) -> Vec<&'static str> {
        let scalar = Value::Scalar(Scalar { text: kind.name.into(), quoted: false });
        let written = Property::own(&[], &[("type".to_owned(), scalar)]);
        let mut p = Properties::new(Vec::new(), &written, Path::new("/"));
        let common = Common::read(&mut p, false);
        let sets_of = |_: &str| -> Result<Sets, String> { Err(String::new()) };
        let around =
            Surroundings { name: "a", scheme: Scheme::default_scheme(), sets_of: &sets_of, units: &|| Vec::new() };
        (kind.build)(&mut p, &common, &around);
        p.finish().0.iter().map(|asked| asked.key).collect()
    }

    /// P27: a property that is new must be decided about.
    #[test]
    fn every_property_of_every_type_is_decided() {
        for kind in TYPES {
            let asked = asked(kind);
            assert!(asked.len() > COMMON.len(), "{}: {asked:?}", kind.name);
            let unknown: Vec<_> = asked.iter().filter(|key| of(Some(kind.name), key).is_none()).collect();
            assert!(unknown.is_empty(), "not in the table: {} {unknown:?}", kind.name);
        }
    }

    /// P27
    #[test]
    fn secrets_and_free_text_are_masked_and_strangers_hidden() {
        for (kind, key) in [
            ("pgdump", "password"),
            ("pgdump", "opts"),
            ("rsync", "opts"),
            ("rsync", "other_opts"),
            ("mount", "flags"),
            ("umount", "flags"),
            ("command", "cmd"),
            ("script", "cmds"),
            ("check_in_progress_ticket", "rsync_opts"),
        ] {
            assert_eq!(of(Some(kind), key), Some(Shown::Masked), "{kind} {key}");
            assert_eq!(of(None, key), Some(Shown::Masked), "template {key}");
        }
        assert_eq!(of(Some("tar"), "level"), Some(Shown::AsWritten));
        assert_eq!(of(Some("tar"), "password"), None);
        assert_eq!(of(Some("tar"), "pasword"), None);
        assert_eq!(of(None, "pasword"), None);
        assert_eq!(of(Some("nonsense"), "cmd"), None);
        assert_eq!(of(Some("nonsense"), "descr"), Some(Shown::AsWritten));
    }
}
