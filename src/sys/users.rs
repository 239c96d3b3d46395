//! Users and groups, from `/etc/passwd` and `/etc/group` only (a static musl binary has no NSS).

use std::path::PathBuf;

/// A user of this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
}

/// The user with this login name, if `/etc/passwd` has one.
pub fn by_name(name: &str) -> Option<User> {
    passwd().find(|user| user.name == name)
}

/// The user with this id, if `/etc/passwd` has one.
pub fn by_uid(uid: u32) -> Option<User> {
    passwd().find(|user| user.uid == uid)
}

/// The numeric id of a group, if `/etc/group` has it.
pub fn group_id(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

/// The name of a group, if `/etc/group` has one for this id.
pub fn group_name(gid: u32) -> Option<String> {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    })
}

/// Every group that `/etc/group` counts this user among, the primary one first.
pub fn groups_of(user: &User) -> Vec<u32> {
    let text = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let others = text.lines().filter_map(|line| {
        let mut fields = line.split(':').skip(2);
        let gid: u32 = fields.next()?.parse().ok()?;
        fields.next()?.split(',').any(|name| name == user.name).then_some(gid)
    });
    let mut groups = vec![user.gid];
    groups.extend(others.filter(|gid| *gid != user.gid));
    groups
}

/// The effective user id of this process.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The effective group id of this process.
pub fn effective_gid() -> u32 {
    rustix::process::getegid().as_raw()
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    effective_uid() == 0
}

/// The user who logged in, however they became root since (`/proc/self/loginuid`); none for cron and system services.
pub fn login_user() -> Option<User> {
    let text = std::fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX).and_then(by_uid)
}

fn passwd() -> impl Iterator<Item = User> {
    let bytes = std::fs::read("/etc/passwd").unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().filter_map(parse).collect::<Vec<_>>().into_iter()
}

fn parse(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.into();
    Some(User { name, uid, gid, home })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_passwd_line() {
        let user = parse("postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash").unwrap();
        assert_eq!((user.uid, user.gid), (101, 104));
        assert_eq!(user.home, PathBuf::from("/var/lib/postgresql"));
        assert_eq!(parse("# comment"), None);
        assert_eq!(by_uid(0).unwrap().name, "root");
    }
}
