//! The same in Prometheus' text format.

use crate::status::Status;
use std::fmt::Write;

/// Every metric with its HELP and TYPE lines.
pub fn text(status: &Status) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "krista_backup_build_info{{version=\"{}\"}} 1", status.version);
    text
}
