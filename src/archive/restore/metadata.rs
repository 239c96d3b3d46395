//! A member's owner, mode, times, attributes and ACLs → the entry that was made for it.

use crate::archive::acl;
use crate::archive::read::{Member, Type};
use crate::archive::restore::tally::Tally;
use crate::sys::tree::Handle;
use crate::sys::users;
use std::ffi::{CStr, CString};
use std::io;

const ACCESS: &CStr = c"system.posix_acl_access";
const DEFAULT: &CStr = c"system.posix_acl_default";

/// Bits that let a file run as somebody else.
const SET_ID: u32 = 0o6000;

/// What a restore may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Privileges {
    /// No device nodes, no setuid bits, no `security.*`.
    #[default]
    Plain,
    /// All of it.
    Full,
}

/// Whether an entry may carry attributes that its member does not have: it was there before, or its directory gave it an ACL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Everything on it is ours.
    Fresh,
    /// What the member does not have is removed.
    Used,
}

/// Gives entries their metadata.
#[derive(Clone, Copy, Debug)]
pub struct Dresser {
    privileges: Privileges,
    own: (u32, u32),
}

impl Dresser {
    /// One for this process.
    pub fn new(privileges: Privileges) -> Self {
        Self { privileges, own: (users::effective_uid(), users::effective_gid()) }
    }

    /// Whether a directory that denies its owner something denies it to us.
    pub fn needs_access(&self) -> bool {
        self.own.0 != 0
    }

    /// What it may do.
    pub fn privileges(&self) -> Privileges {
        self.privileges
    }

    /// Applies everything. The order matters: changing the owner or the content takes setuid bits and capabilities away, and
    /// everything but the times changes nothing about the times.
    pub fn dress(&self, handle: &Handle<'_>, member: &Member, found: Found, tally: &mut Tally) {
        let mut faults = Vec::new();
        let mut note = |what: &str, result: io::Result<()>| {
            if let Err(error) = result {
                faults.push(format!("{what}: {error}"));
            }
        };
        let owned = self.owner(handle, member);
        if matches!(owned, Ok(false)) {
            tally.owners += 1;
        }
        note("its owner", owned.map(drop));
        if found == Found::Used {
            note("attributes it had before", self.strip(handle, member));
        }
        let mut guarded = false;
        for (name, value) in &member.attributes {
            match self.attribute(handle, name, value) {
                Ok(true) => {}
                Ok(false) => guarded = true,
                Err(error) => note(&String::from_utf8_lossy(name), Err(error)),
            }
        }
        tally.security += u64::from(guarded);
        for (name, text) in [(ACCESS, &member.acl), (DEFAULT, &member.default_acl)] {
            if let Some(text) = text {
                note("its ACL", set_acl(handle, name, text));
            }
        }
        let mut mode = member.mode & 0o7777;
        // a directory's setgid bit only passes its group on
        let refused = if member.kind == Type::Dir { mode & 0o4000 } else { mode & SET_ID };
        if self.privileges == Privileges::Plain && refused != 0 {
            mode &= !refused;
            tally.set_id += 1;
        }
        note("its mode", handle.set_mode(mode));
        note("its time", handle.set_times(member.mtime));
        if !faults.is_empty() {
            tally.bare.add(&member.path, &faults.join(", "));
        }
    }

    /// Sets the owner; false when it stays ours because we may not.
    fn owner(&self, handle: &Handle<'_>, member: &Member) -> io::Result<bool> {
        let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        let (Some(uid), Some(gid)) = (id(member.uid), id(member.gid)) else {
            return Err(io::Error::other("its number is too large"));
        };
        if self.own.0 == 0 {
            return handle.set_owner(uid, gid).map(|()| true);
        }
        // its group may be one of ours
        let set = handle.set_owner(self.own.0, gid);
        Ok(uid == self.own.0 && (set.is_ok() || gid == self.own.1))
    }

    /// Sets an attribute; false when that takes more privileges.
    fn attribute(&self, handle: &Handle<'_>, name: &[u8], value: &[u8]) -> io::Result<bool> {
        let needs_root = name.starts_with(b"security.") || name.starts_with(b"trusted.");
        if needs_root && self.own.0 != 0 || name.starts_with(b"security.") && self.privileges == Privileges::Plain {
            return Ok(false);
        }
        handle.set_attribute(&CString::new(name)?, value).map(|()| true)
    }

    /// Removes what the member does not have.
    fn strip(&self, handle: &Handle<'_>, member: &Member) -> io::Result<()> {
        for attribute in handle.attributes()? {
            let name = attribute.name.to_bytes();
            let has_acl = match &*attribute.name {
                name if name == ACCESS => member.acl.is_some(),
                name if name == DEFAULT => member.default_acl.is_some(),
                _ => false,
            };
            if has_acl || member.attributes.iter().any(|(wanted, _)| wanted == name) {
                continue;
            }
            if name.starts_with(b"user.") || name == ACCESS.to_bytes() || name == DEFAULT.to_bytes() {
                handle.remove_attribute(&attribute.name)?;
            } else if self.privileges == Privileges::Full {
                // a label that the system insists on stays
                let _ = handle.remove_attribute(&attribute.name);
            }
        }
        Ok(())
    }
}

fn set_acl(handle: &Handle<'_>, name: &CStr, text: &[u8]) -> io::Result<()> {
    let acl = acl::parse(text).ok_or_else(|| io::Error::other("it names somebody who is not known here"))?;
    handle.set_attribute(name, &acl)
}
