//! Working without being in the way: CPU and disk priority of single threads.

use std::io;

/// How eagerly the disk serves a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DiskPriority {
    /// After everyone else of the ordinary class (best effort, level 7).
    #[default]
    Low,
    /// Only when nobody else wants it.
    Idle,
    /// As the process was started.
    Unchanged,
}

/// Makes the calling thread, and those it starts from now on, at least this nice (0–19). A thread that is already nicer stays so.
pub fn be_nice(level: i32) -> io::Result<()> {
    let now = rustix::process::getpriority_process(None)?;
    if level > now {
        rustix::process::setpriority_process(None, level)?;
    }
    Ok(())
}

/// Sets the disk priority of the calling thread and of those it starts from now on.
#[allow(unsafe_code)]
pub fn be_quiet(priority: DiskPriority) -> io::Result<()> {
    // ioprio.h: class in the top three of sixteen bits, level below
    const CLASS_SHIFT: libc::c_int = 13;
    const WHO_PROCESS: libc::c_int = 1;
    let value: libc::c_int = match priority {
        DiskPriority::Low => (2 << CLASS_SHIFT) | 7,
        DiskPriority::Idle => 3 << CLASS_SHIFT,
        DiskPriority::Unchanged => return Ok(()),
    };
    // SAFETY: ioprio_set takes three plain integers and touches no memory; thread 0 is the calling one.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
