#![no_main]

use krista_backup::config::{Config, Located};
use libfuzzer_sys::fuzz_target;
use std::fs;

/// A problem has a place in the text, and is one line whatever the text is.
fn check(located: &Located, lines: usize) {
    assert!((1..=lines + 1).contains(&located.line) && located.column >= 1, "{located}");
    assert!(!located.to_string().chars().any(char::is_control), "{located}");
}

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("kb-fuzz-{}.yaml", std::process::id()));
    fs::write(&path, bytes).unwrap();
    // CR LF is one line break
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    match Config::examine(&path).unwrap() {
        Err(located) => check(&located, lines),
        Ok(config) => {
            config.problems.iter().for_each(|located| check(located, lines));
            let tasks = config.tasks.iter().map(|task| &task.name);
            for name in tasks.chain(config.actions.iter().map(|entry| &entry.name)) {
                assert!(config.has_unit(name));
                config.properties(name);
                match config.unit(name, false) {
                    Ok(unit) => assert!(!unit.full_name.is_empty()),
                    Err(refusal) => refusal.problems.iter().for_each(|located| check(located, lines)),
                }
            }
        }
    }
    Config::salvage(&path);
    fs::remove_file(path).unwrap();
});
