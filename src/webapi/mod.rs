//! The webapi: read-only answers over HTTP.

mod fresh;
pub mod json;
mod kb17;
mod live;
mod ours;
mod properties;
pub mod routes;
