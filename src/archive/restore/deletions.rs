//! What a differential says is gone → removed from what the full archive brought.

use super::select::{self, Choice};
use super::target::{Missing, c_name, names};
use super::{Ending, Restorer, Tried, Trouble, full};
use crate::sys::tree;
use std::io;

impl Restorer<'_> {
    /// Removes a path that the base brought and the differential says is gone. Paths come in walk order.
    pub fn delete(&mut self, path: &[u8]) -> Ending {
        if self.selection.choice(path) == Choice::Unwanted {
            return Ok(());
        }
        while self.leaving.last().is_some_and(|dir| !select::is_below(path, dir)) {
            self.remove_left();
        }
        match self.remove(path) {
            Ok(()) => Ok(()),
            Err(Trouble::Full(error)) => full(error, "removing", path),
            Err(Trouble::Fatal(failure)) => Err(failure),
            Err(Trouble::Here(what)) => {
                self.tally.bare.add(path, &format!("is deleted, but cannot be removed: {what}"));
                Ok(())
            }
        }
    }

    /// Ends the deletions.
    pub fn deleted(&mut self) {
        while !self.leaving.is_empty() {
            self.remove_left();
        }
    }

    fn remove(&mut self, path: &[u8]) -> Tried<()> {
        let names = names(path).map_err(|why| Trouble::Here(why.to_owned()))?;
        let Some((name, holders)) = names.split_last() else { return Ok(()) };
        match self.target.enter(holders, Missing::GiveUp, &mut self.tally) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // something else stands on the way: nothing of the base can be behind it
            Err(error) if error.raw_os_error().is_none() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.target.touch();
        match self.target.here()?.remove(&c_name(name)?) {
            Ok(()) => self.tally.deleted += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if tree::is_directory(&error) => self.leaving.push(path.to_vec()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Removes the innermost directory that is to go, unless something in it stays.
    fn remove_left(&mut self) {
        let Some(path) = self.leaving.pop() else { return };
        let Some((name, holders)) =
            names(&path).ok().and_then(|names| names.split_last().map(|(n, h)| (n.to_vec(), h.to_vec())))
        else {
            return;
        };
        let entered = self.target.enter(&holders, Missing::GiveUp, &mut self.tally);
        match entered.and_then(|_| self.target.here()?.remove_dir(&c_name(&name)?)) {
            Ok(()) => self.tally.deleted += 1,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {}
            Err(error) => self.tally.bare.add(&path, &format!("is deleted, but cannot be removed: {error}")),
        }
    }
}
