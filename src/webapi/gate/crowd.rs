//! All clients there are: no more than there is room for, and who goes first when there is too little.

use crate::webapi::gate::client::{Client, Phase};
use std::time::Instant;

/// The clients, by numbers that are used again.
pub struct Crowd {
    members: Vec<Option<Client>>,
}

impl Crowd {
    /// Room for this many.
    pub fn new(room: usize) -> Self {
        Self { members: std::iter::repeat_with(|| None).take(room).collect() }
    }

    /// The one with this number.
    pub fn get(&self, number: usize) -> Option<&Client> {
        self.members.get(number)?.as_ref()
    }

    /// The one with this number, to be changed.
    pub fn get_mut(&mut self, number: usize) -> Option<&mut Client> {
        self.members.get_mut(number)?.as_mut()
    }

    /// All of them with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Client)> {
        self.members.iter().enumerate().filter_map(|(number, client)| Some((number, client.as_ref()?)))
    }

    /// The numbers there can be.
    pub fn numbers(&self) -> std::ops::Range<usize> {
        0..self.members.len()
    }

    /// A number that nobody has; none in a full house.
    pub fn free_number(&self) -> Option<usize> {
        self.members.iter().position(Option::is_none)
    }

    /// Takes one in under a number that nobody has, or in the place of who has it.
    pub fn put(&mut self, number: usize, client: Client) {
        if let Some(place) = self.members.get_mut(number) {
            *place = Some(client);
        }
    }

    /// Closes the connection of the one with this number.
    pub fn remove(&mut self, number: usize) {
        if let Some(place) = self.members.get_mut(number) {
            *place = None;
        }
    }

    /// Whoever is closed first to make room, if anyone may be.
    pub fn least(&self, now: Instant) -> Option<usize> {
        self.iter().filter_map(|(number, client)| Some((client.worth(now)?, number))).min().map(|(_, number)| number)
    }

    /// Whoever makes way for requests that wait.
    pub fn dawdling(&self, now: Instant) -> impl Iterator<Item = usize> {
        self.iter().filter(move |(_, client)| client.dawdles(now)).map(|(number, _)| number)
    }

    /// When the time has to be looked at next.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.iter().map(|(_, client)| client.deadline()).min()
    }

    /// Sends away everyone for whom nothing is at work.
    pub fn dismiss_idle(&mut self) {
        for client in self.members.iter_mut().flatten().filter(|client| matches!(client.phase, Phase::Reading)) {
            client.phase = Phase::Gone;
        }
    }

    /// Whether nothing is at work for anybody.
    pub fn is_quiet(&self) -> bool {
        let at_work = |phase: &Phase| matches!(phase, Phase::Waiting { .. } | Phase::Served { .. } | Phase::Parting);
        !self.iter().any(|(_, client)| at_work(&client.phase))
    }
}
