//! Giving up root for good.
#![allow(unsafe_code)]

use crate::error::{Doing, Error, Kind, Result};
use crate::sys::users::{self, User};

/// Becomes this user with these groups, for all threads and with no way back. Nothing is done when we are that user already;
/// fails when we are somebody else without the right to change, and when the kernel does not do all of it.
pub fn become_user(user: &User, groups: &[u32]) -> Result<()> {
    if users::effective_uid() == user.uid && !users::is_root() {
        return Ok(());
    }
    let doing = || format!("becoming the user `{}`", user.name);
    // groups first: without root they could not be changed any more
    // SAFETY: the pointer and the length are those of one slice; the kernel only reads it.
    checked(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }).doing(doing)?;
    // SAFETY: plain numbers; libc does it for all threads of the process.
    checked(unsafe { libc::setresgid(user.gid, user.gid, user.gid) }).doing(doing)?;
    // SAFETY: as above.
    checked(unsafe { libc::setresuid(user.uid, user.uid, user.uid) }).doing(doing)?;
    // SAFETY: as above; that it must fail is the point.
    let way_back = user.uid != 0 && checked(unsafe { libc::setresuid(u32::MAX, 0, u32::MAX) }).is_ok();
    if way_back || ids()? != [user.uid; 3] {
        return Err(Error::new(Kind::Failed, format!("the kernel did not make us the user `{}`", user.name)));
    }
    Ok(())
}

/// Real, effective and saved user id.
fn ids() -> Result<[u32; 3]> {
    let [mut real, mut effective, mut saved] = [0; 3];
    // SAFETY: three valid places for numbers, which are ours.
    checked(unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) })
        .doing(|| "asking who we are".into())?;
    Ok([real, effective, saved])
}

fn checked(status: libc::c_int) -> std::io::Result<()> {
    if status == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
