//! Asking other servers' webapis: an HTTP client with deadlines and caps. What it is told is data, never trusted.

pub mod http;
mod response;
pub mod url;
