//! Is a dump complete? Custom and directory dumps are decoded to their end, plain ones end with `pg_dump`'s closing line.

use crate::error::{Doing, Result};
use flate2::read::MultiGzDecoder;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// What reading a dump back showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// Every byte was read and decoded.
    Complete,
    /// It ends too early or cannot be decoded.
    Damaged,
    /// There is nothing here that can decode it.
    Unknown,
}

/// The last comment of a plain dump of one database.
pub const CLOSING: &str = "-- PostgreSQL database dump complete";

/// The last comment of what `pg_dumpall` writes.
pub const CLUSTER_CLOSING: &str = "-- PostgreSQL database cluster dump complete";

/// What a file packed by gzip begins with.
pub const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much of the end of a plain dump is looked at; what may follow the closing comment is under 200 bytes.
const TAIL: usize = 4096;

/// Reads a plain dump to its end (unpacking gzip, which `pg_dump -Z` makes of it) and looks for `closing`, the last
/// comment `pg_dump` writes, with nothing but an empty comment and `\unrestrict` after it.
pub fn plain(dump: impl Read, closing: &str) -> Result<Proof> {
    let mut dump = BufReader::new(dump);
    let mut magic = [0; 4];
    let have = read_up_to(&mut dump, &mut magic).doing(|| "reading the dump back".into())?;
    let start = magic.get(..have).unwrap_or_default();
    let packed = start.starts_with(&GZIP);
    if start == [0x28, 0xb5, 0x2f, 0xfd] || start == [0x04, 0x22, 0x4d, 0x18] {
        return Ok(Proof::Unknown); // zstd and lz4, from pg_dump 16 on
    }
    let whole = start.chain(dump);
    let tail = if packed { tail(MultiGzDecoder::new(whole)) } else { tail(whole) };
    match tail {
        Ok(tail) => Ok(if closes(&tail, closing) { Proof::Complete } else { Proof::Damaged }),
        Err(_) if packed => Ok(Proof::Damaged),
        Err(e) => Err(e).doing(|| "reading the dump back".into()),
    }
}

/// Reads one file of a directory dump to its end: a packed one must unpack, and an unpacked one with the rows of a table must
/// end as `pg_dump` ends them, with blank lines.
pub fn member(name: &str, content: impl Read) -> Result<Proof> {
    let doing = || format!("reading {name} back");
    let complete = if Path::new(name).extension().is_some_and(|extension| extension == "gz") {
        let mut content = BufReader::new(content);
        let empty = content.fill_buf().doing(doing)?.is_empty();
        !empty && tail(MultiGzDecoder::new(content)).is_ok()
    } else if is_table(name) {
        tail(content).doing(doing)?.ends_with(b"\n\n")
    } else {
        true
    };
    Ok(if complete { Proof::Complete } else { Proof::Damaged })
}

/// `3338.dat`, but neither `toc.dat` nor a large object's `blob_16400.dat`.
fn is_table(name: &str) -> bool {
    name.strip_suffix(".dat").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            n => have += n,
        }
    }
    Ok(have)
}

fn tail(mut from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 65536];
    loop {
        let n = read_up_to(&mut from, &mut buffer)?;
        if n == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(buffer.get(n.saturating_sub(TAIL)..n).unwrap_or_default());
        let excess = kept.len().saturating_sub(TAIL);
        kept.drain(..excess);
    }
}

fn closes(tail: &[u8], closing: &str) -> bool {
    let text = String::from_utf8_lossy(tail);
    let mut lines = text.split('\n').rev().skip_while(|line| {
        let line = line.trim_end_matches('\r');
        line.is_empty() || line == "--" || line.starts_with("\\unrestrict ")
    });
    lines.next().map(|line| line.trim_end_matches('\r')) == Some(closing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const DUMP: &str = "CREATE TABLE t();\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";

    /// P6: a plain dump that was cut off anywhere before its closing comment is not complete.
    #[test]
    fn every_truncation_is_noticed() {
        assert_eq!(plain(DUMP.as_bytes(), CLOSING).unwrap(), Proof::Complete);
        let end = DUMP.find("complete").unwrap() + "complete".len();
        for length in 0..end {
            assert_eq!(plain(&DUMP.as_bytes()[..length], CLOSING).unwrap(), Proof::Damaged, "{length}");
        }
        let row = format!("COPY t FROM stdin;\n{CLOSING}\n\\.\n");
        assert_eq!(plain(row.as_bytes(), CLOSING).unwrap(), Proof::Damaged);
    }

    /// P6: what `pg_restore` itself does not notice.
    #[test]
    fn the_files_of_a_directory_dump_are_complete_each() {
        assert_eq!(member("3338.dat", &b"1\n\\.\n\n\n"[..]).unwrap(), Proof::Complete);
        assert_eq!(member("3338.dat", &b"\n\n"[..]).unwrap(), Proof::Complete);
        assert_eq!(member("3338.dat", &b"1\n2\n"[..]).unwrap(), Proof::Damaged);
        assert_eq!(member("3338.dat", &b""[..]).unwrap(), Proof::Damaged);
        assert_eq!(member("blob_1.dat", &b"x"[..]).unwrap(), Proof::Complete);
        assert_eq!(member("toc.dat", &b"x"[..]).unwrap(), Proof::Complete);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"1\n\\.\n\n\n").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(member("3338.dat.gz", &packed[..]).unwrap(), Proof::Complete);
        for length in 0..packed.len() {
            assert_eq!(member("3338.dat.gz", &packed[..length]).unwrap(), Proof::Damaged, "{length}");
        }
    }

    #[test]
    fn a_packed_dump_is_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let long = "x\n".repeat(200_000) + DUMP;
        encoder.write_all(long.as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(plain(&packed[..], CLOSING).unwrap(), Proof::Complete);
        assert_eq!(plain(&packed[..packed.len() - 3], CLOSING).unwrap(), Proof::Damaged);
        assert_eq!(plain(&[0x28, 0xb5, 0x2f, 0xfd, 0][..], CLOSING).unwrap(), Proof::Unknown);
    }
}
