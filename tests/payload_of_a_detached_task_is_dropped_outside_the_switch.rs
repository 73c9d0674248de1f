//! A panic that nobody asks for: its payload's destructor is the user's code, and may do anything.

mod common;

use morestack::sched::{Idle, Scheduler};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")));
morestack::mapped! {
    unsafe extern "ABI0" {
        fn count(n: u64) -> u64 = "deep.count";
    }
}

/// Grows a go segment when it is dropped.
struct Payload(Arc<AtomicU32>);

impl Drop for Payload {
    fn drop(&mut self) {
        let depth = common::caps::depth(1000) as u64;
        assert_eq!(count(depth), depth);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_payload_that_calls_mapped_code_when_dropped_does_not_disturb_the_scheduler() {
    let dropped = Arc::new(AtomicU32::new(0));
    let scheduler = Scheduler::new();
    for _ in 0..3 {
        let payload = Payload(dropped.clone());
        drop(scheduler.spawn(move || resume_unwind(Box::new(payload))));
    }
    let after = scheduler.spawn(|| 7);
    assert_eq!(scheduler.run(), Idle::Finished);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    assert_eq!(after.join().unwrap(), 7);
}
