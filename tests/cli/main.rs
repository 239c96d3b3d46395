//! Drives the real executable; one file per feature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::pedantic
)]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod backups;
mod check_backup;
mod children;
mod completions;
mod config;
mod crontab;
mod formats;
mod guards;
mod help;
mod limits;
mod list;
mod locks;
mod logs;
mod mount;
mod move_bkp_period;
mod pgdump;
mod readback;
mod restore;
mod restore_damaged;
mod restore_dumps;
mod restore_over;
mod rsync;
mod runs;
mod status;
mod status_of_many;
mod tar;
mod tickets;
mod upgrade;
mod usage;
mod vault;
mod verify;
mod web;
mod web_attacks;
