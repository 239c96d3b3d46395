//! A value that is never shown.

use sha2::{Digest, Sha256};
use std::fmt;

/// A secret of the configuration. It cannot be printed (P15).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever looks for it in what is about to be shown.
    pub fn to_be_masked(&self) -> String {
        self.0.clone()
    }

    /// Whether somebody knows it, in a time that says nothing about how much of it was right.
    pub fn is(&self, said: &str) -> bool {
        let (own, other) = (Sha256::digest(self.0.as_bytes()), Sha256::digest(said.as_bytes()));
        own.iter().zip(other.iter()).fold(0, |different, (own, other)| different | (own ^ other)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P15: not even a debug print shows it.
    #[test]
    fn a_secret_is_known_or_not_and_never_shown() {
        let secret = Secret::new("canary".into());
        assert!(secret.is("canary"));
        assert!(!secret.is("canarY") && !secret.is("") && !secret.is("canary "));
        assert_eq!(format!("{secret:?}"), "***");
    }
}
