//! The recursions of [`crate::deep`] in mapped code: each task's go segment starts on 2 KB and grows by moving.

use crate::deep::measure;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/benches/asm/recursion.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        /// Calls itself `n` times and returns `n`: 64 bytes per frame.
        fn count64(n: u64) -> u64 = "bench.count64";
        /// The same with 256 bytes per frame.
        fn count256(n: u64) -> u64 = "bench.count256";
    }
}

/// For the Rust frames only, which call the recursion and take the time.
const STACK: usize = 256 << 10;

pub fn run() {
    measure("deepasm64", STACK, |depth| assert_eq!(count64(depth as u64), depth as u64));
    measure("deepasm256", STACK, |depth| assert_eq!(count256(depth as u64), depth as u64));
}
