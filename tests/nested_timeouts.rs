//! Of timeouts inside each other, the one whose time is up is the one that ends; panics and cancellations pass them all.

#[path = "common/everywhere.rs"]
mod everywhere;

use everywhere::everywhere;
use morestack::runtime;
use morestack::sched::Cancelled;
use morestack::thread;
use morestack::time::{Duration, Elapsed, Instant, sleep, timeout, timeout_at};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(120);

#[test]
fn the_inner_one_ends_first() {
    everywhere(|| {
        let outer = timeout(LONG, || {
            let inner = timeout(SHORT, || sleep(LONG));
            sleep(SHORT);
            (inner, timeout(SHORT, || sleep(LONG)))
        });
        assert_eq!(outer, Ok((Err(Elapsed), Err(Elapsed))));
    });
}

#[test]
fn the_outer_one_passes_through_the_inner_ones() {
    everywhere(|| {
        let reached = Cell::new(0);
        let outer = timeout(SHORT, || {
            let _inner = timeout(LONG, || {
                reached.set(1);
                let _innermost = timeout(LONG, || sleep(LONG));
                reached.set(2);
            });
            reached.set(3);
        });
        assert_eq!((outer, reached.get()), (Err(Elapsed), 1));
    });
}

#[test]
fn the_outermost_ends_of_those_that_are_due() {
    everywhere(|| {
        let reached = Cell::new(false);
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let outermost = timeout_at(now + LONG, || {
            timeout_at(at(30), || {
                let _inner = timeout_at(at(20), || {
                    timeout_at(at(10), || {
                        while Instant::now() < at(30) {
                            std::hint::spin_loop();
                        }
                        sleep(LONG);
                    })
                });
                reached.set(true);
            })
        });
        assert_eq!((outermost, reached.get()), (Ok(Err(Elapsed)), false));
    });
}

#[test]
fn as_many_as_there_are_find_their_own() {
    /// Waits below `depth` timeouts, numbered from the inside, of which the one with the number `shortest` is up first.
    /// Returns which one was interrupted.
    fn nested(depth: u32, shortest: u32) -> Option<u32> {
        if depth == 0 {
            sleep(LONG);
            return None;
        }
        let limit = if depth == shortest {
            Duration::from_millis(2)
        } else {
            LONG - Duration::from_secs(100 - u64::from(depth))
        };
        timeout(limit, || nested(depth - 1, shortest)).unwrap_or(Some(depth))
    }
    everywhere(|| {
        for shortest in [1, 2, 10, 19, 20] {
            assert_eq!(nested(20, shortest), Some(shortest));
        }
    });
}

#[test]
fn panics_pass() {
    everywhere(|| {
        let payload = catch_unwind(|| timeout(LONG, || timeout(SHORT, || resume_unwind(Box::new(7_u8))))).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
        // And leave nothing behind.
        assert_eq!(timeout(LONG, || sleep(SHORT * 2)), Ok(()));
    });
}

/// Who swallows it is interrupted again at the next wait; a payload that comes back after its timeout is over is anybody's.
#[test]
fn swallowed_interruptions_are_repeated() {
    everywhere(|| {
        let mut swallowed = Vec::new();
        let ended = timeout(SHORT, || {
            for _ in 0..3 {
                swallowed.push(catch_unwind(|| sleep(LONG)).unwrap_err());
            }
            sleep(LONG);
        });
        assert_eq!((ended, swallowed.len()), (Err(Elapsed), 3));
        let ended = timeout(SHORT, || {
            let _swallowed = catch_unwind(|| sleep(LONG));
            "value"
        });
        assert_eq!(ended, Ok("value"));
        let stale = swallowed.pop().unwrap();
        let passed = catch_unwind(AssertUnwindSafe(|| timeout(LONG, || resume_unwind(stale))));
        assert!(passed.is_err(), "not the payload of this timeout");
    });
}

#[test]
fn cancellation_passes() {
    let runtime = runtime::Builder::new().workers(1).build().unwrap();
    let (started, parked) = mpsc::channel();
    let task = runtime.spawn(move || {
        timeout(LONG, || {
            timeout(LONG / 2, || {
                started.send(()).unwrap();
                sleep(LONG);
            })
        })
    });
    parked.recv().unwrap();
    assert_eq!(runtime.shutdown(Duration::from_secs(60)), []);
    assert!(task.join().unwrap_err().is::<Cancelled>());
}

#[test]
fn tasks_do_not_inherit_timeouts() {
    everywhere(|| {
        let (asked, answer) = mpsc::channel();
        let ended = timeout(SHORT, || {
            let task = thread::spawn(move || {
                sleep(SHORT * 3);
                asked.send("went on").unwrap();
            });
            task.join().unwrap();
        });
        assert_eq!(ended, Err(Elapsed));
        while answer.try_recv().is_err() {
            sleep(Duration::from_millis(1));
        }
    });
}
