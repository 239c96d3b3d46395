use super::*;

fn glob(pattern: &str) -> Patterns {
    Patterns::compile(&[pattern.to_owned()], Syntax::Glob).unwrap()
}

fn regex(pattern: &str) -> Patterns {
    match Patterns::compile(&[pattern.to_owned()], Syntax::Regex) {
        Ok(patterns) => patterns,
        Err(errors) => panic!("{errors:?}"),
    }
}

#[test]
fn a_star_takes_slashes_too() {
    assert!(glob("tmp/*").matches(b"tmp/a/b"));
    assert!(!glob("tmp/*").matches(b"tmp"));
    assert!(glob("*.tmp").matches(b"a/b.tmp"));
    assert!(!glob("tmp").matches(b"tmp/f"));
}

#[test]
fn regexes_are_anchored_at_the_start_only() {
    assert!(regex("tmp").matches(b"tmp/f"));
    assert!(!regex("tmp").matches(b"a/tmp"));
    assert!(regex("a|b").matches(b"bc"));
    assert!(!regex("a|b").matches(b"cb"));
}
