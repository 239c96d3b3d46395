//! krista-backup: the backup agent for scattered, locked-down servers.
//!
//! The map, lowest layer first; a module knows only what stands above it in this list (`tests/layers.rs` checks):

#![cfg_attr(test, allow(clippy::disallowed_methods))] // a test that cannot start a thread may panic

pub mod error; // one error type → exit code
pub mod units; // bytes, durations, percentages
pub mod nearest; // the right spelling nearest to a wrong one
pub mod output; // the only place that writes to the terminal
pub mod outcome; // ok, warning, failed, timeout, skipped
pub mod patterns; // fnmatch and re.match over bytes
pub mod value; // YAML 1.1 values as PyYAML read them
pub mod sys; // everything that asks the kernel; all unsafe code
pub mod cron; // cron expressions
pub mod store; // backup sets on disk: names, publication, manifests, rotation, journal
pub mod archive; // the engine: walk, changes, tar, gzip, read back
pub mod actions; // one file per action type
pub mod config; // text → checked Config
pub mod run; // order, policy, locks, logs, trigger
pub mod upgrade; // what changes when KB17 is replaced
pub mod status; // how this server stands, and its metrics
pub mod logbook; // the logs on disk, without secrets
pub mod webapi; // read-only HTTP answers
pub mod remote; // asking other servers' webapis
pub mod commands; // one file per verb
pub mod cli; // argh structs, old spellings, one match
