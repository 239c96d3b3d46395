//! Times of the crontab kind.

pub mod expression;
