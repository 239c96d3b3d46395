//! What is left out of an archive.

use crate::patterns::Patterns;
use std::collections::HashSet;

/// Whether an excluded directory takes what is below with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Excluded {
    /// Every path is tested by itself, as KB17 did: `tmp` leaves out `tmp` but not `tmp/f`.
    #[default]
    AloneAsTested,
    /// The whole subtree is left out.
    WithSubtree,
}

/// Whether directories on other file systems are entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mounts {
    /// They are, except those the kernel makes up (`/proc`, `/sys`, …).
    #[default]
    Enter,
    /// Only the file system of the source itself is read.
    Stay,
}

/// What is left out of an archive.
#[derive(Debug, Default)]
pub struct Select {
    /// Patterns tested on the path below.
    pub exclusions: Patterns,
    /// What an exclusion means for a directory.
    pub excluded: Excluded,
    /// Other file systems.
    pub mounts: Mounts,
    /// Prefix of the tested path: empty, or the source's absolute path with a final `/`.
    pub prefix: Vec<u8>,
    /// Device and inode of directories that are never entered or stored: the action's own destinations.
    pub own_dirs: HashSet<(u64, u64)>,
    /// Device and inode of files that are never stored: what the action itself wrote or is writing.
    pub own_files: HashSet<(u64, u64)>,
}

impl Select {
    /// Whether a path belongs into the archive, and whether what is below it might.
    pub(super) fn judge(&self, path: &[u8]) -> (bool, bool) {
        if self.exclusions.is_empty() {
            return (true, true);
        }
        let full;
        let tested = if self.prefix.is_empty() {
            path
        } else {
            full = [self.prefix.as_slice(), path].concat();
            full.as_slice()
        };
        let wanted = !self.exclusions.matches(tested);
        let takes_subtree = !wanted && self.excluded == Excluded::WithSubtree;
        (wanted, !takes_subtree && !self.exclusions.covers_below(tested))
    }
}
