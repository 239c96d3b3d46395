//! What of `flags` must not be shown: they are the administrator's own and may hold credentials (P15). Pure.

use crate::actions::rsync::password_in;

/// Options whose values say nothing secret.
const HARMLESS: &[&str] = &[
    "addr",
    "context",
    "dir_mode",
    "errors",
    "file_mode",
    "iocharset",
    "local_lock",
    "minorversion",
    "mode",
    "nfsvers",
    "nr_inodes",
    "proto",
    "sec",
    "size",
    "subvol",
    "vers",
];

/// What in the name of an option means that its value is secret, however short it is.
const SECRET: &[&str] = &["pass", "pwd", "secret", "cred", "key", "token"];

/// Values that are shorter than this and have no secret name are shown: masking each `1` would make messages unreadable.
const SHORT: usize = 4;

/// Texts that are replaced by `***` wherever they turn up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mask(Vec<String>);

impl Mask {
    /// The values in `-o key=value,…` and `--key=value`, except of harmless keys, and the password in an URL.
    pub fn of(flags: &[String], device: &str) -> Self {
        let mut secrets: Vec<String> = password_in(device).map(str::to_owned).into_iter().collect();
        for flag in flags {
            let mut start = 0;
            for option in flag.split(',') {
                let value_at = option.split_once('=').map(|(key, _)| (key, start + key.len() + 1));
                start += option.len() + 1;
                let Some((key, at)) = value_at else { continue };
                let value = option.get(key.len() + 1..).unwrap_or_default();
                if is_secret(key, value) {
                    secrets.push(value.to_owned());
                }
                if has_secret_name(key) {
                    // a password may hold a comma: then the rest of the word is no less secret
                    secrets.extend(flag.get(at..).map(str::to_owned));
                }
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// The text with everything secret replaced, the longest first.
    pub fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

fn is_secret(key: &str, value: &str) -> bool {
    let key = key.trim_start_matches('-').to_ascii_lowercase();
    // `-overs=3.0` is one word
    let key = key.strip_prefix('o').filter(|rest| HARMLESS.contains(rest)).unwrap_or(&key);
    has_secret_name(key) || (value.len() >= SHORT && !HARMLESS.contains(&key))
}

fn has_secret_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P15
    #[test]
    fn credentials_are_masked_and_the_rest_can_be_read() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mask = |flags: &str| Mask::of(&words(flags), "//nas/share");
        let text = "mount error with vers=3.0,user=backup,password=canary,x";
        assert_eq!(
            mask("-o vers=3.0,username=backup,password=canary,x").apply(text),
            "mount error with vers=3.0,user=***,password=***"
        );
        assert_eq!(mask("-o pass=ab,cd").apply("bad option ab,cd or cd"), "bad option *** or cd");
        assert_eq!(mask("--password=q").apply("q!"), "***!");
        assert_eq!(mask("-overs=3.0,uid=10").apply("3.0 10"), "3.0 10");
        let url = Mask::of(&[], "ftp://me:canary@host/");
        assert_eq!(url.apply("ftp://me:canary@host/ failed"), "ftp://me:***@host/ failed");
    }
}
