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
pub fn members(group: Pid) -> Members {
    let Ok(entries) = fs::read_dir("/proc") else { return Members::Unknown };
    let mut processes = entries.flatten().filter(|e| e.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit));
    let mut seen_any = false;
    let found = processes.any(|entry| {
        let stat = fs::read(entry.path().join("stat")).unwrap_or_default();
        let (state, pgrp) = state_and_group(&stat).unwrap_or(('Z', 0));
        seen_any = true;
        pgrp == group.as_raw_nonzero().get() && !matches!(state, 'Z' | 'X' | 'x')
    });
    match (found, seen_any) {
        (true, _) => Members::Some,
        (false, true) => Members::None,
        (false, false) => Members::Unknown, // we ourselves should have been there
    }
}

/// Third and fifth field of `/proc/PID/stat`; the second one is a name in parentheses that may hold anything.
fn state_and_group(stat: &[u8]) -> Option<(char, i32)> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    let text = std::str::from_utf8(stat.get(after_name + 1..)?).ok()?;
    let mut fields = text.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        assert_eq!(state_and_group(b"12 (a) R 1) S 1 77 77 0"), Some(('S', 77)));
        assert_eq!(state_and_group(b""), None);
    }

    #[test]
    fn our_own_group_has_a_member() {
        assert_eq!(members(rustix::process::getpgrp()), Members::Some);
        assert_eq!(members(Pid::from_raw(i32::MAX).unwrap()), Members::None);
    }
}
