//! Where a behaviour of threads is to hold: on OS threads, in tasks, and across runtimes.

#![allow(dead_code, reason = "each test binary uses a part")]

use morestack::runtime;
use std::sync::mpsc;
use std::time::Duration;

/// No test takes so long on the slowest machine, unless something waits for ever.
const HANG: Duration = Duration::from_secs(120);

/// Ends the process if `body` hangs.
pub fn bounded<T>(body: impl FnOnce() -> T) -> T {
    let (ended, end) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if end.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("a test hangs");
            std::process::abort();
        }
    });
    let result = body();
    drop(ended);
    result
}

/// Runs a body on an OS thread, in a task of the default runtime, and in tasks of runtimes with one and two workers.
pub fn everywhere(body: fn()) {
    bounded(|| {
        println!("on an OS thread");
        std::thread::spawn(body).join().unwrap();
        println!("in a task of the default runtime");
        morestack::thread::spawn(body).join().unwrap();
        for workers in [1, 2] {
            println!("in a task, {workers} workers");
            runtime::Builder::new().workers(workers).build().unwrap().run(body);
        }
    });
}

/// What a panic said.
pub fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    match payload.downcast_ref::<String>() {
        Some(text) => text,
        None => payload.downcast_ref::<&str>().expect("a panic with a message"),
    }
}

/// Counts how often it is dropped.
#[derive(Clone, Default)]
pub struct Drops(std::sync::Arc<std::sync::atomic::AtomicUsize>);

/// A value whose drop is counted.
pub struct Counted(Drops);

impl Drops {
    pub fn new() -> Drops {
        Drops::default()
    }

    pub fn value(&self) -> Counted {
        Counted(self.clone())
    }

    pub fn count(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits until there are so many. They come, or the test hangs and is ended.
    pub fn wait_for(&self, count: usize) {
        while self.count() < count {
            morestack::thread::yield_now();
        }
        assert_eq!(self.count(), count);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}
