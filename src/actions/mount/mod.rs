//! `mount`: a file system where the next actions expect it, or a failure before they write to the bare mount point.

mod device;
pub mod program;
mod secrets;

use crate::actions::answering;
use crate::actions::properties::{Properties, Severity};
use crate::actions::{Action, Common, Context, Plan, Report, Surroundings};
use crate::error::{Error, Result};
use crate::sys::files::{Dir, Readers};
use crate::sys::mounts::{self, Mount};
use device::Device;
use program::Helper;
pub use secrets::Mask;
use std::ffi::OsString;
use std::path::PathBuf;

/// The properties of a `mount` action.
struct Settings {
    device: Device,
    point: PathBuf,
    helper: Helper,
    /// `-t` and `flags`.
    options: Vec<OsString>,
}

/// Builds the action.
pub fn build(p: &mut Properties<'_>, common: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    let device = p.required("mnt_dev");
    let point = point(p);
    let fs_type = p.text("fs_type").filter(|kind| !kind.is_empty());
    let flags = p.options("flags", "");
    if device.starts_with('-') {
        p.problem(Severity::Error, "mnt_dev", "`mnt_dev` must not begin with `-`");
    }
    let mask = Mask::of(&flags, &device);
    let kind = fs_type.into_iter().flat_map(|kind| ["-t".to_owned(), kind]);
    let options = kind.chain(flags).map(OsString::from).collect();
    Box::new(Settings {
        device: Device::new(device, p.absolute("")),
        point,
        helper: Helper { program: "mount", mask, has_timeout: common.timeout.is_some() },
        options,
    })
}

/// `mnt_point`, absolute and without a slash at the end.
pub fn point(p: &mut Properties<'_>) -> PathBuf {
    let text = p.required("mnt_point");
    let point = p.absolute(&text);
    if !text.is_empty() && point.parent().is_none() {
        p.problem(Severity::Error, "mnt_point", "`mnt_point` must not be the root directory");
    }
    point
}

/// What there is to do, for a run as for a preview.
enum Need {
    /// It is mounted already.
    Nothing,
    /// The point is there.
    Mount,
    /// The point has to be made.
    CreateAndMount,
}

impl Action for Settings {
    fn preview(&self, cx: &Context<'_>) -> Result<Plan> {
        let mounting = format!("would mount {} on {}", self.shown(), self.point.display());
        Ok(match self.need(cx)? {
            Need::Nothing => vec![format!("{} is mounted on {} already", self.shown(), self.point.display())],
            Need::Mount => vec![mounting],
            Need::CreateAndMount => vec![format!("would create directory {}", self.point.display()), mounting],
        })
    }

    fn run(&self, cx: &Context<'_>, _: &mut Report) -> Result<()> {
        match self.need(cx)? {
            Need::Nothing => {
                cx.info(format!("{} is mounted on {} already", self.shown(), self.point.display()));
                return answering::require(&[&self.point], cx);
            }
            Need::Mount => {}
            Need::CreateAndMount => {
                cx.info(format!("creating directory {}", self.point.display()));
                Dir::create(&self.point, Readers::Owner)?;
            }
        }
        let what = format!("mounting {} on {}", self.shown(), self.point.display());
        let mut args = self.options.clone();
        args.extend(["--".into(), self.device.argument(), self.point.clone().into_os_string()]);
        self.helper.run(args, &what, cx)?;
        // a helper that says it did is believed when the kernel says so too
        match mounts::mounted_at(&self.point)? {
            Some(mount) => cx.info(format!("mounted {} on {}", self.described(&mount), self.point.display())),
            None => return Err(Error::failed(format!("{what}: mount reported success, but nothing is mounted there"))),
        }
        answering::require(&[&self.point], cx)
    }
}

impl Settings {
    fn need(&self, cx: &Context<'_>) -> Result<Need> {
        let all = mounts::all()?;
        let Some(mount) = program::mounted_at(&self.point, &all, cx)? else {
            let missing = std::fs::symlink_metadata(&self.point).is_err();
            return Ok(if missing { Need::CreateAndMount } else { Need::Mount });
        };
        if self.device.is(&mount, &all) {
            return Ok(Need::Nothing);
        }
        let (point, other) = (self.point.display(), self.described(&mount));
        Err(Error::failed(format!("{other} is mounted on {point}, not {}", self.shown())))
    }

    fn shown(&self) -> String {
        self.helper.mask.apply(&self.device.argument().to_string_lossy())
    }

    fn described(&self, mount: &Mount) -> String {
        format!("{} ({})", self.helper.mask.apply(&mounts::show(&mount.source)), mount.kind)
    }
}
