//! The archive engine: walk, what changed, tar, parallel gzip, reading back.

pub mod acl; // ACLs as text → as the kernel takes them
pub mod archiver; // what every archive format can do
pub mod attributes; // extended attributes and ACLs → PAX records
pub mod blocks; // a stream cut into blocks, compressed by all cores, written in order
pub mod bzip; // concatenated bzip2 streams
pub mod changes; // two sorted streams → what changed, what is gone
pub mod gzip; // one gzip member of independent blocks
pub mod header; // an entry → its exact header bytes
pub mod links; // files with several names
pub mod list; // the list file: what a set holds
pub mod live; // files that change while they are read
pub mod notes; // what the engine tells while it works
pub mod open; // any archive → its members, by what it begins with
pub mod pack; // the recipe: source → archive and list
pub mod proof; // reading back what was written
pub mod read; // tar bytes → members
pub mod restore; // members → a tree
pub mod set; // a set on disk, opened for reading
pub mod tar; // an inode → header and content
pub mod unpack; // a packed file → its stream, by several threads where it can be
pub mod verify; // is an archive whole?
pub mod walk; // sorted, by descriptors, what belongs into an archive
pub mod warm; // what is not in memory is asked for before it is read
pub mod xz; // one xz stream of independent blocks
pub mod zip; // zip archives, written and read
