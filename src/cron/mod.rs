//! Times of the crontab kind.

pub mod crontab;
mod days;
pub mod expression;
mod fields;
pub mod local;
