//! An inode → a member. What a zip cannot hold is said: special files are left out with a warning, other names of a file become
//! copies, attributes are dropped.

use crate::archive::archiver::{Archiver, Stored};
use crate::archive::blocks::Sink;
use crate::archive::live::{self, Copier};
use crate::archive::notes::Notes;
use crate::archive::walk::{Holder, Walk, vanished_or};
use crate::archive::zip::compress::{BLOCK, Chain, Piece};
use crate::archive::zip::records::Head;
use crate::error::Result;
use crate::sys::tree::{self, Kind, Meta};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Writes members into a stream.
pub struct Packer<'a> {
    sink: &'a mut Sink<Piece>,
    notes: &'a dyn Notes,
    copier: Copier<'a>,
    /// Names of files that have others, too.
    linked: u64,
    /// Whether anything had attributes.
    attributes: bool,
}

impl<'a> Packer<'a> {
    /// A packer that reads at most `limit` bytes per second.
    pub fn new(sink: &'a mut Sink<Piece>, notes: &'a dyn Notes, limit: Option<u64>) -> Self {
        Self { sink, notes, copier: Copier::new(notes, limit), linked: 0, attributes: false }
    }

    fn add_file(&mut self, walk: &Walk<'_>, seen: &Meta, member: &[u8]) -> Result<Stored> {
        let Some(dir) = walk.holder() else { return Ok(Stored::Not) };
        let Some(live) = live::open(dir, walk.name(), (walk.path(), seen), self.notes) else {
            return Ok(Stored::Not);
        };
        let meta = live.meta;
        self.look_for_attributes(&live.file);
        self.linked += u64::from(meta.nlink > 1);
        self.begin(&meta, member, meta.size)?;
        let fault = self.copier.copy_whole(self.sink, &live)?;
        self.end()?;
        Ok(match fault.or_else(|| live.fault()) {
            Some(fault) => {
                self.notes.trouble(walk.path(), &fault);
                Stored::Damaged(meta)
            }
            None => Stored::Whole(meta),
        })
    }

    fn add_symlink(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored> {
        let Some(dir) = walk.holder() else { return Ok(Stored::Not) };
        match dir.read_link(walk.name()) {
            Ok(target) => {
                let target = target.to_bytes();
                self.begin(meta, member, target.len() as u64)?;
                self.sink.write(target)?;
                self.end()?;
                Ok(Stored::Whole(*meta))
            }
            Err(error) => {
                self.notes.trouble(walk.path(), &vanished_or(&error, "cannot be read"));
                Ok(Stored::Not)
            }
        }
    }

    fn put_dir(&mut self, meta: &Meta, member: &[u8]) -> Result<()> {
        self.begin(meta, &[member, b"/"].concat(), 0)?;
        self.end()
    }

    fn begin(&mut self, meta: &Meta, name: &[u8], size: u64) -> Result<()> {
        let kind = match meta.kind {
            Kind::Dir => libc::S_IFDIR,
            Kind::Symlink => libc::S_IFLNK,
            _ => libc::S_IFREG,
        };
        let head =
            Head { name: name.to_vec(), mode: kind | meta.mode, uid: meta.uid, gid: meta.gid, mtime: meta.mtime, size };
        let mark = self.sink.mark()?;
        mark.head = Some(Box::new(head));
        mark.chain = (size > BLOCK as u64).then(|| (Arc::new(Chain::default()), 0));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.sink.mark()?.end = true;
        self.sink.cut()
    }

    /// Once is enough: it only has to be said that they are not stored.
    fn look_for_attributes(&mut self, fd: impl AsFd) {
        self.attributes = self.attributes || tree::attributes_of(fd).is_ok_and(|found| !found.is_empty());
    }
}

impl Archiver for Packer<'_> {
    fn add(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored> {
        // the slash of a directory comes on top
        if member.len() >= usize::from(u16::MAX) {
            self.notes.trouble(walk.path(), "its name is too long for a zip");
            return Ok(Stored::Not);
        }
        match meta.kind {
            Kind::File => self.add_file(walk, meta, member),
            Kind::Symlink => self.add_symlink(walk, meta, member),
            Kind::Dir => {
                if let Some(dir) = walk.entered() {
                    self.look_for_attributes(dir);
                }
                self.put_dir(meta, member)?;
                Ok(Stored::Whole(*meta))
            }
            Kind::Fifo | Kind::Char | Kind::Block | Kind::Socket => {
                let what = match meta.kind {
                    Kind::Fifo => "a named pipe",
                    Kind::Socket => "a socket",
                    _ => "a device",
                };
                self.notes.trouble(walk.path(), &format!("is {what}, which a zip cannot hold"));
                Ok(Stored::Not)
            }
        }
    }

    fn add_holder(&mut self, holder: &Holder<'_>, member: &[u8]) -> Result<()> {
        self.put_dir(holder.meta, member)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.linked > 0 {
            let count = self.linked;
            self.notes.info(&format!(
                "{count} entries are names of files that have others, too: a zip holds a copy for each"
            ));
        }
        if self.attributes {
            self.notes.info("extended attributes and ACLs are not stored: a zip cannot hold them");
        }
        Ok(())
    }
}
