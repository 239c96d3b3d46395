//! The documentation says what the program does, in both languages, and the other way round.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

mod api;
mod commands;
mod config;
mod languages;
mod links;
mod man;
mod markdown;
