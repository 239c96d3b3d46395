#![no_main]

use krista_backup::webapi::gate::answer::{Part, Unwrapping};
use krista_backup::webapi::gate::head::Method;
use libfuzzer_sys::fuzz_target;

/// All parts, cut into pieces of this size; none when it is garbled.
fn parts(bytes: &[u8], size: usize) -> Option<(usize, Vec<u8>, bool)> {
    let mut unwrapping = Unwrapping::new(Method::Get);
    let (mut heads, mut body, mut ended) = (0, Vec::new(), false);
    for mut piece in bytes.chunks(size) {
        while let Some(part) = unwrapping.next(&mut piece).ok()? {
            assert!(!ended);
            match part {
                Part::Head(_) => heads += 1,
                Part::Body(piece) => body.extend_from_slice(piece),
                Part::End => ended = true,
            }
        }
        assert!(piece.is_empty());
    }
    assert!(heads <= 1 && body.len() <= bytes.len());
    Some((heads, body, ended))
}

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(parts(bytes, 1), parts(bytes, bytes.len().max(1)));
});
