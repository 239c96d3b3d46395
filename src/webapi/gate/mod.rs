//! The gate: who gets in, how much of it, and for how long (P26). One thread waits for all connections at once.

pub mod answer;
pub mod client;
mod crowd;
pub mod deadlines;
pub mod head;
pub mod inside;
pub mod path;
pub mod refusal;
mod relay;
pub mod rules;

use crate::error::{Doing, Error, Kind, Result};
use crate::sys::signals::Cancel;
use client::{Client, Phase};
use crowd::Crowd;
use deadlines::{DEADLINES, Deadlines};
use inside::Place;
use refusal::Refusal;
use rules::Rules;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Requests at work at most.
pub const AT_WORK: usize = 32;
/// Connections open at most.
pub const CONNECTIONS: usize = 256;

/// How long what is at work may take once we were asked to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How often a request to stop is looked for, should the signal not have interrupted the wait.
const TICK: Duration = Duration::from_millis(500);
/// How often a full house looks for somebody to send away.
const SHORT_TICK: Duration = Duration::from_millis(50);
/// How long nobody is let in after the kernel had no means for it.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections accepted before others get their turn.
const AT_ONCE: usize = 64;
/// Bytes of an answer the kernel keeps for a client; it takes twice as many.
const KEPT_BY_KERNEL: usize = 64 * 1024;
/// Bytes fetched from inside at once.
const PIECE: usize = 16 * 1024;

/// Whom a wait was for.
#[derive(Clone, Copy)]
enum Who {
    Listener(usize),
    Client(usize),
    Place(usize),
}

/// Told of a guest and of the path asked for.
type Told = dyn FnMut(IpAddr, &str);

/// The gate with all that stands in it.
pub struct Gate {
    listeners: Vec<TcpListener>,
    rules: Rules,
    places: Vec<Place>,
    clients: Crowd,
    waiting: VecDeque<usize>,
    no_entry_until: Option<Instant>,
    refused: Box<dyn FnMut(IpAddr, Refusal)>,
    admitted: Box<Told>,
    deadlines: &'static Deadlines,
    buffer: Vec<u8>,
}

impl Gate {
    /// A gate for up to `connections` clients.
    pub fn new(listeners: Vec<TcpListener>, rules: Rules, places: Vec<Place>, connections: usize) -> Self {
        Self {
            listeners,
            rules,
            places,
            clients: Crowd::new(connections),
            waiting: VecDeque::new(),
            no_entry_until: None,
            refused: Box::new(|_, _| ()),
            admitted: Box::new(|_, _| ()),
            deadlines: &DEADLINES,
            buffer: vec![0; PIECE],
        }
    }

    /// Tells `told` of everyone who is turned away.
    #[must_use]
    pub fn telling(mut self, told: impl FnMut(IpAddr, Refusal) + 'static) -> Self {
        self.refused = Box::new(told);
        self
    }

    /// Tells `told` of everyone who is let in, and of the path.
    #[must_use]
    pub fn telling_of_guests(mut self, told: impl FnMut(IpAddr, &str) + 'static) -> Self {
        self.admitted = Box::new(told);
        self
    }

    /// Other deadlines than the usual ones.
    #[cfg(test)]
    pub(super) fn within(mut self, deadlines: &'static Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Serves until asked to stop, then lets what is at work come to its end. A second request to stop ends that, too.
    /// Fails when nobody is left inside to answer.
    pub fn serve(mut self, cancel: &Cancel) -> Result<()> {
        let mut stop: Option<(Instant, Cancel)> = None;
        loop {
            let now = Instant::now();
            if stop.is_none() && cancel.signal().is_some() {
                self.listeners.clear();
                self.clients.dismiss_idle();
                stop = Some((now + GRACE, cancel.shielded()));
            }
            if let Some((end, again)) = &stop
                && (self.clients.is_quiet() || now >= *end || again.signal().is_some())
            {
                return Ok(());
            }
            if self.places.iter().all(Place::is_dead) {
                return Err(Error::new(Kind::Failed, "nobody is left to answer requests"));
            }
            self.look_at_the_time(now);
            let timeout = self.timeout(now, stop.as_ref().map(|(end, _)| *end));
            for (who, flags) in self.wait(now, timeout)? {
                self.attend(who, flags);
            }
        }
    }

    /// Until when the next wait may last.
    fn timeout(&self, now: Instant, stop: Option<Instant>) -> Duration {
        let is_tight = self.is_full() || self.no_entry_until.is_some() || !self.waiting.is_empty();
        let tick = if is_tight { SHORT_TICK } else { TICK };
        let deadline = self.clients.next_deadline().into_iter().chain(stop).min();
        let next = deadline.map_or(tick, |deadline| deadline.saturating_duration_since(now));
        // poll counts whole milliseconds: without the one more it would wake too early and spin
        next.min(tick) + Duration::from_millis(1)
    }

    fn is_full(&self) -> bool {
        self.clients.free_number().is_none()
    }

    /// Waits for whatever can go on.
    fn wait(&self, now: Instant, timeout: Duration) -> Result<Vec<(Who, PollFlags)>> {
        let mut whom = Vec::new();
        let mut fds = Vec::new();
        for (index, client) in self.clients.iter() {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, client.wants_to_read() && !client.has_output());
            flags.set(PollFlags::OUT, client.has_output());
            whom.push(Who::Client(index));
            fds.push(PollFd::new(client.stream(), flags));
        }
        for (index, place) in self.places.iter().enumerate().filter(|(_, place)| place.unwrapping.is_some()) {
            let has_plenty =
                place.client.is_some_and(|client| self.clients.get(client).is_some_and(Client::has_plenty));
            if !has_plenty {
                whom.push(Who::Place(index));
                fds.push(PollFd::new(place.stream(), PollFlags::IN));
            }
        }
        // last, because whoever is let in may get the number of somebody whose turn has not come yet
        if self.no_entry_until.is_none_or(|until| now >= until) && self.has_room(now) {
            for (index, listener) in self.listeners.iter().enumerate() {
                whom.push(Who::Listener(index));
                fds.push(PollFd::new(listener, PollFlags::IN));
            }
        }
        let timeout = Timespec::try_from(timeout).doing(|| "waiting for connections".into())?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR | rustix::io::Errno::NOMEM) => {}
            Err(error) => return Err(error).doing(|| "waiting for connections".into()),
        }
        let ready = whom.into_iter().zip(fds.iter().map(PollFd::revents));
        Ok(ready.filter(|(_, flags)| !flags.is_empty()).collect())
    }

    fn attend(&mut self, who: Who, flags: PollFlags) {
        let now = Instant::now();
        match who {
            Who::Listener(index) => self.let_in(index, now),
            Who::Client(index) => self.attend_client(index, flags, now),
            Who::Place(index) => self.relay(index, now),
        }
    }

    fn has_room(&self, now: Instant) -> bool {
        !self.is_full() || self.clients.least(now).is_some()
    }

    /// Accepts whoever waits at a door, as far as there is room.
    fn let_in(&mut self, listener: usize, now: Instant) {
        for _ in 0..AT_ONCE {
            if !self.has_room(now) {
                return;
            }
            let Some(listener) = self.listeners.get(listener) else { return };
            match listener.accept() {
                Ok((stream, peer)) => self.welcome(stream, peer.ip().to_canonical(), now),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => return,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) => {
                    // no descriptors or no memory: whoever has nothing going on gives some back, and we try again later
                    if let Some(index) = self.clients.least(now) {
                        self.drop_client(index);
                    }
                    self.no_entry_until = Some(now + PAUSE);
                    return;
                }
            }
        }
    }

    /// Takes in whoever was accepted, in somebody else's place if need be.
    fn welcome(&mut self, stream: TcpStream, peer: IpAddr, now: Instant) {
        // a connection that cannot be prepared must not block everyone
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let _ = stream.set_nodelay(true);
        // what the kernel keeps for a reader that does not read counts as read: little of it
        let _ = set_socket_send_buffer_size(&stream, KEPT_BY_KERNEL);
        if self.is_full()
            && let Some(index) = self.clients.least(now)
        {
            self.drop_client(index);
        }
        let Some(index) = self.clients.free_number() else { return };
        self.clients.put(index, Client::new(stream, peer, now, self.deadlines));
        if !self.rules.lets_in(peer) {
            self.refuse(index, Refusal::new(403, "not for this network"), now);
        }
    }

    /// Closes a connection. What is being answered to it is thrown away.
    fn drop_client(&mut self, index: usize) {
        self.clients.remove(index);
        self.forget_request(index);
    }

    /// Nobody needs an answer to a client's request any more.
    fn forget_request(&mut self, index: usize) {
        self.waiting.retain(|waiting| *waiting != index);
        for place in self.places.iter_mut().filter(|place| place.client == Some(index)) {
            place.abandon();
        }
    }

    fn refuse(&mut self, index: usize, refusal: Refusal, now: Instant) {
        self.forget_request(index);
        let Some(client) = self.clients.get_mut(index) else { return };
        let peer = client.peer;
        client.refuse(refusal, now);
        (self.refused)(peer, refusal);
    }

    fn attend_client(&mut self, index: usize, flags: PollFlags, now: Instant) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let mut refusal = None;
        if flags.contains(PollFlags::OUT) {
            client.flush(now);
            refusal = client.next_request(now);
        } else if flags.contains(PollFlags::IN) {
            refusal = client.read(now);
        } else if flags.intersects(PollFlags::HUP | PollFlags::ERR) {
            client.phase = Phase::Gone;
        }
        self.settle(index, refusal, now);
    }

    /// What follows from what a client has sent or taken.
    fn settle(&mut self, index: usize, refusal: Option<Refusal>, now: Instant) {
        if let Some(refusal) = refusal {
            self.refuse(index, refusal, now);
        }
        let Some(client) = self.clients.get(index) else { return };
        match client.phase {
            Phase::Gone => self.drop_client(index),
            Phase::Waiting { .. } if !self.waiting.contains(&index) => {
                let refusal = client.request.as_ref().and_then(|request| self.rules.refusal(request));
                if let Some(refusal) = refusal {
                    return self.refuse(index, refusal, now);
                }
                self.waiting.push_back(index);
                self.fill_places(now);
            }
            _ => {}
        }
    }

    /// Lets those who wait in, as far as places are free: the first to come first; but when there are so many that the first
    /// has waited for long, the last, because then he at least is served before he gives up.
    fn fill_places(&mut self, now: Instant) {
        while !self.waiting.is_empty()
            && let Some(place) = self.places.iter_mut().find(|place| place.is_free())
        {
            let first = self.waiting.front().and_then(|first| self.clients.get(*first));
            let too_many = first.is_some_and(|first| first.has_waited_long(now));
            let next = if too_many { self.waiting.pop_back() } else { self.waiting.pop_front() };
            let Some(index) = next else { return };
            let Some(client) = self.clients.get_mut(index) else { continue };
            let Some(request) = &client.request else { continue };
            if place.ask(request, index) {
                (self.admitted)(client.peer, &request.path);
                client.serve(now);
            } else {
                self.waiting.push_front(index);
            }
        }
    }

    /// Takes what has come of an answer to its client.
    fn relay(&mut self, index: usize, now: Instant) {
        let Some(place) = self.places.get_mut(index) else { return };
        let bytes = place.read(&mut self.buffer).unwrap_or_default();
        let for_whom = place.client;
        let client = for_whom.and_then(|client| self.clients.get_mut(client));
        let refusal = relay::pass_on(place, bytes, client, now);
        if let Some(client) = for_whom {
            self.settle(client, refusal, now);
        }
        self.fill_places(now);
    }

    /// Ends what has taken too long.
    fn look_at_the_time(&mut self, now: Instant) {
        if self.no_entry_until.is_some_and(|until| now >= until) {
            self.no_entry_until = None;
        }
        for index in self.clients.numbers() {
            let Some(client) = self.clients.get_mut(index) else { continue };
            let refusal = client.expire(now);
            if refusal.is_some() || matches!(client.phase, Phase::Gone) {
                self.settle(index, refusal, now);
            }
        }
        for index in self.clients.dawdling(now).take(self.waiting.len()).collect::<Vec<_>>() {
            self.drop_client(index);
        }
    }
}
