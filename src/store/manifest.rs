//! The manifest: one JSON file beside each set that says what the set is and how to prove it. See `docs/formats.md`.

use crate::error::{Doing, Error, Result};
use crate::sys::files::Dir;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Version of the manifest format this program writes.
pub const FORMAT: u32 = 1;

/// Extension of a manifest: it stands beside the main file as `<main file>.manifest`.
pub const EXTENSION: &str = "manifest";

/// The largest manifest that is read: whoever can write into the directory must not be able to fill our memory.
const MAX_BYTES: u64 = 64 << 20;

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
    /// For tar archives: where they can be unpacked in parts. Written by [`Manifest::to_json`], on one line: there may be
    /// many of them.
    #[serde(default, skip_serializing)]
    pub blocks: Blocks,
}

/// Parts of a packed file that follow each other and can be unpacked by themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Blocks {
    /// Bytes of the file before the first one.
    pub begin: u64,
    /// Bytes each but the last one unpacks to.
    pub plain: u64,
    /// Bytes of the file that each takes.
    pub packed: Vec<u64>,
}

impl Blocks {
    /// Offsets of each in the file and in the stream. Ones beyond all files are cut off: they come from a false manifest.
    pub fn places(&self) -> Vec<(u64, u64)> {
        let first = (self.begin, 0_u64);
        let next = |(at, start): &mut (u64, u64), packed: &u64| {
            let place = (*at, *start);
            (*at, *start) = (at.checked_add(*packed)?, start.checked_add(self.plain)?);
            Some(place)
        };
        self.packed.iter().scan(first, next).collect()
    }
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

/// Just enough to know whether the rest can be understood.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

impl Manifest {
    /// The name of the manifest of a main file.
    pub fn name_for(main: &str) -> String {
        format!("{main}.{EXTENSION}")
    }

    /// Reads the manifest at `path`. Fails when it is larger than 64 MiB, no manifest, or of a newer format.
    pub fn read(path: &Path) -> Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
            return Err(Error::failed(format!("{} is not the name of a manifest", path.display())));
        };
        Self::read_in(&Dir::open(parent)?, name)
    }

    /// Reads the manifest called `name` in an open directory, as [`Manifest::read`].
    pub fn read_in(dir: &Dir, name: &str) -> Result<Self> {
        let doing = || format!("reading {}", dir.join(name).display());
        let mut bytes = Vec::new();
        dir.open_file(name)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).doing(doing)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::failed("larger than any manifest")).doing(doing);
        }
        Self::from_json(&bytes).doing(doing)
    }

    /// Reads a manifest from its text.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let version: Version = serde_json::from_slice(bytes).doing(|| "not a manifest".into())?;
        match version.format {
            1..=FORMAT => serde_json::from_slice(bytes).doing(|| "not a manifest".into()),
            newer => Err(Error::failed(format!("manifest format {newer} is not known to this version"))),
        }
    }

    /// The text of the manifest, the same for the same content, ending with a line break.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let doing = || "writing a manifest".into();
        let mut text = serde_json::to_string_pretty(self).doing(doing)?;
        if !self.blocks.packed.is_empty() {
            let blocks = serde_json::to_string(&self.blocks).doing(doing)?;
            // `blocks` is left out above and stands last, compactly
            text.truncate(text.strip_suffix("\n}").map_or(text.len(), str::len));
            text.push_str(",\n  \"blocks\": ");
            text.push_str(&blocks);
            text.push_str("\n}");
        }
        text.push('\n');
        Ok(text.into_bytes())
    }

    /// The run time as local wall clock where and when the set was written; none when `run_time` is not RFC 3339.
    pub fn wall_clock(&self) -> Option<PrimitiveDateTime> {
        let time = OffsetDateTime::parse(&self.run_time, &Rfc3339).ok()?;
        Some(PrimitiveDateTime::new(time.date(), time.time()))
    }
}

/// Bytes as lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        Manifest {
            format: FORMAT,
            tool: "krista-backup 2.0.0".into(),
            kind: "tar".into(),
            run_time: "2020-07-03T01:30:00+03:00".into(),
            files: vec![FileRecord { name: "a.tar.gz".into(), size: 7, sha256: hex(&[0, 171]) }],
            ..Manifest::default()
        }
    }

    #[test]
    fn written_and_read_again() {
        for packed in [vec![], vec![7, u64::MAX]] {
            let begin = packed.len() as u64;
            let manifest = Manifest { blocks: Blocks { begin, plain: begin, packed }, ..sample() };
            let text = manifest.to_json().unwrap();
            assert!(text.ends_with(b"}\n"));
            assert_eq!(Manifest::from_json(&text).unwrap(), manifest);
        }
        let blocks = Blocks { begin: 10, plain: 512, packed: vec![3, 4] };
        let text = String::from_utf8(Manifest { blocks, ..sample() }.to_json().unwrap()).unwrap();
        let line = r#"  "blocks": {"begin":10,"plain":512,"packed":[3,4]}"#;
        assert!(text.contains(&format!("\n{line}\n}}\n")) && text.contains("00ab"), "{text}");
    }

    #[test]
    fn places_follow_each_other() {
        let blocks = |packed| Blocks { begin: 10, plain: 512, packed };
        assert_eq!(blocks(vec![]).places(), []);
        assert_eq!(blocks(vec![3, 4, 5]).places(), [(10, 0), (13, 512), (17, 1024)]);
        assert_eq!(blocks(vec![3, u64::MAX, 5]).places(), [(10, 0)], "no overflow");
    }

    #[test]
    fn the_run_time_is_wall_clock() {
        assert_eq!(sample().wall_clock().unwrap().to_string(), "2020-07-03 1:30:00.0");
        assert_eq!(Manifest { run_time: "yesterday".into(), ..sample() }.wall_clock(), None);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let newer = br#"{"format": 2, "files": "something new"}"#;
        let error = Manifest::from_json(newer).unwrap_err().to_string();
        assert!(error.contains("format 2 is not known"), "{error}");
        for bad in [&b""[..], b"{}", b"[]", br#"{"format":0}"#, br#"{"format":1}"#, b"\xff"] {
            assert!(Manifest::from_json(bad).is_err());
        }
    }
}
