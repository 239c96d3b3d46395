//! Blocks in their order → the file: every member with its header, the directory at the end. Memory holds one member's header;
//! the directory grows in a file of its own.

use crate::archive::blocks::{Crew, Job, Output, Sink, Target, Written, run};
use crate::archive::zip::compress::{BLOCK, Compression, Piece, worker};
use crate::archive::zip::records::{self, Facts, Head, STREAMED};
use crate::error::{Doing, Error, Result};
use flate2::Crc;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};

/// Runs `produce` on the calling thread, compresses what it writes on other threads, and writes it to the target on one more.
/// `directory` is an empty file for what is to stand at the end.
pub fn write<T>(
    target: &Target<'_>,
    directory: &File,
    (compression, threads): (Compression, usize),
    produce: impl FnOnce(&mut Sink<Piece>) -> Result<T>,
) -> Result<(T, Written)> {
    let mut archive = Archive::new(target, directory);
    let crew = Crew { threads, block: BLOCK };
    let value = run(crew, &|| worker(compression), produce, |job| archive.block(job))?;
    Ok((value, archive.finish()?))
}

struct Archive<'a> {
    out: Output<'a>,
    directory: BufWriter<&'a File>,
    directory_size: u64,
    entries: u64,
    current: Option<Member>,
}

/// The member that is being written.
struct Member {
    head: Head,
    facts: Facts,
    crc: Crc,
}

impl<'a> Archive<'a> {
    fn new(target: &'a Target<'_>, directory: &'a File) -> Self {
        let directory = BufWriter::with_capacity(64 * 1024, directory);
        Self { out: Output::new(target), directory, directory_size: 0, entries: 0, current: None }
    }

    fn block(&mut self, job: &mut Job<Piece>) -> Result<()> {
        let crc = job.take_result()?;
        let whole = job.mark.head.is_some() && job.mark.end;
        if let Some(head) = job.mark.head.take() {
            let mut facts = Facts { method: job.mark.method, offset: self.out.size(), ..Facts::default() };
            if whole {
                (facts.packed, facts.plain) = (job.output.len() as u64, job.input().len() as u64);
                facts.crc = crc.sum();
            } else {
                facts.flags = STREAMED;
            }
            self.out.write(&records::local(&head, &facts))?;
            self.current = Some(Member { head: *head, facts, crc: Crc::new() });
        }
        self.out.write(&job.output)?;
        let member = self.current.as_mut().ok_or_else(|| Error::failed("writing a zip: content without a member"))?;
        if !whole {
            member.facts.packed += job.output.len() as u64;
            member.facts.plain += job.input().len() as u64;
            member.crc.combine(&crc);
        }
        if job.mark.end { self.end() } else { Ok(()) }
    }

    fn end(&mut self) -> Result<()> {
        let Some(Member { head, mut facts, crc }) = self.current.take() else { return Ok(()) };
        if facts.flags & STREAMED != 0 {
            facts.crc = crc.sum();
            self.out.write(&records::descriptor(&head, &facts))?;
        }
        let entry = records::central(&head, &facts);
        self.directory.write_all(&entry).doing(keeping)?;
        self.directory_size += entry.len() as u64;
        self.entries += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Written> {
        let offset = self.out.size();
        self.directory.flush().doing(keeping)?;
        let mut file = *self.directory.get_ref();
        file.rewind().doing(keeping)?;
        let mut room = vec![0; 64 * 1024];
        loop {
            match file.read(&mut room).doing(keeping)? {
                0 => break,
                len => self.out.write(room.get(..len).unwrap_or_default())?,
            }
        }
        if self.out.size() != offset + self.directory_size {
            return Err(Error::failed("the directory of the archive is not what was kept")).doing(keeping);
        }
        self.out.write(&records::end(self.entries, offset, self.directory_size))?;
        Ok(self.out.finish())
    }
}

fn keeping() -> String {
    "keeping the directory of the archive".to_owned()
}
