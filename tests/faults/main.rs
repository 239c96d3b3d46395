//! What breaks in the field, done on purpose: killed processes, failing system calls, full disks, power cuts.
//!
//! They need `strace`; [`disks`] needs root, `unshare`, `mkfs.ext4` and `python3` too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::pedantic
)]

mod disks;
mod errors;
mod kill;
mod order;
mod steps;
mod traced;
