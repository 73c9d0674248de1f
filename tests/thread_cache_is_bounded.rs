//! A thread keeps no more free memory than it may, and what it does not keep is back in the system.

use morestack::alloc::{ThreadCache, give_back, kept};
use std::alloc::{GlobalAlloc, Layout};

#[path = "common/heap.rs"]
mod heap;

/// The program's own allocator stays out of it.
static SMALL: ThreadCache = ThreadCache::keeping(256 << 10);
static USUAL: ThreadCache = ThreadCache::new();
static NOTHING: ThreadCache = ThreadCache::keeping(0);

/// Allocates `bytes` in blocks of a size, then frees them all. What is kept in the end.
fn burst(cache: &ThreadCache, size: usize, bytes: usize) -> usize {
    let layout = Layout::from_size_align(size, 8).unwrap();
    // SAFETY: each block is freed once, with its layout.
    unsafe {
        let blocks: Vec<_> = (0..bytes / size).map(|_| cache.alloc(layout)).collect();
        assert!(blocks.iter().all(|block| !block.is_null()));
        for block in blocks {
            cache.dealloc(block, layout);
        }
    }
    kept()
}

/// In a thread of its own, with an empty cache. One after the other: the heap is looked at.
fn alone(body: fn()) {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock();
    std::thread::spawn(body).join().unwrap();
}

#[test]
fn one_size_fills_the_cache_and_no_more() {
    alone(|| {
        let before = heap::in_use();
        for size in [16, 100, 1000, 3000, 30_000] {
            for (cache, most) in [(&SMALL, 256 << 10), (&USUAL, ThreadCache::KEEP)] {
                let kept = burst(cache, size, 16 << 20);
                assert!(kept <= most, "{size}: {kept} of {most}");
                assert!(kept > most / 2, "{size}: the other sizes give way, but only {kept} of {most}");
                let more = heap::in_use().saturating_sub(before);
                assert!(more <= kept * 2 + heap::NOISE, "{size}: {more} bytes are gone, {kept} are kept");
                give_back();
            }
        }
    });
}

#[test]
fn all_sizes_together_stay_within_the_bound() {
    alone(|| {
        let before = heap::in_use();
        for round in 0..5 {
            for size in (8..33_000).step_by(200) {
                let kept = burst(&USUAL, size, 1 << 20);
                assert!(kept <= ThreadCache::KEEP, "{size} in round {round}: {kept}");
            }
        }
        let more = heap::in_use().saturating_sub(before);
        assert!(more <= 2 * ThreadCache::KEEP + heap::NOISE, "{more}");
    });
}

#[test]
fn a_size_that_is_new_gets_its_share() {
    alone(|| {
        burst(&USUAL, 64, 16 << 20);
        let before = kept();
        // Over and over, as a program does that goes on to something else.
        for _ in 0..20 {
            burst(&USUAL, 1000, 3 << 20);
        }
        assert!(kept() <= ThreadCache::KEEP && before <= ThreadCache::KEEP);
        let layout = Layout::from_size_align(1000, 8).unwrap();
        let held = heap::in_use();
        // SAFETY: freed below, once each.
        let blocks: Vec<_> = (0..2000).map(|_| unsafe { USUAL.alloc(layout) }).collect();
        let fresh = heap::in_use().saturating_sub(held);
        assert!(fresh < 500_000 + heap::NOISE, "{fresh} of 2,000,000 bytes came from the system");
        for block in blocks {
            // SAFETY: as above.
            unsafe { USUAL.dealloc(block, layout) };
        }
    });
}

#[test]
fn what_is_given_back_is_gone() {
    alone(|| {
        let before = heap::in_use();
        assert!(burst(&USUAL, 500, 16 << 20) > 1 << 20);
        give_back();
        assert_eq!(kept(), 0);
        let more = heap::in_use().saturating_sub(before);
        assert!(more < heap::NOISE, "{more}");
        // And it goes on as before.
        assert!(burst(&USUAL, 500, 16 << 20) > 1 << 20);
    });
}

#[test]
fn a_cache_that_may_keep_nothing_keeps_nothing() {
    alone(|| {
        assert_eq!(burst(&NOTHING, 16, 1 << 20), 0);
        assert_eq!(burst(&NOTHING, 5000, 1 << 20), 0);
    });
}
