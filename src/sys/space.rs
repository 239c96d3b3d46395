//! Free and total space of a file system, asked of the kernel itself (`statvfs`), never of `df`.

use crate::error::{Doing, Result};
use crate::sys::files;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Space of one file system, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Size of the file system.
    pub total: u64,
    /// What an unprivileged writer could still use (`f_bavail`).
    pub free: u64,
}

/// Space of the file system that holds `path`.
pub fn of(path: &Path) -> Result<Space> {
    let st = rustix::fs::statvfs(path).doing(|| format!("asking for the free space of {}", path.display()))?;
    Ok(Space { total: st.f_blocks.saturating_mul(st.f_frsize), free: st.f_bavail.saturating_mul(st.f_frsize) })
}

/// Space of the file system that holds `path`, or would when it were created: of the nearest directory above it that exists.
pub fn around(path: &Path) -> Result<Space> {
    let mut last = of(path);
    for above in path.ancestors().skip(1) {
        match &last {
            Err(error) if files::is(error, ErrorKind::NotFound) => last = of(above),
            _ => break,
        }
    }
    last
}

/// Space of the file system behind an open descriptor.
pub fn of_open(file: impl AsFd) -> Result<Space> {
    let st = rustix::fs::fstatvfs(file).doing(|| "asking for the free space of an open directory".into())?;
    Ok(Space { total: st.f_blocks.saturating_mul(st.f_frsize), free: st.f_bavail.saturating_mul(st.f_frsize) })
}

/// Space of every path, asked for at the same time; none where no answer came within `patience`, as from a network mount
/// whose server is gone. The threads that wait for such an answer are left behind.
pub fn of_all(paths: &[PathBuf], patience: Duration) -> Vec<Option<Result<Space>>> {
    ask_all(paths, patience, of)
}

fn ask_all(paths: &[PathBuf], patience: Duration, ask: fn(&Path) -> Result<Space>) -> Vec<Option<Result<Space>>> {
    let deadline = Instant::now() + patience;
    let (sender, answers) = mpsc::channel();
    for (index, path) in paths.iter().enumerate() {
        let (path, sender) = (path.clone(), sender.clone());
        let work = move || drop(sender.send((index, ask(&path))));
        // A thread that cannot be had leaves its path without an answer: its sender is dropped here.
        let _ = thread::Builder::new().name("statvfs".into()).stack_size(64 * 1024).spawn(work);
    }
    drop(sender);
    let mut found: Vec<_> = paths.iter().map(|_| None).collect();
    while let Ok((index, answer)) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(place) = found.get_mut(index) {
            *place = Some(answer);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_that_does_not_answer_hides_no_other() {
        let paths = ["/", "/hung", "/no/such"].map(PathBuf::from);
        let answers = ask_all(&paths, Duration::from_millis(500), |path| {
            if path == Path::new("/hung") {
                thread::sleep(Duration::from_secs(3600));
            }
            of(path)
        });
        assert!(answers[0].as_ref().unwrap().as_ref().unwrap().total > 0);
        assert!(answers[1].is_none());
        assert!(answers[2].as_ref().unwrap().is_err());
    }

    #[test]
    fn what_is_not_there_yet_lies_where_it_will_be() {
        assert_eq!(around(Path::new("/no/such/dir")).unwrap().total, of(Path::new("/")).unwrap().total);
        assert!(around(Path::new("/etc/hostname/x")).is_err());
    }

    #[test]
    fn the_same_answer_for_a_path_and_a_descriptor() {
        let open = of_open(std::fs::File::open("/").unwrap()).unwrap();
        assert_eq!(open.total, of(Path::new("/")).unwrap().total);
    }
}
