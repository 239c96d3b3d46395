use super::*;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kb-files-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn p24_new_files_and_directories_are_private_and_never_go_through_a_link() {
    let scratch = Scratch::new("p24");
    let victim = scratch.0.join("victim");
    std::fs::write(&victim, "precious").unwrap();
    let dir = Dir::create(&scratch.0.join("a/b"), Readers::Owner).unwrap();
    assert_eq!((mode(&scratch.0.join("a")), mode(dir.path())), (0o700, 0o700));
    symlink(&victim, dir.join("planted")).unwrap();
    let error = dir.create_file("planted").unwrap_err();
    assert!(is(&error, ErrorKind::AlreadyExists), "{error}");
    assert!(dir.open_file("planted").is_err());
    drop(dir.create_file("new").unwrap());
    assert_eq!(mode(&dir.join("new")), 0o600);
    dir.remove("planted").unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn p24_a_group_that_may_read() {
    let scratch = Scratch::new("group");
    let gid = rustix::process::getegid().as_raw();
    let dir = Dir::create(&scratch.0.join("g"), Readers::Group(gid)).unwrap();
    let file = dir.create_file("f").unwrap();
    Readers::Group(gid).apply_to_file(&file).unwrap();
    assert_eq!((mode(dir.path()), mode(&dir.join("f"))), (0o750, 0o640));
    assert_eq!(std::fs::metadata(dir.join("f")).unwrap().gid(), gid);
}

#[test]
fn p24_only_our_own_links_lead_to_a_directory() {
    let scratch = Scratch::new("links");
    std::fs::create_dir(scratch.0.join("real")).unwrap();
    symlink("real", scratch.0.join("ours")).unwrap();
    symlink("loop", scratch.0.join("loop")).unwrap();
    assert!(Dir::open(&scratch.0.join("ours")).is_ok());
    assert!(Dir::open(&scratch.0.join("loop")).is_err());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(scratch.0.join("ours"), Some(65534), None).unwrap();
        let error = Dir::open(&scratch.0.join("ours")).unwrap_err();
        assert!(error.to_string().contains("belongs to another user"), "{error}");
    }
}

#[test]
fn p1_renaming_refuses_to_replace_with_and_without_kernel_help() {
    let scratch = Scratch::new("rename");
    let dir = Dir::open(&scratch.0).unwrap();
    for name in ["new", "old"] {
        std::fs::write(dir.join(name), name).unwrap();
    }
    assert!(is(&dir.rename_new("new", "old").unwrap_err(), ErrorKind::AlreadyExists));
    assert_eq!(dir.link_or_check("new", "old"), Err(Errno::EXIST));
    assert_eq!(std::fs::read_to_string(dir.join("old")).unwrap(), "old");
    dir.rename_new("new", "fresh").unwrap();
    dir.link_or_check("fresh", "fallback").unwrap();
    assert_eq!(std::fs::read_to_string(dir.join("fallback")).unwrap(), "new");
    assert!(!dir.has("fresh").unwrap());
    // directories have no hard links
    std::fs::create_dir(dir.join("d")).unwrap();
    assert_eq!(dir.link_or_check("d", "old"), Err(Errno::EXIST));
    dir.link_or_check("d", "e").unwrap();
    assert_eq!(dir.facts("e").unwrap().unwrap().kind, EntryKind::Dir);
}

#[test]
fn p22_a_lock_lives_as_long_as_its_descriptor() {
    let scratch = Scratch::new("lock");
    let dir = Dir::open(&scratch.0).unwrap();
    let file = dir.create_file("f").unwrap();
    assert_eq!(try_lock(&file).unwrap(), Locked::Yes);
    let other = dir.open_for_lock("f").unwrap();
    assert_eq!(try_lock(&other).unwrap(), Locked::Busy);
    let copy = file.try_clone().unwrap();
    drop(file);
    assert_eq!(try_lock(&other).unwrap(), Locked::Busy);
    drop(copy);
    assert_eq!(try_lock(&other).unwrap(), Locked::Yes);
    let sub = dir.create_dir("d").unwrap();
    assert_eq!(try_lock(sub.file()).unwrap(), Locked::Yes);
    assert_eq!(try_lock(dir.open_dir("d").unwrap().file()).unwrap(), Locked::Busy);
}

#[test]
fn a_tree_is_removed_without_following_links() {
    let scratch = Scratch::new("tree");
    let dir = Dir::open(&scratch.0).unwrap();
    std::fs::create_dir_all(dir.join("t/sub")).unwrap();
    std::fs::create_dir(dir.join("keep")).unwrap();
    std::fs::write(dir.join("keep/f"), "").unwrap();
    std::fs::write(dir.join("t/sub").join(OsStr::from_bytes(b"\xff")), "").unwrap();
    symlink("../keep", dir.join("t/link")).unwrap();
    dir.remove_tree("t").unwrap();
    assert!(!dir.has("t").unwrap() && dir.join("keep/f").exists());
    dir.remove_tree("t").unwrap();
}

#[test]
fn p24_a_small_file_is_replaced_not_written_through() {
    let scratch = Scratch::new("replace");
    let path = scratch.0.join("trigger");
    std::fs::write(scratch.0.join("victim"), "precious").unwrap();
    symlink("victim", &path).unwrap();
    replace_file(&path, b"ERROR", 0o644).unwrap();
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("ERROR", 0o644));
    replace_file(&path, b"SUCCESS", 0o640).unwrap();
    assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("SUCCESS", 0o640));
    assert_eq!(std::fs::read_to_string(scratch.0.join("victim")).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(&scratch.0).unwrap().count(), 2);
    let error = replace_file(&scratch.0.join("missing/x"), b"", 0o644).unwrap_err();
    assert!(is(&error, ErrorKind::NotFound), "{error}");
}

#[test]
fn opening_does_not_hang_on_a_fifo() {
    let scratch = Scratch::new("fifo");
    let dir = Dir::open(&scratch.0).unwrap();
    rustix::fs::mknodat(dir.file(), "fifo", FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert!(dir.open_file("fifo").unwrap_err().to_string().ends_with("not a regular file"));
}

/// P24, P29: a directory below an open one is never entered through a link, whoever placed it.
#[test]
fn p24_no_link_leads_from_one_directory_to_the_next() {
    let scratch = Scratch::new("below");
    std::fs::create_dir_all(scratch.0.join("real/inner")).unwrap();
    symlink("real", scratch.0.join("link")).unwrap();
    let dir = Dir::open(&scratch.0).unwrap();
    assert!(dir.open_dir("link").is_err());
    assert!(dir.open_dir("real").unwrap().has("inner").unwrap());
    assert!(dir.open_for_lock("link").is_err());
}

/// What is mounted in a leftover is somebody's data, and no leftover.
#[test]
fn a_tree_is_not_removed_across_a_mount() {
    let scratch = Scratch::new("mount");
    let point = scratch.0.join("t/point");
    std::fs::create_dir_all(&point).unwrap();
    let mount = |program: &str, args: &[&str]| {
        std::process::Command::new(program).args(args).arg(&point).status().is_ok_and(|status| status.success())
    };
    if !mount("mount", &["-t", "tmpfs", "none"]) {
        eprintln!("mounting is not allowed here: not tested");
        return;
    }
    std::fs::write(point.join("data"), "precious").unwrap();
    let removed = Dir::open(&scratch.0).unwrap().remove_tree("t");
    let left = std::fs::read_to_string(point.join("data"));
    assert!(mount("umount", &[]));
    assert!(removed.unwrap_err().to_string().ends_with("it is on another file system"));
    assert_eq!(left.unwrap(), "precious");
}
