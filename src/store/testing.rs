//! What the tests of this room share: a scratch directory and sources that write into it.

use crate::store::manifest::{FORMAT, FileRecord, Manifest, hex};
use crate::store::naming::{Family, Scheme};
use crate::store::publish::{Existing, Staging};
use crate::store::sets::{Folder, Source};
use sha2::Digest;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use time::{Date, Month, PrimitiveDateTime, Time};

/// A directory of its own for one test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kb-store-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Every name below, sorted, directories left out.
    pub fn names(&self) -> Vec<String> {
        fn below(dir: &Path, root: &Path, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.is_symlink() {
                    below(&path, root, names);
                } else {
                    names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut names = Vec::new();
        below(&self.0, &self.0, &mut names);
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Midnight of a day of July 2020.
pub fn july(day: u8) -> PrimitiveDateTime {
    PrimitiveDateTime::new(Date::from_calendar_date(2020, Month::July, day).unwrap(), Time::MIDNIGHT)
}

/// A tar action of level 1 with both levels in `dir`.
pub fn archives(dir: &Path) -> Source {
    Source {
        action: "tar1".into(),
        family: Family::Files,
        basename: "app".into(),
        scheme: Scheme::default_scheme(),
        folders: [0, 1].map(|level| Folder { level: Some(level), dir: dir.to_owned() }).to_vec(),
        level: Some(1),
        extensions: vec!["tar.gz".into(), "tar.xz".into(), "xz".into()],
        list_extension: "list".into(),
        shield: crate::patterns::Patterns::default(),
        rivals: Vec::new(),
    }
}

/// A pgdump action.
pub fn dumps(dir: &Path) -> Source {
    Source {
        action: "pg".into(),
        family: Family::Dumps,
        basename: "db".into(),
        folders: vec![Folder { level: None, dir: dir.to_owned() }],
        level: None,
        extensions: vec!["pgdump".into()],
        ..archives(dir)
    }
}

pub fn record(name: &str, content: &str) -> FileRecord {
    FileRecord {
        name: name.to_owned(),
        size: content.len() as u64,
        sha256: hex(&sha2::Sha256::digest(content.as_bytes())),
    }
}

pub fn manifest(action: &str, files: Vec<FileRecord>) -> Manifest {
    Manifest {
        format: FORMAT,
        action: action.into(),
        run_time: "2020-07-03T00:00:00+03:00".into(),
        files,
        ..Manifest::default()
    }
}

/// Publishes a set of plain files, main file first.
pub fn publish(dir: &Path, existing: Existing, files: &[(&str, &str)]) -> crate::error::Result<Vec<PathBuf>> {
    let (staging, manifest) = stage(dir, existing, files)?;
    staging.commit(&manifest)
}

/// Everything up to the commit.
pub fn stage(dir: &Path, existing: Existing, files: &[(&str, &str)]) -> crate::error::Result<(Staging, Manifest)> {
    let mut staging = Staging::begin(dir, existing, None)?;
    for (name, text) in files {
        staging.create(name)?.file.write_all(text.as_bytes()).unwrap();
    }
    let records = files.iter().map(|(name, text)| record(name, text)).collect();
    Ok((staging, manifest("tar0", records)))
}
