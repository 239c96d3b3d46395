#![no_main]

use krista_backup::archive::read::{Member, Reader, Type};
use libfuzzer_sys::fuzz_target;
use std::io::{BufRead, BufReader, Read};

/// With right checksums in all that looks like a header: guessing them would take forever.
fn summed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    bytes
}

/// All members with their content, and how it ended.
fn members(input: impl BufRead) -> (Vec<(Member, Vec<u8>)>, u64, Result<(), String>) {
    let mut reader = Reader::new(input);
    let mut found = Vec::new();
    let ended = loop {
        match reader.member() {
            Ok(Some(member)) => {
                let mut content = Vec::new();
                if let Err(error) = reader.read_to_end(&mut content) {
                    break Err(error.to_string());
                }
                found.push((member, content));
            }
            Ok(None) => break reader.finish().map_err(|error| error.to_string()),
            Err(error) => break Err(error.to_string()),
        }
    };
    (found, reader.position(), ended)
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = summed(bytes);
    let (found, position, ended) = members(&bytes[..]);
    assert!(ended.is_err() || position == bytes.len() as u64);
    for (member, content) in &found {
        assert!(member.mode <= 0o7777 && member.mtime.nsec < 1_000_000_000 && i64::try_from(member.size).is_ok());
        let mut end = 0;
        for extent in member.extents.iter().flatten() {
            assert!(extent.start >= end && extent.len <= member.size - extent.start);
            end = extent.start + extent.len;
        }
        let stored = member.extents.as_ref().map_or(member.size, |extents| extents.iter().map(|part| part.len).sum());
        assert_eq!(content.len() as u64, stored);
        assert!(content.is_empty() || matches!(member.kind, Type::File | Type::Dir));
    }
    // in whatever pieces it comes, the same is found
    let (again, position_again, ended_again) = members(BufReader::with_capacity(7, &bytes[..]));
    assert_eq!((found, &ended), (again, &ended_again));
    assert!(ended.is_err() || position == position_again);
});
