//! What several tests need.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod compared;
pub mod go;
pub mod lines;
