//! Foreign functions get all their arguments: structs by value of 40 to 60,000 bytes, variadic calls with thirty arguments on the
//! stack, floats among them; and so do functions that they call back.

mod common;
#[path = "common/foreign.rs"]
mod foreign;
#[path = "common/fresh.rs"]
mod fresh;

use foreign::{
    Block, Line, foreign_address_of_line, foreign_hash_40, foreign_hash_300, foreign_hash_2000, foreign_hash_60000,
    foreign_hash_line,
};
use fresh::{ROOMY, below, task_with};
use std::ffi::{CStr, c_char};
use std::hint::black_box;

/// In fresh tasks, from many depths.
fn from_each_depth(body: fn()) {
    for frames in 0..60 {
        task_with(ROOMY, move || below(frames, &mut || body()));
    }
}

#[test]
fn structs_by_value() {
    from_each_depth(|| {
        for seed in [1, 200] {
            assert_eq!(foreign_hash_40(40, black_box(Block::new(seed))), Block::<40>::new(seed).hash());
            assert_eq!(foreign_hash_300(300, black_box(Block::new(seed))), Block::<300>::new(seed).hash());
            assert_eq!(foreign_hash_2000(2000, black_box(Block::new(seed))), Block::<2000>::new(seed).hash());
        }
    });
    for frames in [0, 7, 30] {
        task_with(ROOMY, move || {
            let call = || foreign_hash_60000(60_000, black_box(Block::new(3)));
            assert_eq!(below(frames, &mut { call }), Block::<60_000>::new(3).hash());
        });
    }
}

/// Whether the target is foreign is found out when it is called.
#[test]
fn structs_by_value_through_pointers() {
    extern "C-unwind" fn of_rust(length: u64, block: Block<300>) -> u64 {
        assert_eq!(length, 300);
        block.hash()
    }
    extern "C-unwind" fn large_of_rust(length: u64, block: Block<2000>) -> u64 {
        assert_eq!(length, 2000);
        block.hash()
    }
    from_each_depth(|| {
        let small: [extern "C-unwind" fn(u64, Block<300>) -> u64; 2] = [of_rust, foreign_hash_300];
        let large: [extern "C-unwind" fn(u64, Block<2000>) -> u64; 2] = [large_of_rust, foreign_hash_2000];
        for i in 0..6_u8 {
            let which = usize::from(i % 2);
            assert_eq!(black_box(small[which])(300, Block::new(i)), Block::<300>::new(i).hash());
            assert_eq!(black_box(large[which])(2000, Block::new(i)), Block::<2000>::new(i).hash());
        }
    });
}

#[test]
fn arguments_that_are_aligned_to_a_cache_line() {
    from_each_depth(|| {
        for seed in [1, 200] {
            let line = Line(Block::new(seed));
            assert_eq!(foreign_hash_line(64, black_box(line)), Block::<64>::new(seed).hash());
            assert!(foreign_address_of_line(64, black_box(line)).is_multiple_of(64));
            let address = black_box(foreign_address_of_line as extern "C-unwind" fn(u64, Line) -> usize);
            assert!(address(64, line).is_multiple_of(64));
        }
    });
}

/// `snprintf` into a buffer.
macro_rules! printed {
    ($format:literal, $($arg:expr),*) => {{
        let mut buffer = [0 as c_char; 1024];
        // SAFETY: the arguments are what the format says, and the size is the buffer's.
        let length = unsafe { libc::snprintf(buffer.as_mut_ptr(), buffer.len(), $format.as_ptr(), $($arg),*) };
        assert!((0..1024).contains(&length));
        // SAFETY: snprintf ends it with a 0.
        unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_str().unwrap().to_owned()
    }};
}

#[test]
fn variadic_calls() {
    from_each_depth(|| {
        assert_eq!(printed!(c"%d %s %.2f", 1, c"two".as_ptr(), 3.5_f64), "1 two 3.50");
        // Three integers and eight floats go in registers.
        let ten = printed!(c"%d %d %d %d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        assert_eq!(ten, "1 2 3 4 5 6 7 8 9 10 11 12 13");
        let thirty = printed!(
            c"%d %d %d %f %f %f %f %f %f %f %f|%d %.1f %ld %.1f %s %.1f %c %.1f %lld %.1f %x %.1f %s %.1f %d %.1f %d %.1f %d %.1f %d %.1f %d %.1f %d %.1f %d %.1f %d %s",
            1, 2, 3, 0.5_f64, 1.5_f64, 2.5_f64, 3.5_f64, 4.5_f64, 5.5_f64, 6.5_f64, 7.5_f64, //
            -1, 1.1_f64, i64::MIN, 1.2_f64, c"a".as_ptr(), 1.3_f64, 120, 1.4_f64, i64::MAX, 1.5_f64, 255, 1.6_f64,
            c"bc".as_ptr(), 1.7_f64, 4, 1.8_f64, 5, 1.9_f64, 6, 2.0_f64, 7, 2.1_f64, 8, 2.2_f64, 9, 2.3_f64, 10, 2.4_f64, 11,
            c"end".as_ptr()
        );
        let registers = "1 2 3 0.500000 1.500000 2.500000 3.500000 4.500000 5.500000 6.500000 7.500000";
        let stack = "-1 1.1 -9223372036854775808 1.2 a 1.3 x 1.4 9223372036854775807 1.5 ff 1.6 bc 1.7 4 1.8 5 1.9 6 2.0 7 2.1 8 2.2 9 2.3 10 2.4 11 end";
        assert_eq!(thirty, format!("{registers}|{stack}"));
    });
}

/// Small results, too: of system calls that fail, and in two registers.
#[test]
fn results_and_errno() {
    from_each_depth(|| {
        // SAFETY: no preconditions; the descriptor is none.
        let (status, error) = unsafe { (libc::close(-1), std::io::Error::last_os_error()) };
        assert_eq!((status, error.raw_os_error()), (-1, Some(libc::EBADF)));
        unsafe extern "C" {
            safe fn ldiv(numerator: i64, denominator: i64) -> Quotient;
            safe fn ldexp(x: f64, exponent: i32) -> f64;
        }
        #[derive(Debug, PartialEq)]
        #[repr(C)]
        struct Quotient(i64, i64);
        assert_eq!(ldiv(black_box(1000), 7), Quotient(142, 6));
        assert_eq!(ldexp(black_box(1.5), 10), 1536.0);
    });
}

#[test]
fn arguments_of_callbacks() {
    from_each_depth(|| {
        let squares: u64 = (1..=15).map(|n| n * n).sum();
        let mut seen = 0;
        let result = foreign::call_with_stack(|sum| {
            seen = sum;
            // Grows in the callback.
            below(100, &mut || foreign_hash_300(300, Block::new(7))) ^ foreign::call_with_stack(|sum| sum * 2)
        });
        assert_eq!((seen, result), (squares, Block::<300>::new(7).hash() ^ (squares * 2)));
    });
}

/// Foreign frames of any size, with the callback below them all.
#[test]
fn callbacks_below_large_foreign_frames() {
    for (frames, bytes) in [(0, 16), (1, 48), (100, 16), (3, 4096), (10, 100_000), (1, 1 << 20)] {
        for depth in [0, 5, 20] {
            task_with(ROOMY, move || {
                below(depth, &mut || {
                    let result = foreign::descend(frames, bytes, || {
                        below(50, &mut || foreign::call(|| format!("{bytes}").len() as u64))
                    });
                    assert_eq!(result, frames + format!("{bytes}").len() as u64);
                });
            });
        }
    }
}
