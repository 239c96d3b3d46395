//! What belongs to a database and is not in it: encoding, owner, rights, settings, comment. A dump that `pg_restore` reads tells
//! them as SQL for the name the database had; here they are for another one.

use super::{Job, Wanted};
use crate::actions::pgdump::console::{identifier, our};
use crate::actions::pgdump::existing::{self, Form};
use crate::actions::pgdump::tools::Tool;
use crate::error::{Doing, Result};
use crate::sys::process::{self, Stdout};
use std::ffi::OsString;
use std::io::{Read, Seek, Write};

/// Entries of a dump's list that are about the database itself.
const KINDS: [&str; 5] = [
    " DATABASE - ",
    " DATABASE PROPERTIES - ",
    " COMMENT - DATABASE ",
    " ACL - DATABASE ",
    " SECURITY LABEL - DATABASE ",
];

/// What has no name of a database in it and holds for what comes after it.
const FRAME: [&str; 3] = ["SET ", "RESET ", "SELECT pg_catalog.set_config("];

/// What a dump says about its database.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Properties {
    /// What follows the name in the statement that makes it.
    pub making: Option<String>,
    /// Statements that make the rest of it so.
    pub statements: String,
}

impl Properties {
    /// From the SQL of `pg_restore --create`; `new` is the name the statements are to be for. What is about anything else is
    /// left out.
    pub fn read(sql: &str, new: &str) -> Self {
        let mut properties = Self::default();
        let mut own = None;
        for statement in Statements(sql) {
            if let Some(rest) = statement.strip_prefix("CREATE DATABASE ") {
                let end = name_length(rest);
                own = rest.get(..end).map(|name| format!(" DATABASE {name} "));
                properties.making = rest.get(end..).map(str::to_owned);
                continue;
            }
            let renamed = own.as_deref().and_then(|own| renamed(statement, own, new));
            let is_frame = || FRAME.iter().any(|start| statement.starts_with(start));
            if let Some(wanted) = renamed.or_else(|| is_frame().then(|| statement.to_owned())) {
                properties.statements.push_str(&wanted);
                properties.statements.push_str(";\n");
            }
        }
        properties
    }

    /// From what a plain dump begins with: only the encoding, and only where the rows are in none.
    pub fn of_plain(start: &str) -> Self {
        let is_in_none = start.lines().any(|line| line == "SET client_encoding = 'SQL_ASCII';");
        let making = is_in_none.then(|| " TEMPLATE template0 ENCODING = 'SQL_ASCII'".to_owned());
        Self { making, statements: String::new() }
    }

    /// What may follow the name in the statement that makes the database, the best first: a server may not have the locale or
    /// the tablespace.
    pub fn ways_to_make(&self) -> Vec<String> {
        let plain = " TEMPLATE template0".to_owned();
        self.making.clone().into_iter().chain(self.encoding()).chain([plain]).collect()
    }

    fn encoding(&self) -> Option<String> {
        let (_, rest) = self.making.as_ref()?.split_once("ENCODING = '")?;
        let (name, _) = rest.split_once('\'')?;
        Some(format!(" TEMPLATE template0 ENCODING = '{name}'"))
    }
}

impl Job<'_> {
    /// What the dump says about the database itself, for its incomplete name.
    pub(super) fn properties(&self, wanted: &Wanted<'_>, form: Form, tool: Option<&Tool>) -> Result<Properties> {
        let Some(tool) = tool else {
            self.cx.warn("a plain dump does not tell the owner, rights and settings of the database itself");
            let lines = existing::preamble(wanted.dump)?.map_while(std::io::Result::ok);
            let starts = [&b"--"[..], b"SET ", b"\\"];
            let is_head = |line: &Vec<u8>| line.is_empty() || starts.iter().any(|start| line.starts_with(start));
            let head = lines.take_while(is_head).collect::<Vec<_>>().join(&b'\n');
            return Ok(Properties::of_plain(&String::from_utf8_lossy(&head)));
        };
        let list = self.told(wanted, form, tool, vec!["--list".into()])?;
        let mut lines = self.session.nameless_file()?;
        let doing = || "listing what is about the database itself".to_owned();
        lines.write_all(of_database(&list).as_bytes()).doing(doing)?;
        let mut by_list = OsString::from("--use-list=");
        by_list.push(our(&lines));
        let sql = self.told(wanted, form, tool, vec![by_list, "--file=/dev/stdout".into()])?;
        Ok(Properties::read(&sql, &wanted.names.incomplete))
    }

    /// What `pg_restore --create` says about a dump. That it fails is told, and no reason not to restore what is in it.
    fn told(&self, wanted: &Wanted<'_>, form: Form, tool: &Tool, more: Vec<OsString>) -> Result<String> {
        let mut answer = self.session.nameless_file()?;
        let doing = || "asking about the database itself".to_owned();
        let mut reading = self.session.local_command(&tool.path, more);
        // it reads files of ours and connects to nothing
        reading.user = None;
        reading.args.push("--create".into());
        existing::reach(wanted.dump, form, &mut reading)?;
        reading.stdout = Stdout::File(answer.try_clone().doing(doing)?);
        let end = process::run(reading, &self.cx.limits, &mut |_, line| self.cx.debug(format!("pg_restore: {line}")))?;
        if !end.ok() {
            self.cx
                .warn("the dump does not tell everything about the owner, rights and settings of the database itself");
        }
        let mut text = Vec::new();
        answer.rewind().and_then(|()| answer.read_to_end(&mut text)).doing(doing)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Gives the new database its owner, rights and settings; how many of them it did not get.
    pub(super) fn dress(&self, properties: &Properties) -> Result<u64> {
        if properties.statements.is_empty() {
            return Ok(0);
        }
        let mut script = self.session.nameless_file()?;
        let written = script.write_all(properties.statements.as_bytes()).and_then(|()| script.rewind());
        written.doing(|| "giving the database its owner and rights".to_owned())?;
        self.feed(script, self.console.door, "database")
    }
}

/// The lines of a dump's list that are about the database itself.
fn of_database(list: &str) -> String {
    let is_one = |line: &&str| !line.starts_with(';') && KINDS.iter().any(|kind| line.contains(kind));
    list.lines().filter(is_one).fold(String::new(), |all, line| all + line + "\n")
}

/// A statement about the database, for the new name; none when it is about something else.
fn renamed(statement: &str, own: &str, new: &str) -> Option<String> {
    let starts = ["ALTER DATABASE ", "ALTER ROLE ", "COMMENT ON DATABASE ", "GRANT ", "REVOKE ", "SECURITY LABEL "];
    if !starts.iter().any(|start| statement.starts_with(start)) {
        return None;
    }
    // what is before the first text is names and words
    let text = statement.find('\'').unwrap_or(statement.len());
    let at = statement.get(..text)?.find(own)?;
    let (before, after) = (statement.get(..at)?, statement.get(at + own.len()..)?);
    Some(format!("{before} DATABASE {} {after}", identifier(new)))
}

/// How many bytes of a text its first name takes, quoted or not.
fn name_length(text: &str) -> usize {
    let Some(quoted) = text.strip_prefix('"') else { return text.find(' ').unwrap_or(text.len()) };
    let mut bytes = quoted.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'"' && quoted.as_bytes().get(at + 1) != Some(&b'"') {
            return at + 2;
        } else if byte == b'"' {
            bytes.next();
        }
    }
    text.len()
}

/// The statements of SQL as `pg_dump` writes it, without what psql itself would do.
struct Statements<'a>(&'a str);

impl<'a> Iterator for Statements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with("--") && !self.0.starts_with('\\') {
                break;
            }
            self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let mut quote = None;
        for (at, byte) in self.0.bytes().enumerate() {
            match (quote, byte) {
                (None, b';') => {
                    let (statement, rest) = (self.0.get(..at)?, self.0.get(at + 1..)?);
                    self.0 = rest;
                    return Some(statement);
                }
                // a doubled quote ends and begins again at once
                (None, b'\'' | b'"') => quote = Some(byte),
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = r#"--
-- TOC entry 3346 (class 1262 OID 16391)
-- Name: app; Type: DATABASE; Schema: -; Owner: app
--

SET standard_conforming_strings = on;
CREATE DATABASE app WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'C';


ALTER DATABASE app OWNER TO "a;b";

\connect app

COMMENT ON DATABASE app IS 'it''s; the
\connect evil
 DATABASE app ';
ALTER DATABASE app SET search_path TO 'app', 'public';
ALTER ROLE app IN DATABASE app SET work_mem TO '1GB';
REVOKE CONNECT,TEMPORARY ON DATABASE app FROM PUBLIC;
GRANT SELECT ON TABLE app TO app;
"#;

    #[test]
    fn statements_are_for_the_new_name() {
        let found = Properties::read(SQL, "n\"w");
        let ways =
            [" WITH TEMPLATE = template0 ENCODING = 'LATIN1' LOCALE = 'C'", " TEMPLATE template0 ENCODING = 'LATIN1'"];
        assert_eq!(found.ways_to_make(), [ways[0], ways[1], " TEMPLATE template0"]);
        let wanted = r#"SET standard_conforming_strings = on;
ALTER DATABASE "n""w" OWNER TO "a;b";
COMMENT ON DATABASE "n""w" IS 'it''s; the
\connect evil
 DATABASE app ';
ALTER DATABASE "n""w" SET search_path TO 'app', 'public';
ALTER ROLE app IN DATABASE "n""w" SET work_mem TO '1GB';
REVOKE CONNECT,TEMPORARY ON DATABASE "n""w" FROM PUBLIC;
"#;
        assert_eq!(found.statements, wanted);
    }

    #[test]
    fn odd_names_are_found_and_others_left_alone() {
        let sql = "CREATE DATABASE \"a \"\"b\" WITH X;\nALTER DATABASE \"a \"\"b\" OWNER TO c;\nALTER DATABASE other OWNER TO c;\n";
        let found = Properties::read(sql, "n");
        assert_eq!(
            (found.making.as_deref(), found.statements.as_str()),
            (Some(" WITH X"), "ALTER DATABASE \"n\" OWNER TO c;\n")
        );
        assert_eq!(Properties::read("ALTER DATABASE app OWNER TO c;", "n"), Properties::default());
        assert_eq!(Properties::read("CREATE DATABASE app WITH X", "n"), Properties::default());
    }

    #[test]
    fn only_the_database_itself_is_asked_for() {
        let list = "; dbname: DATABASE - x\n3346; 1262 16391 DATABASE - app app\n3347; 0 0 ACL - DATABASE app app\n215; 1259 16388 TABLE app t app\n";
        assert_eq!(of_database(list), "3346; 1262 16391 DATABASE - app app\n3347; 0 0 ACL - DATABASE app app\n");
    }
}
