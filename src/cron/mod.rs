//! Times of the crontab kind.

pub mod crontab;
pub mod expression;
