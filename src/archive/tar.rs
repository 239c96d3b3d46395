//! An inode → header and content: exactly the bytes the header promises, whatever happens to the file meanwhile.

use crate::archive::attributes;
use crate::archive::blocks::Sink;
use crate::archive::header::{self, Flag, Header, Records, padding};
use crate::archive::links::Links;
use crate::archive::list::State;
use crate::archive::notes::Notes;
use crate::archive::walk::{Holder, Walk, vanished_or};
use crate::error::Result;
use crate::sys::tree::{self, Attribute, Dir, Extent, Kind, Meta};
use crate::sys::users;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Most parts a sparse file is stored in.
const EXTENTS: usize = 16_384;
/// Largest size believed on a file system that the kernel makes up: `/proc/kcore` claims 128 TiB.
const MADE_UP_LIMIT: u64 = 16 << 20;
/// Bytes after which somebody may stop us or slow us down.
const SLICE: usize = 256 * 1024;

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// It is in the archive as this describes it.
    Whole(Meta),
    /// It is in the archive as another name of an earlier member, whose content is worth this.
    Link(Meta, State),
    /// It is in the archive, but its content is not what it should be.
    Damaged(Meta),
    /// It is not in the archive; why was noted.
    Not,
}

/// Writes members into a stream.
pub struct Packer<'a> {
    sink: &'a mut Sink,
    notes: &'a dyn Notes,
    links: Links,
    names: Names,
    records: Records,
    head: Vec<u8>,
    brake: Brake,
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
            brake: Brake::new(limit),
        }
    }

    /// Stores the walk's current entry as `member` (without a final slash). Only the archive's own troubles are errors.
    pub fn add(&mut self, walk: &Walk<'_>, meta: &Meta, member: &[u8]) -> Result<Stored> {
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

    /// Ends the archive.
    pub fn finish(self) -> Result<()> {
        self.sink.zeros(1024)?;
        // tape drives and some readers expect full records of twenty blocks
        let end = self.sink.len().next_multiple_of(10_240);
        self.sink.zeros(end - self.sink.len())
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

    /// Stores a directory on the way to the current entry.
    pub fn add_holder(&mut self, holder: &Holder<'_>, member: &[u8]) -> Result<()> {
        self.attributes(holder.path, tree::attributes_of(holder.dir));
        self.put_dir(holder.meta, member)
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
        let opened = dir.open_file(name).and_then(|file| tree::meta_of(&file).map(|meta| (file, meta)));
        let (file, meta) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // ELOOP: a link stands there now
                let replaced = error.raw_os_error() == Some(libc::ELOOP);
                let what = if replaced {
                    "was replaced before it was read".to_owned()
                } else {
                    vanished_or(&error, "cannot be opened")
                };
                self.notes.trouble(path, &what);
                return Ok(Stored::Not);
            }
        };
        if meta.kind != Kind::File || meta.id() != seen.id() {
            self.notes.trouble(path, "was replaced before it was read");
            return Ok(Stored::Not);
        }
        if meta.size > MADE_UP_LIMIT && meta.allocated == 0 && tree::made_up_by_kernel(&file) {
            self.notes.trouble(path, "is made up by the kernel and has no end");
            return Ok(Stored::Not);
        }
        self.attributes(path, tree::attributes_of(&file));
        let fault = if let Some(parts) = sparse_parts(&file, &meta) {
            self.sparse(&file, &meta, member, &parts)?
        } else {
            self.put(member, &meta, Flag::File, &[], meta.size)?;
            let fault = self.content(&file, Extent { start: 0, len: meta.size })?;
            self.sink.zeros(padding(meta.size))?;
            fault
        };
        let fault = fault.or_else(|| changed(&file, &meta));
        Ok(match fault {
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
            let bad = self.content(file, *part)?;
            fault = fault.or(bad);
        }
        self.sink.zeros(padding(size))?;
        Ok(fault)
    }

    /// Copies a part of a file into the stream, exactly as long as it should be; returns what was wrong with it.
    fn content(&mut self, file: &File, part: Extent) -> Result<Option<String>> {
        if part.len > 1 << 20 {
            tree::read_in_order(file);
        }
        let mut done = 0;
        while done < part.len {
            let room = self.sink.room()?;
            let len = room.len().min(SLICE).min(usize::try_from(part.len - done).unwrap_or(usize::MAX));
            match file.read_at(room.split_at_mut(len).0, part.start + done) {
                Ok(0) => {
                    self.sink.zeros(part.len - done)?;
                    return Ok(Some("shrank while it was read: the rest is filled with zeros".to_owned()));
                }
                Ok(len) => {
                    self.sink.filled(len);
                    done += len as u64;
                    if part.len > SLICE as u64 {
                        self.notes.check()?;
                    }
                    self.brake.passed(len, self.notes)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.sink.zeros(part.len - done)?;
                    return Ok(Some(format!("cannot be read from byte {} on: {error}", part.start + done)));
                }
            }
        }
        Ok(None)
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

/// What happened to a file since `before` was taken, if anything did.
fn changed(file: &File, before: &Meta) -> Option<String> {
    let after = match tree::meta_of(file) {
        Ok(after) => after,
        Err(error) => return Some(format!("cannot be looked at again: {error}")),
    };
    if after.size > before.size {
        return Some("grew while it was read".to_owned());
    }
    if after.size < before.size {
        return Some("shrank while it was read".to_owned());
    }
    (after.mtime != before.mtime).then(|| "changed while it was read".to_owned())
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

/// Keeps the reading rate down.
struct Brake {
    limit: Option<u64>,
    since: Instant,
    passed: u64,
}

impl Brake {
    fn new(limit: Option<u64>) -> Self {
        Self { limit: limit.filter(|limit| *limit > 0), since: Instant::now(), passed: 0 }
    }

    fn passed(&mut self, bytes: usize, notes: &dyn Notes) -> Result<()> {
        let Some(limit) = self.limit else { return Ok(()) };
        self.passed += bytes as u64;
        let millis = u128::from(self.passed) * 1000 / u128::from(limit);
        let due = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
        while let Some(early) = due.checked_sub(self.since.elapsed()) {
            if early.is_zero() {
                break;
            }
            notes.check()?;
            std::thread::sleep(early.min(Duration::from_millis(100)));
        }
        Ok(())
    }
}
