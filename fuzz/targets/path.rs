#![no_main]

use krista_backup::webapi::gate::path::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|target: &str| {
    if let Ok(path) = decode(target) {
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\') && !path.contains('\0'));
        assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
        assert_eq!(decode(&encode(&path)).as_deref(), Ok(path.as_str()));
    }
});
