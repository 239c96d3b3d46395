//! What people type → what argh reads.

use crate::error::{Error, Result};

/// Long options that take a value, so that `--x=v` can be taken apart.
const VALUED: &[&str] = &[
    "--config",
    "--on-weekdays",
    "--from",
    "--to",
    "--at",
    "--only",
    "--db",
    "--to-db",
    "--servers",
    "--token-file",
    "--timeout",
    "--watch",
    "--last",
    "--lang",
];

/// What people type → what argh reads: `--x=v`, `-h`, `--config` anywhere, options before the verb, KB17's short verbs.
pub(super) fn normalise(args: &[String]) -> Result<Vec<String>> {
    let mut front = Vec::new();
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) if VALUED.contains(&name) => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        match name {
            "--config" => {
                let value = value.or_else(|| args.next().cloned());
                let value = value.filter(|value| !value.is_empty());
                front.extend(["--config".to_owned(), value.ok_or_else(|| Error::usage("--config needs a file"))?]);
            }
            "--version" => return Ok(vec![name.to_owned()]),
            "-h" | "--help" => rest.push("--help".to_owned()),
            "en" if rest.iter().all(|arg| is_switch(arg)) => rest.push("enable".to_owned()),
            "dis" if rest.iter().all(|arg| is_switch(arg)) => rest.push("disable".to_owned()),
            _ => rest.extend([name.to_owned()].into_iter().chain(value)),
        }
    }
    // `-v run TASK`, as KB17 took it
    let switches = rest.iter().take_while(|arg| is_switch(arg)).count();
    if let Some(with_verb) = rest.get_mut(..=switches) {
        with_verb.rotate_right(1);
    }
    front.extend(rest);
    Ok(front)
}

/// Whether this is an option without a value.
fn is_switch(arg: &str) -> bool {
    arg.starts_with('-') && !VALUED.contains(&arg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> String {
        let args: Vec<_> = text.split(' ').map(str::to_owned).collect();
        normalise(&args).unwrap().join(" ")
    }

    #[test]
    fn what_people_type_is_understood() {
        assert_eq!(typed("run full --config=/c.yaml"), "--config /c.yaml run full");
        assert_eq!(typed("run full --config /c.yaml -v"), "--config /c.yaml run full -v");
        assert_eq!(typed("en all"), "enable all");
        assert_eq!(typed("run en"), "run en");
        assert_eq!(typed("-h"), "--help");
        assert_eq!(typed("-v run full"), "run -v full");
        assert_eq!(typed("-v --json en all"), "enable -v --json all");
        assert_eq!(typed("-h restore"), "restore --help");
        assert_eq!(typed("--to /x restore"), "--to /x restore");
        assert_eq!(typed("-v -x"), "-v -x");
        assert_eq!(typed("run x --version"), "--version");
        assert_eq!(typed("run x --on-weekdays=1,7"), "run x --on-weekdays 1,7");
        assert!(normalise(&["--config".to_owned()]).is_err());
    }
}
