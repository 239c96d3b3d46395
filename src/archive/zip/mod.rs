//! zip archives (PKWARE's APPNOTE 6.3, Info-ZIP's extra fields): written as a stream by all cores, proven, and read back, ours
//! and others'. What we write and why is in `docs/formats.md`.

mod compress; // content → the compressed form of a member
mod directory; // the central directory, read
mod proof; // reading back what was written
mod read; // members in the order of the directory
mod records; // headers, directory entries, end records
mod store; // an inode → a member
mod times; // the times MS-DOS kept
mod write; // blocks in their order → the file

pub use compress::{Compression, Method};
pub use proof::prove;
pub use read::Reader;
pub use store::Packer;
pub use write::write;
