//! What of a globals dump is fed to a server that has roles of its own: those stay exactly as they are. Pure.

/// Whether a line of `pg_dumpall --globals-only` may run. `existing` are the roles of the server, quoted as SQL quotes them: to
/// create one of them again would fail, and to alter it would give it the attributes and the password of back then.
pub fn may_run(line: &str, existing: &[String]) -> bool {
    let role = ["CREATE ROLE ", "ALTER ROLE "].iter().find_map(|verb| line.strip_prefix(verb));
    let Some(rest) = role else { return true };
    let ends = |rest: &str| rest.starts_with([';', ' ']);
    !existing.iter().any(|name| rest.strip_prefix(name.as_str()).is_some_and(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_are_there_stay_as_they_are() {
        let existing = ["postgres".to_owned(), "\"odd role\"".to_owned()];
        for line in
            ["CREATE ROLE postgres;", "ALTER ROLE postgres WITH SUPERUSER;", "ALTER ROLE \"odd role\" SET a TO 'b';"]
        {
            assert!(!may_run(line, &existing), "{line}");
        }
        for line in ["CREATE ROLE postgres2;", "ALTER ROLE new WITH LOGIN;", "GRANT a TO postgres;", "SET x = 1;", ""] {
            assert!(may_run(line, &existing), "{line}");
        }
    }
}
