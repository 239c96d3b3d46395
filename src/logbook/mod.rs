//! The logs on disk, ours and KB17's: what is there, what each says, and their lines without secrets.
