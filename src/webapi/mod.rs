//! The webapi: read-only answers over HTTP.

pub mod routes;
