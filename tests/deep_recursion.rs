//! A task grows from 2 KB to a million frames by copying only.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::{caps, faults};
use mapped::on_fresh_task;
use morestack::stack::debug;
use morestack::stack::grow::{Move, set_move_hook};
use morestack::stack::layout::STACK_MIN;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/deep_recursion.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn descend(n: u64, frames: *mut u64) -> u64 = "deep_recursion.descend";
    }
}

/// Bytes that each call takes.
const PER_FRAME: usize = 144;

/// Frames that have begun and not ended.
static FRAMES: AtomicU64 = AtomicU64::new(0);

struct Seen {
    moved: Move,
    made: u64,
    old_is_gone: bool,
}

static SEEN: Mutex<Vec<Seen>> = Mutex::new(Vec::new());

fn watch(m: &Move) {
    // Before the function restarts. Both ends and a few places between, the used part above all.
    let (lo, size) = m.old;
    let old_is_gone = [0, size / 2, size - m.used.min(size), size - 8].iter().all(|offset| faults(lo + offset));
    SEEN.lock().unwrap().push(Seen { moved: *m, made: FRAMES.load(Relaxed), old_is_gone });
}

#[test]
fn a_million_frames_by_copying() {
    let depth = caps::depth(1_000_000) as u64;
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(Some(watch)) };
    let sum = on_fresh_task(descend::function(), (depth, FRAMES.as_ptr()));
    // SAFETY: the hook only takes notes.
    unsafe { set_move_hook(None) };
    assert_eq!(sum, depth * (depth + 1) / 2, "each frame added its own number");
    assert_eq!(FRAMES.load(Relaxed), 0, "each frame ended once");

    let modes = debug::modes();
    let seen = SEEN.lock().unwrap();
    assert_eq!(seen[0].moved.old.1, STACK_MIN, "a task starts on 2 KB");
    for pair in seen.windows(2) {
        assert_eq!(pair[0].moved.new, pair[1].moved.old, "nothing but these moves has changed the segment");
    }
    for Seen { moved, made, old_is_gone } in seen.iter() {
        assert_ne!(moved.old.0, moved.new.0, "each move changes the address");
        // Those that have begun, and the one whose check has failed.
        assert_eq!(moved.frames as u64, made + 1, "frames walked are frames made");
        assert!(moved.used >= (moved.frames - 1) * PER_FRAME && moved.used <= moved.old.1);
        if moved.new.1 != moved.old.1 || !modes.move_always {
            assert_eq!(moved.new.1, 2 * moved.old.1, "it doubles");
        }
        if modes.fence {
            assert!(old_is_gone, "nothing of the old segment can be read any more: {moved:?}");
        }
    }
    let last = seen.last().unwrap().moved.new.1;
    assert!(last >= (depth as usize * PER_FRAME).next_power_of_two());
    if depth == 1_000_000 {
        assert_eq!((last, seen.len()), (256 << 20, 17), "from 2 KB to more than 128 MB by doubling");
    }
    println!("{depth} frames, {} moves, last size {last}", seen.len());
}
