//! Whether what is mounted somewhere is what `mnt_dev` means. Nothing here touches a mounted file system.

use crate::sys::mounts::{self, Mount};
use std::ffi::OsString;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What is to be mounted: a device, an image, a directory, a share, or a word such as `tmpfs`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    text: String,
    base_dir: PathBuf,
}

/// Where udev lists devices by what is written on them (udev(7)).
const TAGS: [(&str, &str); 4] =
    [("UUID=", "by-uuid"), ("LABEL=", "by-label"), ("PARTUUID=", "by-partuuid"), ("PARTLABEL=", "by-partlabel")];

impl Device {
    /// `text` as configured.
    pub fn new(text: String, base_dir: PathBuf) -> Self {
        Self { text, base_dir }
    }

    /// As `mount` wants it: a path that begins with `./` or `../` is relative to the configuration, everything else is left
    /// as it is, since `tmpfs` is no path.
    pub fn argument(&self) -> OsString {
        if self.text.starts_with("./") || self.text.starts_with("../") {
            return self.base_dir.join(&self.text).components().collect::<PathBuf>().into_os_string();
        }
        OsString::from(&self.text)
    }

    /// Whether `mount` is a mount of this device; `all` is the table it comes from.
    pub fn is(&self, mount: &Mount, all: &[Mount]) -> bool {
        let source = mounts::show(&mount.source);
        if same_name(&self.text, &source) {
            return true;
        }
        let Some(path) = self.path() else { return false };
        // the device or image may lie behind a link, as those in /dev/disk do
        let Ok(real) = path.canonicalize() else { return false };
        let Ok(meta) = real.metadata() else { return false };
        if meta.file_type().is_block_device() {
            let number = (libc::major(meta.rdev()), libc::minor(meta.rdev()));
            return number == mount.device || Path::new(&source).canonicalize().is_ok_and(|other| other == real);
        }
        if meta.is_file() {
            return loop_file(Path::new(&source)).is_some_and(|file| file == real);
        }
        meta.is_dir() && is_bind_of(&real, mount, all)
    }

    fn path(&self) -> Option<PathBuf> {
        for (tag, dir) in TAGS {
            if let Some(value) = self.text.strip_prefix(tag) {
                return Some(Path::new("/dev/disk").join(dir).join(udev_name(value.trim_matches('"'))));
            }
        }
        let argument = PathBuf::from(self.argument());
        argument.is_absolute().then_some(argument)
    }
}

/// Shares: `server:/export/` and `server:/export` are the same, and so are `\\nas\x` and `//nas/x`; `sshfs#` only names a
/// program.
fn same_name(wanted: &str, mounted: &str) -> bool {
    let plain = |text: &str| {
        let text = text.replace('\\', "/");
        let text = text.split_once('#').map_or(text.as_str(), |(_, rest)| rest);
        let bare = text.trim_end_matches('/');
        if bare.is_empty() { text.to_owned() } else { bare.to_owned() }
    };
    plain(wanted) == plain(mounted)
}

/// udev writes everything unusual in a label as `\x20`.
fn udev_name(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&byte) || byte >= 0x80;
    let mut name = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        if plain(byte) {
            name.push(byte);
        } else {
            name.extend(format!("\\x{byte:02x}").into_bytes());
        }
    }
    String::from_utf8_lossy(&name).into_owned()
}

/// The file behind a loop device.
fn loop_file(device: &Path) -> Option<PathBuf> {
    let name = device.strip_prefix("/dev").ok()?.to_str().filter(|name| name.starts_with("loop"))?;
    let file = std::fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok()?;
    PathBuf::from(file.trim_end_matches('\n')).canonicalize().ok()
}

/// Whether `mount` shows the directory `dir`: the same file system, from the same place in it.
fn is_bind_of(dir: &Path, mount: &Mount, all: &[Mount]) -> bool {
    let below: Vec<Mount> = all.iter().filter(|other| *other != mount).cloned().collect();
    let Some(holder) = mounts::holding(&below, dir) else { return false };
    let Ok(inside) = dir.strip_prefix(&holder.point) else { return false };
    let root: PathBuf = holder.root.join(inside).components().collect();
    holder.device == mount.device && root == mount.root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(text: &str) -> Device {
        Device::new(text.into(), "/etc/kb".into())
    }

    fn table() -> Vec<Mount> {
        mounts::parse(
            b"1 0 8:1 / / rw - ext4 /dev/no-such rw
2 1 0:50 / /mnt/nas rw - nfs4 nas:/export/a rw
3 1 0:51 / /mnt/win rw - cifs //nas/Share rw
4 1 0:52 / /mnt/mem rw - tmpfs tmpfs rw
5 1 8:1 /usr /mnt/usr rw - ext4 /dev/no-such rw
6 1 0:53 / /mnt/ssh rw - fuse.sshfs me@nas:/x rw
",
        )
    }

    #[test]
    fn shares_are_the_same_by_name() {
        let all = table();
        let is = |text: &str, index: usize| device(text).is(&all[index], &all);
        assert!(is("nas:/export/a", 1) && is("nas:/export/a/", 1));
        assert!(!is("nas:/export", 1) && !is("other:/export/a", 1));
        assert!(is("//nas/Share", 2) && is("\\\\nas\\Share", 2));
        assert!(is("tmpfs", 3) && !is("none", 3));
        assert!(is("sshfs#me@nas:/x", 5));
        assert!(!is("UUID=00000000-dead", 0));
    }

    #[test]
    fn a_bind_mount_is_known_by_what_it_shows() {
        let all = table();
        assert!(device("/usr").is(&all[4], &all));
        assert!(!device("/etc").is(&all[4], &all));
        assert!(!device("/usr").is(&all[3], &all));
    }

    #[test]
    fn labels_as_udev_writes_them() {
        assert_eq!(udev_name("my disk/1"), "my\\x20disk\\x2f1");
        assert_eq!(device("./disk.img").argument(), "/etc/kb/disk.img");
        assert_eq!(device("tmpfs").argument(), "tmpfs");
    }
}
