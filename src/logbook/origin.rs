//! Whose log it is. Ours hold no secrets (P15) and are shown as they are, all others are masked.

use crate::logbook::mask::begins_entry;
use crate::logbook::names::run_of;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes within which a run of ours has said so.
const HEAD: usize = 64 << 10;

/// Who wrote a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// This program.
    Ours,
    /// KB17, or nobody knows.
    Foreign,
}

/// Who wrote this log. A run of ours says `run of UNIT by krista-backup VERSION` as `root` of its own FULL. What cannot be
/// read is nobody's.
pub fn of(file: &File, name: &str) -> Origin {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while let Ok(count @ 1..) = file.read_at(head.get_mut(filled..).unwrap_or_default(), filled as u64) {
        filled += count;
    }
    let is_ours = run_of(name).is_some_and(|(full, _)| says_so(head.get(..filled).unwrap_or_default(), full));
    if is_ours { Origin::Ours } else { Origin::Foreign }
}

fn says_so(head: &[u8], full: &str) -> bool {
    let own = format!("{full} INFO root run of ");
    head.split_inclusive(|byte| *byte == b'\n').any(|line| {
        let said = begins_entry(line).then(|| line.splitn(3, |byte| *byte == b' ').nth(2)).flatten();
        let said = said.and_then(|said| said.strip_prefix(own.as_bytes()));
        said.is_some_and(|said| said.ends_with(b"\n") && contains(said, b" by krista-backup "))
    })
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P27: only a run of ours can say so.
    #[test]
    fn ours_are_told_from_kb17s() {
        let ours = "2026-11-23 02:26:20.115 77-a b-srv INFO root run of full by krista-backup 2.0.0, config /x\n";
        assert!(says_so(ours.as_bytes(), "77-a b-srv"));
        assert!(says_so(format!("2026-11-23 02:26:20.115 77-a b-srv DEBUG root x\n{ours}").as_bytes(), "77-a b-srv"));
        assert!(!says_so(ours.as_bytes(), "77-other"));
        assert!(!says_so(ours.trim_end().as_bytes(), "77-a b-srv"));
        let echoed = format!("2026-11-23 02:26:20.11 77-a b-srv INFO cmd0 {ours}");
        assert!(!says_so(echoed.as_bytes(), "77-a b-srv"));
        assert!(!says_so(ours.get(24..).unwrap().as_bytes(), "77-a b-srv"));
        assert!(!says_so(b"", ""));
    }
}
