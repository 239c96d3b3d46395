//! Where a tree is restored to: a stack of open directories, entered name by name and never through a link. A directory gets
//! its times when it is left, so that what was done in it does not show.

use crate::archive::notes::show;
use crate::archive::read::Member;
use crate::archive::restore::metadata::{Dresser, Found};
use crate::archive::restore::tally::Tally;
use crate::sys::tree::{self, Dir, Handle, Listing, Meta};
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd;

/// How many directories of the current path are kept open; the others are opened again on the way up.
const OPEN_DIRECTORIES: usize = 64;

/// A directory on the way from the top to the current one.
#[derive(Debug)]
struct Level {
    /// Its name in the one above; empty for the top.
    name: CString,
    /// None while so many others are open.
    dir: Option<Dir>,
    /// As it was when we came.
    before: Meta,
    /// What it is to become.
    member: Option<Member>,
    found: Found,
    /// Whether what is created in it gets an ACL from it.
    gives_acl: bool,
    /// Whether something was done in it.
    touched: bool,
}

/// What a missing directory on the way means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// It is created.
    Create,
    /// There is nothing to do there.
    GiveUp,
}

/// The tree being restored.
pub struct Target {
    levels: Vec<Level>,
    dresser: Dresser,
    /// Where everything in the top goes once it is complete, and the name of the top there. Without it the top was in use
    /// before, and stays as it is but for what is put into it.
    settle: Option<(Dir, CString)>,
    /// The other file systems below the top, each with its number.
    others: Vec<(u64, Dir)>,
    /// What everything is called until it is whole; none where nobody looks before all of it is.
    draft: Option<CString>,
}

impl Target {
    /// Begins at an open directory, the top, that is in use: what goes there is called `draft` until it is whole.
    pub fn live(top: Dir, draft: CString, dresser: Dresser) -> io::Result<Self> {
        Ok(Self { draft: Some(draft), ..Self::new(top, dresser)? })
    }

    fn new(top: Dir, dresser: Dresser) -> io::Result<Self> {
        let mut target = Self { levels: Vec::new(), dresser, settle: None, others: Vec::new(), draft: None };
        target.push(CString::default(), top, Found::Used)?;
        Ok(target)
    }

    /// Begins in a new directory called `name` in an open one; [`Target::settle`] moves what it holds up and removes it.
    pub fn aside(place: Dir, name: &CStr, dresser: Dresser) -> io::Result<Self> {
        place.make_dir(name)?;
        let mut target = Self::new(place.child(name)?, dresser)?;
        target.settle = Some((place, name.to_owned()));
        Ok(target)
    }

    /// Goes to the directory with these names from the top. `false` when it is missing and not to be created.
    pub fn enter(&mut self, names: &[&[u8]], missing: Missing, tally: &mut Tally) -> io::Result<bool> {
        let own = self.levels.iter().skip(1).map(|level| level.name.to_bytes());
        let same = own.zip(names).take_while(|(own, name)| own == *name).count();
        self.leave_to(same + 1, tally);
        for name in names.iter().skip(same) {
            let name = CString::new(*name)?;
            let found = match (self.here()?.child(&name), missing) {
                (Ok(dir), _) => Some((dir, Found::Used)),
                (Err(error), Missing::Create) if error.kind() == io::ErrorKind::NotFound => {
                    self.touch();
                    let here = self.here()?;
                    here.make_dir(&name)?;
                    Some((here.child(&name)?, self.found_here()))
                }
                (Err(error), Missing::GiveUp) if error.kind() == io::ErrorKind::NotFound => None,
                (Err(error), _) => return Err(in_the_way(error)),
            };
            let Some((dir, found)) = found else { return Ok(false) };
            self.push(name, dir, found)?;
        }
        Ok(true)
    }

    /// The directory entered last.
    pub fn here(&self) -> io::Result<&Dir> {
        let dir = self.levels.last().and_then(|level| level.dir.as_ref());
        dir.ok_or_else(|| io::Error::other("the directory is not open"))
    }

    /// What an entry is called until it is whole, where somebody may be looking.
    pub fn draft(&self) -> Option<&CString> {
        self.draft.as_ref()
    }

    /// Says that something is about to change in the directory entered last.
    pub fn touch(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            level.touched = true;
        }
    }

    /// Whether what is created in the directory entered last is as we make it.
    pub fn found_here(&self) -> Found {
        if self.levels.last().is_some_and(|level| level.gives_acl) { Found::Used } else { Found::Fresh }
    }

    /// What the directory entered last is to become once it is left.
    pub fn set_member(&mut self, member: Member) {
        if let Some(level) = self.levels.last_mut() {
            level.member = Some(member);
        }
    }

    /// Leaves every directory but the top, and waits until everything is on the disk.
    pub fn flush(&mut self, tally: &mut Tally) -> io::Result<()> {
        self.leave_to(1, tally);
        if self.draft.is_some() {
            self.leave_live_top(tally);
        }
        let top = self.levels.iter().filter_map(|level| level.dir.as_ref());
        top.chain(self.others.iter().map(|(_, dir)| dir)).try_for_each(Dir::sync_file_system)
    }

    /// Gives a top that was in use the mode back that kept us out of it.
    fn leave_live_top(&self, tally: &mut Tally) {
        let Some(Level { dir: Some(dir), before, .. }) = self.levels.first() else { return };
        if self.dresser.needs_access()
            && before.mode & 0o700 != 0o700
            && let Err(error) = Handle::Open(dir.as_fd()).set_mode(before.mode)
        {
            tally.bare.add(b"./", &error.to_string());
        }
    }

    /// Leaves the top as well and moves what it holds to where it belongs, for good.
    pub fn settle(mut self, tally: &mut Tally) -> io::Result<()> {
        let Some(mut top) = self.levels.pop() else { return Ok(()) };
        let Some((place, name)) = self.settle.take() else { return Ok(()) };
        let before = place.meta()?;
        if let Some(dir) = top.dir.take() {
            let (names, end) = dir.names(&mut Listing::default());
            end?;
            let mut names: Vec<_> = (0..names.len()).filter_map(|index| names.get(index)).collect();
            // nothing else can be there already, and everything is to stay where it is then
            names.sort_by_key(|name| *name != c"lost+found");
            for name in names {
                let taken = |error: io::Error| io::Error::other(format!("{}: {error}", show(name.to_bytes())));
                place.take(&dir, name).map_err(taken)?;
            }
        }
        place.remove_dir(&name)?;
        let level = Level { found: Found::Used, before, touched: false, ..top };
        self.dress(&level, &place, tally);
        place.sync()
    }

    fn push(&mut self, name: CString, dir: Dir, found: Found) -> io::Result<()> {
        let before = dir.meta()?;
        let is_other = self.levels.first().is_some_and(|top| top.before.dev != before.dev);
        if is_other && self.others.iter().all(|(device, _)| *device != before.dev) {
            self.others.push((before.dev, dir.child(c".")?));
        }
        let gives_acl = found == Found::Used && tree::has_default_acl(&dir);
        if self.dresser.needs_access() && before.mode & 0o700 != 0o700 {
            Handle::Open(dir.as_fd()).set_mode(before.mode | 0o700)?;
        }
        self.levels.push(Level { name, dir: Some(dir), before, member: None, found, gives_acl, touched: false });
        if let Some(far) = self.levels.len().checked_sub(OPEN_DIRECTORIES + 1).filter(|far| *far > 0)
            && let Some(level) = self.levels.get_mut(far)
        {
            level.dir = None;
        }
        Ok(())
    }

    /// Leaves directories until so many levels are left.
    fn leave_to(&mut self, depth: usize, tally: &mut Tally) {
        while self.levels.len() > depth {
            let Some(level) = self.levels.pop() else { return };
            let Some(dir) = &level.dir else { continue };
            let reopened = match self.levels.last() {
                Some(above) if above.dir.is_none() => Some(self.open_above(dir, &above.before)),
                _ => None,
            };
            self.dress(&level, dir, tally);
            match reopened {
                Some(Ok(dir)) => {
                    if let Some(above) = self.levels.last_mut() {
                        above.dir = Some(dir);
                    }
                }
                Some(Err(error)) => tally.bare.add(level.name.to_bytes(), &format!("the way up from it: {error}")),
                None => {}
            }
        }
    }

    /// The directory above an open one, if it still is the one we came from; else found again from the top.
    fn open_above(&self, dir: &Dir, known: &Meta) -> io::Result<Dir> {
        let above = dir.parent()?;
        if above.meta()?.id() == known.id() {
            return Ok(above);
        }
        let top = self.levels.first().and_then(|level| level.dir.as_ref());
        let mut found = top.ok_or_else(|| io::Error::other("the top is not open"))?.child(c".")?;
        for level in self.levels.iter().skip(1) {
            found = found.child(&level.name)?;
        }
        Ok(found)
    }

    fn dress(&self, level: &Level, dir: &Dir, tally: &mut Tally) {
        let handle = Handle::Open(dir.as_fd());
        if let Some(member) = &level.member {
            self.dresser.dress(&handle, member, level.found, tally);
        } else if level.touched || self.dresser.needs_access() {
            let times = handle.set_times(level.before.mtime);
            let mode = if self.dresser.needs_access() { handle.set_mode(level.before.mode) } else { Ok(()) };
            if let Err(error) = times.and(mode) {
                tally.bare.add(level.name.to_bytes(), &error.to_string());
            }
        }
    }
}

/// Says what a link or a file on the way means.
fn in_the_way(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::ELOOP | libc::ENOTDIR) => io::Error::other("what stands in its way is no directory"),
        _ => error,
    }
}

/// The names on the way to a member and its own; an empty list is the top itself. `Err` says why it must not be restored.
pub fn names(path: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    if path.starts_with(b"/") {
        return Err("its name is absolute");
    }
    if path.is_empty() {
        return Err("it has no name");
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    if names.contains(&&b".."[..]) {
        return Err("its name leads upwards");
    }
    if path.contains(&0) {
        return Err("its name holds a NUL byte");
    }
    Ok(names)
}

/// A name as the kernel wants it.
pub fn c_name(name: &[u8]) -> io::Result<CString> {
    Ok(CString::new(name)?)
}

/// Removes what stands in the way of an entry, a directory only when it is empty or `whole` allows it.
pub fn clear(here: &Dir, name: &CStr, whole: Whole) -> io::Result<()> {
    match here.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if tree::is_directory(&error) => match (here.remove_dir(name), whole) {
            (Err(full), Whole::Too) if full.raw_os_error() == Some(libc::ENOTEMPTY) => here.remove_all(name),
            (other, _) => other,
        },
        other => other,
    }
}

/// Gives a draft its name. What has that name is gone in the same moment, a directory only when it is empty.
pub fn replace(here: &Dir, draft: &CStr, name: &CStr) -> io::Result<()> {
    match here.rename(draft, name) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            here.remove_dir(name)?;
            here.rename(draft, name)
        }
        other => other,
    }
}

/// Whether a directory with something in it may be removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whole {
    /// It may: this restore made it.
    Too,
    /// It stays.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P29: names that lead elsewhere are refused before anything is touched.
    #[test]
    fn p29_names_that_lead_out_are_refused() {
        for bad in [&b"/etc/passwd"[..], b"../x", b"a/../../x", b"a/..", b"", b"a\0b"] {
            assert!(names(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(names(b"./").unwrap(), Vec::<&[u8]>::new());
        assert_eq!(names(b"./a//b/").unwrap(), [b"a", b"b"]);
        assert_eq!(names(b"..a/b..").unwrap(), [&b"..a"[..], b"b.."]);
    }
}
