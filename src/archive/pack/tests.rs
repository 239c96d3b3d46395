//! The engine as a whole, without an action around it.

use super::*;
use crate::archive::blocks::{Decoder, Encoder, Ending};
use crate::archive::gzip::Gzip;
use crate::archive::read::{Member, Reader};
use crate::error::Error;
use crate::sys::tree::Stamp;
use flate2::Crc;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

#[derive(Default)]
struct Heard {
    troubles: Mutex<Vec<String>>,
    checks: AtomicUsize,
    stop_at: Option<usize>,
}

impl Notes for Heard {
    fn trouble(&self, path: &[u8], what: &str) {
        self.troubles.lock().unwrap().push(format!("{}: {what}", String::from_utf8_lossy(path)));
    }
    fn info(&self, _: &str) {}
    fn entry(&self, _: &[u8], _: &str) {}
    fn wants_entries(&self) -> bool {
        false
    }
    fn check(&self) -> Result<()> {
        let count = self.checks.fetch_add(1, Ordering::SeqCst);
        if self.stop_at == Some(count) { Err(Error::failed("stopped by the test")) } else { Ok(()) }
    }
}

impl Heard {
    fn all(&self) -> Vec<String> {
        self.troubles.lock().unwrap().clone()
    }
}

/// A directory that goes with the test: `src` to pack, and room beside it.
struct Bench(PathBuf);

impl Bench {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("krista-pack-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(dir.join("src")).unwrap();
        Self(dir)
    }

    fn src(&self, name: &str) -> PathBuf {
        self.0.join("src").join(name)
    }

    fn file(&self, name: &str) -> File {
        File::options().read(true).write(true).create(true).truncate(true).open(self.0.join(name)).unwrap()
    }

    fn pack(&self, codec: &dyn Codec, notes: &dyn Notes) -> Result<(Packed, File)> {
        let (archive, list) = (self.file("archive"), self.file("list"));
        let head = Head { scan: Stamp::default(), level: 0, style: Style::default(), base: None };
        let select = Select::default();
        let source = self.0.join("src");
        let plan = Plan {
            source: &source,
            select: &select,
            format: Format::Tar(codec),
            threads: 3,
            read_limit: None,
            checksums: Checksums::Sha256,
            read_back: ReadBack::Whole,
            head,
        };
        let files = Files { archive: &archive, archive_name: "archive", list: &list };
        pack(&plan, &files, None, notes).map(|packed| (packed, archive))
    }

    fn members(&self) -> Vec<(Member, Vec<u8>)> {
        let file = BufReader::new(File::open(self.0.join("archive")).unwrap());
        let mut reader = Reader::new(BufReader::new(flate2::bufread::GzDecoder::new(file)));
        let mut members = Vec::new();
        while let Some(member) = reader.member().unwrap() {
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            members.push((member, content));
        }
        reader.finish().unwrap();
        members
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // too deep for std's remove_dir_all in one test
        let _ = std::process::Command::new("rm").arg("-rf").arg(&self.0).status();
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn a_stream_of_many_blocks_comes_back_in_order() {
    let bench = Bench::new();
    let mut content = noise(6_000_000);
    content.extend(b"text that shrinks ".repeat(400_000));
    std::fs::write(bench.src("big"), &content).unwrap();
    for level in [0, 1, 5] {
        let (packed, _) = bench.pack(&Gzip { level }, &Heard::default()).unwrap();
        let members = bench.members();
        assert!(members[1].1 == content, "level {level}");
        assert_eq!(packed.counts, Counts { entries: 2, bytes: content.len() as u64 });
        assert!(packed.archive.index.lengths.len() > 12);
        let thinned = packed.archive.index.thinned(4).places();
        assert!(thinned.len() <= 4 && thinned[0] == (10, 0), "{thinned:?}");
    }
}

/// A codec that writes something else than it was given, at one block.
struct Liar {
    lie: fn(&mut Vec<u8>),
    block: AtomicUsize,
}

struct LiarsEncoder<'a>(&'a Liar, Box<dyn Encoder>);

impl Codec for &'static Liar {
    fn encoder(&self) -> Box<dyn Encoder> {
        Box::new(LiarsEncoder(self, Gzip { level: 5 }.encoder()))
    }
    fn decoder(&self) -> Box<dyn Decoder> {
        Gzip { level: 5 }.decoder()
    }
    fn block(&self) -> usize {
        Gzip { level: 5 }.block()
    }
    fn head(&self) -> Vec<u8> {
        Gzip { level: 5 }.head()
    }
    fn ending(&self) -> Box<dyn Ending> {
        Gzip { level: 5 }.ending()
    }
}

impl Encoder for LiarsEncoder<'_> {
    fn encode(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<Crc> {
        if self.0.block.fetch_add(1, Ordering::SeqCst) == 2 {
            let mut other = input.to_vec();
            (self.0.lie)(&mut other);
            self.1.encode(&other, output)?;
            let mut crc = Crc::new();
            crc.update(input);
            return Ok(crc);
        }
        self.1.encode(input, output)
    }
}

/// P6: a compressor that gets one bit wrong, or one byte too many, is caught before the archive gets its name.
#[test]
fn reading_back_catches_a_compressor_that_errs() {
    let bench = Bench::new();
    std::fs::write(bench.src("big"), noise(4_000_000)).unwrap();
    let lies: [fn(&mut Vec<u8>); 3] = [|bytes| bytes[1000] ^= 1, |bytes| bytes.push(0), |bytes| bytes.truncate(100)];
    for lie in lies {
        let liar: &'static Liar = Box::leak(Box::new(Liar { lie, block: AtomicUsize::new(0) }));
        let error = bench.pack(&liar, &Heard::default()).unwrap_err();
        assert!(error.to_string().starts_with("reading"), "{error}");
    }
}

/// P6: whatever byte of the file changes after it was written, reading back notices.
#[test]
fn reading_back_catches_every_flipped_byte() {
    use std::os::unix::fs::FileExt;
    let bench = Bench::new();
    std::fs::write(bench.src("text"), b"some text to compress ".repeat(120_000)).unwrap();
    std::fs::write(bench.src("noise"), noise(100_000)).unwrap();
    let codec = Gzip { level: 5 };
    let (packed, file) = bench.pack(&codec, &Heard::default()).unwrap();
    let prove = || proof::prove(&file, &codec, 2, (&packed.archive, packed.counts), &Heard::default());
    prove().unwrap();
    let places = (0..packed.archive.size).step_by(usize::try_from(packed.archive.size / 150).unwrap());
    for place in places.chain([packed.archive.size - 1]) {
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], place).unwrap();
        assert!(prove().is_err(), "a flipped byte at {place} was not noticed");
        file.write_all_at(&byte, place).unwrap();
    }
    prove().unwrap();
    file.set_len(packed.archive.size - 1).unwrap();
    assert!(prove().is_err());
}

#[test]
fn a_request_to_stop_ends_all_threads_at_once() {
    let bench = Bench::new();
    std::fs::write(bench.src("big"), noise(5_000_000)).unwrap();
    for stop_at in [0, 1, 5, 12] {
        let error = bench.pack(&Gzip { level: 1 }, &Heard { stop_at: Some(stop_at), ..Heard::default() }).unwrap_err();
        assert_eq!(error.to_string(), "stopped by the test");
    }
}

/// P4: a file that cannot be written any further ends the work with that error.
#[test]
fn a_write_error_is_the_error_that_is_reported() {
    let bench = Bench::new();
    std::fs::write(bench.src("big"), noise(20_000_000)).unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let codec = Gzip { level: 1 };
    let target = Target { file: &full, name: "/dev/full", checksums: Checksums::Sha256 };
    let content = noise(20_000_000);
    let error = blocks::write(&target, &codec, 2, |sink| sink.write(&content)).unwrap_err();
    assert_eq!(error.io().and_then(std::io::Error::raw_os_error), Some(libc::ENOSPC), "{error}");
}

/// A tree deeper than any path may be long is walked with few descriptors and comes back whole.
#[test]
fn a_very_deep_tree_is_walked() {
    let bench = Bench::new();
    let depth = 1000;
    let script = format!(
        "import os\nos.chdir('{}')\nfor i in range({depth}):\n os.mkdir('deeper'); open('file','w').write(str(i)); os.chdir('deeper')\n",
        bench.src("").display()
    );
    assert!(std::process::Command::new("python3").args(["-c", &script]).status().unwrap().success());
    let heard = Heard::default();
    let (packed, _) = bench.pack(&Gzip { level: 1 }, &heard).unwrap();
    assert_eq!(heard.all(), [] as [String; 0]);
    assert_eq!(packed.counts.entries, 2 * depth + 1);
    let members = bench.members();
    // depth first and sorted: all directories down, then the files on the way up
    let deepest = &members[usize::try_from(depth).unwrap()].0.path;
    assert_eq!(deepest.len(), 7 * usize::try_from(depth).unwrap());
    assert_eq!(members.last().unwrap().0.path, b"file");
    assert_eq!(members.last().unwrap().1, b"0");
}

/// P8: what is replaced, vanishes or changes between being seen and being read never breaks the archive.
#[test]
fn entries_that_change_between_look_and_open() {
    let bench = Bench::new();
    for name in ["1-stays", "2-link", "3-gone", "4-other", "5-fifo", "6-grown", "7-stays"] {
        std::fs::write(bench.src(name), b"secret or not ".repeat(100)).unwrap();
    }
    let outside = bench.0.join("outside");
    std::fs::write(&outside, "must not be read").unwrap();
    let disturb = |name: &str| {
        let path = bench.src(name);
        match name {
            "2-link" => {
                std::fs::remove_file(&path).unwrap();
                std::os::unix::fs::symlink(&outside, &path).unwrap();
            }
            "3-gone" => std::fs::remove_file(&path).unwrap(),
            "4-other" => {
                std::fs::write(bench.0.join("new"), "new").unwrap();
                std::fs::rename(bench.0.join("new"), &path).unwrap();
            }
            "5-fifo" => {
                std::fs::remove_file(&path).unwrap();
                assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            "6-grown" => std::fs::write(&path, b"longer than before ".repeat(1000)).unwrap(),
            _ => {}
        }
    };
    let heard = Heard::default();
    let file = bench.file("archive");
    let target = Target { file: &file, name: "archive", checksums: Checksums::Sha256 };
    let select = Select::default();
    blocks::write(&target, &Gzip { level: 1 }, 1, |sink| {
        let mut packer = Packer::new(sink, &heard, None);
        let mut walk = Walk::start(&bench.0.join("src"), &select, &heard)?;
        while let Some(meta) = walk.step()? {
            let path = walk.path().to_vec();
            disturb(std::str::from_utf8(&path).unwrap());
            packer.add(&walk, &meta, &Style::default().member(&path))?;
        }
        Box::new(packer).finish()
    })
    .unwrap();
    let members = bench.members();
    let names: Vec<_> = members.iter().map(|(member, _)| String::from_utf8_lossy(&member.path).into_owned()).collect();
    assert_eq!(names, ["./", "1-stays", "6-grown", "7-stays"]);
    assert_eq!(members[2].1, b"longer than before ".repeat(1000), "it is stored as it was when it was opened");
    assert_eq!(
        heard.all(),
        [
            "2-link: was replaced before it was read",
            "3-gone: vanished before it was read",
            "4-other: was replaced before it was read",
            "5-fifo: was replaced before it was read",
        ]
    );
}

/// Writes to a file whenever it is asked whether to go on, the file's length as it was.
struct Scribbler {
    heard: Heard,
    path: PathBuf,
}

impl Notes for Scribbler {
    fn trouble(&self, path: &[u8], what: &str) {
        self.heard.trouble(path, what);
    }
    fn info(&self, _: &str) {}
    fn entry(&self, _: &[u8], _: &str) {}
    fn wants_entries(&self) -> bool {
        false
    }
    fn check(&self) -> Result<()> {
        use std::os::unix::fs::FileExt;
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(b"y", 0).unwrap();
        // the kernel's clock may stand still between two writes
        let at = self.heard.checks.fetch_add(1, Ordering::SeqCst) as u64;
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(at)).unwrap();
        Ok(())
    }
}

/// P8: a file that is written to while it is read, without getting longer or shorter.
#[test]
fn p8_a_file_that_changes_in_place_is_named() {
    let bench = Bench::new();
    std::fs::write(bench.src("1-quiet"), b"quiet").unwrap();
    std::fs::write(bench.src("2-busy"), vec![b'x'; 2_000_000]).unwrap();
    let notes = Scribbler { heard: Heard::default(), path: bench.src("2-busy") };
    bench.pack(&Gzip { level: 1 }, &notes).unwrap();
    assert_eq!(notes.heard.all(), ["2-busy: changed while it was read"]);
    assert_eq!(bench.members()[2].1.len(), 2_000_000);
}

/// A directory that is swapped for a link to another place while it is walked does not lead the walk there.
#[test]
fn a_directory_swapped_for_a_link_leads_nowhere() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.src("dir")).unwrap();
    std::fs::write(bench.src("dir/inside"), "inside").unwrap();
    std::fs::create_dir(bench.0.join("outside")).unwrap();
    std::fs::write(bench.0.join("outside/inside"), "outside").unwrap();
    let heard = Heard::default();
    let select = Select::default();
    let mut walk = Walk::start(&bench.0.join("src"), &select, &heard).unwrap();
    assert_eq!(walk.step().unwrap().map(|meta| meta.kind), Some(Kind::Dir));
    // the top's names are known now, `dir` is not opened yet
    std::fs::rename(bench.src("dir"), bench.0.join("moved")).unwrap();
    std::os::unix::fs::symlink(bench.0.join("outside"), bench.src("dir")).unwrap();
    let found = walk.step().unwrap().unwrap();
    assert_eq!((found.kind, walk.path()), (Kind::Symlink, &b"dir"[..]));
    assert!(walk.step().unwrap().is_none());
}

/// `/proc` has files without a size and files without an end: neither hangs the walk.
#[test]
fn files_that_the_kernel_makes_up_do_not_hang_it() {
    let heard = Heard::default();
    // containers often hide the second one
    for source in ["/proc/self", "/proc/kcore"].into_iter().filter(|path| Path::new(path).exists()) {
        let bench = Bench::new();
        let (archive, list) = (bench.file("archive"), bench.file("list"));
        let begin = Head { scan: Stamp::default(), level: 0, style: Style::default(), base: None };
        // one task is enough; descriptors come and go while they are read
        let patterns = ["task/*", "fd/*", "fdinfo/*", "map_files/*", "net/*", "attr/*"].map(str::to_owned);
        let exclusions = crate::patterns::Patterns::compile(&patterns, crate::patterns::Syntax::Glob).unwrap();
        let select = Select { exclusions, ..Select::default() };
        let plan = Plan {
            source: Path::new(source),
            select: &select,
            format: Format::Tar(&Gzip { level: 1 }),
            threads: 1,
            read_limit: None,
            checksums: Checksums::Sha256,
            read_back: ReadBack::Whole,
            head: begin,
        };
        let files = Files { archive: &archive, archive_name: "archive", list: &list };
        pack(&plan, &files, None, &heard).unwrap();
        assert!(!bench.members().is_empty() || source == "/proc/kcore");
    }
}
