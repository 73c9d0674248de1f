//! A scheduler kept in a thread-local that was made before the runtime's own is dropped after it.

use morestack::sched::{JoinHandle, Scheduler, park};
use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Option<(Scheduler, JoinHandle<()>)>> = const { RefCell::new(None) };
}

#[test]
fn a_scheduler_in_an_older_thread_local_is_dropped_after_the_runtime_s_part_of_the_thread() {
    std::thread::spawn(|| {
        KEPT.with(|kept| {
            // The destructor of KEPT is registered by now; the runtime's comes later and runs earlier.
            let scheduler = Scheduler::new();
            let parked = scheduler.spawn(park);
            scheduler.spawn(|| ()).join().unwrap();
            let fresh = scheduler.spawn(|| unreachable!("never started"));
            *kept.borrow_mut() = Some((scheduler, fresh));
            drop(parked);
        });
    })
    .join()
    .unwrap();
}
