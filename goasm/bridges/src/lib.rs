//! Tests of the bridges between Rust, ABI0 and ABIInternal; the library itself is empty.
//!
//! `build/` writes functions with signatures at random, in Go's syntax and in Rust; `tests/` calls them.
