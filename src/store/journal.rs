//! The journal: what ran, when, and how it ended. One JSON line when a run starts and one when it ends.
