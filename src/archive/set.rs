//! A set on disk, opened to be verified or restored: its archive, what its manifest or checksum file says about it, its list.

use crate::archive::blocks::hex;
use crate::archive::list;
use crate::archive::open::{self, Archive};
use crate::archive::unpack::{Seen, Wanted};
use crate::error::{Doing, Error, Result};
use crate::store::manifest::{FileRecord, Manifest};
use crate::store::sets::{Origin, Set, Source};
use crate::sys::files::{self, Dir};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// A SHA-1 in hex, as KB17's checksum files hold it.
const SHA1_DIGITS: usize = 40;

/// An archive that is open, with everything that is known about it.
pub struct Opened {
    file: File,
    /// What it is called, for messages.
    pub path: PathBuf,
    /// What was written down about it; none for KB17's and for single files.
    pub manifest: Option<Manifest>,
    sha1: Option<String>,
    list: Option<PathBuf>,
}

impl Opened {
    /// Opens a set of a source. A cleaner leaves it alone as long as this lives.
    pub fn set(set: &Set, source: &Source) -> Result<Self> {
        let mut opened = Self::file(&set.main)?;
        if let Origin::Ours(_) = &set.origin {
            opened.manifest = Some(Manifest::read(&beside(&set.main, ".manifest"))?);
        }
        let named = |name: String| set.files.iter().find(|file| file.file_name() == Some(OsStr::new(&name))).cloned();
        let hash = source.scheme.hash_name(source.family, &set.parts);
        let others = opened.manifest.iter().flat_map(|manifest| manifest.files.iter().skip(1));
        // one that the manifest tells of and that is gone is missed when it is read
        let told = others.map(|record| &record.name).find(|name| **name != hash);
        let list = told.map(|name| set.main.with_file_name(name));
        opened.list = list.or_else(|| named(source.scheme.list_name(&set.parts, &source.list_extension)));
        if let Some(hash) = named(hash) {
            opened.sha1 = read_sha1(&hash)?;
        }
        Ok(opened)
    }

    /// Opens any single file, with the manifest that stands beside it, if there is one.
    pub fn single(path: &Path) -> Result<Self> {
        let mut opened = Self::file(path)?;
        match Manifest::read(&beside(path, ".manifest")) {
            Ok(manifest) => opened.manifest = Some(manifest),
            Err(error) if files::is(&error, std::io::ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(opened)
    }

    fn file(path: &Path) -> Result<Self> {
        let doing = || format!("opening {}", path.display());
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().and_then(OsStr::to_str);
        let name = name.ok_or_else(|| Error::failed("it has no name that could be read")).doing(doing)?;
        let file = Dir::open(parent)?.open_file(name)?;
        // where there are no locks, or somebody holds it for good, reading is still better than not
        let _ = files::try_lock_shared(&file);
        Ok(Self { file, path: path.to_owned(), manifest: None, sha1: None, list: None })
    }

    /// Whether it looks like an archive at all.
    pub fn is_archive(&self) -> bool {
        open::is_archive(&self.file)
    }

    /// Whether each of its members has a checksum of its own.
    pub fn checks_members(&self) -> bool {
        matches!(open::format_of(&self.file), Ok(Some(open::Format::Zip)))
    }

    /// The file itself, at its beginning, for readers other than [`Opened::members`].
    pub fn duplicate(&self) -> Result<File> {
        let doing = || format!("reading {}", self.path.display());
        let mut file = self.file.try_clone().doing(doing)?;
        file.rewind().doing(doing)?;
        Ok(file)
    }

    /// Its members from the first one on.
    pub fn members(&self) -> Result<Box<dyn Archive>> {
        let blocks = self.manifest.as_ref().map(|manifest| manifest.blocks.places()).unwrap_or_default();
        let wanted = Wanted { sha256: self.manifest.is_some(), sha1: self.sha1.is_some() };
        open::members(self.duplicate()?, &blocks, wanted)
    }

    /// Fails when what was read is not what the manifest or the checksum file says.
    pub fn compare(&self, seen: &Seen, entries: u64) -> Result<()> {
        if let Some(record) = self.record() {
            if record.size != seen.size {
                let sizes = format!("it has {} bytes, its manifest says {}", seen.size, record.size);
                return Err(Error::failed(sizes));
            }
            if seen.sha256.as_ref().is_some_and(|sum| *sum != record.sha256) {
                return Err(Error::failed("its SHA-256 is not the one in its manifest"));
            }
        }
        if let Some(manifest) = self.manifest.as_ref().filter(|manifest| manifest.entries != entries) {
            return Err(Error::failed(format!("it holds {entries} entries, its manifest says {}", manifest.entries)));
        }
        if self.sha1.is_some() && seen.sha1 != self.sha1 {
            return Err(Error::failed("its SHA-1 is not the one in its checksum file"));
        }
        Ok(())
    }

    /// Fails when another file of the set is not what the manifest says.
    pub fn compare_others(&self) -> Result<()> {
        let others = self.manifest.iter().flat_map(|manifest| manifest.files.iter().skip(1));
        for record in others {
            let path = self.path.with_file_name(&record.name);
            let doing = || format!("reading {}", path.display());
            let mut file = Dir::open(path.parent().unwrap_or(Path::new(".")))?.open_file(&record.name)?;
            if sha256(&mut file).doing(doing)? != record.sha256 {
                return Err(Error::failed(format!("{} is not what the manifest says", record.name)));
            }
        }
        Ok(())
    }

    fn record(&self) -> Option<&FileRecord> {
        self.manifest.as_ref()?.files.first()
    }

    /// Whether there is something to compare it with.
    pub fn is_known(&self) -> bool {
        self.manifest.is_some() || self.sha1.is_some()
    }

    /// Its list, if it is there and one of ours; fails when the manifest says otherwise about it.
    pub fn list(&self) -> Result<Option<list::Reader>> {
        let Some(path) = &self.list else { return Ok(None) };
        let doing = || format!("reading {}", path.display());
        let mut file = File::open(path).doing(doing)?;
        if let Some(record) = self.record_of(path)
            && sha256(&mut file).doing(doing)? != record.sha256
        {
            return Err(Error::failed("it is not what its manifest says")).doing(doing);
        }
        file.rewind().doing(doing)?;
        list::Reader::open(file).doing(doing)
    }

    /// Where its list is, whoever wrote it.
    pub fn list_path(&self) -> Option<&Path> {
        self.list.as_deref()
    }

    fn record_of(&self, path: &Path) -> Option<&FileRecord> {
        let name = path.file_name()?.to_str()?;
        self.manifest.as_ref()?.files.iter().find(|record| record.name == name)
    }
}

/// The SHA-256 of a file from where it stands to its end.
pub fn sha256(file: &mut File) -> std::io::Result<String> {
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&sum.finalize())),
            Ok(len) => sum.update(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-1 in a checksum file; none when it holds something else.
fn read_sha1(path: &Path) -> Result<Option<String>> {
    let doing = || format!("reading {}", path.display());
    let mut text = String::new();
    // an empty or binary one proves nothing, but is no reason not to read the archive
    let read = File::open(path).doing(doing)?.take(4096).read_to_string(&mut text);
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let is_sum = read.is_ok() && word.len() == SHA1_DIGITS && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(is_sum.then_some(word))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
