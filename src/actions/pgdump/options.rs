//! `opts`: the administrator's own `pg_dump` options, checked for those that would take the dump out of our hands.

use super::settings::Format;
use crate::actions::properties::Severity;

/// Short options of `pg_dump` that take a value, and those that do not (`pg_dump` 9.2–18).
const SHORT_WITH_VALUE: &str = "deEfFhjnNpStTUZK";
const SHORT_FLAGS: &str = "abBcCioORsvVwWxX?";

/// Long options that take no value; any other is given the benefit of the doubt.
const LONG_FLAGS: &str = "
    attribute-inserts binary-upgrade blobs clean column-inserts create data-only disable-dollar-quoting
    disable-macs disable-triggers enable-row-security if-exists inserts large-objects
    load-via-partition-root no-acl no-blobs no-comments no-data no-large-objects no-owner no-password
    no-policies no-privileges no-publications no-reconnect no-schema no-security-labels no-statistics
    no-subscriptions no-sync no-synchronized-snapshots no-table-access-method no-tablespaces
    no-toast-compression no-unlogged-table-data oids on-conflict-do-nothing password
    quote-all-identifiers schema-only sequence-data serializable-deferrable statistics statistics-only
    strict-names use-set-session-authorization verbose";

/// What is wrong with these options, each with how bad it is. `parallel` says whether the format takes `-j`.
pub fn problems(words: &[String], format: Format) -> Vec<(Severity, String)> {
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (options, value_follows) = read(word);
        if options.is_empty() {
            found.push((
                Severity::Error,
                format!("`opts`: `{word}` is no option: pg_dump would take it for a database"),
            ));
        }
        for option in options {
            found.extend(judge(&option, format));
        }
        if value_follows {
            words.next();
        }
    }
    found
}

/// The options in one word, long names or single letters, and whether the last one takes the next word as its value.
fn read(word: &str) -> (Vec<String>, bool) {
    if let Some(long) = word.strip_prefix("--") {
        return match long.split_once('=') {
            _ if long.is_empty() => (Vec::new(), false),
            Some((name, _)) => (vec![name.to_owned()], false),
            None => (vec![long.to_owned()], !LONG_FLAGS.split_whitespace().any(|flag| flag == long)),
        };
    }
    let letters = word.strip_prefix('-').unwrap_or_default();
    let mut options = Vec::new();
    for (at, letter) in letters.char_indices() {
        options.push(letter.to_string());
        if SHORT_WITH_VALUE.contains(letter) {
            return (options, at + letter.len_utf8() == letters.len());
        }
        if !SHORT_FLAGS.contains(letter) {
            break;
        }
    }
    (options, false)
}

fn judge(option: &str, format: Format) -> Option<(Severity, String)> {
    // getopt_long takes any unambiguous beginning of a long name
    let is = |short: &str, long: &str| option == short || (option.len() > 1 && long.starts_with(option));
    let error = |why: &str| Some((Severity::Error, format!("`opts`: `{}` {why}", spelled(option))));
    if is("f", "file") {
        error("must not be given: where a dump goes is decided by `dest_path` and the naming scheme")
    } else if is("F", "format") {
        error("must not be given: use `format`")
    } else if is("d", "dbname") {
        error("must not be given: use `databases`")
    } else if is("W", "password") {
        error("must not be given: nobody can answer a password prompt; use `password`")
    } else if is("j", "jobs") && format != Format::Directory {
        error("works with `format: directory` only; `jobs` dumps several databases at once")
    } else if is("h", "host") || is("p", "port") || is("U", "username") {
        let message = format!("`opts`: `{}` reaches pg_dump only: use `host`, `port` and `user`", spelled(option));
        Some((Severity::Warning, message))
    } else {
        None
    }
}

fn spelled(option: &str) -> String {
    if option.chars().count() == 1 { format!("-{option}") } else { format!("--{option}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(text: &str, format: Format) -> Option<Severity> {
        let words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        problems(&words, format).into_iter().map(|(severity, _)| severity).max()
    }

    #[test]
    fn ordinary_options_pass() {
        for text in [
            "",
            "-v",
            "-n public -T log --no-owner",
            "-Z9",
            "-Z 9",
            "--exclude-table-data=x",
            "--schema public -O",
            "--exclude-table-data log.* -b",
            "--lock-wait-timeout 5000",
            "-n -f",
            "--disable-macs",
            "-Oxb",
            "-E UTF8",
        ] {
            assert_eq!(worst(text, Format::Custom), None, "{text}");
        }
        assert_eq!(worst("-j 4", Format::Directory), None);
    }

    #[test]
    fn options_that_redirect_the_dump_are_refused() {
        for text in [
            "-f x",
            "-fx",
            "--file x",
            "--file=x",
            "--fil=x",
            "-Fp",
            "-F p",
            "--format=plain",
            "--form p",
            "-d x",
            "--dbname=host=evil",
            "--db=x",
            "-vFp",
            "-aOf x",
            "-W",
            "--password",
            "-j 4",
            "--jobs=4",
            "evil",
            "--no-owner evil",
            "-v evil",
            "-n public evil",
            "--",
            "-",
            "-O host=evil.example",
        ] {
            assert_eq!(worst(text, Format::Custom), Some(Severity::Error), "{text}");
        }
        assert_eq!(worst("-h other", Format::Custom), Some(Severity::Warning));
    }
}
