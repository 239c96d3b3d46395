//! What the webapi writes down: its start, its end, and who was turned away, at a rate that cannot fill a disk.

use crate::error::{Doing, Result};
use crate::run::logfile;
use crate::run::places::Places;
use crate::webapi::gate::refusal::Refusal;
use log::Level;
use std::fs::File;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Refusals noted per [`WINDOW`] at most.
const LINES: u32 = 20;
/// What that is counted over.
const WINDOW: Duration = Duration::from_secs(60);
/// Lines that may wait for a slow disk; more are lost.
const QUEUE: usize = 64;
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The notes; written by a thread of their own, so that a disk that hangs holds up nobody.
pub struct Notes {
    lines: SyncSender<(Level, String)>,
    writer: JoinHandle<()>,
    rate: Rate,
}

/// How many were noted of late.
struct Rate {
    since: Instant,
    noted: u32,
    left_out: u32,
}

impl Rate {
    /// Whether one more is noted, and how many had to be left out before it.
    fn allows(&mut self, now: Instant) -> Option<u32> {
        let mut left_out = 0;
        if now.duration_since(self.since) >= WINDOW {
            left_out = self.left_out;
            *self = Self { since: now, noted: 0, left_out: 0 };
        }
        if self.noted >= LINES {
            self.left_out += 1;
            return None;
        }
        self.noted += 1;
        Some(left_out)
    }
}

impl Notes {
    /// Begins. `file` is the log as it was opened before root was given up, if it could be.
    pub fn begin(places: Places, file: Option<File>) -> Result<Self> {
        let (lines, receiver) = sync_channel(QUEUE);
        let writer = thread::Builder::new().name("notes".into()).spawn(move || write(&receiver, &places, file));
        let writer = writer.doing(|| "starting a thread".into())?;
        Ok(Self { lines, writer, rate: Rate { since: Instant::now(), noted: 0, left_out: 0 } })
    }

    /// Notes a line.
    pub fn say(&self, level: Level, line: String) {
        let _ = self.lines.try_send((level, line)); // full: the disk does not keep up, and the webapi goes on
    }

    /// Notes that somebody was turned away.
    pub fn refused(&mut self, peer: IpAddr, refusal: Refusal) {
        let Some(left_out) = self.rate.allows(Instant::now()) else { return };
        self.say_left_out(left_out);
        self.say(Level::Warn, format!("webapi: refused {peer}: {} {}", refusal.code, refusal.why));
    }

    fn say_left_out(&self, count: u32) {
        if count > 0 {
            self.say(Level::Warn, format!("webapi: refused {count} more that are not listed"));
        }
    }

    /// Ends, when the last line is written or has had its time.
    pub fn end(self) {
        self.say_left_out(self.rate.left_out);
        drop(self.lines);
        let start = Instant::now();
        while !self.writer.is_finished() && start.elapsed() < LAST_LINES {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Writes what comes. As another user than root the log may be out of reach by name: then the open file has to do.
fn write(lines: &Receiver<(Level, String)>, places: &Places, mut file: Option<File>) {
    for (level, line) in lines {
        if logfile::program(places, level, &line).is_err()
            && let Some(file) = &mut file
        {
            let _ = logfile::program_into(file, level, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P26: who knocks a million times gets twenty lines a minute.
    #[test]
    fn a_flood_is_counted_and_not_listed() {
        let start = Instant::now();
        let mut rate = Rate { since: start, noted: 0, left_out: 0 };
        let noted = (0..1_000_000).filter(|_| rate.allows(start).is_some()).count();
        assert_eq!(noted, 20);
        assert_eq!(rate.allows(start + WINDOW), Some(999_980));
        assert_eq!(rate.allows(start + WINDOW), Some(0));
    }
}
