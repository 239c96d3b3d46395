//! Which file is the configuration, and whether it may be believed.

use crate::error::{Doing, Error, Result};
use crate::sys::trust;
use crate::sys::users;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The variable that names the file.
const VARIABLE: &str = "KRISTA_BACKUP_CONFIG";

/// The file to read: `explicit`, `$KRISTA_BACKUP_CONFIG`, `config.yaml` beside the real executable,
/// `/etc/krista-backup/config.yaml`, `/opt/KristaBackup/config.yaml`. Never the current directory.
pub fn find(explicit: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = explicit {
        return Ok(path.to_owned());
    }
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let places = places(std::env::current_exe().ok().as_deref());
    if let Some(found) = places.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Ok(found.clone());
    }
    let shown: Vec<_> = places.iter().map(|path| path.display().to_string()).collect();
    Err(Error::usage(format!(
        "no configuration: neither --config nor ${VARIABLE} is given and there is no {}",
        shown.join(", ")
    )))
}

fn places(executable: Option<&Path>) -> Vec<PathBuf> {
    // the kernel's link already names the real file, but a bind or an overlay may stand between
    let real = executable.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let beside = real.as_deref().and_then(Path::parent).map(|dir| dir.join("config.yaml"));
    let fixed = ["/etc/krista-backup/config.yaml", "/opt/KristaBackup/config.yaml"];
    beside.into_iter().chain(fixed.map(PathBuf::from)).collect()
}

/// The bytes of a configuration, read through one descriptor that was checked before. Fails (kind `Usage`) when it cannot be
/// read, is no regular file, or is read as root and others than root could have written it (P25).
pub fn read_trusted(path: &Path) -> Result<Vec<u8>> {
    read(path, Owners::Root).map(|(bytes, _)| bytes).map_err(|error| Error::usage(error.to_string()))
}

/// The same for a file of one user that nobody else can have written; second the id of that user.
pub fn read_of_one_user(path: &Path) -> Result<(Vec<u8>, u32)> {
    read(path, Owners::Any).map_err(|error| Error::usage(error.to_string()))
}

/// Whose file root believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owners {
    Root,
    Any,
}

fn read(path: &Path, owners: Owners) -> Result<(Vec<u8>, u32)> {
    let reading = || format!("reading configuration {}", path.display());
    // without O_NONBLOCK a FIFO would hold up the program
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
    let mut file: File = options.open(path).doing(reading)?;
    let metadata = file.metadata().doing(reading)?;
    if !metadata.is_file() {
        return Err(Error::usage(format!("{}: not a regular file", reading())));
    }
    let refused = |reason: String| Err(Error::usage(format!("{}: refused as root, because {reason}", reading())));
    if users::is_root()
        && let Some(reason) = distrust(&metadata, owners)
    {
        return refused(format!("it {reason}"));
    }
    let owner = match owners {
        // whoever can replace root's file counts as its owner
        Owners::Any if metadata.uid() == 0 => trust::lord(path).doing(reading)?.unwrap_or(0),
        Owners::Any | Owners::Root => metadata.uid(),
    };
    if let Err(reason) = trust::place(path, owner) {
        return refused(reason.to_string());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).doing(reading)?;
    Ok((bytes, owner))
}

/// Why root must not believe a file, if so.
fn distrust(metadata: &Metadata, owners: Owners) -> Option<String> {
    let mode = metadata.mode() & 0o7777;
    if metadata.uid() != 0 && owners == Owners::Root {
        let owner = users::by_uid(metadata.uid()).map_or_else(String::new, |user| format!(" ({})", user.name));
        return Some(format!("belongs to user {}{owner}, not to root", metadata.uid()));
    }
    if mode & 0o002 != 0 {
        return Some(format!("is writable by everyone (mode {mode:04o}, bit 0002)"));
    }
    (mode & 0o020 != 0).then(|| format!("is writable by its group {} (mode {mode:04o}, bit 0020)", metadata.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("kb-find-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn the_order_of_places() {
        let dir = scratch("order");
        fs::write(dir.join("program"), "").unwrap();
        fs::create_dir(dir.join("bin")).unwrap();
        symlink(dir.join("program"), dir.join("bin/link")).unwrap();
        let real = dir.canonicalize().unwrap();
        let found = places(Some(&dir.join("bin/link")));
        let etc = PathBuf::from("/etc/krista-backup/config.yaml");
        assert_eq!(found, [real.join("config.yaml"), etc.clone(), "/opt/KristaBackup/config.yaml".into()]);
        assert_eq!(places(None).first(), Some(&etc));
        assert_eq!(find(Some(Path::new("no/such"))).unwrap(), Path::new("no/such"));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn p25_a_config_others_can_write_is_refused_with_the_reason() {
        if !users::is_root() {
            return;
        }
        let dir = scratch("trust");
        let path = dir.join("config.yaml");
        fs::write(&path, "a: 1\n").unwrap();
        for (mode, reason) in [(0o666, "everyone (mode 0666"), (0o664, "its group 0 (mode 0664"), (0o602, "bit 0002")] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = read_trusted(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.to_string().contains(reason), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read_trusted(&path).unwrap(), b"a: 1\n");
        chown(&path, Some(1), None).unwrap();
        assert!(read_trusted(&path).unwrap_err().to_string().contains("belongs to user 1"));
        assert_eq!(read_of_one_user(&path).unwrap(), (b"a: 1\n".to_vec(), 1));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        assert!(read_of_one_user(&path).unwrap_err().to_string().contains("its group"));
        // the file itself counts, not a link to it
        symlink(&path, dir.join("link")).unwrap();
        assert!(read_trusted(&dir.join("link")).is_err());
        fs::remove_dir_all(dir).unwrap();
    }

    /// Whoever can write into the directory can put another file there; but not where it is sticky, as `/tmp`.
    #[test]
    fn p25_a_config_others_can_replace_is_refused_with_the_directory() {
        if !users::is_root() {
            return;
        }
        let top = scratch("replace");
        let dir = top.join("a/b");
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("config.yaml");
        fs::write(&path, "a: 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let parent = top.join("a");
        let refusal = |path: &Path| read_trusted(path).map_err(|error| error.to_string()).err();
        for (mode, why) in [(0o1777, None), (0o755, None), (0o777, Some("is writable by everybody (mode 0777)"))] {
            fs::set_permissions(&parent, fs::Permissions::from_mode(mode)).unwrap();
            let wanted = why.map(|why| format!("refused as root, because its directory {} {why}", parent.display()));
            let found = refusal(&path);
            assert_eq!(found.is_some(), wanted.is_some(), "{found:?}");
            assert!(found.unwrap_or_default().ends_with(&wanted.unwrap_or_default()));
        }
        // what the link points to has a place as well
        symlink(&path, top.join("link")).unwrap();
        assert!(refusal(&top.join("link")).is_some());
        fs::set_permissions(&parent, fs::Permissions::from_mode(0o1755)).unwrap();
        chown(&parent, Some(1), None).unwrap();
        assert!(refusal(&path).unwrap().contains("belongs to "));
        // the one user whose crontab is edited may keep his file at home
        chown(&path, Some(1), None).unwrap();
        assert_eq!(read_of_one_user(&path).unwrap().1, 1);
        chown(&path, Some(0), None).unwrap();
        assert_eq!(read_of_one_user(&path).unwrap().1, 1, "he could replace root's as well");
        fs::remove_dir_all(top).unwrap();
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        for path in ["/dev", "/dev/null", "/no/such/file"] {
            assert_eq!(read_trusted(Path::new(path)).unwrap_err().kind(), Kind::Usage, "{path}");
        }
    }
}
