//! Pages that a thread unmaps and maps in a loop while others copy from and to them: each copy succeeds or ends with an error at such a
//! page, and what it says it has copied, it has.

#[path = "common/pages.rs"]
mod pages;
#[path = "common/seed.rs"]
mod seed;
#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::safecopy::{self, Cause, Fault};
use pages::{PAGE, Pages};
use rand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const PAGES: usize = 8;
const COPIES: usize = 4000;
const FILLER: u8 = 0xee;

/// How many copies of each kind there were: whole ones, and ones that ended early.
#[derive(Default)]
struct Seen {
    whole: AtomicUsize,
    ended: AtomicUsize,
}

impl Seen {
    /// Counts it; the bytes that have been copied.
    fn note(&self, got: Result<(), Fault>, begin: usize, len: usize, start: usize) -> usize {
        let Err(fault) = got else {
            self.whole.fetch_add(1, Ordering::Relaxed);
            return len;
        };
        self.ended.fetch_add(1, Ordering::Relaxed);
        assert_eq!(fault.cause, Cause::Segv);
        assert_eq!(fault.address, start + begin + fault.done, "the byte behind those that were copied");
        assert!(fault.done < len);
        assert_eq!(fault.address / PAGE % 2, 1 - start / PAGE % 2, "the even pages are always there");
        fault.done
    }
}

/// Copies of random ranges, for as long as both kinds have not been seen often enough.
fn copy(pages: &Pages, seen: &Seen, seed: u64, index: u64) {
    let mut random = seed::generator(seed, index);
    let start = pages.at(0).addr();
    let untouched = vec![FILLER; PAGES * PAGE];
    let mut to = untouched.clone();
    let from = vec![0; PAGES * PAGE];
    let mut copies = 0;
    while copies < COPIES || seen.whole.load(Ordering::Relaxed) < 100 || seen.ended.load(Ordering::Relaxed) < 100 {
        copies += 1;
        // Else the worker would be reported as stuck.
        morestack::thread::yield_now();
        let begin = random.random_range(0..PAGES * PAGE);
        let len = random.random_range(1..=(PAGES * PAGE - begin).min(3 * PAGE));
        let done = seen.note(safecopy::copy_in(&mut to[begin..begin + len], pages.at(begin)), begin, len, start);
        assert!(to[begin..begin + done] == from[..done], "each page is zeros");
        assert!(to[..begin] == untouched[..begin] && to[begin + done..] == untouched[begin + done..]);
        to[begin..begin + done].fill(FILLER);
        // SAFETY: nobody reads these pages but such copies.
        unsafe {
            seen.note(safecopy::copy_out(pages.at(begin), &from[..len]), begin, len, start);
            seen.note(safecopy::zero(pages.at(begin), len), begin, len, start);
        }
    }
}

#[test]
fn end_copies_with_errors() {
    let _watchdog = watchdog::Watchdog::new(200);
    let seed = seed::seed();
    let pages = Arc::new(Pages::new(PAGES));
    let seen = Arc::new(Seen::default());
    let stop = Arc::new(AtomicBool::new(false));
    let unmapping = std::thread::spawn({
        let (pages, stop) = (pages.clone(), stop.clone());
        move || {
            let mut random = seed::generator(seed, 0);
            while !stop.load(Ordering::Relaxed) {
                let page = random.random_range(0..PAGES / 2) * 2 + 1;
                // Taken away; not `munmap`, since another thread could be given the place.
                pages.protect(page, libc::PROT_NONE);
                for _ in 0..random.random_range(0..2000) {
                    std::hint::spin_loop();
                }
                pages.renew(page);
            }
        }
    });
    let start = |index: u64| {
        let (pages, seen) = (pages.clone(), seen.clone());
        move || copy(&pages, &seen, seed, index)
    };
    let thread = std::thread::spawn(start(1));
    let tasks = [morestack::thread::spawn(start(2)), morestack::thread::spawn(start(3))];
    thread.join().unwrap();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    stop.store(true, Ordering::Relaxed);
    unmapping.join().unwrap();
    println!("{:?} whole, {:?} ended early", seen.whole, seen.ended);
}
