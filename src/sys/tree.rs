//! Walking a tree by directory descriptors, so that nobody who renames or links inside it can lead us out of it.

mod make;

pub use make::{Handle, has_default_acl, is_directory, no_umask};
use rustix::fs::{self, AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// A point in time as the kernel stamps inodes: seconds since 1970, possibly before, and nanoseconds after that second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Stamp {
    /// Whole seconds, rounded down.
    pub sec: i64,
    /// 0–999,999,999.
    pub nsec: u32,
}

impl Stamp {
    /// Nanoseconds since 1970.
    pub fn nanos(self) -> i128 {
        i128::from(self.sec) * 1_000_000_000 + i128::from(self.nsec)
    }

    /// The stamp this many nanoseconds after 1970; saturates at the ends of time.
    pub fn from_nanos(nanos: i128) -> Self {
        let sec = nanos.div_euclid(1_000_000_000);
        let nsec = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
        Self { sec: i64::try_from(sec).unwrap_or(if sec < 0 { i64::MIN } else { i64::MAX }), nsec }
    }
}

/// What an inode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    Char,
    /// A block device.
    Block,
    /// A socket.
    Socket,
}

/// What `lstat` says about an inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Device it lies on.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, 0–0o7777.
    pub mode: u32,
    /// Number of names.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor number of a device node.
    pub rdev: (u32, u32),
    /// Size in bytes.
    pub size: u64,
    /// Bytes allocated on disk.
    pub allocated: u64,
    /// Last change of content.
    pub mtime: Stamp,
    /// Last change of anything.
    pub ctime: Stamp,
}

impl Meta {
    /// Device and inode number: the same for all names of a file.
    pub fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }
}

// the widths of `struct stat` differ between architectures
#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)]
fn meta(st: &fs::Stat) -> Meta {
    let stamp = |sec, nsec| Stamp { sec, nsec: u32::try_from(nsec).unwrap_or(0) };
    let kind = match fs::FileType::from_raw_mode(st.st_mode) {
        fs::FileType::RegularFile => Kind::File,
        fs::FileType::Directory => Kind::Dir,
        fs::FileType::Symlink => Kind::Symlink,
        fs::FileType::Fifo => Kind::Fifo,
        fs::FileType::CharacterDevice => Kind::Char,
        fs::FileType::BlockDevice => Kind::Block,
        fs::FileType::Socket | fs::FileType::Unknown => Kind::Socket,
    };
    Meta {
        dev: st.st_dev,
        ino: st.st_ino,
        kind,
        mode: st.st_mode & 0o7777,
        nlink: u64::from(st.st_nlink),
        uid: st.st_uid,
        gid: st.st_gid,
        rdev: (fs::major(st.st_rdev), fs::minor(st.st_rdev)),
        size: u64::try_from(st.st_size).unwrap_or(0),
        allocated: u64::try_from(st.st_blocks).unwrap_or(0).saturating_mul(512),
        mtime: stamp(st.st_mtime, st.st_mtime_nsec),
        ctime: stamp(st.st_ctime, st.st_ctime_nsec),
    }
}

/// What the kernel says about an open file.
pub fn meta_of(fd: impl AsFd) -> io::Result<Meta> {
    Ok(meta(&fs::fstat(fd)?))
}

/// What a path leads to, symbolic links followed.
pub fn meta_at(path: &Path) -> io::Result<Meta> {
    Ok(meta(&fs::stat(path)?))
}

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

/// An extended attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Name with its namespace, such as `user.note`.
    pub name: CString,
    /// Any bytes.
    pub value: Vec<u8>,
}

/// The extended attributes of an open file or directory.
pub fn attributes_of(fd: impl AsFd) -> io::Result<Vec<Attribute>> {
    collect(
        |room| fs::flistxattr(&fd, rustix::buffer::spare_capacity(room)),
        |name, room| fs::fgetxattr(&fd, name, rustix::buffer::spare_capacity(room)),
    )
}

/// Lists, then reads each. File systems without attributes have none; one that vanishes in between is left out.
fn collect(
    mut list: impl FnMut(&mut Vec<u8>) -> rustix::io::Result<usize>,
    mut get: impl FnMut(&CStr, &mut Vec<u8>) -> rustix::io::Result<usize>,
) -> io::Result<Vec<Attribute>> {
    let mut room = Vec::with_capacity(256);
    match growing(&mut room, &mut list) {
        Ok(()) if room.is_empty() => return Ok(Vec::new()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(Vec::new()),
        other => other?,
    }
    let mut found = Vec::new();
    for name in room.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let mut value = Vec::with_capacity(256);
        match growing(&mut value, |room| get(name, room)) {
            Ok(()) => found.push(Attribute { name: name.to_owned(), value }),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Asks with more and more room; the kernel's own limit on a list or a value is 64 KiB.
fn growing(
    room: &mut Vec<u8>,
    mut ask: impl FnMut(&mut Vec<u8>) -> rustix::io::Result<usize>,
) -> rustix::io::Result<()> {
    loop {
        room.clear();
        match ask(room) {
            Err(Errno::RANGE) if room.capacity() < 1 << 20 => room.reserve(room.capacity() * 4),
            other => return other.map(|_| ()),
        }
    }
}

/// A part of a file that holds data; between the parts are holes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// The parts of an open file below `size` that hold data. Where the file system cannot tell, that is all of it. At most
/// `limit` parts are returned: in a file with more, the smallest holes count as data.
pub fn extents(file: &File, size: u64, limit: usize) -> io::Result<Vec<Extent>> {
    let mut found: Vec<Extent> = Vec::new();
    let mut smallest_hole = 1;
    let mut at = 0;
    while at < size {
        let start = match fs::seek(file, fs::SeekFrom::Data(at)) {
            Ok(start) if start < size => start,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) if found.is_empty() => {
                return Ok(vec![Extent { start: 0, len: size }]);
            }
            Err(error) => return Err(error.into()),
        };
        let end = fs::seek(file, fs::SeekFrom::Hole(start))?.clamp(start + 1, size);
        match found.last_mut() {
            Some(last) if start - (last.start + last.len) < smallest_hole => last.len = end - last.start,
            _ => found.push(Extent { start, len: end - start }),
        }
        if found.len() > limit {
            smallest_hole = merge(&mut found, limit / 2, smallest_hole);
        }
        at = end;
    }
    Ok(found)
}

/// Fills ever larger holes until at most `wanted` parts are left; returns the size from which on holes stay.
fn merge(found: &mut Vec<Extent>, wanted: usize, mut smallest_hole: u64) -> u64 {
    while found.len() > wanted.max(1) {
        smallest_hole = (smallest_hole * 2).max(8192);
        found.dedup_by(|next, last| {
            let near = next.start - (last.start + last.len) < smallest_hole;
            if near {
                last.len = next.start + next.len - last.start;
            }
            near
        });
    }
    smallest_hole
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
