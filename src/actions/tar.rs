//! `tar`: an archive with everything a restore needs, compressed by gzip, bzip2 or xz.

use crate::actions::archiving::{self, Kind, Library};
use crate::actions::{Action, Common, Properties, Surroundings};

const TAR: Kind =
    Kind { name: "tar", libraries: &[("gzip", Library::Gzip), ("bzip", Library::Bzip), ("lzma", Library::Xz)] };

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    archiving::build(&TAR, p, common, around)
}
