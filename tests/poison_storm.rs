//! Poison that comes at any moment changes no result: while tasks of both kinds cross bridges both ways, grow, give way and end,
//! a thread poisons whatever runs; runtimes come and go meanwhile, and so do OS threads.

#[path = "common/caps.rs"]
mod caps;
#[path = "common/endless.rs"]
mod endless;

use endless::{count, storm};
use morestack::runtime::{__poison_running, Builder};
use morestack::sched::yield_now;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

morestack::mapped_export! {
    #[unsafe(export_name = "endless.rust")]
    fn endless_rust(round: u64, seed: u64) -> u64 {
        // Deeper mapped code above these Rust frames, which must not be preempted.
        let n = caps::often(((seed ^ round) % 300) as usize) as u64;
        let here = std::thread::current().id();
        let depth = count(n);
        assert_eq!(depth, n);
        assert_eq!(std::thread::current().id(), here, "a task with Rust frames has moved");
        if round.is_multiple_of(4) {
            yield_now();
        }
        round
    }
}

/// What `storm` returns.
fn expected(rounds: u64, seed: u64) -> u64 {
    (1..=rounds).map(|round| ((seed + round) & 63) + round).sum()
}

#[test]
fn results_stay_right() {
    let over = Arc::new(AtomicBool::new(false));
    let poisoned = Arc::new(AtomicU64::new(0));
    let poisoner = {
        let (over, poisoned) = (over.clone(), poisoned.clone());
        std::thread::spawn(move || {
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while !over.load(Ordering::Relaxed) {
                __poison_running();
                poisoned.fetch_add(1, Ordering::Relaxed);
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (0..random % 2000).for_each(|_| std::hint::spin_loop());
                if random.is_multiple_of(16) {
                    std::thread::yield_now();
                }
            }
        })
    };
    let tasks = 30;
    for turn in 0..6 {
        let runtime = Builder::new().workers(2).build().unwrap();
        let rounds = if caps::often(1000) < 1000 { 60 } else { 600 } + turn;
        let mapped: Vec<_> = (0..tasks).map(|seed| runtime.spawn_mapped(storm::function(), (rounds, seed))).collect();
        let closures: Vec<_> = (0..tasks).map(|seed| runtime.spawn(move || storm(rounds, seed))).collect();
        // Mapped code outside any task, on a thread that comes and goes.
        let outside = std::thread::spawn(move || storm(rounds, 7));
        for (seed, (mapped, closure)) in (0..).zip(mapped.into_iter().zip(closures)) {
            assert_eq!(mapped.join().unwrap(), expected(rounds, seed));
            assert_eq!(closure.join().unwrap(), expected(rounds, seed));
        }
        assert_eq!(outside.join().unwrap(), expected(rounds, 7));
        // Dropped with tasks that are still in the middle of it, every other time.
        if turn % 2 == 0 {
            (0..tasks).for_each(|seed| drop(runtime.spawn_mapped(storm::function(), (rounds, seed))));
        }
        drop(runtime);
        std::thread::spawn(|| assert_eq!(count(100), 100)).join().unwrap();
    }
    over.store(true, Ordering::Relaxed);
    poisoner.join().unwrap();
    println!("poisoned {} times", poisoned.load(Ordering::Relaxed));
}
