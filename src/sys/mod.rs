//! Everything that asks the kernel. All `unsafe` there is lives below this module.

pub mod clock;
pub mod files;
pub mod guard;
pub mod mounts;
pub mod politeness;
pub mod process;
pub mod signals;
pub mod space;
pub mod terminal;
pub mod tree;
pub mod trust;
pub mod users;
