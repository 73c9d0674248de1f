//! Waits that must not be unwound go on past a timeout, which shows at the next wait that can be.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::runtime;
use morestack::time::{Duration, Elapsed, Instant, sleep, timeout};
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

const SHORT: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(120);

/// Checks that in a timeout `f` runs to its end, past the time, and the wait behind it is interrupted.
fn left_alone(f: impl FnOnce()) {
    let passed = Cell::new(false);
    let start = Instant::now();
    let ended = timeout(SHORT, || {
        f();
        passed.set(start.elapsed() > SHORT);
        sleep(LONG);
    });
    assert_eq!((ended, passed.get()), (Err(Elapsed), true));
}

#[test]
fn for_those_who_borrow_from_the_stack() {
    everywhere(|| {
        let runtime = runtime::Builder::new().workers(1).build().unwrap();
        let mut number = 1;
        left_alone(|| {
            runtime.run(|| {
                sleep(SHORT * 3);
                number += 1;
            });
        });
        assert_eq!(number, 2);
    });
}

#[test]
fn in_destructors_that_run_because_of_a_panic() {
    struct Sleeps;
    impl Drop for Sleeps {
        fn drop(&mut self) {
            sleep(SHORT * 3);
        }
    }
    everywhere(|| {
        left_alone(|| {
            let _caught = catch_unwind(|| {
                let _sleeps = Sleeps;
                resume_unwind(Box::new(()));
            });
        });
        // An interruption is a panic, too.
        let start = Instant::now();
        let ended = timeout(SHORT, || {
            let _sleeps = Sleeps;
            sleep(LONG);
        });
        assert_eq!(ended, Err(Elapsed));
        assert!(start.elapsed() >= SHORT * 4);
    });
}

#[test]
fn below_c() {
    unsafe extern "C" {
        fn qsort(
            base: *mut c_void,
            count: usize,
            size: usize,
            compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
        );
    }

    thread_local! {
        static INNER: Cell<Option<Result<(), Elapsed>>> = const { Cell::new(None) };
    }

    fn sort(compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int) {
        let mut numbers = [2_u32, 1];
        // SAFETY: the size is theirs, and the comparisons look at nothing.
        unsafe { qsort(numbers.as_mut_ptr().cast(), 2, 4, compare) };
    }

    unsafe extern "C" fn sleeps(_: *const c_void, _: *const c_void) -> c_int {
        let text = Rc::new(String::from("to be dropped"));
        sleep(SHORT * 3);
        // And again, now that it is late.
        sleep(SHORT);
        text.len() as c_int
    }

    unsafe extern "C" fn has_a_timeout(_: *const c_void, _: *const c_void) -> c_int {
        // This one is not below C.
        INNER.set(Some(timeout(SHORT / 2, || sleep(SHORT * 3))));
        sleep(SHORT * 3);
        0
    }

    everywhere(|| {
        left_alone(|| sort(sleeps));
        left_alone(|| sort(has_a_timeout));
        assert_eq!(INNER.take(), Some(Err(Elapsed)));
    });
}

#[test]
fn where_it_waits_again_and_again() {
    everywhere(|| {
        let naps = Cell::new(0);
        left_alone(|| {
            let _caught = catch_unwind(AssertUnwindSafe(|| {
                struct Naps<'a>(&'a Cell<u32>);
                impl Drop for Naps<'_> {
                    fn drop(&mut self) {
                        for _ in 0..20 {
                            sleep(Duration::from_millis(1));
                            self.0.set(self.0.get() + 1);
                        }
                    }
                }
                let _naps = Naps(&naps);
                resume_unwind(Box::new(()));
            }));
        });
        assert_eq!(naps.get(), 20);
    });
}
