//! A move rewrites what the frames' maps name and what lies inside the old segment, and nothing else.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::caps;
use mapped::{moves_during, on_fresh_task};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/pointers_into_the_stack.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn local(n: u64) -> u64 = "pointers.local";
        fn array(n: u64) -> [u64; 8] = "pointers.array";
        fn end_of_locals(n: u64) -> [u64; 4] = "pointers.end_of_locals";
        fn end_of_arguments(n: u64, a: u64) -> [u64; 2] = "pointers.end_of_arguments";
        fn lookalikes(n: u64, seen: *mut [[usize; 9]; 2]) = "pointers.lookalikes";
        fn sites(seen: *mut [[[usize; 4]; 2]; 3], argument: u64) = "pointers.sites";
        fn link(n: u64, next: *const u8) -> u64 = "pointers.link";
        fn context(x: u64) -> (u64, u64) = "pointers.context";
        fn give_40() -> [u64; 40] = "pointers.give_40";
    }
}

/// Frames to pass a pointer down. A handful are enough for one move, ten thousand for nine.
fn depths() -> [u64; 3] {
    [0, 100, caps::depth(10_000) as u64]
}

#[test]
fn a_local_is_reached_through_every_move() {
    for n in depths() {
        let (value, moves) = moves_during(|| on_fresh_task(local::function(), (n,)));
        assert_eq!(value, 1_000_000 + n, "the last callee's write and one from each frame on the way back");
        assert!(n < 10_000 || moves.len() >= 8, "many moves: {}", moves.len());
        assert_eq!(local(n), value, "the same on the thread's own g");
    }
}

#[test]
fn arrays_of_pointers_are_adjusted() {
    for n in depths() {
        let expected: Vec<u64> = (0..8).map(|i| i + 100 * (8 - i)).collect();
        assert_eq!(on_fresh_task(array::function(), (n,)), expected[..], "{n} frames");
    }
}

#[test]
fn pointers_one_past_the_end_move_with_their_array() {
    for n in depths() {
        assert_eq!(on_fresh_task(end_of_locals::function(), (n,)), [1000, 1001, 1002, 1003], "{n} frames");
        // One past the outermost frame's results: the last address that anything on a segment can have.
        assert_eq!(on_fresh_task(end_of_arguments::function(), (n, 5)), [1001 + 1005, 1002], "{n} frames");
        assert_eq!(end_of_arguments(n, 5), [1001 + 1005, 1002], "the same below a bridge");
    }
}

#[test]
fn what_only_looks_like_a_pointer_stays() {
    for n in depths().into_iter().skip(1) {
        let mut seen = [[0; 9]; 2];
        let ((), moves) = moves_during(|| on_fresh_task(lookalikes::function(), (n, &raw mut seen)));
        let [[sp, before @ ..], [sp_after, after @ ..]] = seen;
        assert_ne!(sp, sp_after, "the stack has moved");
        let [own, argument, pointer, elsewhere, hi, below_lo, null, lo] = before;
        // What the moves since have made of a word that is in the map.
        let moves: Vec<_> = moves.iter().skip_while(|m| m.old.0 != lo).collect();
        let moved = |word: usize| {
            moves.iter().fold(word, |word, m| {
                let is_inside = (m.old.0..m.old.0 + m.old.1).contains(&word);
                if is_inside { word.wrapping_add(m.new.0 + m.new.1).wrapping_sub(m.old.0 + m.old.1) } else { word }
            })
        };
        assert_eq!(sp_after, moved(sp));
        assert_eq!([own, argument, pointer], [sp + 24; 3], "the address of the first word");
        assert_eq!(after[0], own, "an integer local that is not in the map");
        assert_eq!(after[1], argument, "an integer argument that is not in the map, through {n} frames");
        assert_eq!(after[2], sp_after + 24, "a pointer into the stack");
        assert_eq!(after[3], elsewhere, "a pointer to memory elsewhere");
        assert_eq!(after[4], moved(hi), "one past the segment, which is not in it");
        assert_eq!(after[5], moved(below_lo), "just below the segment");
        assert_eq!(after[6], null);
        assert_eq!(after[7], moved(lo), "its lowest address, which is in it");
        if let [only] = moves[..] {
            assert_eq!((after[4], after[5]), (hi, below_lo), "{only:?}");
            assert_ne!(after[7], lo, "{only:?}");
        }
    }
}

#[test]
fn each_call_site_has_its_own_map() {
    let mut seen = [[[0; 4]; 2]; 3];
    let ((), moves) = moves_during(|| on_fresh_task(sites::function(), (&raw mut seen, 0)));
    assert!(moves.len() >= 3, "each callee is larger than what the one before has left: {moves:?}");
    // Which of a, b and the argument the map of each site names.
    let named = [[true, false, false], [false, true, true], [false, false, true]];
    for (site, ([before, after], named)) in seen.into_iter().zip(named).enumerate() {
        let (old, new) = (before[0], after[0]);
        assert_ne!(old, new, "site {site}: the stack has moved");
        assert_eq!(before, [old; 4], "site {site}: all of them held the stack pointer");
        for (which, named) in named.into_iter().enumerate() {
            let expected = if named { new } else { old };
            assert_eq!(after[1 + which], expected, "site {site}, word {which}, in the map: {named}");
        }
    }
}

#[test]
fn a_list_through_ten_thousand_frames_stays_linked() {
    for n in depths() {
        assert_eq!(on_fresh_task(link::function(), (n, std::ptr::null())), n * (n + 1) / 2, "{n} cells");
    }
}

#[test]
fn the_closure_context_is_adjusted() {
    let (seen, moves) = moves_during(|| on_fresh_task(context::function(), (41,)));
    assert_eq!(seen, (41, 42), "the closure read and wrote its caller's local");
    assert!(!moves.is_empty(), "it grew at its entry, with the context in a register");
}

#[test]
fn forty_pointer_arguments_are_adjusted_at_a_callees_entry() {
    let (values, moves) = moves_during(|| on_fresh_task(give_40::function(), ()));
    assert!(!moves.is_empty());
    assert!(values.into_iter().eq(100..140), "{values:?}");
}
