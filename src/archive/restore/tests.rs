use super::*;
use crate::archive::header::{Flag, Header, Records, padding, write};
use crate::archive::read::Reader;
use crate::sys::tree::Stamp;
use std::path::{Path, PathBuf};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("krista-restore-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("to")).unwrap();
        Self(path)
    }

    fn top(&self) -> Dir {
        Dir::open(&self.0.join("to")).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Nobody;

impl Watch for Nobody {
    fn passed(&self, _: u64, _: u64) -> Result<()> {
        Ok(())
    }
}

/// Name, kind, content, link target.
type Sample<'a> = (&'a [u8], Flag, &'a [u8], &'a [u8]);

/// Members of every kind, with extended headers, a sparse file and attributes among them.
fn archive() -> Vec<u8> {
    let mut out = Vec::new();
    let long = [&b"d/"[..], &[b'l'; 150]].concat();
    let map = b"2\n4096\n5\n8192\n3\n";
    let sparse = [&map[..], &vec![0; 512 - map.len()], b"data.end"].concat();
    let members: [Sample<'_>; 9] = [
        (b"d/", Flag::Dir, b"", b""),
        (b"d/file", Flag::File, b"content of a file", b""),
        (&long, Flag::File, b"x", b""),
        (b"sparse", Flag::File, &sparse, b""),
        (b"link", Flag::Link, b"", b"d/file"),
        (b"symlink", Flag::Symlink, b"", b"../outside"),
        (b"symlink/through", Flag::File, b"x", b""),
        (b"fifo", Flag::Fifo, b"", b""),
        (b"device", Flag::Char, b"", b""),
    ];
    for (path, flag, content, target) in members {
        let mut records = Records::default();
        if path == b"sparse" {
            records.add(b"GNU.sparse.major", b"1");
            records.add(b"GNU.sparse.minor", b"0");
            records.add(b"GNU.sparse.name", b"sparse");
            records.add(b"GNU.sparse.realsize", b"10000");
        }
        if path == b"d/file" {
            records.add(b"SCHILY.xattr.user.note", b"n");
            records.add(b"SCHILY.acl.access", b"user::rw-\nuser:1:r--\ngroup::r--\nmask::r--\nother::---\n");
        }
        let size = content.len() as u64;
        let mtime = Stamp { sec: 1_000_000_000, nsec: 5 };
        let device = (1, 3);
        let (user, group) = ("", "");
        let (mode, uid, gid) = (0o640, 0, 0);
        write(&Header { path, flag, mode, uid, gid, size, mtime, target, user, group, device }, &mut records, &mut out);
        out.extend_from_slice(content);
        out.resize(out.len() + usize::try_from(padding(size)).unwrap(), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn restore(bytes: &[u8], place: Place, finish: impl FnOnce(Restorer<'_>) -> Tally) -> (Ending, Tally) {
    let selection = Selection::default();
    let superseded = Superseded::default();
    let rules = Rules { privileges: Privileges::Plain, selection: &selection, superseded: &superseded, watch: &Nobody };
    let mut restorer = Restorer::new(place, &rules).unwrap();
    let ended = restorer.archive(&mut Reader::new(bytes), Layer::Base);
    let tally = if ended.is_ok() { finish(restorer) } else { restorer.tally };
    (ended, tally)
}

fn names(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn every_kind_of_member_is_made_or_refused() {
    let scratch = Scratch::new("kinds");
    let place = Place::Aside(scratch.top(), c"aside".to_owned());
    let (ended, tally) = restore(&archive(), place, |restorer| restorer.finish().unwrap());
    assert!(ended.is_ok(), "{ended:?}");
    let to = scratch.0.join("to");
    assert_eq!(names(&to), ["d", "fifo", "link", "sparse", "symlink"]);
    assert_eq!((tally.restored, tally.devices, tally.missing.count), (7, 1, 1));
    assert_eq!(tally.missing.first, ["symlink/through: what stands in its way is no directory"]);
    let sparse = std::fs::read(to.join("sparse")).unwrap();
    assert_eq!((sparse.len(), &sparse[4096..4101], &sparse[8192..8195]), (10_000, &b"data."[..], &b"end"[..]));
    assert!(sparse.iter().filter(|byte| **byte != 0).count() == 8);
}

/// P29: whatever is done to an archive, restoring it neither panics nor leaves the target.
#[test]
fn p29_spoiled_archives_do_no_harm() {
    let scratch = Scratch::new("spoiled");
    std::fs::create_dir(scratch.0.join("outside")).unwrap();
    let good = archive();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % limit
    };
    let mut ends = [0; 2];
    for _ in 0..1500 {
        let mut bytes = good.clone();
        for _ in 0..=random(3) {
            let place = random(bytes.len());
            bytes[place] = u8::try_from(random(256)).unwrap();
        }
        repair_checksums(&mut bytes);
        if random(4) == 0 {
            bytes.truncate(random(good.len()));
        }
        // flushing every time would take a minute
        let (ended, _) = match random(20) {
            0 => restore(&bytes, Place::Straight(scratch.top(), c".draft".to_owned()), |r| r.finish().unwrap()),
            _ => restore(&bytes, Place::Aside(scratch.top(), c"aside".to_owned()), |r| r.tally),
        };
        ends[usize::from(ended.is_ok())] += 1;
        assert!(!matches!(ended, Err(Failure::Stopped(_))));
        assert!(names(&scratch.0.join("outside")).is_empty());
        assert_eq!(names(&scratch.0), ["outside", "to"]);
        std::fs::remove_dir_all(scratch.0.join("to")).unwrap();
        std::fs::create_dir(scratch.0.join("to")).unwrap();
    }
    assert!(ends[0] > 100, "{ends:?}");
}

/// Gives every block that looks like a header the checksum it claims to have, so that spoiled fields are read at all.
fn repair_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512) {
        if block[257..262] == *b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
    }
}
