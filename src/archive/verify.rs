//! Is an archive whole? Every byte of it is read and unpacked, and compared with what is known about it.

use crate::archive::proof::Counts;
use crate::archive::read::Type;
use crate::archive::restore::Watch;
use crate::archive::set::Opened;
use crate::error::Result;

/// Reads an archive to its end. Fails when anything in it is not as it should be, or when `watch` ends it.
pub fn prove(opened: &Opened, watch: &dyn Watch) -> Result<Counts> {
    let mut members = opened.members()?;
    let mut counts = Counts::default();
    while let Some(member) = members.member()? {
        counts.entries += 1;
        if member.kind == Type::File {
            counts.bytes += member.size;
        }
        watch.passed(1, member.size)?;
    }
    members.finish()?;
    opened.compare(&members.end()?, counts.entries)?;
    opened.compare_others()?;
    Ok(counts)
}
