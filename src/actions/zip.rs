//! `zip`: an archive that every desktop opens, with less of a file's metadata than `tar` keeps.

use crate::actions::archiving::{self, Kind, Library};
use crate::actions::{Action, Common, Properties, Surroundings};
use crate::archive::zip::Method;

const ZIP: Kind = Kind {
    name: "zip",
    libraries: &[
        ("zip", Library::Zip(Method::Deflate)),
        ("bzip", Library::Zip(Method::Bzip2)),
        ("lzma", Library::Zip(Method::Lzma)),
    ],
};

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, around: &Surroundings<'_>) -> Box<dyn Action> {
    archiving::build(&ZIP, p, common, around)
}
