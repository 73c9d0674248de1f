//! Blocks of a `ThreadCache` have the size and the alignment that is asked for, are zero where that is asked for, and keep
//! their bytes when they are resized.

use morestack::alloc::{LARGEST, ThreadCache};
use std::alloc::{GlobalAlloc, Layout};
use std::hint::black_box;

#[path = "common/everywhere.rs"]
mod everywhere;

#[global_allocator]
static GLOBAL: ThreadCache = ThreadCache::new();

/// Sizes around every boundary: of classes, of what is cached, of pages.
fn sizes() -> impl Iterator<Item = usize> {
    let small = 1..=300;
    let boundaries =
        (8..17).flat_map(|log| [1usize << log, (1 << log) + (1 << (log - 3))]).flat_map(|at| at - 10..at + 10);
    small.chain(boundaries).chain([LARGEST * 3, 1 << 20])
}

/// Or a debug build is slow enough for reports of stuck workers.
fn give_way() {
    morestack::thread::yield_now();
}

fn fill(block: *mut u8, size: usize, seed: u8) {
    for i in 0..size {
        // SAFETY: the block has that size.
        unsafe { block.add(i).write((i as u8).wrapping_mul(31).wrapping_add(seed)) };
    }
}

fn check(block: *mut u8, size: usize, seed: u8) {
    for i in 0..size {
        // SAFETY: the block has that size and was filled.
        assert_eq!(unsafe { block.add(i).read() }, (i as u8).wrapping_mul(31).wrapping_add(seed), "byte {i} of {size}");
    }
}

#[test]
fn sizes_and_alignments() {
    everywhere::everywhere(|| {
        for align in (0..=13).map(|log| 1 << log) {
            // Twice, so that the second time blocks come out of the cache.
            for round in 0..2 {
                let blocks: Vec<_> = sizes()
                    .map(|size| {
                        give_way();
                        let layout = Layout::from_size_align(size, align).unwrap();
                        // SAFETY: it has a size.
                        let block = unsafe { GLOBAL.alloc(layout) };
                        assert!(!block.is_null() && block.addr().is_multiple_of(align), "{layout:?}: {block:?}");
                        fill(block, size.min(5000), round);
                        (block, layout)
                    })
                    .collect();
                for (block, layout) in blocks {
                    give_way();
                    check(block, layout.size().min(5000), round);
                    // SAFETY: it was allocated above.
                    unsafe { GLOBAL.dealloc(block, layout) };
                }
            }
        }
    });
}

#[test]
fn zeroed_blocks_are_zero() {
    everywhere::everywhere(|| {
        for size in sizes() {
            give_way();
            let layout = Layout::from_size_align(size, 8).unwrap();
            for _ in 0..3 {
                // SAFETY: it has a size, and is used within it; each block is freed once.
                unsafe {
                    let block = GLOBAL.alloc_zeroed(layout);
                    assert!(!block.is_null());
                    assert!(std::slice::from_raw_parts(block, size).iter().all(|&byte| byte == 0), "{layout:?}");
                    block.write_bytes(0xA5, size);
                    GLOBAL.dealloc(block, layout);
                }
            }
        }
    });
}

#[test]
fn resized_blocks_keep_their_bytes() {
    everywhere::everywhere(|| {
        let ladder = [1, 7, 8, 9, 24, 25, 100, 1000, 1032, 1033, 1500, 4096, 20_000, LARGEST, LARGEST + 1, 100_000];
        for align in [1, 8, 16, 64] {
            for from in ladder {
                give_way();
                for to in ladder {
                    let layout = Layout::from_size_align(from, align).unwrap();
                    // SAFETY: each block is used within its size, with the layout that it has.
                    unsafe {
                        let block = GLOBAL.alloc(layout);
                        fill(block, from, 3);
                        let block = GLOBAL.realloc(block, layout, to);
                        assert!(!block.is_null() && block.addr().is_multiple_of(align), "{from} to {to}");
                        check(block, from.min(to), 3);
                        GLOBAL.dealloc(block, Layout::from_size_align(to, align).unwrap());
                    }
                }
            }
        }
    });
}

#[test]
fn resizing_within_a_class_leaves_the_block_where_it_is() {
    let layout = Layout::from_size_align(100, 8).unwrap();
    // SAFETY: as above.
    unsafe {
        let block = GLOBAL.alloc(layout);
        assert_eq!(GLOBAL.realloc(block, layout, 104), block);
        GLOBAL.dealloc(block, Layout::from_size_align(104, 8).unwrap());
    }
}

#[test]
fn the_block_freed_last_is_the_next_one_handed_out() {
    for size in [1, 24, 500, 1032, 5000, LARGEST] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        // SAFETY: as above.
        unsafe {
            let first = GLOBAL.alloc(layout);
            GLOBAL.dealloc(first, layout);
            let second = GLOBAL.alloc(layout);
            assert_eq!(first, second);
            GLOBAL.dealloc(second, layout);
        }
    }
}

#[test]
fn what_is_impossible_is_null() {
    // The compiler takes it that an allocation whose block nobody uses succeeds.
    let layout = black_box(Layout::from_size_align(isize::MAX as usize - 4096, 16).unwrap());
    // SAFETY: layouts with a size; a block that could not be resized stays as it is.
    unsafe {
        assert!(black_box(GLOBAL.alloc(layout)).is_null());
        assert!(black_box(GLOBAL.alloc_zeroed(layout)).is_null());
        let small = Layout::from_size_align(40, 16).unwrap();
        let block = GLOBAL.alloc(small);
        fill(block, 40, 5);
        assert!(GLOBAL.realloc(block, small, layout.size()).is_null());
        check(block, 40, 5);
        GLOBAL.dealloc(block, small);
    }
}
