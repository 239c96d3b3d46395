//! One execution of a unit: order, policy, locks, logs, trigger.
