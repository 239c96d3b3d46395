//! The list file: what a set holds, in walk order. The format is in `docs/formats.md`; KB17's readers understand it too.

mod escape;
mod read;

use crate::archive::blocks::hex;
use crate::error::{Doing, Result};
use crate::sys::tree::{Kind, Meta, Stamp};
pub use escape::{escape, unescape};
pub use read::Reader;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};

/// First words of the second line of a list of ours.
const MARK: &str = "# krista-backup list ";
/// Version written, and the newest that is read.
const FORMAT: u32 = 1;

/// How paths of a source are written in archive and list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Before every path in the list: empty, or the source's absolute path with a final `/`.
    pub prefix: Vec<u8>,
}

impl Style {
    /// A path of the walk as the list shows it.
    pub fn listed(&self, path: &[u8]) -> Vec<u8> {
        match (path, self.prefix.as_slice()) {
            (b"", b"") => b".".to_vec(),
            (b"", b"/") => b"/".to_vec(),
            (b"", prefix) => prefix.strip_suffix(b"/").unwrap_or(prefix).to_vec(),
            (path, prefix) => [prefix, path].concat(),
        }
    }

    /// The path of the walk that the list shows like this; none when it does not belong to this source.
    pub fn walked(&self, listed: &[u8]) -> Option<Vec<u8>> {
        if listed == self.listed(b"") {
            return Some(Vec::new());
        }
        listed.strip_prefix(self.prefix.as_slice()).map(<[u8]>::to_vec)
    }

    /// The name of the member that holds a path of the walk, without a final `/`.
    pub fn member(&self, path: &[u8]) -> Vec<u8> {
        let listed = self.listed(path);
        let member = listed.strip_prefix(b"/").unwrap_or(&listed);
        if member.is_empty() { b".".to_vec() } else { member.to_vec() }
    }
}

/// What the beginning of a list says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// When the walk began, by the clock that stamps inodes.
    pub scan: Stamp,
    /// 0 full, 1 differential.
    pub level: u8,
    /// How paths are written.
    pub style: Style,
    /// Main file name of the level 0 that a level 1 builds on.
    pub base: Option<String>,
}

/// Size and checksum of a finished list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ListSum {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// Writes a list.
pub struct Writer<'a> {
    out: BufWriter<Hashing<'a>>,
    name: String,
    style: Style,
    entries: u64,
    deleted: u64,
}

impl<'a> Writer<'a> {
    /// Begins a list in `file` for the archive that will be called `archive`.
    pub fn begin(file: &'a File, archive: &str, head: &Head) -> Result<Self> {
        let hashing = Hashing { file, sha: Sha256::new(), size: 0 };
        let out = BufWriter::with_capacity(64 * 1024, hashing);
        let name = format!("the list of {archive}");
        let mut list = Self { out, name, style: head.style.clone(), entries: 0, deleted: 0 };
        let base = match &head.base {
            Some(base) => format!("# base {}\n", escape(base.as_bytes())),
            None => String::new(),
        };
        let text = format!(
            "{}\n{MARK}{FORMAT}\n# scan {}\n# level {}\n# prefix {}\n{base}",
            archive.replace(['\n', '\r'], " "),
            head.scan.nanos(),
            head.level,
            escape(&head.style.prefix),
        );
        list.put(text.as_bytes())?;
        Ok(list)
    }

    /// Adds an entry that is in the archive. `damaged` content is taken again by the next differential.
    pub fn entry(&mut self, path: &[u8], meta: &Meta, state: State) -> Result<()> {
        self.entries += 1;
        let listed = self.style.listed(path);
        let plain = std::str::from_utf8(&listed).ok().filter(|text| !text.contains(['\n', '\r']));
        let facts = format!("#{} {} {} {}", letter(meta.kind), meta.mtime.nanos(), meta.ctime.nanos(), meta.ino);
        let damaged = if state == State::Damaged { " damaged" } else { "" };
        let (escaped, shown) = match plain {
            Some(text) => ("", text.to_owned()),
            None => (" escaped", escape(&listed)),
        };
        let line = format!("{facts}{escaped}{damaged}\n{:?},{},{shown}\n", seconds(meta.mtime), meta.size);
        self.put(line.as_bytes())
    }

    /// Adds a path that the base holds and the source does not any more.
    pub fn deleted(&mut self, path: &[u8]) -> Result<()> {
        self.deleted += 1;
        let line = format!("#-{}\n", escape(&self.style.listed(path)));
        self.put(line.as_bytes())
    }

    /// Ends the list.
    pub fn finish(mut self) -> Result<ListSum> {
        let end = format!("# end {} {}\n", self.entries, self.deleted);
        self.put(end.as_bytes())?;
        let Self { out, name, .. } = self;
        let hashing =
            out.into_inner().map_err(std::io::IntoInnerError::into_error).doing(|| format!("writing {name}"))?;
        Ok(ListSum { size: hashing.size, sha256: hex(&hashing.sha.finalize()) })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).doing(|| format!("writing {}", self.name))
    }
}

/// Whether the archive holds what an entry's line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It does.
    Whole,
    /// The content is incomplete.
    Damaged,
}

struct Hashing<'a> {
    file: &'a File,
    sha: Sha256,
    size: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let len = self.file.write(bytes)?;
        self.sha.update(bytes.get(..len).unwrap_or_default());
        self.size += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A line of a list.
#[derive(Clone, PartialEq, Debug)]
pub enum Line {
    /// Something the set holds.
    Entry(Entry),
    /// A path (of the walk) that the base holds and the source did not.
    Deleted(Vec<u8>),
}

/// An entry as a list of ours tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Path of the walk; empty for the source itself.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Size in bytes.
    pub size: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Last change of anything.
    pub ctime: Stamp,
    /// Inode number.
    pub ino: u64,
    /// Whether the archive holds it as it was.
    pub state: State,
}

/// Splits an entry's line at its first two commas: time, size, path.
pub fn split(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = line.iter().position(|byte| *byte == b',')?;
    let (time, rest) = (line.get(..first)?, line.get(first + 1..)?);
    let second = rest.iter().position(|byte| *byte == b',')?;
    Some((time, rest.get(..second)?, rest.get(second + 1..)?))
}

/// A time as Python's `os.stat` gives it, which is what KB17 wrote and compares.
#[allow(clippy::cast_precision_loss)] // the loss is Python's, and wanted
pub fn seconds(stamp: Stamp) -> f64 {
    stamp.sec as f64 + 1e-9 * f64::from(stamp.nsec)
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::File => 'f',
        Kind::Dir => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Char => 'c',
        Kind::Block => 'b',
        Kind::Socket => 's',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_every_style() {
        let relative = Style::default();
        assert_eq!((relative.listed(b""), relative.member(b"")), (b".".to_vec(), b".".to_vec()));
        assert_eq!((relative.listed(b"a/b"), relative.member(b"a/b")), (b"a/b".to_vec(), b"a/b".to_vec()));
        let absolute = Style { prefix: b"/srv/app/".to_vec() };
        assert_eq!((absolute.listed(b""), absolute.member(b"")), (b"/srv/app".to_vec(), b"srv/app".to_vec()));
        assert_eq!((absolute.listed(b"a"), absolute.member(b"a")), (b"/srv/app/a".to_vec(), b"srv/app/a".to_vec()));
        let root = Style { prefix: b"/".to_vec() };
        assert_eq!((root.listed(b""), root.member(b"")), (b"/".to_vec(), b".".to_vec()));
        for style in [relative, absolute, root] {
            for path in [&b""[..], b"a", b"a/b"] {
                assert_eq!(style.walked(&style.listed(path)).as_deref(), Some(path));
            }
        }
    }

    #[test]
    fn seconds_look_like_pythons() {
        let shown = |sec, nsec| format!("{:?}", seconds(Stamp { sec, nsec }));
        assert_eq!(shown(1_593_518_400, 0), "1593518400.0");
        assert_eq!(shown(1_557_032_705, 123_456_700), "1557032705.1234567");
    }
}
