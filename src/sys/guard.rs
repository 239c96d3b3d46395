//! The guard: a second process of ours that ends our children's process groups if we are killed ourselves.
