//! What is about to be read, brought into memory.
#![allow(unsafe_code)]

use super::{Dir, Kind, meta_of};
use rustix::fs::{self, Advice, Mode, OFlags};
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;

/// Blocks of 512 bytes that the calling thread has asked a disk or a server for so far; 0 where the kernel does not count.
pub fn blocks_asked_for() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage(2) fills the one struct it is given, which is large enough and lives during the call
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    // SAFETY: a rusage is numbers only, so the zeros it began with are a valid one even when the call failed
    unsafe { usage.assume_init() }.ru_inblock
}

impl Dir {
    /// A second descriptor of the same directory.
    pub fn twin(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Asks for the first `most` bytes of a regular file in it, without waiting for them, so that somebody who reads them soon
    /// finds them in memory. Nothing is changed or opened that is no regular file; errors are left to the one who reads.
    pub fn fetch(&self, name: &CStr, most: NonZeroU64) {
        if !self.lstat(name).is_ok_and(|meta| meta.kind == Kind::File && meta.size > 0) {
            return;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let Ok(file) = fs::openat(&self.fd, name, flags, Mode::empty()) else { return };
        if meta_of(&file).is_ok_and(|meta| meta.kind == Kind::File) {
            let _ = fs::fadvise(&file, 0, Some(most), Advice::WillNeed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self as files, File};
    use std::process::Command;

    #[test]
    fn a_file_is_asked_for_once_and_nothing_else_is_opened() {
        let path = std::env::temp_dir().join(format!("krista-fetch-{}", std::process::id()));
        files::create_dir_all(path.join("dir")).unwrap();
        files::write(path.join("file"), vec![7; 100_000]).unwrap();
        assert!(Command::new("mkfifo").arg(path.join("fifo")).status().unwrap().success());
        let file = File::open(path.join("file")).unwrap();
        file.sync_all().unwrap();
        fs::fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let dir = Dir::open(&path).unwrap();
        let most = NonZeroU64::new(1 << 20).unwrap();
        let before = blocks_asked_for();
        dir.fetch(c"file", most);
        let after = blocks_asked_for();
        for name in [c"file", c"dir", c"fifo", c"nothing"] {
            dir.fetch(name, most);
        }
        let at_last = blocks_asked_for();
        files::remove_dir_all(&path).unwrap();
        assert!(after >= before + 190, "{before} {after}: is the temporary directory in memory?");
        assert_eq!(after, at_last);
    }
}
