#![no_main]

use krista_backup::archive::open::{is_archive, members};
use krista_backup::archive::read::Type;
use krista_backup::archive::unpack::Wanted;
use krista_backup::error::Result;
use libfuzzer_sys::fuzz_target;
use std::fs::{self, File};
use std::io;

/// Reads all of it: the number of members, once everything proved right.
fn read(file: File, size: usize) -> Result<usize> {
    let mut archive = members(file, &[], Wanted::default())?;
    let mut count = 0;
    while let Some(member) = archive.member()? {
        count += 1;
        let Ok(len) = io::copy(&mut archive.content(), &mut io::sink()) else { continue };
        let stored = member.extents.map_or(member.size, |extents| extents.iter().map(|extent| extent.len).sum());
        assert!(len == stored && (len == 0 || matches!(member.kind, Type::File | Type::Dir)));
    }
    archive.finish()?;
    assert_eq!(archive.end()?.size, size as u64);
    Ok(count)
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

fuzz_target!(|bytes: &[u8]| {
    let before = threads();
    let path = std::env::temp_dir().join(format!("kb-fuzz-archive-{}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let file = File::open(&path).unwrap();
    let known = is_archive(&file);
    if read(file, bytes.len()).is_ok_and(|count| count > 0) {
        assert!(known);
    }
    fs::remove_file(path).unwrap();
    // what unpacks ends once nobody reads any more, however early that was
    while threads() > before {
        std::thread::yield_now();
    }
});
