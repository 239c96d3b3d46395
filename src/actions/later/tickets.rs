//! The three ticket types.

use super::NotYet;
use crate::actions::{Action, Common, Properties, Surroundings};

/// `set_in_progress_ticket`.
pub fn set_ticket(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    filename(p);
    NotYet::boxed("set_in_progress_ticket", None)
}

/// `unset_in_progress_ticket`.
pub fn unset_ticket(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    filename(p);
    NotYet::boxed("unset_in_progress_ticket", None)
}

/// `check_in_progress_ticket`.
pub fn check_ticket(p: &mut Properties<'_>, _: &Common, _: &Surroundings<'_>) -> Box<dyn Action> {
    filename(p);
    p.number_or("wait_time", 0..=86_400, 10);
    p.number_or("wait_cycle_number", 1..=1_000_000, 12);
    p.text("ssh_servername");
    p.options("rsync_opts", "");
    NotYet::boxed("check_in_progress_ticket", None)
}

fn filename(p: &mut Properties<'_>) {
    p.text_or("ticket_filename", "backup_in_progress");
}
