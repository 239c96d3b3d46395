//! `dschecker`: free and total space of every real file system into the log.

use crate::actions::properties::Properties;
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::Result;
use crate::sys::mounts::{self, Mount};
use crate::sys::space::{self, Space};
use crate::units::{Amount, show_bytes};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// How long a file system may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Builds a `dschecker`. With `paths` only the file systems that hold these paths are looked at, whatever their type.
pub fn build(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let paths = p.list("paths").map(|paths| paths.iter().map(|path| p.absolute(path)).collect());
    Box::new(SpaceCheck { min_free: p.amount("min_free"), paths })
}

struct SpaceCheck {
    min_free: Option<Amount>,
    paths: Option<Vec<PathBuf>>,
}

/// A place to ask at, and what is known about it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    path: PathBuf,
    about: String,
}

impl SpaceCheck {
    fn places(&self) -> Result<Vec<Place>> {
        let Some(paths) = &self.paths else { return Ok(real(&mounts::all()?)) };
        Ok(paths.iter().map(|path| Place { path: path.clone(), about: String::new() }).collect())
    }
}

impl Action for SpaceCheck {
    fn preview(&self, _: &Context<'_>) -> Result<Plan> {
        let places = self.places()?;
        Ok(places.iter().map(|place| format!("would look at the space of {}", place.path.display())).collect())
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        let places = self.places()?;
        let paths: Vec<_> = places.iter().map(|place| place.path.clone()).collect();
        for (place, answer) in places.iter().zip(space::of_all(&paths, PATIENCE)) {
            match answer {
                // Some file systems have no size; they cannot run full either.
                Some(Ok(space)) if space.total == 0 && self.paths.is_none() => {}
                Some(Ok(space)) => {
                    cx.info(describe(place, space));
                    if let Some(min) = self.min_free.filter(|min| space.free < min.of(space.total)) {
                        let (path, free) = (place.path.display(), show_bytes(space.free));
                        cx.warn(format!("{path}: only {free} free, less than {min}"));
                    }
                }
                Some(Err(e)) => cx.warn(e.to_string()),
                None => {
                    let (path, seconds) = (place.path.display(), PATIENCE.as_secs());
                    cx.warn(format!("{path}: no answer within {seconds} s: the file system hangs"));
                }
            }
        }
        Ok(())
    }
}

/// `/srv (ext4, /dev/sda1): 12.0 GiB of 50.0 GiB free (24%)`
fn describe(place: &Place, space: Space) -> String {
    let percent = u128::from(space.free) * 100 / u128::from(space.total.max(1));
    let (free, total) = (show_bytes(space.free), show_bytes(space.total));
    format!("{}{}: {free} of {total} free ({percent}%)", place.path.display(), place.about)
}

/// The real file systems, each once: what is hidden under another mount cannot be asked, and bind mounts say the same.
fn real(mounts: &[Mount]) -> Vec<Place> {
    let mut seen = BTreeSet::new();
    let visible = mounts.iter().filter(|mount| mounts::holding(mounts, &mount.point) == Some(*mount));
    let real = visible.filter(|mount| !mount.is_pseudo());
    let first = real.filter(|mount| seen.insert(mount.device));
    first
        .map(|mount| Place {
            path: mount.point.clone(),
            about: format!(" ({}, {})", mount.kind, mounts::show(&mount.source)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, action};
    use super::*;

    #[test]
    fn real_file_systems_once_each() {
        let text = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw
2 1 0:5 / /proc rw - proc proc rw
3 1 8:2 / /srv rw - xfs /dev/sdb1 rw
4 1 8:1 /var/x /mnt/bind rw - ext4 /dev/sda1 rw
5 1 0:40 / /mnt/nas rw - nfs4 server:/export rw
6 1 8:9 / /over rw - ext4 /dev/hidden rw
7 6 8:3 / /over rw - ext4 /dev/sdc1 rw
8 1 0:50 / /run rw - tmpfs tmpfs rw
";
        let places = real(&mounts::parse(text));
        let shown: Vec<_> = places.iter().map(|p| format!("{}{}", p.path.display(), p.about)).collect();
        assert_eq!(
            shown,
            [
                "/ (ext4, /dev/sda1)",
                "/srv (xfs, /dev/sdb1)",
                "/mnt/nas (nfs4, server:/export)",
                "/over (ext4, /dev/sdc1)"
            ]
        );
    }

    #[test]
    fn an_overlay_is_real_only_as_the_root() {
        let text = b"1 0 0:9 / / rw - overlay overlay rw\n2 1 0:10 / /var/lib/docker/x rw - overlay overlay rw\n";
        assert_eq!(real(&mounts::parse(text)).len(), 1);
    }

    #[test]
    fn space_is_described() {
        let place = Place { path: "/srv".into(), about: " (ext4, /dev/sda1)".into() };
        let space = Space { total: 50 << 30, free: 12 << 30 };
        assert_eq!(describe(&place, space), "/srv (ext4, /dev/sda1): 12.0 GiB of 50.0 GiB free (24%)");
        assert_eq!(describe(&place, Space { total: 0, free: 0 }), "/srv (ext4, /dev/sda1): 0 B of 0 B free (0%)");
    }

    #[test]
    fn too_little_space_and_missing_paths_are_warnings() {
        let bench = Bench::new();
        assert_eq!(action("dschecker", &[]).warnings(&bench), 0);
        assert_eq!(action("dschecker", &[("paths", "/"), ("min_free", "1")]).warnings(&bench), 0);
        assert_eq!(action("dschecker", &[("paths", "/"), ("min_free", "8000T")]).warnings(&bench), 1);
        assert_eq!(action("dschecker", &[("paths", "/, /no/such")]).warnings(&bench), 1);
        assert_eq!(action("dschecker", &[("min_free", "a lot")]).problems.len(), 1);
    }
}
