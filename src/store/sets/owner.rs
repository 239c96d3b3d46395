//! Whose file is it? Several actions may write into one directory, and one's name may fit the other's template. Pure.

use crate::store::naming::{Known, Parts};
use crate::store::sets::Source;
use std::path::Path;

/// What a name says about who wrote the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Only our templates make it.
    Ours,
    /// A rival's shorter base name fits it as well: ours by the longest match, but never to be deleted on that alone.
    Disputed(Vec<String>),
    /// A rival's equally long base name fits it as well: nobody's, unless a manifest names the action.
    Ambiguous(Vec<String>),
    /// A rival's longer base name fits it.
    Theirs(Vec<String>),
}

/// Which of a set's files a name is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The archive or dump.
    Main,
    /// The list file.
    List,
    /// The checksum file.
    Hash,
}

/// The parts of a name in `dir` that `source` could have written there, and whose it is; none when it could not have.
pub fn judge(source: &Source, dir: &Path, name: &str, role: Role) -> Option<(Parts, Claim)> {
    let parts = recognise(source, dir, name, role)?;
    let mut claim = Claim::Ours;
    for rival in source.rivals.iter().filter(|rival| !is_kin(source, rival)) {
        if recognise(rival, dir, name, role).is_some() {
            claim = claim.against(source, rival);
        }
    }
    Some((parts, claim))
}

impl Claim {
    /// What remains of it when this rival's name fits too: the weakest claim counts, and every rival is remembered.
    fn against(self, source: &Source, rival: &Source) -> Self {
        let comparable = [source, rival].iter().all(|s| s.scheme.main(s.family).has_basename());
        let (own, other) = (source.basename.len(), rival.basename.len());
        let rank = if !comparable || own == other { 2 } else { 1 + 2 * usize::from(other > own) };
        let (earlier, mut names) = match self {
            Self::Ours => (0, Vec::new()),
            Self::Disputed(names) => (1, names),
            Self::Ambiguous(names) => (2, names),
            Self::Theirs(names) => (3, names),
        };
        names.push(rival.action.clone());
        match rank.max(earlier) {
            1 => Self::Disputed(names),
            2 => Self::Ambiguous(names),
            _ => Self::Theirs(names),
        }
    }

    /// The claim once a manifest says which action wrote the file. An action that is neither ours nor a rival's (it was
    /// renamed in the configuration) settles nothing.
    #[must_use]
    pub fn settled_by(self, own: &str, writer: &str) -> Self {
        match &self {
            Self::Disputed(rivals) | Self::Ambiguous(rivals) | Self::Theirs(rivals) => {
                if writer == own {
                    Self::Ours
                } else if rivals.iter().any(|rival| rival == writer) {
                    Self::Theirs(vec![writer.to_owned()])
                } else {
                    self
                }
            }
            Self::Ours => self,
        }
    }
}

/// Actions of one family share their sets: the same names in the same places, only another level of them written.
fn is_kin(source: &Source, other: &Source) -> bool {
    source.family == other.family
        && source.basename == other.basename
        && source.scheme.main(source.family) == other.scheme.main(other.family)
        && source.folders == other.folders
        && source.level != other.level
}

fn recognise(source: &Source, dir: &Path, name: &str, role: Role) -> Option<Parts> {
    let list = [source.list_extension.clone()];
    let (template, extensions) = match role {
        Role::Main => (source.scheme.main(source.family), source.extensions.as_slice()),
        Role::List => (source.scheme.main(source.family), list.as_slice()),
        Role::Hash => (source.scheme.hash(source.family), source.extensions.as_slice()),
    };
    let mut parts = template.recognise(name, &Known { extensions, ..source.known() })?;
    if !belongs(source, dir, parts.level) {
        return None;
    }
    parts.level = level_in(source, dir, parts.level);
    Some(parts)
}

/// Whether a file of this level (as far as its name says) is written into this directory.
fn belongs(source: &Source, dir: &Path, named: Option<u8>) -> bool {
    let mut here = source.folders.iter().filter(|folder| folder.dir == dir);
    here.any(|folder| named.is_none() || folder.level.is_none() || folder.level == named)
}

/// The level of a file in this directory: what its name says, else what the directory says if it is for one level only.
fn level_in(source: &Source, dir: &Path, named: Option<u8>) -> Option<u8> {
    let mut here = source.folders.iter().filter(|folder| folder.dir == dir).map(|folder| folder.level);
    named.or_else(|| {
        let first = here.next().flatten()?;
        here.all(|other| other == Some(first)).then_some(first)
    })
}
