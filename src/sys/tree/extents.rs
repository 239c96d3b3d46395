//! Where the holes of a file are.

use rustix::fs;
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// A part of a file that holds data; between the parts are holes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// The parts of an open file below `size` that hold data. Where the file system cannot tell, that is all of it. At most
/// `limit` parts are returned: in a file with more, the smallest holes count as data.
pub fn extents(file: &File, size: u64, limit: usize) -> io::Result<Vec<Extent>> {
    let mut found: Vec<Extent> = Vec::new();
    let mut smallest_hole = 1;
    let mut at = 0;
    while at < size {
        let start = match fs::seek(file, fs::SeekFrom::Data(at)) {
            Ok(start) if start < size => start,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(Errno::INVAL | Errno::OPNOTSUPP) if found.is_empty() => {
                return Ok(vec![Extent { start: 0, len: size }]);
            }
            Err(error) => return Err(error.into()),
        };
        let end = fs::seek(file, fs::SeekFrom::Hole(start))?.clamp(start + 1, size);
        match found.last_mut() {
            Some(last) if start - (last.start + last.len) < smallest_hole => last.len = end - last.start,
            _ => found.push(Extent { start, len: end - start }),
        }
        if found.len() > limit {
            smallest_hole = merge(&mut found, limit / 2, smallest_hole);
        }
        at = end;
    }
    Ok(found)
}

/// Fills ever larger holes until at most `wanted` parts are left; returns the size from which on holes stay.
fn merge(found: &mut Vec<Extent>, wanted: usize, mut smallest_hole: u64) -> u64 {
    while found.len() > wanted.max(1) {
        smallest_hole = (smallest_hole * 2).max(8192);
        found.dedup_by(|next, last| {
            let near = next.start - (last.start + last.len) < smallest_hole;
            if near {
                last.len = next.start + next.len - last.start;
            }
            near
        });
    }
    smallest_hole
}
