//! What ends up where in a vault, as the store sees it: each action's sets as if it had written them there itself. Pure.

use crate::actions::Copies;
use crate::actions::move_bkp_period::periods::Period;
use crate::store::sets::{Family, Folder, Source};
use std::path::Path;

/// The sources as they look in one period's directory, and the full sets that come along with differentials.
pub fn in_period(period: &Period, sources: &[Source]) -> Vec<Copies> {
    let mut found: Vec<Source> = sources.iter().map(|source| moved(source, &period.dir, source.level)).collect();
    for source in sources.iter().filter(|source| source.level == Some(1)) {
        let base = moved(source, &period.dir, Some(0));
        if !found.iter().any(|other| other.level == Some(0) && is_family(other, &base)) {
            found.push(base);
        }
    }
    let copies = found.iter().map(|source| {
        let rivals = found.iter().filter(|rival| rival.action != source.action).cloned().collect();
        let folders = folders(source, &period.dir, &found);
        Copies { source: Source { folders, rivals, ..source.clone() }, policy: period.policy }
    });
    copies.collect()
}

/// A source as if it wrote into this directory.
fn moved(source: &Source, dir: &Path, level: Option<u8>) -> Source {
    Source { folders: folders(source, dir, &[]), level, rivals: Vec::new(), ..source.clone() }
}

/// All levels share the directory of a period. Where a name does not tell its level the directory has to: it can when only
/// one level of the family is copied there.
fn folders(source: &Source, dir: &Path, all: &[Source]) -> Vec<Folder> {
    let folder = |level| Folder { level, dir: dir.to_owned() };
    let alone = !all.is_empty() && !all.iter().any(|other| is_family(other, source) && other.level != source.level);
    match source.family {
        Family::Files if alone && !source.scheme.fsdump.has_level() => vec![folder(source.level)],
        Family::Files => vec![folder(Some(0)), folder(Some(1))],
        Family::Dumps => vec![folder(None)],
    }
}

/// Whether two sources give the same names, but for the level.
fn is_family(one: &Source, other: &Source) -> bool {
    one.family == other.family && one.basename == other.basename && one.scheme.fsdump == other.scheme.fsdump
}
