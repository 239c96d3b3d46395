//! How long anything may take (P26).

use std::time::Duration;

/// How long each part of a request may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// From the first byte of a request (from the connection, for the first one) to the end of its head.
    pub request: Duration,
    /// Between requests.
    pub idle: Duration,
    /// From a whole request to a free place inside.
    pub turn: Duration,
    /// From then to the first byte of the answer, and from any part of it to the next.
    pub thought: Duration,
    /// Within this a reader must take 16 KiB, or all there is.
    pub stretch: Duration,
    /// For a whole answer, whatever the pace.
    pub answer: Duration,
    /// From our last byte to the client's end of the connection.
    pub farewell: Duration,
}

/// Those of the webapi (P26).
pub static DEADLINES: Deadlines = Deadlines {
    request: Duration::from_secs(5),
    idle: Duration::from_secs(60),
    turn: Duration::from_secs(5),
    thought: Duration::from_secs(30),
    stretch: Duration::from_secs(5),
    answer: Duration::from_secs(300),
    farewell: Duration::from_secs(1),
};
