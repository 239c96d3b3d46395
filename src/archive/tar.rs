//! An inode → header and content: exactly the bytes the header promises, whatever happens to the file meanwhile.

use crate::archive::archiver::{Archiver, Stored};
use crate::archive::attributes;
use crate::archive::blocks::Sink;
use crate::archive::header::{self, Flag, Header, Records, padding};
use crate::archive::links::Links;
use crate::archive::list::State;
use crate::archive::live::{self, Copier};
use crate::archive::notes::Notes;
use crate::archive::walk::{Holder, Walk, vanished_or};
use crate::error::Result;
use crate::sys::tree::{self, Attribute, Dir, Extent, Kind, Meta};
use crate::sys::users;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io;

/// Most parts a sparse file is stored in.
const EXTENTS: usize = 16_384;

/// Writes members into a stream.
pub struct Packer<'a> {
    sink: &'a mut Sink,
    notes: &'a dyn Notes,
    links: Links,
    names: Names,
    records: Records,
    head: Vec<u8>,
    copier: Copier<'a>,
}

impl<'a> Packer<'a> {
    /// A packer that reads at most `limit` bytes per second.
    pub fn new(sink: &'a mut Sink, notes: &'a dyn Notes, limit: Option<u64>) -> Self {
        Self {
            sink,
            notes,
            links: Links::default(),
            names: Names::default(),
            records: Records::default(),
            head: Vec::with_capacity(2048),
            copier: Copier::new(notes, limit),
        }
    }

    fn add_dir(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored> {
        let attributes = match (walk.entered(), walk.holder()) {
            (Some(dir), _) => tree::attributes_of(dir),
            (None, Some(dir)) => dir.attributes_at(walk.name()),
            (None, None) => Ok(Vec::new()),
        };
        self.attributes(walk.path(), attributes);
        self.put_dir(meta, member)?;
        Ok(Stored::Whole(*meta))
    }

    fn put_dir(&mut self, meta: &Meta, member: &[u8]) -> Result<()> {
        self.put(&[member, b"/"].concat(), meta, Flag::Dir, &[], 0)
    }

    fn add_special(
        &mut self,
        dir: &Dir,
        walk: &Walk<'_>,
        meta: &Meta,
        member: &[u8],
        flag: Flag,
        target: &[u8],
    ) -> Result<Stored> {
        self.attributes(walk.path(), dir.attributes_at(walk.name()));
        self.put(member, meta, flag, target, 0)?;
        Ok(Stored::Whole(*meta))
    }

    fn add_file(&mut self, dir: &Dir, name: &CStr, path: &[u8], seen: &Meta, member: &[u8]) -> Result<Stored> {
        let Some(live) = live::open(dir, name, (path, seen), self.notes) else { return Ok(Stored::Not) };
        let (file, meta) = (&live.file, live.meta);
        self.attributes(path, tree::attributes_of(file));
        let parts = if live.early.is_none() { sparse_parts(file, &meta) } else { None };
        let fault = if let Some(parts) = parts {
            self.sparse(file, &meta, member, &parts)?
        } else {
            self.put(member, &meta, Flag::File, &[], meta.size)?;
            let fault = self.copier.copy_whole(self.sink, &live)?;
            self.sink.zeros(padding(meta.size))?;
            fault
        };
        Ok(match fault.or_else(|| live.fault()) {
            Some(fault) => {
                self.notes.trouble(path, &fault);
                Stored::Damaged(meta)
            }
            None => Stored::Whole(meta),
        })
    }

    /// Stores a file with holes in GNU tar's format 1.0: the map first, then the parts that hold data.
    fn sparse(&mut self, file: &File, meta: &Meta, member: &[u8], parts: &[Extent]) -> Result<Option<String>> {
        let map = sparse_map(parts, meta.size);
        let data: u64 = parts.iter().map(|part| part.len).sum();
        let size = map.len() as u64 + data;
        self.records.add(b"GNU.sparse.major", b"1");
        self.records.add(b"GNU.sparse.minor", b"0");
        self.records.add(b"GNU.sparse.name", member);
        self.records.add(b"GNU.sparse.realsize", meta.size.to_string().as_bytes());
        let slash = member.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        let (holder, name) = member.split_at_checked(slash).unwrap_or((&[], member));
        // what a reader without the format extracts, under a name that says so
        self.put(&[holder, b"GNUSparseFile.0/", name].concat(), meta, Flag::File, &[], size)?;
        self.sink.write(&map)?;
        let mut fault = None;
        for part in parts {
            let bad = self.copier.copy(self.sink, file, *part)?;
            fault = fault.or(bad);
        }
        self.sink.zeros(padding(size))?;
        Ok(fault)
    }

    /// Prepares the records of an inode's attributes.
    fn attributes(&mut self, path: &[u8], attributes: io::Result<Vec<Attribute>>) {
        match attributes {
            Ok(attributes) => attributes::add_records(&attributes, &mut self.records),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.notes.trouble(path, &format!("its extended attributes cannot be read: {error}")),
        }
    }

    fn put(&mut self, member: &[u8], meta: &Meta, flag: Flag, target: &[u8], size: u64) -> Result<()> {
        self.names.learn(meta);
        let header = Header {
            path: member,
            flag,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            size,
            mtime: meta.mtime,
            target,
            user: self.names.users.get(&meta.uid).map_or("", String::as_str),
            group: self.names.groups.get(&meta.gid).map_or("", String::as_str),
            device: if matches!(flag, Flag::Char | Flag::Block) { meta.rdev } else { (0, 0) },
        };
        self.head.clear();
        header::write(&header, &mut self.records, &mut self.head);
        self.sink.write(&self.head)
    }
}

impl Archiver for Packer<'_> {
    fn add(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored> {
        let path = walk.path();
        if meta.kind == Kind::Dir {
            return self.add_dir(walk, meta, member);
        }
        let Some(dir) = walk.holder() else { return Ok(Stored::Not) };
        if let Some((first, state)) = self.links.earlier(meta.id(), meta.nlink) {
            self.put(member, meta, Flag::Link, &first, 0)?;
            return Ok(Stored::Link(*meta, state));
        }
        let stored = match meta.kind {
            Kind::File => self.add_file(dir, walk.name(), path, meta, member)?,
            Kind::Symlink => match dir.read_link(walk.name()) {
                Ok(target) => self.add_special(dir, walk, meta, member, Flag::Symlink, target.to_bytes())?,
                Err(error) => {
                    self.notes.trouble(path, &vanished_or(&error, "cannot be read"));
                    Stored::Not
                }
            },
            Kind::Fifo => self.add_special(dir, walk, meta, member, Flag::Fifo, &[])?,
            Kind::Char => self.add_special(dir, walk, meta, member, Flag::Char, &[])?,
            Kind::Block => self.add_special(dir, walk, meta, member, Flag::Block, &[])?,
            Kind::Socket | Kind::Dir => {
                self.notes.trouble(path, "is a socket, which an archive cannot hold");
                Stored::Not
            }
        };
        match &stored {
            Stored::Whole(meta) => self.links.remember(meta.id(), meta.nlink, (member, State::Whole)),
            Stored::Damaged(meta) => self.links.remember(meta.id(), meta.nlink, (member, State::Damaged)),
            Stored::Link(..) | Stored::Not => {}
        }
        Ok(stored)
    }

    fn add_holder(&mut self, holder: &Holder<'_>, member: &[u8]) -> Result<()> {
        self.attributes(holder.path, tree::attributes_of(holder.dir));
        self.put_dir(holder.meta, member)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.sink.zeros(1024)?;
        // tape drives and some readers expect full records of twenty blocks
        let end = self.sink.len().next_multiple_of(10_240);
        self.sink.zeros(end - self.sink.len())
    }
}

/// The parts of a file that has holes; none when it is to be stored as it is.
fn sparse_parts(file: &File, meta: &Meta) -> Option<Vec<Extent>> {
    if meta.allocated >= meta.size {
        return None;
    }
    // where holes cannot be found out, zeros are stored
    let parts = tree::extents(file, meta.size, EXTENTS).ok()?;
    let data: u64 = parts.iter().map(|part| part.len).sum();
    (data < meta.size).then_some(parts)
}

/// Number of parts, then offset and length of each, in decimal lines, filled up to a record. The last part ends where the
/// file does.
fn sparse_map(parts: &[Extent], size: u64) -> Vec<u8> {
    let end = parts.last().map_or(0, |last| last.start + last.len);
    let tail = (end < size).then_some(Extent { start: size, len: 0 });
    let mut map = (parts.len() + usize::from(tail.is_some())).to_string().into_bytes();
    map.push(b'\n');
    for number in parts.iter().chain(&tail).flat_map(|part| [part.start, part.len]) {
        map.extend_from_slice(number.to_string().as_bytes());
        map.push(b'\n');
    }
    map.resize(map.len().next_multiple_of(512), 0);
    map
}

/// Names of users and groups, asked for once each.
#[derive(Default)]
struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Names {
    fn learn(&mut self, meta: &Meta) {
        // a name that does not fit the header's field is left out: the number counts
        let fits = |name: String| if name.len() < 32 { name } else { String::new() };
        let user = |uid| users::by_uid(uid).map(|user| fits(user.name)).unwrap_or_default();
        self.users.entry(meta.uid).or_insert_with_key(|uid| user(*uid));
        let group = |gid| users::group_name(gid).map(fits).unwrap_or_default();
        self.groups.entry(meta.gid).or_insert_with_key(|gid| group(*gid));
    }
}
