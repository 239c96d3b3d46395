//! Backup sets on disk: how they are named, published, described, found and rotated; and the journal of what ran.

pub mod family;
pub mod journal;
pub mod manifest;
pub mod naming;
pub mod proof;
pub mod publish;
pub mod retention;
pub mod sets;

#[cfg(test)]
pub(crate) mod testing;
