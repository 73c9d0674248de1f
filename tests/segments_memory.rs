//! What segments cost: mappings, resident bytes, and that both are given back.

mod segments_common;

use morestack::stack::{StackCache, debug, layout::STACK_MIN, release_idle, stats};
use segments_common::{in_child, mappings, resident, scaled, word};

const MB: usize = 1 << 20;

/// A vector whose own pages are resident already.
fn warm_vec<T>(len: usize) -> Vec<T> {
    let mut vec = Vec::with_capacity(len);
    let spare: &mut [std::mem::MaybeUninit<T>] = vec.spare_capacity_mut();
    // SAFETY: bytes of spare capacity, which may hold anything.
    unsafe { std::ptr::write_bytes(spare.as_mut_ptr(), 1, spare.len()) };
    vec
}

#[test]
fn a_million_small_stacks_need_few_mappings_and_2060_bytes_each() {
    if in_child("a_million_small_stacks_need_few_mappings_and_2060_bytes_each", &[]) || debug::modes().fence {
        return;
    }
    let count = scaled(1_000_000, 100_000);
    let mut cache = StackCache::new();
    let mut held = warm_vec(count);
    let before = resident();
    for _ in 0..count {
        let segment = cache.alloc(STACK_MIN).unwrap();
        // SAFETY: inside a segment of our own.
        unsafe { word(segment.hi() - 8).write(1) };
        held.push(segment);
    }
    let each = (resident() - before) / count;
    println!("{count} segments: {each} bytes each, {} mappings", mappings());
    assert!(mappings() < 100);
    assert!(each <= if count == 1_000_000 { 2060 } else { 2100 }, "{each} bytes each");

    held.drain(..).for_each(|segment| cache.free(segment));
    cache.flush();
    let kept = resident() - before;
    assert!(kept < 8 * MB, "{kept} bytes are still resident");
    release_idle();
    let kept = resident() - before;
    assert!(kept < 2 * MB, "{kept} bytes are still resident after release_idle");
}

#[test]
fn slabs_are_used_again_for_another_size() {
    if in_child("slabs_are_used_again_for_another_size", &[]) || debug::modes().fence {
        return;
    }
    let mut cache = StackCache::new();
    let mut reserved = 0;
    for round in 0..5 {
        let size = STACK_MIN << round;
        let held: Vec<_> = (0..32 * MB / size).map(|_| cache.alloc(size).unwrap()).collect();
        held.into_iter().for_each(|segment| cache.free(segment));
        cache.flush();
        if round == 0 {
            reserved = stats().bytes_reserved;
        }
        assert_eq!(stats().bytes_reserved, reserved, "sizes share their address space");
    }
    let stats = stats();
    assert_eq!(stats.slabs_made, stats.slabs_returned);
}

#[test]
fn freed_large_segments_are_bounded() {
    if in_child("freed_large_segments_are_bounded", &[]) || debug::modes().fence {
        return;
    }
    let mut cache = StackCache::new();
    let held: Vec<_> = (0..10).map(|_| cache.alloc(32 * MB).unwrap()).collect();
    held.into_iter().for_each(|segment| cache.free(segment));
    assert!(stats().bytes_reserved <= 64 * MB as u64, "{:?}", stats());
    release_idle();
    assert_eq!(stats().bytes_reserved, 0);
}

#[test]
fn a_deep_stack_holds_at_most_twice_what_it_uses() {
    if in_child("a_deep_stack_holds_at_most_twice_what_it_uses", &[]) || debug::modes().fence || debug::modes().poison {
        return;
    }
    let mut cache = StackCache::new();
    let before = resident();
    let mut segment = cache.alloc(STACK_MIN).unwrap();
    while segment.size() < 64 * MB {
        let used = segment.size() - 512;
        segments_common::mark(&segment, used, 1);
        let size = segment.size() * 2;
        segment = segments_common::relocated(&mut cache, segment, used, size);
        let held = resident() - before;
        // 512 KB for the small sizes that it passed through.
        assert!(held <= 2 * used + MB / 2, "{held} bytes resident for {used}");
    }
    cache.free(segment);
}
