//! Conditions on paths that are checked right before they are read or written (P21, P23).
