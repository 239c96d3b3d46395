//! Process groups: signalling one, and seeing whether anybody is left in it.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;

/// Whether a group still has living members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Members {
    /// At least one.
    Some,
    /// None: zombies that wait for their parent do not count.
    None,
    /// There is no `/proc` to ask.
    Unknown,
}

/// Asks every process of the group to end, stopped ones too. Errors mean that there is nobody left to tell.
pub fn ask_to_end(group: Pid) {
    let _ = kill_process_group(group, Signal::TERM);
    // a stopped process acts on SIGTERM only once it is continued
    let _ = kill_process_group(group, Signal::CONT);
}

/// Ends every process of the group at once.
pub fn force_to_end(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
}

/// Looks for living members of a group. `kill(-group, 0)` cannot tell: it also finds the zombie of a leader that has not
/// been waited for.
///
/// Only members are looked at more closely: reading `/proc/PID/stat` of a stranger that hangs in the middle of an exec hangs
/// as well (seen on Linux 6), `getpgid` does not.
pub fn members(group: Pid) -> Members {
    let Ok(entries) = fs::read_dir("/proc") else { return Members::Unknown };
    let mut seen_any = false;
    let found = entries.flatten().any(|entry| {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { return false };
        seen_any = true;
        group_of(number) == group.as_raw_nonzero().get()
            && is_alive(&fs::read(entry.path().join("stat")).unwrap_or_default())
    });
    match (found, seen_any) {
        (true, _) => Members::Some,
        (false, true) => Members::None,
        (false, false) => Members::Unknown, // we ourselves should have been there
    }
}

/// The group of a process: 0 for a thread of the kernel, -1 for one that is gone. Not rustix's `getpgid`, which takes that 0 for a
/// group.
#[allow(unsafe_code)]
fn group_of(number: i32) -> i32 {
    // SAFETY: getpgid(2) takes a number and gives a number; no memory is touched
    unsafe { libc::getpgid(number) }
}

/// Whether the third field of `/proc/PID/stat` is not that of a process which has ended; the second one is a name in parentheses
/// that may hold anything.
fn is_alive(stat: &[u8]) -> bool {
    let after_name = stat.iter().rposition(|byte| *byte == b')').and_then(|at| stat.get(at + 1..));
    after_name.is_some_and(|rest| rest.trim_ascii_start().first().is_some_and(|state| !b"ZXx".contains(state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        assert!(is_alive(b"12 (a) Z 1) S 1 77 77 0"));
        assert!(!is_alive(b"12 (a) R 1) Z 1 77 77 0") && !is_alive(b""));
    }

    #[test]
    fn our_own_group_has_a_member() {
        assert_eq!(members(rustix::process::getpgrp()), Members::Some);
        assert_eq!(members(Pid::from_raw(i32::MAX).unwrap()), Members::None);
    }
}
