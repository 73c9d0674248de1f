//! A barrier lets all go on together, with one leader, again and again.

#[path = "common/crowd.rs"]
mod crowd;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/watchdog.rs"]
mod watchdog;

use everywhere::everywhere;
use morestack::sync::{Arc, Barrier};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const MEMBERS: usize = 9;

#[test]
fn all_have_come_before_one_goes_on() {
    for kind in crowd::KINDS {
        let leaders = Arc::new(AtomicUsize::new(0));
        crowd::crowd(kind, MEMBERS, {
            let (barrier, came, leaders) = (Barrier::new(MEMBERS), AtomicUsize::new(0), leaders.clone());
            move |_| {
                for round in 1..=100 {
                    came.fetch_add(1, SeqCst);
                    leaders.fetch_add(usize::from(barrier.wait().is_leader()), SeqCst);
                    let seen = came.load(SeqCst);
                    assert!((round * MEMBERS..(round + 1) * MEMBERS).contains(&seen), "{seen} in round {round}");
                }
            }
        });
        assert_eq!(leaders.load(SeqCst), 100, "{kind:?}");
    }
}

#[test]
fn of_none_and_of_one() {
    let _watchdog = watchdog::Watchdog::new(120);
    everywhere(|| {
        for number in [0, 1] {
            let barrier = Barrier::new(number);
            for _ in 0..3 {
                let result = barrier.wait();
                assert!(result.is_leader());
                assert_eq!(format!("{result:?}"), "BarrierWaitResult { is_leader: true }");
            }
            assert_eq!(format!("{barrier:?}"), "Barrier { .. }");
        }
    });
}
