//! Drives the real executable; one file per feature.
