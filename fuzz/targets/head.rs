#![no_main]

use krista_backup::webapi::gate::head::{LIMIT, Progress, parse, scan};
use krista_backup::webapi::gate::path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = scan(bytes, 0);
    // however it is cut, the verdict is the same
    let mut seen = 0;
    let mut stepwise = Ok(Progress::Partial);
    for end in (1..=bytes.len()).chain((bytes.len() == 0).then_some(0)) {
        stepwise = scan(&bytes[..end], seen);
        if stepwise != Ok(Progress::Partial) {
            break;
        }
        seen = end;
    }
    assert_eq!(whole, stepwise);
    let Ok(Progress::Whole(length)) = whole else { return };
    assert!(length <= LIMIT && length <= bytes.len());
    if let Ok(head) = parse(&bytes[..length]) {
        assert!(head.path.starts_with('/') && !head.path.contains("//"));
        assert!(head.path.split('/').all(|segment| segment != "." && segment != ".."));
        assert!(!head.path.chars().any(char::is_control));
        assert_eq!(path::decode(&path::encode(&head.path)), Ok(head.path));
    }
});
