//! Which databases there are now, as far as that is known. Pure.

use super::dump::GLOBALS;

/// What the configuration and the server say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Census {
    /// The databases that the configuration names; none when it means all there are.
    pub named: Option<Vec<String>>,
    /// The databases of the server, or why it could not be asked.
    pub there: Result<Vec<String>, String>,
}

impl Census {
    /// Whether a database is still there to be dumped; none when nobody knows.
    pub fn has(&self, database: &str) -> Option<bool> {
        let is_in = |names: &[String]| names.iter().any(|name| name == database);
        let is_named = self.named.as_deref().map(is_in);
        match (&self.there, is_named) {
            _ if database == GLOBALS => Some(true),
            (_, Some(false)) => Some(false),
            (Ok(there), _) => Some(is_in(there)),
            (Err(_), is_named) => is_named,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_and_server_have_to_agree() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let server = Ok(list(&["live", "other"]));
        let silent = || Err("no answer".to_owned());
        let all = Census { named: None, there: server.clone() };
        assert_eq!((all.has("live"), all.has("gone"), all.has(GLOBALS)), (Some(true), Some(false), Some(true)));
        let some = Census { named: Some(list(&["live", "gone"])), there: server };
        assert_eq!((some.has("live"), some.has("gone"), some.has("other")), (Some(true), Some(false), Some(false)));
        let some = Census { there: silent(), ..some };
        assert_eq!((some.has("live"), some.has("gone"), some.has("other")), (Some(true), Some(true), Some(false)));
        assert_eq!(Census { named: None, there: silent() }.has("live"), None);
    }
}
