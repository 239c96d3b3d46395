//! What is mounted where, from `/proc/self/mountinfo`.

use crate::error::{Doing, Result};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A mounted file system as this process sees it (proc(5), `mountinfo`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mount {
    /// Where it is mounted.
    pub point: PathBuf,
    /// Which of its directories is seen there: not `/` for a bind mount or a subvolume.
    pub root: PathBuf,
    /// Major and minor number of the device; two mounts of one file system have the same.
    pub device: (u32, u32),
    /// Type, such as `ext4`.
    pub kind: String,
    /// What was mounted, such as `/dev/sda1` or `server:/export`.
    pub source: OsString,
}

/// File system types that hold no files anybody stores: no disk behind them, or none of their own.
const PSEUDO: &[&str] = &[
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "cramfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nfsd",
    "none",
    "nsfs",
    "overlay",
    "parsecfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "usbfs",
];

impl Mount {
    /// Whether this is machinery of the kernel, memory or a read-only image rather than a place for data. What is mounted
    /// as the root is real whatever its type: in a container it is an overlay.
    pub fn is_pseudo(&self) -> bool {
        PSEUDO.contains(&self.kind.as_str()) && self.point != Path::new("/")
    }
}

/// Everything that is mounted, in the order of mounting. Fails when there is no `/proc`.
pub fn all() -> Result<Vec<Mount>> {
    let text = std::fs::read("/proc/self/mountinfo").doing(|| "reading /proc/self/mountinfo".into())?;
    Ok(parse(&text))
}

/// What is mounted exactly at `path`, if anything is; links in the path are followed.
pub fn mounted_at(path: &Path) -> Result<Option<Mount>> {
    let mounts = all()?;
    // The name as given comes first: following links may have to ask a server that does not answer.
    let given = at(&mounts, path).cloned();
    Ok(given.or_else(|| at(&mounts, &std::fs::canonicalize(path).ok()?).cloned()))
}

/// The file system that `path` (absolute, without links) lies on: the last one mounted at the deepest point above it.
pub fn holding<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    path.ancestors().find_map(|dir| at(mounts, dir))
}

/// The last one mounted exactly there, which hides those before it.
fn at<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.point == path)
}

/// Reads the text of `mountinfo`; lines that do not look like it are left out.
pub fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`: any number of optional fields before the dash.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = std::str::from_utf8(fields.nth(2)?).ok()?.split_once(':')?;
    let root = unescape(fields.next()?);
    let point = unescape(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = unescape(fields.next().unwrap_or_default());
    Some(Mount {
        point: point.into(),
        root: root.into(),
        device: (device.0.parse().ok()?, device.1.parse().ok()?),
        kind,
        source,
    })
}

/// Undoes the kernel's `\040` for blanks, tabs, line breaks and backslashes.
pub fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..b'8').contains(d)));
        let value = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    OsString::from_vec(bytes)
}

/// Mount points that `/etc/fstab` names, for telling "not mounted" from "never meant to be". Swap and the like have none.
pub fn in_fstab() -> Vec<PathBuf> {
    points_of_fstab(&std::fs::read("/etc/fstab").unwrap_or_default())
}

fn points_of_fstab(text: &[u8]) -> Vec<PathBuf> {
    let lines = text.split(|byte| *byte == b'\n');
    let points = lines.filter_map(|line| {
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        fields.next().filter(|first| !first.starts_with(b"#"))?;
        fields.next().filter(|point| point.starts_with(b"/"))
    });
    points.map(|point| PathBuf::from(unescape(point)).components().collect()).collect()
}

/// The source of a mount for people.
pub fn show(source: &OsStr) -> String {
    String::from_utf8_lossy(source.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
36 22 0:32 / /mnt/my\\040nas\\011x\\134y rw,noatime - nfs4 server:/export\\040a rw,vers=4.2
40 22 0:41 /sub /srv rw master:1 propagate_from:2 - btrfs /dev/vdb rw
41 40 8:1 / /srv rw unbindable - xfs /dev/sda1 rw
42 22 0:50 / /mnt/\xff rw - fuse.sshfs  rw
nonsense
";

    #[test]
    fn mountinfo_with_escapes_and_optional_fields() {
        let mounts = parse(TEXT);
        assert_eq!(mounts.len(), 5);
        assert_eq!(mounts[1].point, Path::new("/mnt/my nas\tx\\y"));
        assert_eq!((mounts[1].kind.as_str(), show(&mounts[1].source)), ("nfs4", "server:/export a".to_owned()));
        assert_eq!((mounts[2].device, mounts[2].root.as_path()), ((0, 41), Path::new("/sub")));
        assert_eq!(mounts[4].point.as_os_str().as_bytes(), b"/mnt/\xff");
    }

    #[test]
    fn the_last_mount_at_the_deepest_point_counts() {
        let mounts = parse(TEXT);
        let kind = |path: &str| holding(&mounts, Path::new(path)).map(|mount| mount.kind.as_str());
        assert_eq!(kind("/srv/app/db"), Some("xfs"), "mounted over the btrfs");
        assert_eq!(kind("/srvx"), Some("ext4"));
        assert_eq!(kind("/mnt/my nas\tx\\y"), Some("nfs4"));
        assert_eq!(kind("/"), Some("ext4"));
        assert_eq!(holding(&mounts[1..], Path::new("/home")), None);
    }

    #[test]
    fn fstab_points() {
        let text =
            b"# /dev/x /no\n\nUUID=1 / ext4 defaults 0 1\n  nas:/a\t/mnt/my\\040nas/ nfs ro 0 0\nswap none swap sw\n";
        assert_eq!(points_of_fstab(text), [Path::new("/"), Path::new("/mnt/my nas")]);
    }

    #[test]
    fn this_machine_has_a_root_and_a_proc() {
        assert!(mounted_at(Path::new("/")).unwrap().is_some());
        assert!(mounted_at(Path::new("/proc")).unwrap().unwrap().is_pseudo());
        assert_eq!(mounted_at(Path::new("/proc/self")).unwrap(), None);
    }
}
