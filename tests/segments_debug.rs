//! The debug modes of segments: `fence` and `poison`. Each test runs a child of its own in its mode.
#![cfg(feature = "debug-modes")]

mod segments_common;

use morestack::stack::{StackCache, debug::POISON_BYTE, layout::STACK_MIN};
use segments_common::{in_child, is_readable, relocated, word};

#[test]
fn a_fenced_segment_is_inaccessible_below_and_after_its_life() {
    let fence = [("MORESTACK_DEBUG", "fence")];
    if in_child("a_fenced_segment_is_inaccessible_below_and_after_its_life", &fence) {
        return;
    }
    let mut cache = StackCache::new();
    for size in [2048, 4096, 32768, 65536, 8 << 20] {
        let segment = cache.alloc(size).unwrap();
        let (lo, hi) = (segment.lo(), segment.hi());
        assert_eq!(lo % 4096, 0);
        assert!(is_readable(lo) && is_readable(hi - 1));
        assert!(!is_readable(lo - 1) && !is_readable(lo - 4096), "the page below faults");
        let moved = relocated(&mut cache, segment, 1024, size);
        assert!(!is_readable(lo) && !is_readable(hi - 1), "the old stack faults");
        cache.free(moved);
    }
}

#[test]
fn fenced_segments_come_and_go_without_end() {
    if in_child("fenced_segments_come_and_go_without_end", &[("MORESTACK_DEBUG", "fence")]) {
        return;
    }
    let mut cache = StackCache::new();
    for _ in 0..10_000 {
        let segment = cache.alloc(STACK_MIN).unwrap();
        cache.free(segment);
    }
    assert!(segments_common::mappings() < 10_000, "the quarantine is bounded");
}

#[test]
fn poisoned_memory_is_filled_when_it_comes_and_when_it_goes() {
    if in_child("poisoned_memory_is_filled_when_it_comes_and_when_it_goes", &[("MORESTACK_DEBUG", "poison")]) {
        return;
    }
    let pattern = u64::from_ne_bytes([POISON_BYTE; 8]);
    let mut cache = StackCache::new();
    for size in [2048, 32768, 65536, 1 << 20] {
        let segment = cache.alloc(size).unwrap();
        let hi = segment.hi();
        for address in (segment.lo()..hi).step_by(8) {
            // SAFETY: inside a segment of our own.
            assert_eq!(unsafe { word(address).read() }, pattern);
        }
        // SAFETY: likewise.
        unsafe { word(hi - 8).write(1) };
        cache.free(segment);
        // SAFETY: freed, but still mapped: this mode's caches keep it.
        assert_eq!(unsafe { word(hi - 8).read_volatile() }, pattern, "{size}");
    }
}
