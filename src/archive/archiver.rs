//! What an archive format has to be able to do, so that the recipe in `pack` works for all of them.

use crate::archive::list::State;
use crate::archive::walk::{Holder, Walk};
use crate::error::Result;
use crate::sys::tree::Meta;

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// It is in the archive as this describes it.
    Whole(Meta),
    /// It is in the archive as another name of an earlier member, whose content is worth this.
    Link(Meta, State),
    /// It is in the archive, but its content is not what it should be.
    Damaged(Meta),
    /// It is not in the archive; why was noted.
    Not,
}

/// Puts members into an archive of some format. Only the archive's own troubles are errors.
pub trait Archiver {
    /// Stores the walk's current entry as `member` (without a final slash).
    fn add(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored>;

    /// Stores a directory on the way to the current entry.
    fn add_holder(&mut self, holder: &Holder<'_>, member: &[u8]) -> Result<()>;

    /// Ends the archive.
    fn finish(self: Box<Self>) -> Result<()>;
}
