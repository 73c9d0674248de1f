//! Segments as a user of `StackCache` sees them: sizes, alignment, reuse, no overlap, errors.

mod segments_common;

use std::collections::BTreeMap;

use morestack::stack::{SEGMENT_MAX, Segment, StackCache, StackError, debug, layout::STACK_MIN, stats};
use segments_common::{Rng, check, in_child, mark, scaled};

const MB: usize = 1 << 20;

#[test]
fn sizes_and_alignment_are_as_asked() {
    let mut cache = StackCache::new();
    let mut size = STACK_MIN;
    while size <= 256 * MB {
        let segment = cache.alloc(size).unwrap();
        assert_eq!((segment.size(), segment.hi() - segment.lo()), (size, size));
        assert_eq!(segment.lo() % STACK_MIN, 0);
        if size >= 4 * MB && !debug::modes().fence {
            assert_eq!(segment.lo() % (2 * MB), 0, "huge pages fit a segment of {size}");
        }
        mark(&segment, size.min(4 * MB), 1);
        cache.free(segment);
        size *= 2;
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let mut cache = StackCache::new();
    for size in [0, 1, 1024, 2047, 2049, 3000, 6144, 65535, SEGMENT_MAX * 2, usize::MAX] {
        match cache.alloc(size) {
            Err(StackError::BadSize { size: named, .. }) => assert_eq!(named, size),
            other => panic!("{size}: {other:?}"),
        }
        let old = cache.alloc(4 * MB).unwrap();
        let (old, _) = cache.relocate(old, 100, size).expect_err("no such size");
        cache.free(old);
    }
}

#[test]
fn a_freed_segment_is_the_next_one_handed_out() {
    if debug::modes().fence {
        return;
    }
    let mut cache = StackCache::new();
    for size in [2048, 4096, 8192, 16384, 32768] {
        let first = cache.alloc(size).unwrap();
        let lo = first.lo();
        cache.free(first);
        let second = cache.alloc(size).unwrap();
        assert_eq!(second.lo(), lo);
        cache.free(second);
    }
}

#[test]
fn live_segments_never_overlap_and_keep_their_bytes() {
    let mut rng = Rng::new();
    let mut caches = [StackCache::new(), StackCache::new()];
    let mut live: BTreeMap<usize, (Segment, u64)> = BTreeMap::new();
    for step in 0..scaled(60_000, 6_000) as u64 {
        let cache = &mut caches[rng.below(2)];
        if live.len() > 400 || (rng.below(2) == 0 && !live.is_empty()) {
            let at = rng.below(live.len());
            let lo = *live.keys().nth(at).unwrap();
            let (segment, seed) = live.remove(&lo).unwrap();
            check(&segment, segment.size().min(8192), seed);
            cache.free(segment);
        } else {
            // Small sizes most often, up to 1 MB now and then.
            let classes = if rng.below(8) == 0 { 10 } else { 5 };
            let size = STACK_MIN << rng.below(classes);
            let segment = cache.alloc(size).unwrap();
            if let Some((_, (below, _))) = live.range(..=segment.lo()).next_back() {
                assert!(below.hi() <= segment.lo(), "{below:?} overlaps {segment:?}");
            }
            if let Some((above, _)) = live.range(segment.lo()..).next() {
                assert!(segment.hi() <= *above, "{segment:?} overlaps the one at {above:#x}");
            }
            mark(&segment, size.min(8192), step);
            live.insert(segment.lo(), (segment, step));
        }
    }
    for (segment, seed) in live.into_values() {
        check(&segment, segment.size().min(8192), seed);
        caches[0].free(segment);
    }
}

#[test]
fn segments_may_be_freed_on_another_thread() {
    let (send, receive) = std::sync::mpsc::channel::<Segment>();
    let taker = std::thread::spawn(move || {
        let mut cache = StackCache::new();
        for segment in receive {
            check(&segment, 2048, segment.lo() as u64);
            cache.free(segment);
        }
    });
    let mut cache = StackCache::new();
    for i in 0..scaled(20_000, 5_000) {
        let segment = cache.alloc(STACK_MIN << (i % 5)).unwrap();
        mark(&segment, 2048, segment.lo() as u64);
        send.send(segment).unwrap();
    }
    drop(send);
    taker.join().unwrap();
}

#[test]
fn counters_balance() {
    if !in_child("counters_balance", &[]) {
        let mut cache = StackCache::new();
        let segments: Vec<_> = (0..300).map(|i| cache.alloc(STACK_MIN << (i % 10)).unwrap()).collect();
        cache.flush();
        let held = stats();
        assert_eq!((held.live(0), held.live(9)), (30, 30));
        assert_eq!(held.bytes_in_use(), 30 * 2048 * 1023);
        assert!(held.bytes_reserved >= held.bytes_in_use());
        segments.into_iter().for_each(|segment| cache.free(segment));
        cache.flush();
        let done = stats();
        assert_eq!(done.bytes_in_use(), 0);
        assert_eq!(done.allocs, done.frees);
    }
}

#[test]
fn out_of_address_space_is_an_error() {
    if !in_child("out_of_address_space_is_an_error", &[]) {
        let mut cache = StackCache::new();
        let limit = libc::rlimit { rlim_cur: 256 << 20, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: a limit of our own process, read from a live struct.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let mut held = Vec::with_capacity(200_000);
        for size in [1 << 30, 16 * MB, MB, 65536, 32768, 2048] {
            let error = loop {
                match cache.alloc(size) {
                    Ok(segment) => held.push(segment),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, StackError::OutOfMemory { .. }), "{error}");
        }
        let big = held.remove(0);
        let (size, seed) = (big.size(), 7);
        mark(&big, 4096, seed);
        let (big, error) = cache.relocate(big, 4096, size * 2).expect_err("there is no room to grow");
        assert!(matches!(error, StackError::OutOfMemory { .. }), "{error}");
        check(&big, 4096, seed);
        cache.free(big);
        held.into_iter().for_each(|segment| cache.free(segment));
        let again = cache.alloc(32768).expect("what was freed can be had again");
        cache.free(again);
    }
}
