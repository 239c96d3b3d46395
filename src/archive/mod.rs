//! The archive engine: walk, what changed, tar, parallel gzip, reading back.
