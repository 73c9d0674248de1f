//! A task that has started goes on on the OS thread on which it started, whatever it waits for; one that has not starts once, on
//! whichever worker has time.

#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::net::{TcpListener, TcpStream};
use morestack::runtime::{Builder, Runtime};
use morestack::sched::{current, park, yield_now};
use morestack::thread;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use watchdog::Watchdog;

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

fn gettid() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}

#[test]
fn through_thousands_of_waits() {
    let _watchdog = Watchdog::new(120);
    for workers in [2, 4] {
        let runtime = runtime(workers);
        let tasks: Vec<_> = (0..64)
            .map(|i| {
                runtime.spawn(move || {
                    let home = gettid();
                    for round in 0..1000 {
                        match (i + round) % 8 {
                            0 => {
                                let me = current().unwrap();
                                let waker = thread::spawn(move || me.unpark());
                                park();
                                waker.join().unwrap();
                            }
                            1 if round % 16 == 1 => thread::sleep(Duration::from_micros(100)),
                            2 => assert_eq!(thread::spawn(move || round).join().unwrap(), round),
                            _ => yield_now(),
                        }
                        assert_eq!(gettid(), home);
                    }
                    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                    let address = listener.local_addr().unwrap();
                    let client = thread::spawn(move || {
                        let home = gettid();
                        let mut stream = TcpStream::connect(address).unwrap();
                        for _ in 0..20 {
                            stream.write_all(b"x").unwrap();
                            stream.read_exact(&mut [0]).unwrap();
                            assert_eq!(gettid(), home);
                        }
                    });
                    let mut stream = listener.accept().unwrap().0;
                    for _ in 0..20 {
                        stream.read_exact(&mut [0]).unwrap();
                        stream.write_all(b"y").unwrap();
                        assert_eq!(gettid(), home);
                    }
                    client.join().unwrap();
                    home
                })
            })
            .collect();
        let homes: HashSet<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
        assert!(homes.len() <= workers);
    }
}

/// Storms of spawns from OS threads and from tasks, while workers steal from each other.
#[test]
fn each_fresh_task_runs_once() {
    const EACH: usize = 5_000;
    let _watchdog = Watchdog::new(120);
    let runtime = Arc::new(runtime(2));
    let runs: Arc<[AtomicU8]> = (0..8 * EACH).map(|_| AtomicU8::new(0)).collect();
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let body = |index: usize| {
        let (runs, threads) = (runs.clone(), threads.clone());
        move || {
            let before = runs[index].fetch_add(1, SeqCst);
            assert_eq!(before, 0, "task {index} runs twice");
            if index.is_multiple_of(64) {
                threads.lock().unwrap().insert(gettid());
            }
            if index.is_multiple_of(3) {
                yield_now();
            }
        }
    };
    let body = &body;
    std::thread::scope(|scope| {
        for part in 0..4 {
            let runtime = &runtime;
            scope.spawn(move || {
                let tasks: Vec<_> = (0..EACH).map(|i| runtime.spawn(body(part * EACH + i))).collect();
                tasks.into_iter().for_each(|task| task.join().unwrap());
            });
        }
        for part in 4..8 {
            let bodies: Vec<_> = (0..EACH).map(|i| body(part * EACH + i)).collect();
            runtime
                .spawn(move || {
                    let tasks: Vec<_> = bodies.into_iter().map(thread::spawn).collect();
                    tasks.into_iter().for_each(|task| task.join().unwrap());
                })
                .join()
                .unwrap();
        }
    });
    assert!(runs.iter().all(|runs| runs.load(SeqCst) == 1));
    assert!(threads.lock().unwrap().len() <= 2);
}

/// While one worker is kept by a task that does not give way, the other takes what is queued there.
#[test]
fn fresh_tasks_of_a_busy_worker_are_stolen() {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(2);
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let done = done.clone();
        runtime.run(move || {
            let before = done.load(SeqCst);
            let home = gettid();
            for _ in 0..100 {
                let done = done.clone();
                drop(thread::spawn(move || {
                    assert_ne!(gettid(), home);
                    done.fetch_add(1, SeqCst);
                }));
            }
            while done.load(SeqCst) < before + 100 {
                std::hint::spin_loop();
            }
        });
    }
}
