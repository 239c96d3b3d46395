//! The way inside: connections to `tiny_http` that are made once, before any client is let in, and never again.

use crate::error::{Doing, Result};
use crate::webapi::gate::answer::Unwrapping;
use crate::webapi::gate::head::{Head, Method};
use crate::webapi::gate::path;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Header field that says to whoever answers which place a request has.
pub const PLACE: &str = "Place";

/// What the gate and whoever answers tell each other about the answer at hand.
#[derive(Debug, Default)]
pub struct Word {
    /// Set by the gate: nobody wants the rest.
    pub unwanted: AtomicBool,
    /// Set inside: the rest could not be had.
    pub broken: AtomicBool,
}

/// One connection to the inside: one request at work.
pub struct Place {
    stream: UnixStream,
    number: usize,
    word: Arc<Word>,
    /// Takes the answer apart; none when no request is at work.
    pub unwrapping: Option<Unwrapping>,
    /// The client the answer is for; none when it has gone.
    pub client: Option<usize>,
    dead: bool,
}

impl Place {
    /// Takes over a connection on which nothing is under way.
    pub fn new(stream: UnixStream, number: usize, word: Arc<Word>) -> Result<Self> {
        stream.set_nonblocking(true).doing(|| "preparing a connection inside".into())?;
        Ok(Self { stream, number, word, unwrapping: None, client: None, dead: false })
    }

    /// The connection itself, to wait for it.
    pub fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Whether a request can be given to it.
    pub fn is_free(&self) -> bool {
        !self.dead && self.unwrapping.is_none()
    }

    /// Whether it is of no more use.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Hands over a request in our own words. False when the connection is of no more use.
    pub fn ask(&mut self, request: &Head, client: usize) -> bool {
        self.word.unwanted.store(false, Ordering::SeqCst);
        self.word.broken.store(false, Ordering::SeqCst);
        let method = match request.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
        };
        let text = format!(
            "{method} {} HTTP/1.1\r\nHost: gate\r\n{PLACE}: {}\r\n\r\n",
            path::encode(&request.path),
            self.number
        );
        // at most three times a head, and nothing is under way: the kernel takes it all or something is very wrong
        if self.stream.write(text.as_bytes()).is_ok_and(|count| count == text.len()) {
            self.unwrapping = Some(Unwrapping::new(request.method));
            self.client = Some(client);
        } else {
            self.dead = true;
        }
        !self.dead
    }

    /// The client has gone; what comes of the answer is thrown away.
    pub fn abandon(&mut self) {
        self.client = None;
        self.word.unwanted.store(true, Ordering::SeqCst);
    }

    /// The answer has come to its end. Whether it is whole.
    pub fn finish(&mut self) -> bool {
        self.unwrapping = None;
        self.client = None;
        !self.word.broken.load(Ordering::SeqCst)
    }

    /// What has come; none when nothing has. An end or an error makes the place dead.
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        match self.stream.read(buffer) {
            Ok(count) if count > 0 => return buffer.get(..count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Ok(_) | Err(_) => self.kill(),
        }
        None
    }

    /// Gives it up.
    pub fn kill(&mut self) {
        self.dead = true;
        self.unwrapping = None;
    }
}
