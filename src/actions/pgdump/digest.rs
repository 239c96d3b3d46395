//! One reading pass over a finished dump: sizes and SHA-256 for the manifest, SHA-1 for the checksum file.

use crate::error::{Doing, Result};
use crate::store::manifest::FileRecord;
use crate::sys::files::Dir;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// A file that was read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digested {
    /// For the manifest.
    pub record: FileRecord,
    /// SHA-1, 40 hex digits.
    pub sha1: String,
}

/// Reads `file` from where it stands to its end.
pub fn file(mut file: impl Read, name: &str) -> Result<Digested> {
    let (mut sha1, mut sha256, mut size) = (Sha1::new(), Sha256::new(), 0_u64);
    let mut buffer = vec![0; 1 << 17];
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e).doing(|| format!("reading {name} back")),
        };
        let bytes = buffer.get(..n).unwrap_or_default();
        sha1.update(bytes);
        sha256.update(bytes);
        size += n as u64;
    }
    let record = FileRecord { name: name.to_owned(), size, sha256: hex(&sha256.finalize()) };
    Ok(Digested { record, sha1: hex(&sha1.finalize()) })
}

/// Reads every file of a directory dump; each is named `<name>/<file>`, sorted. Fails on anything but regular files: the
/// directory belonged to another user until now, who must not lead us elsewhere.
pub fn folder(dir: &Path, name: &str) -> Result<Vec<Digested>> {
    let dir = Dir::open(dir)?;
    let mut names = dir.strict_names()?;
    names.sort();
    names.iter().map(|inner| file(dir.open_file(inner)?, &format!("{name}/{inner}"))).collect()
}

/// The checksum file: the bare SHA-1 of a single file, as KB17 wrote it, or lines for `sha1sum --check`.
pub fn checksums(files: &[Digested], is_folder: bool) -> String {
    match files {
        [only] if !is_folder => only.sha1.clone(),
        files => files.iter().flat_map(|file| [file.sha1.as_str(), "  ", file.record.name.as_str(), "\n"]).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_text_has_its_known_sums() {
        let abc = file(&b"abc"[..], "x").unwrap();
        assert_eq!(abc.record.size, 3);
        assert_eq!(abc.record.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(abc.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_directory_is_read_in_order_and_a_link_in_it_refused() {
        let dir = std::env::temp_dir().join(format!("kb-digest-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("toc.dat"), "abc").unwrap();
        std::fs::write(dir.join("1.dat"), "").unwrap();
        let read = folder(&dir, "d").unwrap();
        let lines = checksums(&read, true);
        std::os::unix::fs::symlink("/etc/passwd", dir.join("2.dat")).unwrap();
        let refused = folder(&dir, "d").unwrap_err().to_string();
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(lines.starts_with("da39a3ee5e6b4b0d3255bfef95601890afd80709  d/1.dat\n"), "{lines}");
        assert!(lines.ends_with("a9993e364706816aba3e25717850c26c9cd0d89d  d/toc.dat\n"), "{lines}");
        assert!(refused.contains("2.dat"), "{refused}");
    }
}
