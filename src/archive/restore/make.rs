//! One member → one entry. What it cannot be made of is told; nothing is reached through a link.

use super::metadata::Privileges;
use super::select::Choice;
use super::target::{Missing, Whole, c_name, clear, names, replace};
use super::{Done, Failure, Layer, Restorer, Tried, Trouble, trimmed};
use crate::archive::open::Members;
use crate::archive::read::{Member, Type};
use crate::error::Doing;
use crate::sys::tree::{Dir, Handle, Kind};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

impl Restorer<'_> {
    /// Makes the entry that a member describes.
    pub(super) fn make(&mut self, member: Member, members: &mut dyn Members) -> Tried<Done> {
        let path = member.path.clone();
        let names = names(&path).map_err(|why| Trouble::Here(format!("refused: {why}")))?;
        let Some((name, holders)) = names.split_last() else {
            if member.kind != Type::Dir {
                return Err(Trouble::Here("refused: it would replace the target itself".to_owned()));
            }
            self.target.enter(&[], Missing::GiveUp, &mut self.tally)?;
            self.target.set_member(member);
            return Ok(Done::Yes);
        };
        if matches!(member.kind, Type::Char | Type::Block) && self.dresser.privileges() == Privileges::Plain {
            self.tally.devices += 1;
            return Ok(Done::HeldBack);
        }
        if member.kind == Type::Link {
            return self.link(&member, &names);
        }
        if member.kind == Type::Dir {
            return self.dir(member, &names);
        }
        self.target.enter(holders, Missing::Create, &mut self.tally)?;
        self.target.touch();
        let name = c_name(name)?;
        match member.kind {
            Type::File => self.file(&member, &name, members)?,
            Type::Symlink => {
                let target = CString::new(member.target.as_slice()).map_err(io::Error::from)?;
                self.put(&name, &mut |this, name| {
                    this.fresh(name, |here, name| here.make_symlink(name, &target))?;
                    Ok(this.dress(&member, name)?)
                })?;
            }
            Type::Fifo => self.node(&member, &name, Kind::Fifo)?,
            Type::Char => self.node(&member, &name, Kind::Char)?,
            Type::Block => self.node(&member, &name, Kind::Block)?,
            Type::Dir | Type::Link => {}
        }
        Ok(Done::Yes)
    }

    /// Makes an entry. In a directory in use it takes the place of what stands there only when it is whole.
    fn put(&mut self, name: &CString, make: &mut dyn FnMut(&mut Self, &CString) -> Tried<()>) -> Tried<()> {
        let Some(draft) = self.target.draft().cloned() else { return make(self, name) };
        let ended = make(self, &draft).and_then(|()| Ok(replace(self.target.here()?, &draft, name)?));
        if ended.is_err() {
            // the first error is the one to report
            let _ = self.target.here().and_then(|here| here.remove(&draft));
        }
        ended
    }

    /// Makes something that is not there yet; what stands in the way goes.
    fn fresh<T>(&self, name: &CString, mut make: impl FnMut(&Dir, &CString) -> io::Result<T>) -> io::Result<T> {
        let here = self.target.here()?;
        match make(here, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let is_ours = self.layer == Layer::Over && self.target.draft().is_none();
                let whole = if is_ours { Whole::Too } else { Whole::Never };
                clear(here, name, whole)?;
                make(here, name)
            }
            other => other,
        }
    }

    fn dress(&mut self, member: &Member, name: &CString) -> io::Result<()> {
        let found = self.target.found_here();
        let handle = self.target.here()?.hold(name)?;
        self.dresser.dress(&handle, member, found, &mut self.tally);
        Ok(())
    }

    fn node(&mut self, member: &Member, name: &CString, kind: Kind) -> Tried<()> {
        let number =
            |number: u64| u32::try_from(number).map_err(|_| Trouble::Here("its device number is too large".into()));
        let device = (number(member.device.0)?, number(member.device.1)?);
        self.put(name, &mut |this, name| {
            this.fresh(name, |here, name| here.make_node(name, kind, device))?;
            Ok(this.dress(member, name)?)
        })
    }

    fn dir(&mut self, member: Member, names: &[&[u8]]) -> Tried<Done> {
        if let Some((name, holders)) = names.split_last() {
            self.target.enter(holders, Missing::Create, &mut self.tally)?;
            let name = c_name(name)?;
            let stands = self.target.here()?.lstat(&name);
            // anything but a directory has to go; a directory keeps what is in it
            if stands.is_ok_and(|meta| meta.kind != Kind::Dir) {
                self.target.touch();
                self.make_way(&name)?;
            }
        }
        self.target.enter(names, Missing::Create, &mut self.tally)?;
        self.target.set_member(member);
        Ok(Done::Yes)
    }

    /// Puts an empty directory in the place of something else, which goes only once there is one.
    fn make_way(&self, name: &CString) -> io::Result<()> {
        let here = self.target.here()?;
        let Some(draft) = self.target.draft() else { return clear(here, name, Whole::Never) };
        self.fresh(draft, |here, draft| here.make_dir(draft))?;
        let moved = clear(here, name, Whole::Never).and_then(|()| here.rename(draft, name));
        if moved.is_err() {
            let _ = here.remove_dir(draft);
        }
        moved
    }

    fn link(&mut self, member: &Member, own: &[&[u8]]) -> Tried<Done> {
        let refused = |why: &str| Trouble::Here(format!("refused: the name it links to is none in here: {why}"));
        let old = names(&member.target).map_err(refused)?;
        let (Some((name, holders)), Some((old_name, old_holders))) = (own.split_last(), old.split_last()) else {
            return Err(refused("it is the target itself"));
        };
        if own == old {
            return Err(refused("it is its own"));
        }
        if self.selection.choice(&member.target) == Choice::Unwanted {
            self.orphans.entry(trimmed(&member.target).to_vec()).or_default().push(member.path.clone());
            return Ok(Done::HeldBack);
        }
        let nothing = || Trouble::Here("what it links to is not there".to_owned());
        let (name, old_name) = (c_name(name)?, c_name(old_name)?);
        if self.failed.contains(trimmed(&member.target))
            || !self.target.enter(old_holders, Missing::GiveUp, &mut self.tally)?
        {
            return Err(nothing());
        }
        let from = self.target.here()?.child(c".")?;
        let meta = from.lstat(&old_name).map_err(|_| nothing())?;
        if meta.kind == Kind::Dir {
            return Err(refused("a directory stands there"));
        }
        self.target.enter(holders, Missing::Create, &mut self.tally)?;
        self.target.touch();
        self.put(&name, &mut |this, name| Ok(this.fresh(name, |here, name| here.make_link(name, &from, &old_name))?))?;
        if let Some(draft) = self.target.draft() {
            // it is still there when both were the same file before
            clear(self.target.here()?, draft, Whole::Never)?;
        }
        Ok(Done::Yes)
    }

    fn file(&mut self, member: &Member, name: &CString, members: &mut dyn Members) -> Tried<()> {
        self.put(name, &mut |this, name| this.content(member, name, members))
    }

    fn content(&mut self, member: &Member, name: &CString, members: &mut dyn Members) -> Tried<()> {
        let file = self.fresh(name, |here, name| here.create(name))?;
        if let Err(trouble) = self.fill(&file, member, members) {
            // half a file must not look like one; the first error is the one to report
            let _ = self.target.here().and_then(|here| here.remove(name));
            return Err(match trouble {
                Trouble::Fatal(Failure::Archive(error)) if members.pass_over() => Trouble::Here(error.to_string()),
                other => other,
            });
        }
        let found = self.target.found_here();
        self.dresser.dress(&Handle::Open(file.as_fd()), member, found, &mut self.tally);
        if self.target.draft().is_some() {
            // a power cut must not take away both what was there and what replaces it
            file.sync_all()?;
        }
        Ok(())
    }

    fn fill(&mut self, file: &File, member: &Member, members: &mut dyn Members) -> Tried<()> {
        let content = members.content();
        match &member.extents {
            None => self.pour(content, &mut |bytes, _| (&*file).write_all(bytes), u64::MAX),
            Some(extents) => {
                for extent in extents {
                    let put = &mut |bytes: &[u8], at: u64| file.write_all_at(bytes, extent.start + at);
                    self.pour(content, put, extent.len)?;
                }
                Ok(file.set_len(member.size)?)
            }
        }
    }

    /// Copies so many bytes, or all there are. `put` gets where they stand among them.
    fn pour(
        &mut self,
        content: &mut dyn BufRead,
        put: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
        limit: u64,
    ) -> Tried<()> {
        let mut done = 0;
        while done < limit {
            let bytes = content.fill_buf().doing(|| "reading the archive".to_owned());
            let bytes = bytes.map_err(|error| Trouble::Fatal(Failure::Archive(error)))?;
            let len = bytes.len().min(usize::try_from(limit - done).unwrap_or(usize::MAX));
            let Some(bytes) = bytes.get(..len).filter(|bytes| !bytes.is_empty()) else { break };
            put(bytes, done)?;
            content.consume(len);
            done += len as u64;
            self.tally.bytes += len as u64;
            self.watch.passed(0, len as u64).map_err(|error| Trouble::Fatal(Failure::Stopped(error)))?;
        }
        Ok(())
    }
}
