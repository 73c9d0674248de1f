//! A timer that is not needed any more is gone at once: a scheduler has nothing left to wait for.

use morestack::net::{TcpListener, TcpStream};
use morestack::sched::{Idle, Scheduler, park, yield_now};
use morestack::time::{Duration, Elapsed, Instant, sleep, timeout};
use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;

const LONG: Duration = Duration::from_secs(120);

/// Runs the body as a task, whose end is the end of all: a timer left behind would keep `run` for minutes.
fn leaves_nothing(body: impl FnOnce(&Scheduler) + 'static) {
    let scheduler = Rc::new(Scheduler::new());
    let start = Instant::now();
    let inner = scheduler.clone();
    let task = scheduler.spawn(move || body(&inner));
    assert_eq!(scheduler.run(), Idle::Finished);
    assert!(task.is_finished());
    assert!(start.elapsed() < LONG / 2);
    task.join().unwrap();
}

#[test]
fn of_a_timeout_whose_closure_returns() {
    leaves_nothing(|_| {
        for i in 0..1000 {
            assert_eq!(timeout(LONG, || timeout(LONG / 2, || i)), Ok(Ok(i)));
        }
    });
}

#[test]
fn of_a_timeout_that_an_outer_one_passes() {
    leaves_nothing(|_| {
        let ended = timeout(Duration::from_millis(5), || {
            let _inner = timeout(LONG, || sleep(LONG * 2));
        });
        assert_eq!(ended, Err(Elapsed));
    });
}

#[test]
fn of_a_timeout_that_a_panic_passes() {
    leaves_nothing(|_| {
        let caught = std::panic::catch_unwind(|| timeout(LONG, || std::panic::resume_unwind(Box::new(1))));
        assert!(caught.is_err());
    });
}

#[test]
fn of_a_sleep_that_is_interrupted() {
    leaves_nothing(|_| {
        for _ in 0..10 {
            assert_eq!(timeout(Duration::from_millis(1), || sleep(LONG)), Err(Elapsed));
        }
    });
}

#[test]
fn of_a_wait_that_is_woken_early() {
    leaves_nothing(|scheduler| {
        let unparked = Rc::new(Cell::new(false));
        let see = unparked.clone();
        let sleeper = scheduler.spawn(move || {
            assert_eq!(timeout(LONG, park), Ok(()));
            assert!(see.get());
        });
        yield_now();
        unparked.set(true);
        sleeper.task().unpark();
        sleeper.join().unwrap();
    });
}

#[test]
fn of_a_read_that_is_served() {
    leaves_nothing(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(LONG)).unwrap();
        client.write_all(b"x").unwrap();
        timeout(LONG, || server.wait_readable()).unwrap().unwrap();
    });
}
