//! The files that came last: where an archive turns out to be damaged, they may have been unpacked from what is damaged already.

use super::tally::Named;
use std::collections::VecDeque;

/// Bytes of content before the damage that are in doubt: packers work on no more at once, and what is wrong in one of their blocks
/// shows at its end at the latest.
const DOUBT: u64 = 1 << 20;

/// The last files that were restored.
#[derive(Debug, Default)]
pub struct Recent {
    /// Each with where its content ended.
    files: VecDeque<(u64, Vec<u8>)>,
    position: u64,
}

impl Recent {
    /// One more file with so many bytes; those without any cannot be wrong.
    pub fn add(&mut self, path: &[u8], bytes: u64) {
        if bytes == 0 {
            return;
        }
        self.position = self.position.saturating_add(bytes);
        self.files.push_back((self.position, path.to_vec()));
        let doubt = self.position.saturating_sub(DOUBT);
        // the last one stays, however large
        while self.files.len() > 1 && self.files.front().is_some_and(|(end, _)| *end <= doubt) {
            self.files.pop_front();
        }
    }

    /// Their names, the last one first.
    pub fn named(&self) -> Named {
        let mut named = Named::default();
        for (_, path) in self.files.iter().rev() {
            named.add(path, "");
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_enough_from_the_damage_is_not_in_doubt() {
        let mut recent = Recent::default();
        for (name, bytes) in [("a", DOUBT), ("b", 1), ("empty", 0), ("c", DOUBT - 1)] {
            recent.add(name.as_bytes(), bytes);
        }
        assert_eq!(recent.named().first, ["c", "b"]);
        recent.add(b"huge", u64::MAX);
        assert_eq!(recent.named().first, ["huge"]);
    }
}
