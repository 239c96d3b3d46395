//! Guards on real mounts (tmpfs, as root) and real directories.

use super::super::testing::Bench;
use super::*;
use crate::actions::properties::Property;
use crate::sys::signals::Limits;
use crate::value::Scalar;
use std::fs::File;
use std::process::Command;

fn plain(text: &str) -> Value {
    Value::Scalar(Scalar { text: text.to_owned(), quoted: false })
}

fn read(properties: Vec<(&str, Value)>) -> (Guards, Vec<String>) {
    let entry = vec!["actions".to_owned(), "a".to_owned()];
    let property =
        |(key, value): (&str, Value)| Property { key: key.to_owned(), value, entry: entry.clone(), inherited: false };
    let properties: Vec<_> = properties.into_iter().map(property).collect();
    let mut p = Properties::new(entry.clone(), &properties, Path::new("/etc"));
    let guards = Guards::read(&mut p);
    (guards, p.finish().1.into_iter().map(|problem| problem.message).collect())
}

fn guards(properties: &[(&str, &str)]) -> Guards {
    let (guards, problems) = read(properties.iter().map(|(key, text)| (*key, plain(text))).collect());
    assert_eq!(problems, Vec::<String>::new());
    guards
}

/// A tmpfs that is unmounted at the end, whatever happens.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// None where mounting is not allowed.
    fn mount(point: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(point).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "krista-test"]).arg(point);
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(point.to_owned()));
        }
        eprintln!("mounting is not allowed here: not tested");
        None
    }

    fn unmount(&self) {
        let is_mounted = Command::new("mountpoint").arg("-q").arg(&self.0).status().unwrap().success();
        assert!(is_mounted, "it was mounted before");
        assert!(Command::new("umount").arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let is_mounted = Command::new("mountpoint").arg("-q").arg(&self.0).status().is_ok_and(|s| s.success());
        if is_mounted {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}

#[test]
fn spellings_of_require_mounted() {
    let mounted = |value| read(vec![("require_mounted", value)]).0.mounted;
    let points = |paths: &[&str]| Required::Points(paths.iter().map(PathBuf::from).collect());
    assert_eq!(mounted(plain("yes")), Required::Destination);
    assert_eq!(mounted(plain("off")), Required::Nothing);
    assert_eq!(mounted(Value::Null), Required::Nothing);
    assert_eq!(mounted(plain("/a, /b")), points(&["/a", "/b"]));
    assert_eq!(mounted(Value::List(vec![plain("nas"), plain("/b")])), points(&["/etc/nas", "/b"]));
    assert_eq!(read(vec![("require_mounted", Value::Map(Vec::new()))]).1.len(), 1);
}

/// P21: on a mounted file system it may be written, on the bare mount point never, and nothing is created there.
#[test]
fn a_destination_that_must_be_mounted() {
    let bench = Bench::new();
    let cx = bench.context(Limits::default());
    let point = bench.dir.join("nas");
    let dir = point.join("app/0");
    fs::create_dir_all(&point).unwrap();
    // where the temporary directory is a mount of its own, only the strict form can tell
    let point_text = point.to_str().unwrap();
    let strict = guards(&[("require_mounted", point_text)]);
    let on_root = mounts_point_of(&point) == Path::new("/");
    let all = [strict, guards(&[("require_mounted", "yes")])];
    let all = if on_root { &all[..] } else { &all[..1] };
    for guards in all {
        let error = guards.check_destination(&cx, &dir, None).unwrap_err().to_string();
        assert!(error.contains("mounted"), "{error}");
        assert!(fs::read_dir(&point).unwrap().next().is_none(), "nothing was created on the bare mount point");
    }
    let Some(tmpfs) = Tmpfs::mount(&point, "1m") else { return };
    for guards in all {
        let checked = guards.check_destination(&cx, &dir, None).unwrap();
        fs::create_dir_all(&dir).unwrap();
        checked.recheck(File::open(&dir).unwrap()).unwrap();
        assert!(guards.check_source(&cx, &dir, None).is_ok());
    }
    let checked = all[0].check_destination(&cx, &dir, None).unwrap();
    tmpfs.unmount();
    let bare = File::open(&point).unwrap();
    let error = checked.recheck(&bare).unwrap_err().to_string();
    assert!(error.ends_with("does not lie on the file system any more that was mounted there a moment ago"), "{error}");
    assert!(all[0].check_source(&cx, &bench.dir, None).is_err(), "a source is guarded by a list as well");
}

fn mounts_point_of(path: &Path) -> PathBuf {
    let mounts = crate::sys::mounts::all().unwrap();
    crate::sys::mounts::holding(&mounts, &fs::canonicalize(path).unwrap()).unwrap().point.clone()
}

/// P21: a bind mount of a directory of the same file system is no other file system.
#[test]
fn a_bind_mount_of_the_same_file_system_does_not_count() {
    let bench = Bench::new();
    let cx = bench.context(Limits::default());
    let (from, point) = (bench.dir.join("from"), bench.dir.join("point"));
    fs::create_dir_all(&from).unwrap();
    fs::create_dir_all(&point).unwrap();
    if !Command::new("mount").arg("--bind").args([&from, &point]).status().is_ok_and(|status| status.success()) {
        eprintln!("mounting is not allowed here: not tested");
        return;
    }
    let mounted = Tmpfs(point.clone());
    let error = guards(&[("require_mounted", "yes")]).check_destination(&cx, &point, None).unwrap_err();
    mounted.unmount();
    assert!(error.to_string().ends_with("is a part of the file system around it"), "{error}");
}

/// P23: too little space is a warning, with `min_free` an error, and can be switched off.
#[test]
fn space_is_compared_with_the_last_set() {
    let bench = Bench::new();
    let point = bench.dir.join("small");
    let Some(tmpfs) = Tmpfs::mount(&point, "4m") else { return };
    let check = |properties: &[(&str, &str)], size: u64| {
        let cx = bench.context(Limits::default());
        let last = Some(Last { size, held_something: true });
        let result = guards(properties).check_destination(&cx, &point.join("0"), last);
        result.map(|_| cx.warnings()).map_err(|e| e.to_string())
    };
    assert_eq!(check(&[], 3 << 20), Ok(0));
    assert_eq!(check(&[], 4 << 20), Ok(1), "a tenth more than the last set does not fit");
    assert_eq!(check(&[("check_space", "no")], 4 << 20), Ok(0));
    assert_eq!(check(&[("min_free", "50%")], 3 << 20), Ok(0));
    let shown = point.display();
    let error = check(&[("min_free", "1%")], 4 << 20).unwrap_err();
    assert_eq!(error, format!("{shown}: only 4.0 MiB free, and the last backup took 4.0 MiB"));
    let error = check(&[("min_free", "5M"), ("check_space", "no")], 4 << 20).unwrap_err();
    assert_eq!(error, format!("{shown}: only 4.0 MiB free, less than `min_free` 5.0 MiB"));
    tmpfs.unmount();
}

/// P21: an empty source after one that was not is an error.
#[test]
fn a_source_that_became_empty() {
    let bench = Bench::new();
    let cx = bench.context(Limits::default());
    let source = bench.dir.join("source");
    fs::create_dir_all(source.join("lost+found")).unwrap();
    let last = |held_something| Some(Last { size: 1, held_something });
    let error = guards(&[]).check_source(&cx, &source, last(true)).unwrap_err().to_string();
    assert!(error.contains("is empty although its last backup was not"), "{error}");
    assert!(guards(&[]).check_source(&cx, &source, last(false)).is_ok());
    assert!(guards(&[]).check_source(&cx, &source, None).is_ok());
    assert!(guards(&[("allow_empty", "yes")]).check_source(&cx, &source, last(true)).is_ok());
    fs::write(source.join(".hidden"), "").unwrap();
    assert!(guards(&[]).check_source(&cx, &source, last(true)).is_ok());
    assert!(guards(&[]).check_source(&cx, &source.join("gone"), None).is_err());
}

#[test]
fn files_that_must_be_there() {
    let bench = Bench::new();
    let cx = bench.context(Limits::default());
    let source = bench.dir.join("source");
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::write(source.join("1"), "").unwrap();
    fs::write(source.join("a/b/2"), "").unwrap();
    std::os::unix::fs::symlink("/", source.join("a/3")).unwrap();
    assert!(guards(&[("min_files", "3")]).check_source(&cx, &source, None).is_ok());
    let error = guards(&[("min_files", "4")]).check_source(&cx, &source, None).unwrap_err().to_string();
    assert_eq!(error, format!("the source {} holds 3 files, fewer than `min_files` 4", source.display()));
    let flag = source.join("a/b/2");
    let needs = guards(&[("require_file", flag.to_str().unwrap())]);
    assert!(needs.check_source(&cx, &source, None).is_ok() && needs.check_destination(&cx, &source, None).is_ok());
    fs::remove_file(&flag).unwrap();
    let error = needs.check_source(&cx, &source, None).unwrap_err().to_string();
    assert_eq!(error, format!("`require_file` {}: No such file or directory (os error 2)", flag.display()));
}

#[test]
fn a_path_is_followed_to_what_is_there() {
    let bench = Bench::new();
    let real = fs::canonicalize(&bench.dir).unwrap();
    std::os::unix::fs::symlink(&real, real.join("link")).unwrap();
    let (existing, full) = existing_part(&bench.dir.join("link/a/b")).unwrap();
    assert_eq!((existing, full), (real.clone(), real.join("a/b")));
    assert!(existing_part(Path::new("relative")).is_err());
}
