//! P3 and P4 on real file systems: full ones, and one whose power is cut. They need root: mounts are made in a mount
//! namespace of their own, in which this test binary starts itself again.

use crate::steps::{Expected, STEPS, Step, files, program, run, scratch, seed};
use crate::traced::{count, kill};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory to mount on, set when a test runs in a mount namespace of its own.
const PRIVATE: &str = "KB_FAULTS_PRIVATE";

/// Runs the ignored test `name` of this binary where its mounts bother nobody.
fn in_private_mounts(name: &str) {
    program();
    let dir = scratch().join(format!("kb-disks-{}-{}", std::process::id(), name.replace(':', "-")));
    std::fs::create_dir(&dir).unwrap();
    let own = std::env::current_exe().unwrap();
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private"])
        .arg(own)
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env(PRIVATE, &dir)
        .output()
        .unwrap();
    std::fs::remove_dir(&dir).unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && out.contains("1 passed"), "{out}{}", String::from_utf8_lossy(&done.stderr));
}

/// A place for a mount that only this namespace sees.
fn mount_point() -> PathBuf {
    let dir = PathBuf::from(std::env::var_os(PRIVATE).expect("a private mount namespace, not to be started by hand"));
    command("mount", &["-t", "tmpfs", "-o", "size=64m", "none", dir.to_str().unwrap()]);
    let point = dir.join("disk");
    std::fs::create_dir(&point).unwrap();
    point
}

fn command(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn p4_full_disks() {
    in_private_mounts("disks::on_full_disks");
}

#[test]
#[ignore = "started by p4_full_disks"]
fn on_full_disks() {
    let point = mount_point();
    let text = point.to_str().unwrap();
    for step in STEPS.iter().filter(|step| step.name != "withdraw") {
        let expected = Expected::of(step);
        let (mut full, mut done) = (0, 0);
        let sizes = (1..30).map(|steps| format!("size={}k", 100 + steps * 40));
        let inodes = (0..12).map(|more| format!("nr_inodes={}", expected.before.len() + 3 + more));
        for limit in sizes.chain(inodes) {
            command("mount", &["-t", "tmpfs", "-o", &limit, "none", text]);
            let what = format!("{} on a disk of {limit}", step.name);
            seed(&point);
            if run(step.name, &point).status.success() {
                assert!(files(&point) == expected.after, "{what}: {:?}", files(&point).keys());
                done += 1;
            } else {
                expected.check_failed(&point, &what);
                full += 1;
            }
            command("umount", &[text]);
        }
        assert!(full > 5 && done > 5, "{}: full {full} times, done {done} times", step.name);
    }
}

#[test]
fn p3_power_cuts() {
    in_private_mounts("disks::with_power_cuts");
}

/// Cuts the power of a mounted ext4: nothing that was not flushed is written any more.
fn cut_power(point: &Path, image: &str) {
    let shutdown = "import fcntl, os, struct, sys\n\
                    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
    let text = point.to_str().unwrap();
    command("python3", &["-c", shutdown, text]);
    command("umount", &[text]);
    command("mount", &["-o", "loop", image, text]);
}

#[test]
#[ignore = "started by p3_power_cuts"]
fn with_power_cuts() {
    let point = mount_point();
    let text = point.to_str().unwrap();
    let blank = point.with_file_name("blank");
    std::fs::File::create(&blank).unwrap().set_len(8 << 20).unwrap();
    command("mkfs.ext4", &["-q", blank.to_str().unwrap()]);
    let image = point.with_file_name("image");
    let fresh = || {
        std::fs::copy(&blank, &image).unwrap();
        command("mount", &["-o", "loop", image.to_str().unwrap(), text]);
        std::fs::remove_dir(point.join("lost+found")).unwrap();
        seed(&point);
        command("sync", &["-f", text]);
    };
    for step in &STEPS {
        let expected = Expected::of(step);
        // after the run said that all is well
        fresh();
        assert!(run(step.name, &point).status.success());
        cut_power(&point, image.to_str().unwrap());
        assert!(files(&point) == expected.after, "{}: not durable", step.name);
        command("umount", &[text]);
        // and at any moment before
        for (call, times) in count("renameat2,unlinkat,fsync", step.name) {
            for at in 1..=times {
                fresh();
                kill(&call, at, step.name, &point);
                cut_power(&point, image.to_str().unwrap());
                check(&expected, step, &point, &format!("{}: power cut at {call} {at}", step.name));
                command("umount", &[text]);
            }
        }
    }
}

fn check(expected: &Expected<'_>, step: &Step, point: &Path, what: &str) {
    expected.check_any_moment(point, what);
    expected.check_after_sweep(point, what);
    if step.name != "withdraw" {
        expected.check_again(point, what);
    }
}
