//! One client: what it has sent, what it still has to take, and how long it may go on.

use crate::webapi::gate::answer::{AnswerHead, Wrapping};
use crate::webapi::gate::deadlines::Deadlines;
use crate::webapi::gate::head::{self, After, Head, Progress};
use crate::webapi::gate::refusal::Refusal;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes a reader takes per [`Deadlines::stretch`] at least.
const PACE: usize = 16 * 1024;
/// Age at which a request that is not whole makes room for a new connection.
const PATIENCE: Duration = Duration::from_millis(250);
/// Time without a step forward after which one makes way for others, when there are too many.
const LONG: Duration = Duration::from_secs(1);
/// Bytes listened to after our last one at most.
const LAST_WORDS: usize = 64 * 1024;
/// Bytes on their way to the client at which no more are fetched.
const PLENTY: usize = 32 * 1024;

/// Where a connection is.
#[derive(Debug)]
pub enum Phase {
    /// A request is awaited or half here.
    Reading,
    /// A request is here and waits for a place inside.
    Waiting {
        /// Since when.
        since: Instant,
    },
    /// It is being answered from inside.
    Served {
        /// Since when.
        since: Instant,
    },
    /// Its last words are on their way.
    Parting,
    /// All was said; the client may read it to its end.
    Lingering,
    /// Nothing more can be said.
    Gone,
}

/// How willingly a connection is closed to make room: the lower, the sooner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Worth {
    /// It only waits for its end.
    Lingering,
    /// Nothing is going on.
    Idle,
    /// A request takes its time.
    Slow,
    /// A request has waited for long.
    Waiting,
}

/// One client's connection.
#[derive(Debug)]
pub struct Client {
    deadlines: &'static Deadlines,
    stream: TcpStream,
    /// Who it is.
    pub peer: IpAddr,
    /// Where it is.
    pub phase: Phase,
    input: Vec<u8>,
    /// Bytes of the input that were looked at; at the end, bytes that were not looked at any more.
    scanned: usize,
    output: Vec<u8>,
    sent: usize,
    sent_in_stretch: usize,
    /// When it last took something.
    took: Instant,
    deadline: Instant,
    since: Instant,
    served_before: bool,
    /// The request at hand.
    pub request: Option<Head>,
    wrapping: Option<Wrapping>,
}

impl Client {
    /// A connection that has just been made. The stream must not block.
    pub fn new(stream: TcpStream, peer: IpAddr, now: Instant, deadlines: &'static Deadlines) -> Self {
        Self {
            deadlines,
            stream,
            peer,
            phase: Phase::Reading,
            input: Vec::new(),
            scanned: 0,
            output: Vec::new(),
            sent: 0,
            sent_in_stretch: 0,
            took: now,
            deadline: now + deadlines.request,
            since: now,
            served_before: false,
            request: None,
            wrapping: None,
        }
    }

    /// The connection itself, to wait for it.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether bytes of the client are looked at now.
    pub fn wants_to_read(&self) -> bool {
        matches!(self.phase, Phase::Reading | Phase::Lingering)
    }

    /// Whether bytes are on their way to the client.
    pub fn has_output(&self) -> bool {
        self.sent < self.output.len()
    }

    /// Whether more of its answer would only be kept here.
    pub fn has_plenty(&self) -> bool {
        self.output.len() - self.sent >= PLENTY
    }

    /// When [`Self::expire`] has to look again.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How willingly this one is closed for another; none while it must stay. The older comes first.
    pub fn worth(&self, now: Instant) -> Option<(Worth, Instant)> {
        let worth = match self.phase {
            Phase::Lingering | Phase::Gone => Worth::Lingering,
            Phase::Reading if self.served_before && self.input.is_empty() => Worth::Idle,
            Phase::Reading if now.duration_since(self.since) >= PATIENCE => Worth::Slow,
            Phase::Waiting { since } if now.duration_since(since) >= LONG => Worth::Waiting,
            _ => return None,
        };
        Some((worth, self.since))
    }

    /// Takes what the client has sent. A request that is whole makes it [`Phase::Waiting`]; what is refused is returned.
    pub fn read(&mut self, now: Instant) -> Option<Refusal> {
        let mut piece = [0; head::LIMIT];
        let wanted = if matches!(self.phase, Phase::Lingering) { head::LIMIT } else { head::LIMIT - self.input.len() };
        match self.stream.read(piece.get_mut(..wanted).unwrap_or_default()) {
            Ok(0) => self.phase = Phase::Gone,
            Ok(count) if matches!(self.phase, Phase::Reading) => {
                if self.input.is_empty() && self.served_before {
                    self.since = now;
                    self.deadline = now + self.deadlines.request;
                }
                self.input.extend_from_slice(piece.get(..count).unwrap_or_default());
                return self.look(now);
            }
            Ok(count) => {
                self.scanned += count;
                if self.scanned >= LAST_WORDS {
                    self.phase = Phase::Gone;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.phase = Phase::Gone,
        }
        None
    }

    /// Looks whether the bytes at hand make a request.
    fn look(&mut self, now: Instant) -> Option<Refusal> {
        let parsed = head::scan(&self.input, self.scanned).and_then(|progress| match progress {
            Progress::Partial => Ok(None),
            Progress::Whole(length) => {
                head::parse(self.input.get(..length).unwrap_or_default()).map(|head| Some((length, head)))
            }
        });
        match parsed {
            Ok(None) => {
                self.scanned = self.input.len();
                None
            }
            Ok(Some((length, head))) => {
                self.input.drain(..length);
                self.scanned = 0;
                self.request = Some(head);
                self.phase = Phase::Waiting { since: now };
                self.deadline = now + self.deadlines.turn;
                None
            }
            Err(refusal) => Some(refusal),
        }
    }

    /// Turns it away: the answer is sent and the connection closed.
    pub fn refuse(&mut self, refusal: Refusal, now: Instant) {
        self.input = Vec::new();
        self.request = None;
        self.wrapping = None;
        self.output.drain(..self.sent);
        self.sent = 0;
        self.output.extend_from_slice(&refusal.answer());
        self.phase = Phase::Parting;
        self.deadline = now + self.deadlines.stretch;
        self.flush(now);
    }

    /// A place inside was found.
    pub fn serve(&mut self, now: Instant) {
        self.phase = Phase::Served { since: now };
        self.deadline = now + self.deadlines.thought;
    }

    /// The head of its answer has come.
    pub fn begin(&mut self, head: &AnswerHead, now: Instant) {
        let Some(request) = &self.request else { return };
        self.wrapping = Some(Wrapping::begin(request, head, &mut self.output));
        self.took = now;
        self.start_stretch(now);
    }

    /// Whether the answer has begun: then it can only be broken off.
    pub fn has_begun(&self) -> bool {
        self.wrapping.is_some()
    }

    /// Some of the body has come.
    pub fn body(&mut self, piece: &[u8], now: Instant) {
        let Some(wrapping) = self.wrapping else { return };
        if !self.has_output() {
            self.took = now;
            self.start_stretch(now);
        }
        wrapping.body(piece, &mut self.output);
    }

    /// The answer is whole. When the next request is here already it is looked at; what is refused is returned.
    pub fn end(&mut self, now: Instant) -> Option<Refusal> {
        let wrapping = self.wrapping.take()?;
        wrapping.end(&mut self.output);
        self.request = None;
        self.served_before = true;
        self.phase = match wrapping.after {
            After::Keep => Phase::Reading,
            After::Close => Phase::Parting,
        };
        self.since = now;
        if self.has_output() {
            self.start_stretch(now);
        }
        self.flush(now);
        self.next_request(now)
    }

    /// The rest of its answer cannot be had: it must not look whole.
    pub fn break_off(&mut self, now: Instant) {
        self.flush(now);
        self.phase = Phase::Gone;
    }

    /// Looks at the next request of a client that does not wait for answers, once it has taken the last one.
    pub fn next_request(&mut self, now: Instant) -> Option<Refusal> {
        if !matches!(self.phase, Phase::Reading) || self.has_output() || self.input.is_empty() || self.scanned > 0 {
            return None;
        }
        self.deadline = now + self.deadlines.request;
        self.look(now)
    }

    fn start_stretch(&mut self, now: Instant) {
        self.sent_in_stretch = 0;
        self.deadline = now + self.deadlines.stretch;
    }

    /// Sends what the client takes.
    pub fn flush(&mut self, now: Instant) {
        while self.has_output() {
            match self.stream.write(self.output.get(self.sent..).unwrap_or_default()) {
                Ok(count) if count > 0 => {
                    self.took = now;
                    self.sent += count;
                    self.sent_in_stretch += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {
                    self.phase = Phase::Gone;
                    return;
                }
            }
        }
        self.output.clear();
        self.output.shrink_to(PLENTY);
        self.sent = 0;
        match self.phase {
            Phase::Parting => {
                // closed at once with bytes unread, the kernel would take back what the client has not read yet
                let said = self.stream.shutdown(Shutdown::Write);
                self.phase = if said.is_ok() { Phase::Lingering } else { Phase::Gone };
                self.scanned = 0;
                self.deadline = now + self.deadlines.farewell;
            }
            Phase::Reading if self.input.is_empty() => self.deadline = now + self.deadlines.idle,
            Phase::Served { .. } => self.deadline = now + self.deadlines.thought,
            _ => {}
        }
    }

    /// Looks at the time. What is refused because of it is returned; [`Phase::Gone`] is beyond words.
    pub fn expire(&mut self, now: Instant) -> Option<Refusal> {
        if let Phase::Served { since } = self.phase
            && now.duration_since(since) >= self.deadlines.answer
        {
            self.phase = Phase::Gone;
        }
        if now < self.deadline {
            return None;
        }
        if self.has_output() && self.sent_in_stretch >= PACE {
            self.start_stretch(now);
            return None;
        }
        match self.phase {
            Phase::Reading if !self.input.is_empty() && !self.has_output() => {
                return Some(Refusal::new(408, "a request that took too long"));
            }
            Phase::Waiting { .. } => return Some(Refusal::new(503, "too many requests at work")),
            Phase::Served { .. } if !self.has_begun() => {
                return Some(Refusal::new(504, "the answer took too long"));
            }
            _ => self.phase = Phase::Gone,
        }
        None
    }

    /// Whether its request has waited so long that there must be too many of them. Sooner than it is sent away for that.
    pub fn has_waited_long(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Waiting { since } if now.duration_since(since) >= PATIENCE)
    }

    /// Whether its answer may end early for the sake of requests that wait: it has had its time, or nothing of it is taken.
    pub fn dawdles(&self, now: Instant) -> bool {
        let has_had_its_time = |since| now.duration_since(since) >= self.deadlines.stretch;
        let takes_nothing = now.duration_since(self.took) >= LONG;
        self.has_output() && matches!(self.phase, Phase::Served { since } if takes_nothing || has_had_its_time(since))
    }
}
