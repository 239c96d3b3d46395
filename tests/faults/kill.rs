//! P2: killed at any system call.

use crate::steps::{Expected, Place, STEPS, Step};
use crate::traced::{MUTATING, count, kill};

fn killed_anywhere(step: &Step) {
    let expected = Expected::of(step);
    let mut kills = 0;
    for (call, times) in count(MUTATING, step.name) {
        for at in 1..=times {
            let what = format!("{} killed at {call} {at}", step.name);
            let place = Place::new();
            kill(&call, at, step.name, place.dir());
            expected.check_any_moment(place.dir(), &what);
            expected.check_after_sweep(place.dir(), &what);
            expected.check_again(place.dir(), &what);
            kills += 1;
        }
    }
    assert!(kills > 10, "{kills}");
}

#[test]
fn p2_publishing_a_set() {
    killed_anywhere(&STEPS[0]);
}

#[test]
fn p2_replacing_a_set() {
    killed_anywhere(&STEPS[1]);
}

#[test]
fn p2_publishing_a_directory_dump() {
    killed_anywhere(&STEPS[2]);
}

#[test]
fn p2_replacing_a_directory_dump() {
    killed_anywhere(&STEPS[3]);
}

#[test]
fn p2_removing_a_set() {
    killed_anywhere(&STEPS[4]);
}
