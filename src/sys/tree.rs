//! Walking a tree by directory descriptors, so that nobody who renames or links inside it can lead us out of it.

mod attributes;
mod extents;
mod fetch;
mod make;
mod meta;

use attributes::collect;
pub use attributes::{Attribute, attributes_of};
pub use extents::{Extent, extents};
pub use fetch::blocks_asked_for;
pub use make::{Handle, has_default_acl, is_directory, keep_own_access, no_umask};
use meta::meta;
pub use meta::{Kind, Meta, Stamp, meta_at, meta_of};
use rustix::fs::{self, AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// The names in a directory, sorted by their bytes, in two allocations.
#[derive(Debug, Default)]
pub struct Names {
    bytes: Vec<u8>,
    places: Vec<(u32, u16)>,
}

impl Names {
    /// A list of one name.
    pub fn one(name: &CStr) -> Self {
        let mut names = Self::default();
        names.push(name);
        names
    }

    fn push(&mut self, name: &CStr) {
        // a directory's names cannot exceed 4 GiB before memory does, nor a name 255 bytes
        let place = (u32::try_from(self.bytes.len()), u16::try_from(name.to_bytes_with_nul().len()));
        if let (Ok(at), Ok(len)) = place {
            self.places.push((at, len));
            self.bytes.extend_from_slice(name.to_bytes_with_nul());
        }
    }

    fn sort(&mut self) {
        let Self { bytes, places } = self;
        places.sort_unstable_by(|a, b| name_at(bytes, *a).cmp(name_at(bytes, *b)));
        bytes.shrink_to_fit();
        places.shrink_to_fit();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The name at this place in the order.
    pub fn get(&self, index: usize) -> Option<&CStr> {
        CStr::from_bytes_with_nul(name_at(&self.bytes, *self.places.get(index)?)).ok()
    }
}

/// The name with its terminating NUL, which sorts below every other byte, so it may stay for comparing.
fn name_at(bytes: &[u8], (at, len): (u32, u16)) -> &[u8] {
    let at = at as usize;
    bytes.get(at..at + usize::from(len)).unwrap_or_default()
}

/// Room for directory entries as the kernel delivers them.
pub struct Listing(Vec<MaybeUninit<u8>>);

impl Default for Listing {
    fn default() -> Self {
        Self(vec![MaybeUninit::uninit(); 32 * 1024])
    }
}

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

const OPEN_DIR: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

impl Dir {
    /// Opens a directory by path, following links: for the top of a tree only.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { fd: fs::open(path, OPEN_DIR, Mode::empty())? })
    }

    /// A directory that is open already.
    pub fn of(file: File) -> Self {
        Self { fd: file.into() }
    }

    /// Opens a directory in this one, never through a link.
    pub fn child(&self, name: &CStr) -> io::Result<Self> {
        // O_NOATIME is refused to everyone but the owner and root
        let flags = OPEN_DIR | OFlags::NOFOLLOW;
        let fd = match fs::openat(&self.fd, name, flags | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => fs::openat(&self.fd, name, flags, Mode::empty())?,
            other => other?,
        };
        Ok(Self { fd })
    }

    /// Opens the directory this one lies in now, wherever that is.
    pub fn parent(&self) -> io::Result<Self> {
        self.child(c"..")
    }

    /// What the kernel says about the directory itself.
    pub fn meta(&self) -> io::Result<Meta> {
        meta_of(&self.fd)
    }

    /// What the kernel says about a name in it; a link is not followed.
    pub fn lstat(&self, name: &CStr) -> io::Result<Meta> {
        Ok(meta(&fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// The names in it, sorted, without `.` and `..`. What could be read before an error comes with it.
    pub fn names(&self, room: &mut Listing) -> (Names, io::Result<()>) {
        let mut names = Names::default();
        let mut entries = RawDir::new(&self.fd, &mut room.0);
        let mut end = Ok(());
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => names.push(entry.file_name()),
                Err(error) => {
                    end = Err(error.into());
                    break;
                }
            }
        }
        names.sort();
        (names, end)
    }

    /// Where a symbolic link in it points.
    pub fn read_link(&self, name: &CStr) -> io::Result<CString> {
        Ok(fs::readlinkat(&self.fd, name, Vec::new())?)
    }

    /// Opens a file in it for reading: never through a link, never waiting for a writer, without touching its access time
    /// where that is allowed. A lease (Samba's oplocks) is waited for, up to some seconds.
    pub fn open_file(&self, name: &CStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut wanted = flags | OFlags::NOATIME;
        let mut patience = [10, 50, 200, 800, 3000].into_iter();
        loop {
            match fs::openat(&self.fd, name, wanted, Mode::empty()) {
                Ok(fd) => return Ok(fd.into()),
                Err(Errno::PERM) if wanted != flags => wanted = flags,
                Err(Errno::WOULDBLOCK) => match patience.next() {
                    Some(ms) => std::thread::sleep(Duration::from_millis(ms)),
                    None => return Err(Errno::WOULDBLOCK.into()),
                },
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The extended attributes of a name in it that cannot or must not be opened; a link is not followed. Needs `/proc`.
    pub fn attributes_at(&self, name: &CStr) -> io::Result<Vec<Attribute>> {
        let mut path = format!("/proc/self/fd/{}/", self.fd.as_raw_fd()).into_bytes();
        path.extend_from_slice(name.to_bytes());
        let path = CString::new(path)?;
        collect(
            |room| fs::llistxattr(path.as_c_str(), rustix::buffer::spare_capacity(room)),
            |name, room| fs::lgetxattr(path.as_c_str(), name, rustix::buffer::spare_capacity(room)),
        )
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether an open file or directory lies on a file system that the kernel makes up as it is read (`/proc`, `/sys`, …):
/// nothing there can be restored, and sizes there mean nothing.
pub fn made_up_by_kernel(fd: impl AsFd) -> bool {
    // f_type values of statfs(2)
    const MAGIC: [u64; 14] = [
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0xcafe_4a11, // bpf
        0x6265_6570, // configfs
        0xf97c_ff8c, // selinuxfs
        0x1cd1,      // devpts
        0x4249_4e4d, // binfmt_misc
        0x6573_5543, // fusectl
        0x1980_0202, // mqueue
    ];
    fs::fstatfs(fd).is_ok_and(|st| u64::try_from(st.f_type).is_ok_and(|magic| MAGIC.contains(&magic)))
}

/// Tells the kernel that a file will be read from front to back.
pub fn read_in_order(file: &File) {
    // only advice: reading works without it
    let _ = fs::fadvise(file, 0, None, fs::Advice::Sequential);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn stamps_before_1970_keep_their_nanoseconds() {
        let stamp = Stamp::from_nanos(-1);
        assert_eq!(stamp, Stamp { sec: -1, nsec: 999_999_999 });
        assert_eq!(stamp.nanos(), -1);
        assert!(stamp < Stamp::default());
    }

    /// P8, P29: by whatever way, nothing is reached through a link: what it leads to may be a device.
    #[test]
    fn p29_nothing_is_opened_or_made_through_a_link() {
        let top = std::env::temp_dir().join(format!("krista-links-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&top);
        std::fs::create_dir_all(top.join("dir")).unwrap();
        std::fs::write(top.join("file"), "precious").unwrap();
        for (link, to) in [("to-file", "file"), ("to-dir", "dir"), ("to-nothing", "new")] {
            std::os::unix::fs::symlink(to, top.join(link)).unwrap();
        }
        let dir = Dir::open(&top).unwrap();
        let code = |error: io::Error| error.raw_os_error();
        assert_eq!(dir.open_file(c"to-file").map_err(code).err(), Some(Some(libc::ELOOP)));
        assert!(dir.child(c"to-dir").is_err());
        for link in [c"to-file", c"to-dir", c"to-nothing"] {
            assert_eq!(dir.create(link).map_err(code).err(), Some(Some(libc::EEXIST)), "{link:?}");
        }
        assert_eq!(dir.lstat(c"to-dir").unwrap().kind, Kind::Symlink);
        assert!(dir.remove_all(c"to-dir").is_err());
        assert_eq!(std::fs::read_to_string(top.join("file")).unwrap(), "precious");
        assert!(!top.join("new").exists() && top.join("dir").exists());
        std::fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn a_file_with_many_holes_is_cut_into_few_parts() {
        let path = std::env::temp_dir().join(format!("krista-extents-{}", std::process::id()));
        let file = File::create_new(&path).unwrap();
        let file = {
            file.set_len(4 << 20).unwrap();
            File::options().read(true).write(true).open(&path).unwrap()
        };
        for part in 0..64 {
            file.write_all_at(&[1; 4096], part * 65536).unwrap();
        }
        let all = extents(&file, 4 << 20, 1000).unwrap();
        let few = extents(&file, 4 << 20, 16).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(all.len(), 64, "the temporary directory's file system keeps no holes");
        assert!(few.len() <= 16 && !few.is_empty());
        for part in &all {
            assert!(few.iter().any(|f| f.start <= part.start && part.start + part.len <= f.start + f.len));
        }
    }
}
