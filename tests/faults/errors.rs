//! P4: any system call fails, once, at any time. P1: what is tolerated, and the ways around what old systems lack.

use crate::steps::{Expected, Place, STEPS, files};
use crate::traced::{count, fail};

/// Calls whose failure must never go unnoticed, with the errors they meet in the field.
const FATAL: [(&str, &str); 8] = [
    ("write", "ENOSPC"),
    ("write", "EDQUOT"),
    ("fsync", "EIO"),
    ("renameat2", "EIO"),
    ("fchmod", "EPERM"),
    ("mkdirat", "ENOSPC"),
    ("unlinkat", "EIO"),
    ("getdents64", "EIO"),
];

#[test]
fn p4_any_call_may_fail() {
    let mut failures = 0;
    for step in &STEPS {
        let expected = Expected::of(step);
        for (call, error) in FATAL {
            for at in 1..=count(&format!("{call},renameat2"), step.name).get(call).copied().unwrap_or(0) {
                let what = format!("{}: {call} {at} failed with {error}", step.name);
                let place = Place::new();
                let succeeded = fail(&[format!("{call}:error={error}:when={at}")], step.name, place.dir());
                assert!(!succeeded, "{what}, and nobody noticed");
                expected.check_failed(place.dir(), &what);
                expected.check_after_sweep(place.dir(), &what);
                expected.check_again(place.dir(), &what);
                failures += 1;
            }
        }
    }
    assert!(failures > 100, "{failures}");
}

#[test]
fn p4_a_disk_that_stays_full() {
    for step in STEPS.iter().filter(|step| step.name != "withdraw") {
        let expected = Expected::of(step);
        let place = Place::new();
        assert!(!fail(&["write:error=ENOSPC:when=2+".to_owned()], step.name, place.dir()));
        expected.check_failed(place.dir(), step.name);
        expected.check_again(place.dir(), step.name);
    }
}

/// With these faults at every such call a step still comes to the same end.
fn tolerated(faults: &[&str], steps: &[usize]) {
    let faults: Vec<_> = faults.iter().map(|fault| (*fault).to_owned()).collect();
    for step in steps.iter().map(|index| &STEPS[*index]) {
        let expected = Expected::of(step);
        let place = Place::new();
        assert!(fail(&faults, step.name, place.dir()), "{}: {faults:?}", step.name);
        assert!(files(place.dir()) == expected.after, "{}: {faults:?}", step.name);
    }
}

#[test]
fn p1_kernels_and_file_systems_that_cannot_refuse_to_replace() {
    for error in ["EINVAL", "ENOSYS"] {
        tolerated(&[&format!("renameat2:error={error}")], &[0, 1, 2, 3, 4]);
        tolerated(&[&format!("renameat2:error={error}"), "linkat:error=EPERM"], &[0, 1, 2, 3, 4]);
    }
}

#[test]
fn p1_file_systems_without_locks() {
    tolerated(&["flock:error=ENOSYS"], &[0, 1, 2, 3, 4]);
    tolerated(&["flock:error=ENOLCK"], &[0, 1, 2, 3, 4]);
}

#[test]
fn p1_a_directory_that_cannot_be_flushed_is_tolerated_and_a_file_is_not() {
    // every fsync fails like that: the directory's do no harm, the main file's ends the step
    for error in ["EINVAL", "EOPNOTSUPP"] {
        tolerated(&[&format!("fsync:error={error}")], &[4]);
        let place = Place::new();
        let before = files(place.dir());
        assert!(!fail(&[format!("fsync:error={error}")], "new", place.dir()));
        assert!(files(place.dir()) == before);
    }
}
