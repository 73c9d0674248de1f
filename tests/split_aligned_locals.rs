//! Locals are aligned as their types say and keep their contents, for each alignment from 16 to 8192, frames of 64 bytes to
//! 200 KB, and with arguments on the stack, wherever a stack is full.

mod common;
#[path = "common/fresh.rs"]
mod fresh;

use fresh::{below, task_with};
use std::hint::black_box;

/// Holds what the largest of these functions need, some levels deep.
const STACK: usize = (4 << 20) - 4096;

/// Levels: each function calls itself so often.
const LEVELS: u64 = 3;

/// Types without a size, which align what has them as a field.
macro_rules! alignments {
    ($($name:ident = $align:literal),*) => {
        $(
            #[derive(Clone, Copy, Default)]
            #[repr(align($align))]
            struct $name;
        )*
        /// Runs `matrix` for each.
        macro_rules! for_each_alignment {
            ($call:ident) => {
                $($call::<$name>($align);)*
            };
        }
    };
}

alignments! {
    Align16 = 16, Align32 = 32, Align64 = 64, Align128 = 128, Align256 = 256, Align512 = 512, Align1024 = 1024, Align2048 = 2048,
    Align4096 = 4096, Align8192 = 8192
}

/// A local: so many bytes, aligned as `A`.
#[repr(C)]
struct Local<A, const BYTES: usize> {
    bytes: [u8; BYTES],
    _align: A,
}

impl<A: Default, const BYTES: usize> Local<A, BYTES> {
    #[inline(always)]
    fn new(fill: u8) -> Local<A, BYTES> {
        Local { bytes: [fill; BYTES], _align: A::default() }
    }

    /// Both ends, and some between.
    fn check(&self, fill: u8, align: usize) {
        let address = black_box(&raw const *self) as usize;
        assert!(address.is_multiple_of(align), "{address:#x} is not aligned to {align}");
        assert!(
            self.bytes.iter().step_by(61).chain(self.bytes.last()).all(|byte| *byte == fill),
            "contents, {BYTES} bytes"
        );
    }
}

/// Without arguments on the stack.
#[inline(never)]
fn plain<A: Default, const BYTES: usize>(align: usize, level: u64) -> u64 {
    let mut local = Local::<A, BYTES>::new(level as u8 + 1);
    black_box(&mut local);
    let deeper = if level == 0 { calls() } else { black_box(plain::<A, BYTES>(align, level - 1)) };
    local.check(level as u8 + 1, align);
    deeper + level
}

/// With twelve on the stack, and another local beside.
#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "that is the point")]
fn with_arguments<A: Default, const BYTES: usize>(
    align: usize,
    level: u64,
    a: [u64; 4],
    b: f64,
    c: u64,
    d: u64,
    e: u64,
    f: u64,
    g: u64,
    h: u64,
    i: u64,
    j: u64,
    k: f64,
    l: u64,
    m: u64,
    n: u64,
) -> u64 {
    let mut local = Local::<A, BYTES>::new(level as u8 + 1);
    let mut small = black_box([level; 3]);
    black_box(&mut local);
    let deeper = match level {
        0 => calls(),
        _ => black_box(with_arguments::<A, BYTES>(align, level - 1, a, b, c, d, e, f, g, h, i, j, k, l, m, n)),
    };
    local.check(level as u8 + 1, align);
    black_box(&mut small);
    assert_eq!((small, a, b, k), ([level; 3], [1, 2, 3, 4], 0.5, 1.5));
    assert_eq!([c, d, e, f, g, h, i, j, l, m, n], [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    deeper + level
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Words([u64; 40]);

/// As C has it: a block by value above the frame.
#[inline(never)]
extern "C" fn with_block<A: Default, const BYTES: usize>(align: usize, level: u64, block: Words) -> u64 {
    let mut local = Local::<A, BYTES>::new(level as u8 + 1);
    black_box(&mut local);
    let deeper = if level == 0 { calls() } else { black_box(with_block::<A, BYTES>(align, level - 1, block)) };
    local.check(level as u8 + 1, align);
    assert!(black_box(&block).0.iter().copied().eq(0..40));
    deeper + level
}

/// What the last level calls: std, foreign code, and frames enough to grow once more.
fn calls() -> u64 {
    let text = format!("{:>7.2}", black_box(2.5));
    // SAFETY: no preconditions.
    let id = unsafe { libc::getpid() };
    below(30, &mut || text.len() as u64) + u64::from(id == 0)
}

const RESULT: u64 = 7 + LEVELS * (LEVELS + 1) / 2;

/// Each function in fresh tasks, below some numbers of frames.
fn each_depth(align: usize, bytes: usize, function: fn(usize) -> u64) {
    for frames in [0, 1, 2, 5, 9, 14, 20, 33] {
        let result = task_with(STACK, move || below(frames, &mut || function(align)));
        assert_eq!(result, RESULT, "aligned to {align}, {bytes} bytes, below {frames} frames");
    }
}

fn sizes<A: Default + Copy + 'static>(align: usize) {
    macro_rules! of_size {
        ($($bytes:literal),*) => {$(
            each_depth(align, $bytes, |align| plain::<A, $bytes>(align, LEVELS));
            each_depth(align, $bytes, |align| {
                let a = [1, 2, 3, 4];
                with_arguments::<A, $bytes>(align, LEVELS, a, 0.5, 5, 6, 7, 8, 9, 10, 11, 12, 1.5, 13, 14, 15)
            });
            each_depth(align, $bytes, |align| with_block::<A, $bytes>(align, LEVELS, Words(std::array::from_fn(|i| i as u64))));
        )*};
    }
    of_size!(64, 200, 500, 1000, 4000, 20_000, 65_536, 200_000);
}

#[test]
fn of_all_alignments_and_sizes() {
    for_each_alignment!(sizes);
}

/// Several alignments in one frame, dynamic and static, beside arrays that are indexed at random.
#[test]
fn of_several_alignments_at_once() {
    #[inline(never)]
    fn several(n: usize) -> usize {
        let mut page = Local::<Align4096, 100>::new(1);
        let mut line = Local::<Align64, 700>::new(2);
        let mut words = black_box([n; 33]);
        black_box((&mut page, &mut line));
        words[n % 33] += 1;
        let deeper = if n == 0 { 0 } else { black_box(several(n - 1)) };
        page.check(1, 4096);
        line.check(2, 64);
        words[n % 33] -= 1;
        assert_eq!(words, [n; 33]);
        deeper + n
    }
    for n in [0, 1, 2, 10, 100] {
        for frames in 0..12 {
            let result = task_with(STACK, move || below(frames * 3, &mut || several(n)));
            assert_eq!(result, n * (n + 1) / 2);
        }
    }
}
