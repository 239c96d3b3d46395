//! Both pipes of a child, read by one thread as soon as there is something, so that neither can fill up and block it.

use super::Stream;
use super::lines::Lines;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::process::{ChildStderr, ChildStdout};
use std::time::Duration;

/// Most that is taken from one pipe before the other gets its turn: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// Our ends of a child's pipes.
#[derive(Debug)]
pub struct Pipes {
    open: Vec<Pipe>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Pipe {
    stream: Stream,
    end: OwnedFd,
    lines: Lines,
}

impl Pipes {
    /// Our ends, as std made them; a stream that goes elsewhere is none.
    pub fn new(out: Option<ChildStdout>, err: Option<ChildStderr>) -> Self {
        let out = out.map(|pipe| Pipe::new(Stream::Out, pipe.into()));
        let err = err.map(|pipe| Pipe::new(Stream::Err, pipe.into()));
        Self { open: out.into_iter().chain(err).collect(), buffer: vec![0; CHUNK] }
    }

    /// Waits up to `nap` for output and hands out what has become a line. Whether there was any output, or its end.
    pub fn read(&mut self, nap: Duration, on_line: &mut dyn FnMut(Stream, &str)) -> bool {
        if self.open.is_empty() {
            std::thread::sleep(nap);
            return false;
        }
        let timeout = Timespec::try_from(nap).ok();
        let mut fds: Vec<_> = self.open.iter().map(|pipe| PollFd::new(&pipe.end, PollFlags::IN)).collect();
        // An interrupted poll is a wake-up like any other: the caller looks at its limits and comes again.
        if poll(&mut fds, timeout.as_ref()).unwrap_or(0) == 0 {
            return false;
        }
        let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        self.open.retain_mut(|pipe| !ready.next().unwrap_or(false) || pipe.read(&mut self.buffer, on_line));
        true
    }

    /// Whether the child, and everyone it gave them to, has closed them.
    pub fn all_closed(&self) -> bool {
        self.open.is_empty()
    }

    /// Hands out lines that were begun and closes what is still open.
    pub fn close(&mut self, on_line: &mut dyn FnMut(Stream, &str)) {
        for mut pipe in self.open.drain(..) {
            pipe.lines.finish(&mut |line| on_line(pipe.stream, line));
        }
    }
}

impl Pipe {
    fn new(stream: Stream, end: OwnedFd) -> Self {
        // Should this fail, a read after a poll that said "ready" does not block either: we are the only reader.
        let _ = fcntl_setfl(&end, OFlags::NONBLOCK);
        Self { stream, end, lines: Lines::default() }
    }

    /// Reads once; whether the pipe stays open.
    fn read(&mut self, buffer: &mut [u8], on_line: &mut dyn FnMut(Stream, &str)) -> bool {
        let stream = self.stream;
        match rustix::io::read(&self.end, &mut *buffer) {
            Err(Errno::AGAIN | Errno::INTR) => true,
            Ok(length) if length > 0 => {
                let bytes = buffer.get(..length).unwrap_or_default();
                self.lines.feed(bytes, &mut |line| on_line(stream, line));
                true
            }
            // a pipe that cannot be read any more has ended, whatever the reason
            Ok(_) | Err(_) => {
                self.lines.finish(&mut |line| on_line(stream, line));
                false
            }
        }
    }
}
