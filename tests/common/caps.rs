//! Caps on depth and task count under the debug modes, which make each step dearer. What is capped is printed.

#![allow(dead_code, reason = "each test binary uses a part")]

use morestack::stack::debug;
use std::sync::atomic::{AtomicBool, Ordering};

/// Frames to descend to, where `wanted` would be right without a mode.
///
/// `move` copies the whole stack at each check, so a descent is quadratic in its depth: 2,000 frames of 64 bytes are 128 MB
/// of copying, a tenth of a second. Under `fence` besides, each move makes and unmakes a mapping. `preempt` alone costs a
/// switch per check.
pub fn depth(wanted: usize) -> usize {
    let modes = debug::modes();
    let cap = match (modes.move_always, modes.fence, modes.preempt_always) {
        (true, true, _) => 500,
        (true, false, _) => 2_000,
        (false, _, true) => 200_000,
        _ => usize::MAX,
    };
    capped("depth", wanted, cap)
}

/// As [`depth`], for a test that descends hundreds of times. The cap is printed once.
pub fn often(wanted: usize) -> usize {
    static PRINTED: AtomicBool = AtomicBool::new(false);
    let cap = if debug::modes().move_always { 100 } else { 40_000 };
    if wanted > cap && PRINTED.swap(true, Ordering::Relaxed) {
        return cap;
    }
    capped("repeated depth", wanted, cap)
}

/// Tasks to have at once. A fenced segment takes two mappings, of which the kernel allows 65,530 by default.
pub fn tasks(wanted: usize) -> usize {
    let modes = debug::modes();
    let full = std::env::var("MORESTACK_TEST_TIER").is_ok_and(|tier| tier == "full");
    let cap = match (modes.fence, modes.move_always || modes.preempt_always) {
        (true, _) if full => 10_000,
        (true, _) => 1_000,
        (false, true) => 10_000,
        _ => usize::MAX,
    };
    capped("tasks", wanted, cap)
}

/// As [`tasks`], for closures, which have segments in a split build only.
pub fn closures(wanted: usize) -> usize {
    if cfg!(morestack_split) { tasks(wanted) } else { wanted }
}

fn capped(what: &str, wanted: usize, cap: usize) -> usize {
    if wanted > cap {
        println!("{what} capped at {cap} instead of {wanted} under {:?}", debug::modes());
    }
    wanted.min(cap)
}
