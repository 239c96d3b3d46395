//! A new database on its way: it gets its name when all of it is there, and until then has one that says what it is.

use super::console::{Console, identifier, literal};
use crate::error::{Doing, Error, Result};
use crate::sys::signals::{Cancel, Deadline, Limits};
use std::time::Duration;

/// The longest name of a database, in bytes: the server cuts what is longer, and does not fail.
pub const LONGEST: usize = 63;

/// How long taking away a database that is not wanted any more may take.
const TAKING_AWAY: Duration = Duration::from_secs(30);

/// How long renaming may take: the server itself gives clients five seconds to leave each database.
const RENAMING: Duration = Duration::from_secs(60);

/// Between two looks at connections that were asked to end.
const LOOK: Duration = Duration::from_millis(50);

/// What a new database is called, when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// In the end.
    pub wanted: String,
    /// Until then.
    pub incomplete: String,
    /// What has the wanted name before, afterwards.
    pub before: String,
}

impl Names {
    /// For a database wanted as `wanted`, restored at `stamp`. Fails when no database can have that name.
    pub fn new(wanted: &str, stamp: &str) -> Result<Self> {
        if wanted.is_empty() || wanted.contains('\0') {
            return Err(Error::usage("--to-db needs the name of a new database"));
        }
        if wanted.len() > LONGEST {
            let what = format!("{wanted:?} is too long: the name of a database has at most {LONGEST} bytes");
            return Err(Error::usage(what));
        }
        let with = |suffix: String| {
            let longest = LONGEST.saturating_sub(suffix.len());
            let kept = (0..=longest).rev().find_map(|length| wanted.get(..length));
            kept.unwrap_or(wanted).to_owned() + &suffix
        };
        let (incomplete, before) = (with(format!(".incomplete-{stamp}")), with(format!(".before-{stamp}")));
        Ok(Self { wanted: wanted.to_owned(), incomplete, before })
    }

    fn create(&self, how: &str) -> String {
        format!("CREATE DATABASE {}{how}", identifier(&self.incomplete))
    }

    /// The statement that takes an incomplete database away.
    pub fn drop(&self) -> String {
        format!("DROP DATABASE {};", identifier(&self.incomplete))
    }

    /// The statements that give the new database its name.
    pub fn rename(&self, old: Old) -> String {
        let rename =
            |from: &str, to: &str| format!("ALTER DATABASE {} RENAME TO {};", identifier(from), identifier(to));
        let new = rename(&self.incomplete, &self.wanted);
        match old {
            Old::None => new,
            Old::Renamed => format!("{} {new}", rename(&self.wanted, &self.before)),
        }
    }
}

/// Whether something has the wanted name already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Old {
    /// No.
    None,
    /// Yes, and it is to be renamed.
    Renamed,
}

impl Old {
    /// From whether something has the name.
    pub fn of(taken: bool) -> Self {
        if taken { Self::Renamed } else { Self::None }
    }
}

/// A new database on its way.
pub struct Newborn<'a> {
    /// Where statements are given.
    pub console: &'a Console<'a>,
    /// What it is called.
    pub names: &'a Names,
    /// What had the wanted name when it began.
    pub old: Old,
}

impl Newborn<'_> {
    /// Makes it, empty, in the first of these ways that the server takes; why it was not the first of all. What an interruption
    /// leaves behind is taken away.
    pub fn create(&self, ways: &[String], limits: &Limits) -> Result<Option<Error>> {
        let name = &self.names.incomplete;
        if self.console.knows(name, limits)? {
            return Err(Error::failed(format!("database {name:?} exists already")));
        }
        let mut first = None;
        for how in ways {
            match self.console.run(&(self.names.create(how) + ";"), limits) {
                Ok(_) => return Ok(first),
                // the server may be at it still
                Err(error) if limits.check().is_err() => return self.give_up(error, limits),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let why = first.unwrap_or_else(|| Error::failed("there is no way to make it"));
        Err(why).doing(|| format!("creating the database {name:?}"))
    }

    /// Takes it away, incomplete as it is: always the error that was the reason, which now tells what is left.
    pub fn give_up<T>(&self, reason: Error, limits: &Limits) -> Result<T> {
        let limits = limits.for_cleanup(Deadline::after(TAKING_AWAY, "the time for dropping it"));
        let name = &self.names.incomplete;
        let left = match self.take_away(&limits) {
            Ok(()) => format!("the incomplete database {name:?} was dropped"),
            Err(why) => {
                let by = self.names.drop();
                format!("the incomplete database {name:?} could not be dropped ({why}), {by} does that")
            }
        };
        let wanted = &self.names.wanted;
        let live = match self.old {
            Old::None => format!("there is no {wanted:?} yet"),
            Old::Renamed => format!("{wanted:?} is as it was"),
        };
        Err(reason).doing(|| format!("{left}, {live}"))
    }

    /// Ends all that works in or on it, then drops it.
    fn take_away(&self, limits: &Limits) -> Result<()> {
        // neither a busy session nor one that makes the database notices that its client is gone
        let end = format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE pid <> pg_catalog.pg_backend_pid() AND (datname = {} OR pg_catalog.strpos(query, {}) = 1 AND state = 'active');",
            literal(&self.names.incomplete),
            literal(&self.names.create(" "))
        );
        while !self.console.run(&end, limits)?.trim().is_empty() {
            limits.check()?;
            std::thread::sleep(LOOK);
        }
        let drop = format!("DROP DATABASE IF EXISTS {};", identifier(&self.names.incomplete));
        self.console.run(&drop, limits).map(|_| ())
    }

    /// Gives it its name, and what has that another one: both or none, whatever happens. Nothing but the time ends this,
    /// so that it can be told which; it does not take long.
    pub fn rename(&self) -> Result<()> {
        let bound = |name| Limits { cancel: Cancel::new(), deadline: Deadline::after(RENAMING, name) };
        let statements = format!("BEGIN;\n{}\nCOMMIT;", self.names.rename(self.old));
        let Err(error) = self.console.run(&statements, &bound("the time for renaming it")) else { return Ok(()) };
        // the connection may have been lost after the last word
        match self.console.knows(&self.names.incomplete, &bound("the time for asking about it")) {
            Ok(false) => Ok(()),
            Ok(true) => Err(error),
            Err(_) => Err(error).doing(|| "the server cannot be asked what it is called now".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "20261123_130000";

    #[test]
    fn names_fit_and_are_cut_between_letters() {
        let names = Names::new("app", STAMP).unwrap();
        assert_eq!(names.incomplete, "app.incomplete-20261123_130000");
        assert_eq!(names.before, "app.before-20261123_130000");
        for letter in ["x", "ж", "語", "🦀"] {
            let wanted = letter.repeat(LONGEST / letter.len());
            let names = Names::new(&wanted, STAMP).unwrap();
            for (cut, suffix) in [(&names.incomplete, ".incomplete-"), (&names.before, ".before-")] {
                assert!((60..=LONGEST).contains(&cut.len()), "{cut}");
                let kept = cut.strip_suffix(STAMP).unwrap().strip_suffix(suffix).unwrap();
                assert_eq!(kept.replace(letter, ""), "");
            }
            assert_ne!(names.incomplete, names.before);
        }
        for wrong in ["", "a\0b", &"ж".repeat(32)] {
            assert!(Names::new(wrong, STAMP).is_err(), "{wrong}");
        }
    }

    /// P14: names stay names.
    #[test]
    fn statements_quote_names() {
        let names = Names::new("a\"b", STAMP).unwrap();
        assert_eq!(names.drop(), "DROP DATABASE \"a\"\"b.incomplete-20261123_130000\";");
        assert_eq!(
            names.rename(Old::Renamed),
            "ALTER DATABASE \"a\"\"b\" RENAME TO \"a\"\"b.before-20261123_130000\"; \
             ALTER DATABASE \"a\"\"b.incomplete-20261123_130000\" RENAME TO \"a\"\"b\";"
        );
    }
}
