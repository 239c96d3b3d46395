//! What became of a restore: counts, and the first names of everything that did not go well.

use crate::archive::notes::show;

/// Names kept of each sort.
const FIRST: usize = 10;

/// How many, and the first of them, each with what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub first: Vec<String>,
}

impl Named {
    /// Counts one more.
    pub fn add(&mut self, path: &[u8], what: &str) {
        self.count += 1;
        if self.first.len() < FIRST {
            self.first.push(if what.is_empty() { show(path) } else { format!("{}: {what}", show(path)) });
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What was restored and what was not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Members read from the archives, in all.
    pub seen: u64,
    /// Entries brought back that are there at the end.
    pub restored: u64,
    /// Bytes of their content.
    pub bytes: u64,
    /// Paths removed because the differential says so.
    pub deleted: u64,
    /// Members that are not there now: refused because of their names, or impossible to create.
    pub missing: Named,
    /// Entries that are there, but without some of their metadata.
    pub bare: Named,
    /// Device nodes left out because that takes `--privileged`.
    pub devices: u64,
    /// Entries without their setuid or setgid bits because those take `--privileged`.
    pub set_id: u64,
    /// Entries without their `security.*` attributes because those take `--privileged`.
    pub security: u64,
    /// Entries that belong to us instead of to somebody else, because only root can give files away.
    pub owners: u64,
}

impl Tally {
    /// Whether something was left out that `--privileged` or root would bring back.
    pub fn held_back(&self) -> bool {
        self.devices + self.set_id + self.security + self.owners > 0
    }
}
