//! Whether root may run or read what lies at a path: nobody else may be able to change it (P25).

use crate::error::{Doing, Error, Result};
use crate::sys::users::{self, User};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const STICKY: u32 = 0o1000;

/// Fails when we are root and somebody else could replace or change this program: the file itself, what its links point
/// to, or a directory above either. The message says which, and which bit or owner.
pub fn program(path: &Path) -> Result<()> {
    if !users::is_root() {
        return Ok(());
    }
    let real = path.canonicalize().doing(|| format!("looking at {}", path.display()))?;
    for place in path.ancestors().chain(real.ancestors()).filter(|place| !place.as_os_str().is_empty()) {
        // a link's own mode means nothing; the directory that holds it is looked at as its ancestor
        let st = place.metadata().doing(|| format!("looking at {}", place.display()))?;
        if let Some(why) = weakness(st.uid(), st.gid(), st.mode(), st.is_dir()) {
            let message = format!("{} is not run as root: {} {why}", path.display(), place.display());
            return Err(Error::failed(message));
        }
    }
    Ok(())
}

/// Fails when we are root and somebody other than root and `owner` could put another file in the place of this one, in the
/// directories above it or above what its links point to.
pub fn place(path: &Path, owner: u32) -> Result<()> {
    if !users::is_root() {
        return Ok(());
    }
    for (dir, st) in above(path)? {
        let uid = if st.uid() == owner { 0 } else { st.uid() };
        if let Some(why) = weakness(uid, st.gid(), st.mode(), true) {
            return Err(Error::failed(format!("its directory {} {why}", dir.display())));
        }
    }
    Ok(())
}

/// Whether a user could read this file, going by owners and modes; where more than these decides, it may turn out otherwise.
pub fn lets_read(path: &Path, user: &User) -> bool {
    lets(path, user, 4)
}

/// Whether a user could write into this directory, or make it where it does not exist yet; as [`lets_read`].
pub fn lets_write(dir: &Path, user: &User) -> bool {
    let existing = dir.ancestors().find(|place| place.symlink_metadata().is_ok());
    existing.is_some_and(|dir| lets(dir, user, 2 | 1))
}

/// Whether a user may enter all directories above this place, and may do there what these bits say.
fn lets(path: &Path, user: &User, wanted: u32) -> bool {
    let groups = users::groups_of(user);
    let lets = |st: &Metadata, bits: u32| {
        let class = match st {
            _ if user.uid == 0 => return true,
            _ if st.uid() == user.uid => 6,
            _ if groups.contains(&st.gid()) => 3,
            _ => 0,
        };
        st.mode() >> class & bits == bits
    };
    let enters = |dirs: Vec<(PathBuf, Metadata)>| dirs.iter().all(|(_, st)| lets(st, 1));
    path.metadata().is_ok_and(|st| lets(&st, wanted)) && above(path).is_ok_and(enters)
}

/// The user other than root who owns a directory above this file, and could therefore put another one in its place; the
/// lowest one counts.
pub fn lord(path: &Path) -> Result<Option<u32>> {
    Ok(above(path)?.into_iter().map(|(_, st)| st.uid()).find(|uid| *uid != 0))
}

/// The directories above a file and above what its links point to.
fn above(path: &Path) -> Result<Vec<(PathBuf, Metadata)>> {
    let looking = |place: &Path| format!("looking at {}", place.display());
    let path = std::path::absolute(path).doing(|| looking(path))?;
    let real = path.canonicalize().doing(|| looking(&path))?;
    let dirs = real.ancestors().skip(1).chain(path.ancestors().skip(1));
    dirs.map(|dir| Ok((dir.to_owned(), dir.metadata().doing(|| looking(dir))?))).collect()
}

/// Why an entry with this owner and mode can be changed by others than root; none when it cannot.
fn weakness(uid: u32, gid: u32, mode: u32, is_dir: bool) -> Option<String> {
    if uid != 0 {
        let name = users::by_uid(uid).map_or_else(|| uid.to_string(), |user| user.name);
        return Some(format!("belongs to {name}"));
    }
    if is_dir && mode & STICKY != 0 {
        return None; // what root owns in it cannot be renamed or removed by others
    }
    if mode & 0o002 != 0 {
        return Some(format!("is writable by everybody (mode {:04o})", mode & 0o7777));
    }
    (mode & 0o020 != 0 && gid != 0).then(|| format!("is writable by its group (mode {:04o})", mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P25: who can write to a directory above a program, or above what its link points to, can put another one there.
    #[test]
    fn p25_a_program_that_others_can_replace_is_refused() {
        use std::os::unix::fs::{PermissionsExt, chown, symlink};
        if !users::is_root() {
            return;
        }
        let top = std::env::temp_dir().join(format!("kb-trust-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&top);
        std::fs::create_dir_all(top.join("a/b")).unwrap();
        let mode = |name: &str, mode: u32| {
            std::fs::set_permissions(top.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        std::fs::write(top.join("a/b/tool"), "").unwrap();
        symlink(top.join("a/b/tool"), top.join("link")).unwrap();
        for (name, bits) in [("", 0o755), ("a", 0o755), ("a/b", 0o755), ("a/b/tool", 0o755)] {
            mode(name, bits);
        }
        let refusal = |name: &str| program(&top.join(name)).map_err(|error| error.to_string()).err();
        assert_eq!((refusal("a/b/tool"), refusal("link")), (None, None));
        mode("a", 0o777);
        let why = format!("{} is writable by everybody (mode 0777)", top.join("a").display());
        for name in ["a/b/tool", "link"] {
            assert!(refusal(name).is_some_and(|refusal| refusal.ends_with(&why)), "{name}: {:?}", refusal(name));
        }
        mode("a", 0o755);
        chown(top.join("a/b"), Some(1), None).unwrap();
        assert!(refusal("link").is_some_and(|refusal| refusal.contains("belongs to")));
        std::fs::remove_dir_all(top).unwrap();
    }

    /// P25
    #[test]
    fn what_others_can_change_is_refused() {
        assert_eq!(weakness(0, 0, 0o755, false), None);
        assert_eq!(weakness(0, 0, 0o775, true), None);
        assert_eq!(weakness(0, 0, 0o1777, true), None);
        assert_eq!(weakness(0, 50, 0o775, true).unwrap(), "is writable by its group (mode 0775)");
        assert_eq!(weakness(0, 0, 0o757, false).unwrap(), "is writable by everybody (mode 0757)");
        assert!(weakness(0, 0, 0o1777, false).is_some());
        assert!(weakness(4_000_000, 0, 0o755, false).unwrap().contains("4000000"));
        assert!(program(Path::new("/bin/sh")).is_ok());
    }
}
