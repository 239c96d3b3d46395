//! Types that are parsed and checked but not built yet: running one says so and fails.
