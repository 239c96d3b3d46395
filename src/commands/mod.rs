//! One file per verb, each a recipe that reads top to bottom.

pub mod backups;
pub mod check;
pub mod crontab;
pub mod desk;
pub mod help;
pub mod list;
pub mod logs;
pub mod run;
pub mod progress;
pub mod restore;
pub mod status;
pub mod stock;
pub mod upgrade;
pub mod verify;
pub mod web;
