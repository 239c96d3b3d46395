//! Archives made by hand: whatever a header may claim.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;

/// A tar stream in the making.
#[derive(Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    /// A regular file.
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.member(name, b'0', "", content.len() as u64).bytes(content)
    }

    /// A directory.
    pub fn dir(self, name: &str) -> Self {
        self.member(name, b'5', "", 0)
    }

    /// A symbolic link.
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.member(name, b'2', target, 0)
    }

    /// Another name of an earlier member.
    pub fn link(self, name: &str, target: &str) -> Self {
        self.member(name, b'1', target, 0)
    }

    /// A header that claims what it likes.
    pub fn member(mut self, name: &str, flag: u8, target: &str, size: u64) -> Self {
        let mut header = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &name.as_bytes()[..name.len().min(100)]);
        put(100, b"0000644\0");
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{size:011o}\0").as_bytes());
        put(136, b"13674522300\0");
        put(148, b"        ");
        put(156, &[flag]);
        put(157, &target.as_bytes()[..target.len().min(100)]);
        put(257, b"ustar\x0000");
        put(329, b"0000001\0");
        put(337, b"0000003\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self
    }

    /// Content, filled up to the next record.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The end marker.
    pub fn end(mut self) -> Self {
        self.0.extend_from_slice(&[0; 1024]);
        self
    }

    /// Writes it, packed.
    pub fn write(self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut gzip = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
        gzip.write_all(&self.0).unwrap();
        gzip.finish().unwrap();
    }
}
