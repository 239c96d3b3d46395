//! Putting a set in the place of an older one of the same name; why in this order is said at the top of the room.

use crate::error::{Error, Result};
use crate::store::manifest::Manifest;
use crate::store::naming::part_name;
use crate::store::publish::Staging;
use crate::store::publish::drafts::{self, Entry};
use crate::store::sets::VERIFIED;
use crate::sys::files::EntryKind;

/// Where an old directory dump waits for the moment in which neither the old nor the new one has the name, on systems
/// that cannot swap two names.
pub(super) fn aside_name(name: &str) -> String {
    format!(".{name}.old")
}

impl Staging {
    /// Takes the old companions away, puts the new main file in the old one's place, then names the new companions.
    pub(super) fn replace(&self, main: &str) -> Result<()> {
        let mut old = vec![Manifest::name_for(main), format!("{main}.{VERIFIED}")];
        old.extend(self.obsolete.iter().filter(|name| *name != main).cloned());
        old.extend(self.drafts.iter().skip(1).map(|draft| draft.name.clone()));
        for name in old {
            if self.dir.facts(&name)?.is_some_and(|facts| facts.kind != EntryKind::Dir) {
                self.dir.remove(&name)?;
            }
        }
        self.dir.sync()?;
        self.take_place(main)?;
        self.dir.sync()?;
        for draft in self.drafts.iter().skip(1) {
            self.dir.rename_new(&part_name(&draft.name), &draft.name)?;
        }
        Ok(())
    }

    fn take_place(&self, main: &str) -> Result<()> {
        let part = part_name(main);
        let kind = |name: &str| Ok::<_, Error>(self.dir.facts(name)?.map(|facts| facts.kind));
        if kind(main)? == Some(EntryKind::Other) {
            return Err(Error::failed(format!("{} is in the way", self.dir.join(main).display())));
        }
        if kind(main)? == Some(EntryKind::File) && kind(&part)? == Some(EntryKind::File) {
            return self.dir.rename_over(&part, main);
        }
        if self.dir.swap(&part, main)? {
            return self.dir.remove_tree(&part);
        }
        self.put_aside(main, &part)
    }

    /// Without a swap there is a moment with no set under the name: a sweep puts the old one back after a crash in it.
    pub(super) fn put_aside(&self, main: &str, part: &str) -> Result<()> {
        let aside = aside_name(main);
        let busy = || Error::failed(format!("{} is in use", self.dir.join(main).display()));
        let Entry::Dead(_lock) = drafts::lock_entry(&self.dir, main)? else { return Err(busy()) };
        self.dir.remove_tree(&aside)?;
        self.dir.rename_new(main, &aside)?;
        if let Err(error) = self.dir.rename_new(part, main) {
            self.dir.rename_new(&aside, main)?;
            return Err(error);
        }
        self.dir.sync()?;
        self.dir.remove_tree(&aside)
    }
}
