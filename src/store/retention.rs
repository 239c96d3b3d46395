//! Rotation decided: sets, policy, now → keep or remove, and why. Pure.
