//! Opening, naming and flushing files so that nobody can redirect us and nothing is lost.
