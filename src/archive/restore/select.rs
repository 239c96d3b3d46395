//! `--only`: which members are wanted.

use crate::archive::notes::show;
use crate::patterns::{Patterns, Syntax};

/// Patterns on the names of members; without any, everything is wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    patterns: Patterns,
}

/// What becomes of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// It is restored.
    Wanted,
    /// It is passed over.
    Unwanted,
}

impl Selection {
    /// From what was typed, in `fnmatch` style. A name of a directory, with or without its final slash, brings all below it; a
    /// leading `/` or `./` is not part of a member's name.
    pub fn new(typed: &[String]) -> Self {
        let clean = |text: &String| {
            let text = text.strip_prefix("./").unwrap_or(text);
            let text = text.trim_start_matches('/').trim_end_matches('/');
            if text.is_empty() { "*".to_owned() } else { text.to_owned() }
        };
        let patterns: Vec<_> = typed.iter().map(clean).collect();
        // a glob always compiles
        Self { patterns: Patterns::compile(&patterns, Syntax::Glob).unwrap_or_default() }
    }

    /// Whether everything is wanted.
    pub fn is_everything(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a member is wanted: it or a directory it lies in matches.
    pub fn choice(&self, path: &[u8]) -> Choice {
        if self.patterns.is_empty() {
            return Choice::Wanted;
        }
        let path = path.strip_prefix(b"./").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut above = slashes.chain([path.len()]).filter_map(|end| path.get(..end));
        if above.any(|part| self.matches(part)) { Choice::Wanted } else { Choice::Unwanted }
    }

    /// Whether a name matches as it is, or as it is shown: what is no text can hardly be typed otherwise.
    fn matches(&self, name: &[u8]) -> bool {
        let is_odd = name.iter().any(|byte| byte.is_ascii_control() || !byte.is_ascii());
        self.patterns.matches(name) || is_odd && self.patterns.matches(show(name).as_bytes())
    }
}

/// Whether a path lies below a directory (or is it).
pub fn is_below(path: &[u8], dir: &[u8]) -> bool {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    if dir.is_empty() || dir == b"." {
        return true;
    }
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_brings_what_is_below() {
        let wanted = |typed: &[&str], path: &str| {
            let typed: Vec<_> = typed.iter().map(|text| (*text).to_owned()).collect();
            Selection::new(&typed).choice(path.as_bytes()) == Choice::Wanted
        };
        assert!(wanted(&[], "any"));
        for typed in ["etc/nginx", "etc/nginx/", "/etc/nginx", "./etc/nginx", "etc/ng*", "etc/nginx/*"] {
            assert!(wanted(&[typed], "etc/nginx/sites/a"), "{typed}");
            assert!(!wanted(&[typed], "etc/passwd"), "{typed}");
            assert!(!wanted(&[typed], "etc/"), "{typed}");
        }
        assert!(wanted(&["etc/nginx"], "etc/nginx/") && !wanted(&["etc/nginx"], "etc/nginx2"));
        assert!(wanted(&["*.conf", "x"], "a/b.conf") && wanted(&["/"], "a"));
        assert!(wanted(&["[ab]"], "a/c") && !wanted(&["[ab]"], "c/a"));
    }

    #[test]
    fn names_that_are_no_text_match_as_they_are_shown() {
        let wanted = |typed: &str, path: &[u8]| Selection::new(&[typed.to_owned()]).choice(path) == Choice::Wanted;
        assert!(wanted("d/\\xff\\xfe.txt", b"d/\xff\xfe.txt"));
        assert!(wanted("a\\nb", b"a\nb/c"));
        assert!(wanted("?b", b"\xffb"));
        assert!(!wanted("d/\\xff", b"d/\xfe"));
    }

    #[test]
    fn below_means_whole_components() {
        assert!(is_below(b"a/b", b"a/") && is_below(b"a", b"a") && is_below(b"a", b"./"));
        assert!(!is_below(b"ab", b"a"));
    }
}
