//! Blocks that one thread or task allocates and another one frees.

use morestack::alloc::ThreadCache;
use morestack::runtime::Builder;
use std::sync::mpsc::{self, Receiver, Sender};

#[path = "common/heap.rs"]
mod heap;
#[path = "common/watchdog.rs"]
mod watchdog;

#[global_allocator]
static GLOBAL: ThreadCache = ThreadCache::new();

/// A value whose contents tell whether it was damaged.
fn value(seed: usize) -> Box<[u8]> {
    vec![seed as u8; 1 + seed * 37 % 3000].into_boxed_slice()
}

fn check(seed: usize, value: &[u8]) {
    assert_eq!(value.len(), 1 + seed * 37 % 3000);
    assert!(value.iter().all(|&byte| byte == seed as u8), "{seed}");
}

type Parcel = (usize, Box<[u8]>);

#[test]
fn a_ring_of_threads_frees_what_the_one_before_allocated() {
    let _watchdog = watchdog::Watchdog::new(120);
    const THREADS: usize = 6;
    const EACH: usize = 20_000;
    let (senders, receivers): (Vec<Sender<Parcel>>, Vec<Receiver<Parcel>>) =
        (0..THREADS).map(|_| mpsc::channel()).unzip();
    let mut senders = senders;
    senders.rotate_left(1);
    let threads: Vec<_> = senders
        .into_iter()
        .zip(receivers)
        .map(|(next, mine)| {
            std::thread::spawn(move || {
                let mut held = Vec::new();
                for seed in 0..EACH {
                    next.send((seed, value(seed))).unwrap();
                    let (seed, value) = mine.recv().unwrap();
                    check(seed, &value);
                    // Some go at once, some later and in another order.
                    held.push((seed, value));
                    if held.len() > 100 {
                        let (seed, value) = held.swap_remove(seed % 100);
                        check(seed, &value);
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn tasks_of_several_workers_free_each_other_s_blocks() {
    let _watchdog = watchdog::Watchdog::new(120);
    let runtime = Builder::new().workers(3).build().unwrap();
    for round in 0..20 {
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                runtime.spawn(move || (0..50).map(|i| (task * round + i, value(task * round + i))).collect::<Vec<_>>())
            })
            .collect();
        let values: Vec<_> = tasks.into_iter().flat_map(|task| task.join().unwrap()).collect();
        let tasks: Vec<_> = values
            .into_iter()
            .map(|(seed, value)| {
                runtime.spawn(move || {
                    check(seed, &value);
                    morestack::thread::yield_now();
                    check(seed, &value);
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
    }
}

#[test]
fn a_thread_that_only_frees_keeps_no_more_than_it_may() {
    let _watchdog = watchdog::Watchdog::new(120);
    let (sender, receiver) = mpsc::sync_channel::<Vec<Box<[u8]>>>(2);
    let consumer = std::thread::spawn(move || {
        let mut most = 0;
        for values in receiver {
            drop(values);
            most = most.max(morestack::alloc::kept());
        }
        most
    });
    let before = heap::in_use();
    // 100 MB in all.
    for _ in 0..1000 {
        sender.send((0..1000).map(|_| vec![1; 100].into_boxed_slice()).collect()).unwrap();
    }
    // Three batches may be under way.
    let more = heap::in_use().saturating_sub(before);
    drop(sender);
    let most = consumer.join().unwrap();
    assert!(most <= ThreadCache::KEEP, "{most}");
    assert!(more < 2 * ThreadCache::KEEP + 16 * heap::NOISE, "{more}");
}
