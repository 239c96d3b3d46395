//! What is mounted where, from `/proc/self/mountinfo`.
