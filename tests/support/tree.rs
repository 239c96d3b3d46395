//! Trees: what is in one, down to the last attribute; a hostile one; random changes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Everything about every entry: path → what it is, in words.
pub type Snapshot = BTreeMap<PathBuf, String>;

/// Looks at a tree, the top included.
pub fn snapshot(top: &Path) -> Snapshot {
    let mut found = Snapshot::new();
    let mut names = BTreeMap::new();
    look(top, Path::new("."), &mut found, &mut names);
    found
}

fn look(path: &Path, name: &Path, found: &mut Snapshot, names: &mut BTreeMap<(u64, u64), PathBuf>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let kind = meta.file_type();
    let mut text =
        format!("{:o} {}:{} {}.{:09} ", meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
    if kind.is_dir() {
        text.push_str("dir");
    } else if kind.is_symlink() {
        text.push_str(&format!("-> {:?}", fs::read_link(path).unwrap()));
    } else if kind.is_file() {
        let blocks = if meta.blocks() * 512 < meta.size() { meta.blocks().to_string() } else { "full".to_owned() };
        text.push_str(&format!("file {} {:x} {blocks}", meta.size(), digest(&fs::read(path).unwrap())));
    } else if kind.is_fifo() {
        text.push_str("fifo");
    } else {
        text.push_str(&format!("device {:x}", meta.rdev()));
    }
    if !kind.is_dir() {
        let first = names.entry((meta.dev(), meta.ino())).or_insert_with(|| name.to_owned());
        text.push_str(&format!(" links {} first {first:?}", meta.nlink()));
    }
    for (key, value) in attributes(path) {
        text.push_str(&format!(" {key}={value:?}"));
    }
    found.insert(name.to_owned(), text);
    if kind.is_dir() {
        let mut inside: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        inside.sort();
        for inner in inside {
            look(&path.join(&inner), &name.join(&inner), found, names);
        }
    }
}

fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn attributes(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut list = vec![0; 65536];
    let Ok(len) = rustix::fs::llistxattr(path, list.as_mut_slice()) else { return Vec::new() };
    let mut found = Vec::new();
    for name in list[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 65536];
        let len = rustix::fs::lgetxattr(path, OsStr::from_bytes(name), value.as_mut_slice()).unwrap();
        value.truncate(len);
        found.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    found.sort();
    found
}

/// Fails with every difference.
#[track_caller]
pub fn same(one: &Snapshot, other: &Snapshot, what: &str) {
    let mut wrong = Vec::new();
    for path in one.keys().chain(other.keys().filter(|path| !one.contains_key(*path))) {
        let (a, b) = (one.get(path), other.get(path));
        if a != b {
            wrong.push(format!("{path:?}\n  {}\n  {}", a.map_or("-", |s| s), b.map_or("-", |s| s)));
        }
    }
    assert!(wrong.is_empty(), "{what}\n{}", wrong.join("\n"));
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Sets an extended attribute, the entry itself, not what it points to.
pub fn set_attribute(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
}

/// Sets the time of the last change.
pub fn set_time(path: &Path, sec: i64, nsec: i64) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let time = Timespec { tv_sec: sec, tv_nsec: nsec };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Everything of P10 that this user can make.
pub fn hostile(top: &Path) {
    let at = |name: &str| top.join(name);
    fs::create_dir_all(at("empty/inner")).unwrap();
    fs::create_dir_all(at("d")).unwrap();
    fs::write(at("d/plain"), "content").unwrap();
    fs::hard_link(at("d/plain"), at("a-first-name")).unwrap();
    fs::hard_link(at("d/plain"), at("z-last-name")).unwrap();
    symlink("nowhere", at("broken")).unwrap();
    symlink("/etc", at("to-directory")).unwrap();
    symlink("d/plain", at("to-file")).unwrap();
    fs::hard_link(at("broken"), at("broken-again")).unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"in the middle", 3_000_000).unwrap();
    fs::File::create(at("all-hole")).unwrap().set_len(1 << 20).unwrap();
    fs::write(at("empty-file"), "").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::write(top.join(OsStr::from_bytes(b"not-\xff\xfe-utf8")), "x").unwrap();
    fs::write(at("new\nline, and comma"), "x").unwrap();
    fs::write(at("-rf"), "x").unwrap();
    let long = "l".repeat(200);
    fs::create_dir_all(at(&format!("{long}/{long}"))).unwrap();
    fs::write(at(&format!("{long}/{long}/{long}")), "deep").unwrap();
    symlink("t".repeat(300), at("long-target")).unwrap();
    let mut deep = at("deep");
    for _ in 0..150 {
        deep.push("n");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), "x").unwrap();
    fs::write(at("big"), (0..2_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>())
        .unwrap();
    set_attribute(&at("d/plain"), "user.note", b"any \0 bytes\n");
    set_attribute(&at("d"), "user.100%=odd", b"");
    for (name, mode) in [("-rf", 0o4711), ("empty-file", 0o2644), ("empty", 0o1777), ("d", 0o2750)] {
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    if is_root() {
        use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
        mknodat(CWD, at("null"), FileType::CharacterDevice, Mode::from_raw_mode(0o640), makedev(1, 3)).unwrap();
        mknodat(CWD, at("disk"), FileType::BlockDevice, Mode::from_raw_mode(0o600), makedev(7, 300)).unwrap();
        std::os::unix::fs::lchown(at("broken"), Some(3_000_000), Some(4_000_000)).unwrap();
        std::os::unix::fs::lchown(at("big"), Some(12345), Some(54321)).unwrap();
        set_attribute(&at("big"), "security.PDPL", b"\x01\0\x02label");
        set_attribute(&at("big"), "trusted.note", b"t");
        set_attribute(&at("to-file"), "trusted.link", b"on a link");
        set_attribute(&at("fifo"), "security.PDPL", b"fifo");
        set_attribute(&at("d"), "security.PDPL", b"dir");
    }
    fs::write(at("with-acl"), "x").unwrap();
    set_attribute(&at("with-acl"), "system.posix_acl_access", &acl());
    // what is created below it inherits an ACL, and what was there before did not
    fs::create_dir(at("gives-acl")).unwrap();
    fs::write(at("gives-acl/before"), "x").unwrap();
    fs::create_dir(at("gives-acl/inside")).unwrap();
    set_attribute(&at("gives-acl"), "system.posix_acl_default", &acl());
    set_time(&at("d/plain"), -315_619_200, 123_456_789);
    set_time(&at("broken"), 7, 1);
    set_time(&at("fifo"), 1 << 34, 999_999_999);
    set_time(&at("empty"), 0, 5);
    set_time(&at("d"), 86_400, 0);
}

/// An ACL of user, user 1000, group, mask and other as the kernel takes it.
fn acl() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] =
        [(1, 6, u32::MAX), (2, 4, 1000), (4, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 0, u32::MAX)];
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        acl.extend(tag.to_le_bytes().into_iter().chain(permissions.to_le_bytes()).chain(id.to_le_bytes()));
    }
    acl
}

/// Numbers that look random and come again with the same seed.
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) as usize) % limit
    }
}

/// Every path below `top`, directories too.
fn paths(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(top).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_symlink() && path.is_dir() {
            found.extend(paths(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// One random change: something made, written, renamed, removed, linked, or turned into something else.
pub fn change(top: &Path, random: &mut Random) {
    let all = paths(top);
    let mut dirs: Vec<_> = all.iter().filter(|path| !path.is_symlink() && path.is_dir()).cloned().collect();
    dirs.push(top.to_owned());
    let dir = dirs[random.below(dirs.len())].clone();
    let fresh = dir.join(format!("n{}", random.below(40)));
    let content = vec![b'a' + random.below(26) as u8; random.below(3000)];
    let Some(old) = all.get(random.below(all.len().max(1))).cloned() else {
        fs::write(fresh, content).unwrap();
        return;
    };
    let remove = |path: &Path| {
        if path.is_symlink() || !path.is_dir() {
            fs::remove_file(path).unwrap()
        } else {
            fs::remove_dir_all(path).unwrap()
        }
    };
    let free = !fresh.is_symlink() && !fresh.exists();
    match random.below(14) {
        0 | 1 if free => fs::write(fresh, content).unwrap(),
        2 | 3 if free => fs::create_dir(fresh).unwrap(),
        4 if free => symlink(["nowhere", "/etc", "."][random.below(3)], fresh).unwrap(),
        5 if free && !fresh.starts_with(&old) => fs::rename(old, fresh).unwrap(),
        6 if free && !old.is_symlink() && old.is_file() => fs::hard_link(old, fresh).unwrap(),
        7 => remove(&old),
        8 if !old.is_symlink() && old.is_file() => fs::write(old, content).unwrap(),
        9 if !old.is_symlink() => {
            let mode = if old.is_dir() { 0o700 | random.below(0o100) } else { 0o600 | random.below(0o200) };
            fs::set_permissions(old, fs::Permissions::from_mode(mode as u32)).unwrap();
        }
        10 if !old.is_symlink() => set_attribute(&old, "user.a", &content[..content.len().min(50)]),
        11 if !old.is_symlink() => drop(rustix::fs::removexattr(&old, "user.a")),
        12 => {
            // into something else
            remove(&old);
            match random.below(3) {
                0 => fs::write(old, content).unwrap(),
                1 => {
                    fs::create_dir(&old).unwrap();
                    fs::write(old.join("inside"), content).unwrap();
                }
                _ => symlink("elsewhere", old).unwrap(),
            }
        }
        13 => set_time(&old, random.below(1 << 30) as i64, random.below(1_000_000_000) as i64),
        _ => {}
    }
}
