//! The functions of tests/asm/endless.s, and a way to stop them. Who uses them exports `endless.rust`.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::sync::atomic::{AtomicU64, Ordering};

morestack::mapped_asm!(
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")),
    include_str!(concat!(env!("OUT_DIR"), "/tests/asm/endless.s"))
);

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Goes round, with a check each time, until the word is not 0.
        pub fn spin(stop: usize) -> u64 = "endless.spin";
        /// Descends and calls Rust so many times.
        pub fn storm(rounds: u64, seed: u64) -> u64 = "endless.storm";
        /// Descends n frames.
        pub fn count(n: u64) -> u64 = "deep.count";
    }
}

/// What ends a `spin`.
pub struct Stop(pub &'static AtomicU64);

impl Stop {
    /// One for this test.
    pub fn new() -> Stop {
        Stop(Box::leak(Box::new(AtomicU64::new(0))))
    }

    /// What `spin` takes.
    pub fn arg(&self) -> (usize,) {
        (self.0.as_ptr() as usize,)
    }

    pub fn stop(&self) {
        self.0.store(1, Ordering::SeqCst);
    }
}
