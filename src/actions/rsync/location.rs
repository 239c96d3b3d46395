//! Where rsync reads and writes: a path of this machine, or a place that only rsync can reach. Pure.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// One end of a transfer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// On this machine. `as_contents` keeps rsync's distinction: `dir/` means what is in it, `dir` the directory itself.
    Local {
        /// Absolute.
        path: PathBuf,
        /// Whether it was written with a slash at the end (or as `.`).
        meaning: Meaning,
    },
    /// `host:path`, `user@host:path`, `host::module/path`, `rsync://…`: handed to rsync as it is written.
    Remote(String),
}

/// What a local path means as a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// The entry itself: it appears under its name in the destination.
    Itself,
    /// What is in the directory.
    Contents,
}

impl Location {
    /// Reads what stands in the configuration; relative paths are relative to `base_dir`. The error is a message for `check`.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".into());
        }
        if text.contains('\0') {
            return Err("must not contain a zero byte".into());
        }
        if is_remote(text) {
            // ssh would take it for an option
            return if text.starts_with('-') {
                Err("must not begin with `-`".into())
            } else {
                Ok(Self::Remote(text.into()))
            };
        }
        let bare = text.trim_end_matches('/');
        let is_dot = bare == "." || bare.ends_with("/.");
        let meaning = if bare != text || is_dot { Meaning::Contents } else { Meaning::Itself };
        Ok(Self::Local { path: base_dir.join(text).components().collect(), meaning })
    }

    /// The path, if it is on this machine.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Local { path, .. } => Some(path),
            Self::Remote(_) => None,
        }
    }

    /// As rsync wants it on its command line.
    pub fn argument(&self) -> OsString {
        match self {
            Self::Remote(text) => text.into(),
            Self::Local { path, meaning } => {
                let mut argument = path.clone().into_os_string();
                if *meaning == Meaning::Contents && path != Path::new("/") {
                    argument.push("/");
                }
                argument
            }
        }
    }
}

/// For logs: a password in an URL is not shown.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { .. } => write!(f, "{}", Path::new(&self.argument()).display()),
            Self::Remote(text) => f.write_str(&without_password(text)),
        }
    }
}

/// rsync's own rule (rsync(1), SYNOPSIS): a colon before the first slash, or an `rsync://` URL.
fn is_remote(text: &str) -> bool {
    let lower = text.get(..8).map(str::to_ascii_lowercase);
    lower.as_deref() == Some("rsync://") || text.split('/').next().is_some_and(|first| first.contains(':'))
}

/// `user:secret@host` → `user:***@host`; anything else as it is.
pub fn without_password(text: &str) -> String {
    match password_in(text) {
        Some(password) => text.replacen(&format!(":{password}@"), ":***@", 1),
        None => text.to_owned(),
    }
}

/// The password in `user:password@host/…`, with or without a scheme before it.
pub fn password_in(text: &str) -> Option<&str> {
    let start = text.find("//").map_or(0, |at| at + 2);
    let authority = text.get(start..)?.split('/').next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Location {
        Location::parse(text, Path::new("/etc/kb")).unwrap()
    }

    fn argument(text: &str) -> String {
        parse(text).argument().into_string().unwrap()
    }

    #[test]
    fn local_paths_become_absolute_and_keep_their_slash() {
        assert_eq!(argument("/srv/app"), "/srv/app");
        assert_eq!(argument("/srv/app/"), "/srv/app/");
        assert_eq!(argument("/srv/app///"), "/srv/app/");
        assert_eq!(argument("data"), "/etc/kb/data");
        assert_eq!(argument("data/"), "/etc/kb/data/");
        assert_eq!(argument("."), "/etc/kb/");
        assert_eq!(argument("./"), "/etc/kb/");
        assert_eq!(argument("/srv/."), "/srv/");
        assert_eq!(argument("/"), "/");
        assert_eq!(argument("./a:b"), "/etc/kb/a:b", "a slash before the colon makes it local, as for rsync");
        assert_eq!(argument("/srv/12:30"), "/srv/12:30");
        assert_eq!(argument("-x"), "/etc/kb/-x");
    }

    #[test]
    fn remote_places_stay_as_they_are() {
        for text in [
            "host:data",
            "host:/srv/x/",
            "me@host:",
            "host::module/x",
            "rsync://host:873/m/",
            "RSYNC://h/m",
            "[::1]:/x",
        ] {
            assert_eq!(parse(text), Location::Remote(text.into()));
            assert_eq!(argument(text), text);
        }
        assert!(Location::parse("", Path::new("/")).is_err());
        assert!(Location::parse("-oProxyCommand=x:/y", Path::new("/")).is_err());
    }

    /// P15
    #[test]
    fn a_password_in_an_url_is_not_shown() {
        assert_eq!(parse("rsync://me:canary@host/m/x@y").to_string(), "rsync://me:***@host/m/x@y");
        assert_eq!(parse("rsync://me@host:873/m").to_string(), "rsync://me@host:873/m");
        assert_eq!(parse("me@host:/x").to_string(), "me@host:/x");
        assert_eq!(without_password("ftp://u:p:q@h/x"), "ftp://u:***@h/x");
    }
}
