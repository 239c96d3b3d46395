//! One execution of a unit: order, policy, locks, logs, trigger.

pub mod crontab;
pub mod due;
pub mod enabled;
pub mod expected;
pub mod lock;
pub mod logfile;
pub mod mishap;
pub mod moment;
pub mod places;
pub mod runner;
pub mod trigger;
