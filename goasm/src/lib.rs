//! Go assembly in Rust programs, on goroutine stacks.
