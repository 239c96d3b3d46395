//! Everything that asks the kernel. All `unsafe` there is lives below this module.

pub mod clock;
pub mod files;
pub mod guard;
pub mod limits;
pub mod mounts;
pub mod politeness;
pub mod privileges;
pub mod process;
pub mod signals;
pub mod sockets;
pub mod space;
pub mod terminal;
pub mod threads;
pub mod tree;
pub mod trust;
pub mod users;
