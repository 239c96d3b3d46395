//! Times of the crontab kind.

pub mod crontab;
mod days;
pub mod expression; // does a minute match, which is next
mod fields;
mod local; // the same for a clock that is moved
