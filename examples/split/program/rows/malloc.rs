//! An allocation and its release: with the program's allocator (`malloc_SIZE`), and with the system's (`malloc_system_SIZE`).

use crate::program::measure::row;
use std::alloc::{GlobalAlloc, Layout, System, alloc, dealloc};
use std::hint::black_box;

const PAIRS: usize = 2_000_000;
pub const SIZES: [usize; 4] = [16, 64, 256, 1024];

pub fn run() {
    for size in SIZES {
        let layout = Layout::from_size_align(size, 8).expect("a size and a power of two");
        row(&format!("malloc_{size}"), PAIRS, || {
            for _ in 0..PAIRS {
                // SAFETY: the layout has a size; the block is freed with it.
                unsafe { dealloc(black_box(alloc(black_box(layout))), layout) };
            }
        });
        row(&format!("malloc_system_{size}"), PAIRS, || {
            for _ in 0..PAIRS {
                // SAFETY: as above.
                unsafe { System.dealloc(black_box(System.alloc(black_box(layout))), layout) };
            }
        });
    }
}
