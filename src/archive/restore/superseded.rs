//! What a differential replaces or deletes, so that what the full archive has of it does not count.

use super::trimmed;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A set of members' names. It keeps a hash of each: a differential may hold millions.
#[derive(Debug, Default)]
pub struct Superseded(HashSet<u64>);

impl Superseded {
    /// Adds a name.
    pub fn add(&mut self, path: &[u8]) {
        self.0.insert(hash(path));
    }

    /// Whether it was added, with or without a final `/`.
    pub fn holds(&self, path: &[u8]) -> bool {
        !self.0.is_empty() && self.0.contains(&hash(path))
    }
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    trimmed(path).hash(&mut hasher);
    hasher.finish()
}
