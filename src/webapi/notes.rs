//! What the webapi writes down: its start, its end, who was turned away and who asked for what, at a rate that cannot fill a disk.

use crate::error::{Doing, Result};
use crate::run::logfile;
use crate::run::places::Places;
use crate::webapi::gate::refusal::Refusal;
use log::Level;
use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Refusals noted per [`WINDOW`] at most, and as many guests.
const LINES: u32 = 20;
/// How long a guest who asks for the same again is not noted again: pollers come all day.
const FAMILIAR: Duration = Duration::from_secs(86_400);
/// Guests remembered at most, with what they asked for.
const GUESTS: usize = 256;
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
    guests: Guests,
}

/// Who asked for what of late.
struct Guests {
    rate: Rate,
    known: HashMap<(IpAddr, &'static str), Instant>,
}

impl Guests {
    /// Whether this one is worth a line.
    fn is_news(&mut self, peer: IpAddr, address: &'static str, now: Instant) -> bool {
        let is_familiar = |since: &Instant| now.duration_since(*since) < FAMILIAR;
        if self.known.get(&(peer, address)).is_some_and(is_familiar) {
            return false;
        }
        if self.known.len() >= GUESTS {
            self.known.retain(|_, since| is_familiar(since));
        }
        let news = self.known.len() < GUESTS && self.rate.allows(now).is_some();
        if news {
            self.known.insert((peer, address), now);
        }
        news
    }
}

/// How many were noted of late.
struct Rate {
    since: Instant,
    noted: u32,
    left_out: u32,
}

impl Rate {
    fn starting(now: Instant) -> Self {
        Self { since: now, noted: 0, left_out: 0 }
    }

    /// Whether one more is noted, and how many had to be left out before it.
    fn allows(&mut self, now: Instant) -> Option<u32> {
        let mut left_out = 0;
        if now.duration_since(self.since) >= WINDOW {
            left_out = self.left_out;
            *self = Self::starting(now);
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
        let now = Instant::now();
        let guests = Guests { rate: Rate::starting(now), known: HashMap::new() };
        Ok(Self { lines, writer, rate: Rate::starting(now), guests })
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

    /// Notes that somebody asked for something, unless that is nothing new.
    pub fn admitted(&mut self, peer: IpAddr, address: &'static str) {
        if self.guests.is_news(peer, address, Instant::now()) {
            self.say(Level::Info, format!("webapi: {peer} asks for {address}"));
        }
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
        // logs that are gone must be missed, and not begun anew
        let is_written = places.logs.is_dir() && logfile::program(places, level, &line).is_ok();
        if !is_written && let Some(file) = &mut file {
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
        let mut rate = Rate::starting(start);
        let noted = (0..1_000_000).filter(|_| rate.allows(start).is_some()).count();
        assert_eq!(noted, 20);
        assert_eq!(rate.allows(start + WINDOW), Some(999_980));
        assert_eq!(rate.allows(start + WINDOW), Some(0));
    }

    /// Pollers cost a line a day, and nobody makes the memory of them grow.
    #[test]
    fn guests_are_noted_once_a_day() {
        let start = Instant::now();
        let mut guests = Guests { rate: Rate::starting(start), known: HashMap::new() };
        let local = IpAddr::from([127, 0, 0, 1]);
        assert!(guests.is_news(local, "/api/si", start));
        assert!(!guests.is_news(local, "/api/si", start + WINDOW));
        assert!(guests.is_news(local, "/api/cf", start + WINDOW));
        assert!(guests.is_news(local, "/api/si", start + FAMILIAR));
        let news = (0..100_u32).flat_map(|minute| (0..100_u32).map(move |number| (minute, number))).filter(
            |(minute, number)| {
                let [.., a, b] = (minute * 100 + number).to_be_bytes();
                guests.is_news(IpAddr::from([10, 0, a, b]), "/healthz", start + FAMILIAR + WINDOW * (minute / 10))
            },
        );
        let news = news.count();
        assert!((100..=GUESTS).contains(&news), "{news}");
        assert!(guests.known.len() <= GUESTS);
    }
}
