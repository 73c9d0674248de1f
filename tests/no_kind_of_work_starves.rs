//! On one worker that never runs out of tasks that yield, every other kind of work has its turn: fresh tasks from within and from
//! outside, timers, sockets, wakes from other threads, and the end.

#[path = "common/watchdog.rs"]
mod watchdog;

use morestack::net::{TcpListener, TcpStream};
use morestack::runtime::Builder;
use morestack::sched::{current, park, yield_now};
use morestack::thread;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use watchdog::Watchdog;

/// Runs the body as a task beside others that yield for ever, which the shutdown ends.
fn beside_yielders(body: fn()) {
    let _watchdog = Watchdog::new(60);
    for yielders in [1, 2, 100] {
        let runtime = Builder::new().workers(1).build().unwrap();
        let others: Vec<_> = (0..yielders)
            .map(|_| {
                runtime.spawn(|| {
                    loop {
                        yield_now();
                    }
                })
            })
            .collect::<Vec<thread::JoinHandle<()>>>();
        runtime.spawn(body).join().unwrap();
        assert_eq!(runtime.shutdown(Duration::from_secs(30)), []);
        assert!(others.into_iter().all(|task| task.join().is_err()));
    }
}

#[test]
fn not_fresh_tasks() {
    beside_yielders(|| {
        for i in 0..100 {
            assert_eq!(thread::spawn(move || i).join().unwrap(), i);
        }
    });
}

#[test]
fn not_timers() {
    beside_yielders(|| (0..20).for_each(|_| thread::sleep(Duration::from_millis(1))));
}

#[test]
fn not_wakes_from_other_threads() {
    beside_yielders(|| {
        for _ in 0..100 {
            let me = current().unwrap();
            let waker = std::thread::spawn(move || me.unpark());
            park();
            waker.join().unwrap();
        }
    });
}

#[test]
fn not_sockets() {
    beside_yielders(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            for _ in 0..100 {
                stream.write_all(b"x").unwrap();
                stream.read_exact(&mut [0]).unwrap();
            }
        });
        let mut stream: TcpStream = listener.accept().unwrap().0;
        for _ in 0..100 {
            stream.read_exact(&mut [0]).unwrap();
            stream.write_all(b"y").unwrap();
        }
        client.join().unwrap();
    });
}

/// What was spawned from outside does not have to be through before what tasks spawn themselves.
#[test]
fn not_children_beside_a_flood_from_outside() {
    const FLOOD: usize = 2000;
    let _watchdog = Watchdog::new(120);
    for phase in 0..16 {
        let runtime = Builder::new().workers(1).build().unwrap();
        let others: Vec<_> = (0..2)
            .map(|_| {
                runtime.spawn(|| {
                    loop {
                        yield_now();
                    }
                })
            })
            .collect::<Vec<thread::JoinHandle<()>>>();
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel();
        let started = Arc::new(AtomicUsize::new(0));
        let counter = started.clone();
        let parent = runtime.spawn(move || {
            begun.send(()).unwrap();
            may_go.recv().unwrap();
            (0..phase).for_each(|_| yield_now());
            let before = counter.load(SeqCst);
            let child = thread::spawn(move || counter.load(SeqCst) - before);
            while !child.is_finished() {
                yield_now();
            }
            child.join().unwrap()
        });
        has_begun.recv().unwrap();
        for _ in 0..FLOOD {
            let started = started.clone();
            drop(runtime.spawn(move || started.fetch_add(1, SeqCst)));
        }
        go.send(()).unwrap();
        let waited_for = parent.join().unwrap();
        assert!(waited_for < FLOOD / 4, "{waited_for} others have started before the child");
        drop(runtime);
        drop(others);
    }
}
