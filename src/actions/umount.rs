//! `umount`: the counterpart of `mount`.

use crate::actions::mount::{self, Mask, program::Helper};
use crate::actions::properties::Properties;
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Kind, Result};
use crate::sys::mounts;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The properties of an `umount` action.
struct Settings {
    point: PathBuf,
    helper: Helper,
    flags: Vec<OsString>,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let point = mount::point(p);
    let flags = p.options("flags", "");
    let mask = Mask::of(&flags, "");
    let helper = Helper { program: "umount", mask, has_timeout: common.timeout.is_some() };
    Box::new(Settings { point, helper, flags: flags.into_iter().map(OsString::from).collect() })
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let point = self.point.display();
        Ok(vec![match self.mounted(cx)? {
            None => format!("nothing is mounted on {point}: nothing to do"),
            Some(_) => format!("would unmount {point}"),
        }])
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        let point = self.point.display();
        let Some(mounted) = self.mounted(cx)? else {
            cx.info(format!("nothing is mounted on {point}"));
            return Ok(());
        };
        let before = count(&mounted)?;
        let what = format!("unmounting {point}");
        let mut args = self.flags.clone();
        args.extend(["--".into(), self.point.clone().into_os_string()]);
        match self.helper.run(args, &what, cx) {
            Err(error) if error.kind() == Kind::Failed && is_busy(&error.to_string()) => {
                cx.warn(format!("{error}: it stays mounted"));
                return Ok(());
            }
            other => other?,
        }
        match count(&mounted)? {
            0 => cx.info(format!("unmounted {point}")),
            left if left >= before => {
                return Err(Error::failed(format!("{what}: umount reported success, but it is still mounted")));
            }
            _ => cx.warn(format!("unmounted {point}, but another file system is mounted there below it")),
        }
        Ok(())
    }
}

impl Settings {
    /// Where the kernel says that something is mounted, if anything is; `mnt_point` may be a link.
    fn mounted(&self, cx: &Context<'_>) -> Result<Option<PathBuf>> {
        let found = mount::program::mounted_at(&self.point, &mounts::all()?, cx)?;
        Ok(found.map(|mount| mount.point))
    }
}

/// How many file systems are mounted at a point, one over the other.
fn count(point: &Path) -> Result<usize> {
    Ok(mounts::all()?.iter().filter(|mount| mount.point == point).count())
}

/// The words of util-linux and of the helpers: "target is busy", "device is busy", "Device or resource busy".
fn is_busy(message: &str) -> bool {
    message.contains("is busy") || message.contains("resource busy")
}
