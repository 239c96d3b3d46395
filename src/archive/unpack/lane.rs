//! One thread that unpacks its share of a file, and the lane on which it hands the pieces out.

use crate::archive::bzip;
use crate::archive::open::{self, Format};
use crate::error::{Doing, Result};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Plain bytes handed on at once.
const PIECE: usize = 256 * 1024;
/// Pieces of a lane: two blocks of our own archives.
const PIECES: usize = 4;
/// Packed bytes read at once.
const ROOM: usize = 64 * 1024;

/// A part of the file that can be unpacked by itself.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// First byte in the file.
    pub from: u64,
    /// The byte after the last one.
    pub to: u64,
    /// Bytes it unpacks to; none when only its end can tell.
    pub len: Option<u64>,
}

/// A piece of the stream on its way; its buffers are used again and again.
#[derive(Default)]
pub struct Piece {
    /// Of the stream.
    pub plain: Vec<u8>,
    /// What was read from the file for it.
    pub packed: Vec<u8>,
    /// Checksum of the plain bytes.
    pub crc: Crc,
    /// Whether the chunk ends with it.
    pub last: bool,
    /// Why it is not whole: nothing comes after what there is of it.
    pub error: Option<io::Error>,
}

/// What one thread does.
pub struct Work {
    /// The packed file.
    pub file: Arc<File>,
    /// How it is packed.
    pub format: Format,
    /// What can be unpacked by itself; none means the file as a whole.
    pub chunks: Option<Arc<[Chunk]>>,
    /// The first chunk that is this thread's.
    pub first: usize,
    /// How many threads there are.
    pub step: usize,
}

/// The reader's end of a lane.
pub struct Lane {
    /// In order.
    pub pieces: Receiver<Piece>,
    /// For pieces that were read.
    pub free: Sender<Piece>,
}

impl Work {
    /// Starts the thread.
    pub fn start(self) -> Result<Lane> {
        let (out, pieces): (SyncSender<Piece>, _) = sync_channel(PIECES);
        let (free, empty) = channel();
        for _ in 0..PIECES {
            // the other end is right here
            let _ = free.send(Piece::default());
        }
        thread::Builder::new().spawn(move || self.run(&out, &empty)).doing(|| "starting a thread".to_owned())?;
        Ok(Lane { pieces, free })
    }

    /// Unpacks every chunk that is this thread's, until the end or until nobody listens any more.
    fn run(self, out: &SyncSender<Piece>, empty: &Receiver<Piece>) {
        let Some(chunks) = &self.chunks else {
            let whole = Chunk { from: 0, to: u64::MAX, len: None };
            let packed = Rc::new(RefCell::new(Vec::new()));
            let source = self.source(whole, &packed);
            match open::unpacker(source, self.format) {
                Ok(mut plain) => drop(pour(&mut *plain, whole, &packed, (out, empty))),
                Err(error) => {
                    let error = io::Error::other(error.to_string());
                    let _ = out.send(Piece { error: Some(error), ..Piece::default() });
                }
            }
            return;
        };
        let packed = Rc::new(RefCell::new(Vec::new()));
        for chunk in chunks.iter().skip(self.first).step_by(self.step) {
            let source = BufReader::with_capacity(ROOM, self.source(*chunk, &packed));
            let mut decoder: Box<dyn Read> = match self.format {
                // each block is a whole file of its own
                Format::Bzip2 => Box::new(bzip::reader(source)),
                _ => Box::new(Inflate {
                    packed: source,
                    stream: Decompress::new(false),
                    ended: false,
                    is_last: chunk.len.is_none(),
                }),
            };
            if pour(&mut *decoder, *chunk, &packed, (out, empty)).is_none() {
                return;
            }
        }
    }

    fn source(&self, chunk: Chunk, packed: &Rc<RefCell<Vec<u8>>>) -> Source {
        Source { file: Arc::clone(&self.file), at: chunk.from, end: chunk.to, packed: Rc::clone(packed) }
    }
}

/// Cuts what a decoder gives into pieces and hands them out; none when that has to end.
fn pour(
    plain: &mut dyn Read,
    chunk: Chunk,
    packed: &RefCell<Vec<u8>>,
    (out, empty): (&SyncSender<Piece>, &Receiver<Piece>),
) -> Option<()> {
    let mut total = 0;
    loop {
        let mut piece = empty.recv().ok()?;
        piece.plain.clear();
        piece.packed.clear();
        piece.plain.reserve_exact(PIECE);
        let read = plain.take(PIECE as u64).read_to_end(&mut piece.plain);
        total += piece.plain.len() as u64;
        std::mem::swap(&mut piece.packed, &mut packed.borrow_mut());
        piece.last = piece.plain.len() < PIECE;
        piece.error = read.err().or_else(|| {
            let wrong = if piece.last {
                chunk.len.is_some_and(|len| len != total)
            } else {
                chunk.len.is_some_and(|len| total > len)
            };
            wrong.then(|| io::Error::new(io::ErrorKind::InvalidData, "a block has the wrong length"))
        });
        if piece.error.as_ref().is_some_and(|error| error.kind() != io::ErrorKind::UnexpectedEof) {
            // where the data is wrong nobody knows since when; where it only ends, what came before is right
            piece.plain.clear();
        }
        piece.error = piece.error.take().map(|error| {
            let text = format!("the packed data at byte {} or after it is damaged: {error}", chunk.from);
            io::Error::new(io::ErrorKind::InvalidData, text)
        });
        piece.crc.reset();
        piece.crc.update(&piece.plain);
        let (last, failed) = (piece.last, piece.error.is_some());
        out.send(piece).ok()?;
        if failed {
            return None;
        }
        if last {
            return Some(());
        }
    }
}

/// Inflates a chunk: some blocks that a full flush ends, or the last ones, which end the deflate stream.
struct Inflate {
    packed: BufReader<Source>,
    stream: Decompress,
    ended: bool,
    /// Whether the deflate stream has to end in it.
    is_last: bool,
}

impl Read for Inflate {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.packed.fill_buf()?;
            if self.ended && !input.is_empty() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends where it should not"));
            }
            if self.ended {
                return Ok(0);
            }
            let before = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, bytes, FlushDecompress::None);
            let at_end = input.is_empty();
            let used = usize::try_from(self.stream.total_in() - before.0).unwrap_or(0);
            let made = usize::try_from(self.stream.total_out() - before.1).unwrap_or(0);
            self.packed.consume(used);
            match status {
                Ok(status) => self.ended = status == Status::StreamEnd,
                Err(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "corrupt deflate stream")),
            }
            if made > 0 || bytes.is_empty() {
                return Ok(made);
            }
            if at_end && !self.ended {
                let early = || io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early");
                return if self.is_last { Err(early()) } else { Ok(0) };
            }
        }
    }
}

/// A part of a file, with a copy of what was read since somebody asked.
struct Source {
    file: Arc<File>,
    at: u64,
    end: u64,
    packed: Rc<RefCell<Vec<u8>>>,
}

impl Read for Source {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let Some(bytes) = bytes.get_mut(..wanted) else { return Ok(0) };
        let len = self.file.read_at(bytes, self.at)?;
        self.at += len as u64;
        self.packed.borrow_mut().extend_from_slice(bytes.get(..len).unwrap_or_default());
        Ok(len)
    }
}
