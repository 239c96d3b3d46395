//! Asking other servers' webapis: an HTTP client with deadlines and caps. What it is told is data, never trusted.

pub mod fleet;
pub mod http;
mod kb17;
pub mod report;
mod response;
pub mod token;
pub mod url;
