//! Whether a path lies on a mounted file system, and whether something is mounted exactly there.

use crate::error::{Doing, Error, Result};
use crate::sys::mounts::{self, Mount};
use std::path::{Path, PathBuf};

/// Fails unless `full`, whose part `existing` is there, lies on a file system that is mounted below the root, is not a
/// part of the one around it (a bind mount), and is not hidden by the absence of a deeper one that `/etc/fstab` names.
pub fn check_lies_on_one(existing: &Path, full: &Path) -> Result<()> {
    wake_automount(existing);
    let mounts = mounts::all()?;
    let point = lies_on(&mounts, &mounts::in_fstab(), full).map_err(Error::failed)?;
    check_other_device(&point)
}

/// Fails unless something is mounted exactly at `point`.
pub fn check_is_one(point: &Path) -> Result<()> {
    let what = || format!("`require_mounted` {}", point.display());
    let point = std::fs::canonicalize(point).doing(what)?;
    wake_automount(&point);
    let mounts = mounts::all()?;
    match mounts::holding(&mounts, &point) {
        Some(mount) if mount.point == point && mount.kind != "autofs" => check_other_device(&point),
        _ => Err(Error::failed(format!("nothing is mounted at {}", point.display()))),
    }
}

/// Where the file system is mounted that `path` lies on; `Err` says what is missing.
fn lies_on(mounts: &[Mount], fstab: &[PathBuf], path: &Path) -> std::result::Result<PathBuf, String> {
    let shown = path.display();
    let mount = mounts::holding(mounts, path).ok_or_else(|| format!("{shown} lies on no known file system"))?;
    let between =
        |point: &&PathBuf| path.starts_with(point) && point.starts_with(&mount.point) && **point != mount.point;
    if let Some(missing) = fstab.iter().filter(between).max() {
        return Err(format!("{shown} needs {}, which is not mounted", missing.display()));
    }
    if mount.point == Path::new("/") {
        return Err(format!("{shown} lies on the root file system: nothing is mounted there"));
    }
    if mount.kind == "autofs" {
        return Err(format!("{shown} needs {}, which could not be mounted on demand", mount.point.display()));
    }
    Ok(mount.point.clone())
}

/// P21: another file system than its parent's.
fn check_other_device(point: &Path) -> Result<()> {
    let parent = point.parent().unwrap_or(point);
    if super::device_of(point)? == super::device_of(parent)? {
        return Err(Error::failed(format!(
            "what is mounted at {} is a part of the file system around it",
            point.display()
        )));
    }
    Ok(())
}

/// Looking at a path does not mount what is mounted on demand; opening its directory does.
fn wake_automount(path: &Path) {
    drop(std::fs::read_dir(path));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts() -> Vec<Mount> {
        let text = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 8:2 / /var rw - ext4 /dev/sda2 rw
3 1 0:40 / /mnt/nas rw - nfs4 server:/x rw
4 1 0:41 / /auto rw - autofs systemd-1 rw
";
        mounts::parse(text)
    }

    #[test]
    fn what_lies_where() {
        let fstab: Vec<PathBuf> = ["/", "/var", "/var/backup", "/mnt/nas"].map(PathBuf::from).to_vec();
        let found = |path: &str| lies_on(&mounts(), &fstab, Path::new(path));
        assert_eq!(found("/mnt/nas/app/0"), Ok("/mnt/nas".into()));
        assert_eq!(found("/var/lib/x"), Ok("/var".into()));
        let error = |path: &str| found(path).unwrap_err();
        assert_eq!(error("/srv/x"), "/srv/x lies on the root file system: nothing is mounted there");
        assert_eq!(error("/var/backup/app"), "/var/backup/app needs /var/backup, which is not mounted");
        assert_eq!(error("/auto/x"), "/auto/x needs /auto, which could not be mounted on demand");
        assert_eq!(
            found("/mnt/nasty").unwrap_err(),
            "/mnt/nasty lies on the root file system: nothing is mounted there"
        );
    }
}
