//! The macros of `goasm`, which has their documentation.
