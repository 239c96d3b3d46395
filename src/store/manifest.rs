//! The manifest: one JSON file beside each set that says what the set is and how to prove it. See `docs/formats.md`.

use serde::{Deserialize, Serialize};

/// Version of the manifest format this program writes.
pub const FORMAT: u32 = 1;

/// Extension of a manifest: it stands beside the main file as `<main file>.manifest`.
pub const EXTENSION: &str = "manifest";

/// What a set is and how to prove it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`]; a reader refuses a larger one.
    pub format: u32,
    /// `krista-backup 2.0.0`.
    pub tool: String,
    /// Task or action that was run.
    pub unit: String,
    /// Action that wrote the set.
    pub action: String,
    /// Type of that action: `tar`, `zip`, `pgdump`.
    #[serde(rename = "type")]
    pub kind: String,
    /// 0 full, 1 differential; none for dumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Main file name of the level 0 that a level 1 builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What was backed up: a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was backed up: a database, not escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Run time, RFC 3339 with the local offset; the same for all sets of a run.
    pub run_time: String,
    /// Wall-clock milliseconds spent on this set.
    pub duration_ms: u64,
    /// Whether every byte was read back and decoded before the set got its name.
    pub verified: bool,
    /// Entries in the archive (files, directories, links, …); 0 for dumps.
    pub entries: u64,
    /// Bytes of content before compression.
    pub bytes: u64,
    /// Number of warnings while the set was written.
    pub warnings: u64,
    /// Paths that were not (completely) backed up, at most 1000, percent-escaped where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// Every file of the set but the manifest itself, main file first.
    pub files: Vec<FileRecord>,
    /// For gzip archives made of independent blocks: offset in the file and in the tar stream of every block's start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<(u64, u64)>,
}

/// One file of a set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FileRecord {
    /// File name; for a file inside a directory dump the path relative to the set's directory.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, 64 hex digits.
    pub sha256: String,
}
