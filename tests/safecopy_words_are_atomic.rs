//! The functions on words do what they say, at once, where the memory is there.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::safecopy;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[test]
fn they_exchange() {
    everywhere(|| {
        let (four, eight) = (AtomicU32::new(0x8000_0001), AtomicU64::new(u64::MAX - 1));
        assert_eq!(safecopy::load_u32(four.as_ptr()), Ok(0x8000_0001));
        // SAFETY: atomics that are there.
        unsafe {
            assert_eq!(safecopy::swap_u32(four.as_ptr(), 5), Ok(0x8000_0001));
            assert_eq!(safecopy::swap_u64(eight.as_ptr(), 6), Ok(u64::MAX - 1));
            assert_eq!(safecopy::compare_and_swap_u32(four.as_ptr(), 4, 7), Ok(5));
            assert_eq!(four.load(Ordering::Relaxed), 5);
            assert_eq!(safecopy::compare_and_swap_u32(four.as_ptr(), 5, u32::MAX), Ok(5));
        }
        assert_eq!((four.into_inner(), eight.into_inner()), (u32::MAX, 6));
    });
}

#[test]
fn no_step_is_lost() {
    const STEPS: u32 = 50_000;
    static WORD: AtomicU32 = AtomicU32::new(0);
    static TOKEN: AtomicU64 = AtomicU64::new(0);
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let steps = || {
        for _ in 0..STEPS {
            loop {
                let seen = safecopy::load_u32(WORD.as_ptr()).unwrap();
                // SAFETY: an atomic that is there.
                if unsafe { safecopy::compare_and_swap_u32(WORD.as_ptr(), seen, seen + 1) } == Ok(seen) {
                    break;
                }
            }
            // SAFETY: as above.
            let taken = unsafe { safecopy::swap_u64(TOKEN.as_ptr(), 1) }.unwrap();
            TAKEN.fetch_add(taken, Ordering::Relaxed);
        }
    };
    let threads = [std::thread::spawn(steps), std::thread::spawn(steps)];
    let task = morestack::thread::spawn(steps);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    task.join().unwrap();
    assert_eq!(WORD.load(Ordering::Relaxed), 3 * STEPS);
    // Each step puts one there, and takes what the one before had put there. The first found none; the last's is left.
    assert_eq!(TAKEN.load(Ordering::Relaxed), u64::from(3 * STEPS) - 1);
}
