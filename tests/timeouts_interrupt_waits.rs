//! A timeout ends whatever its closure waits in, in tasks and on OS threads; its destructors run; what needs no wait is not
//! ended.

#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/tasks.rs"]
mod tasks;

use everywhere::{everywhere, pair};
use morestack::net::TcpListener;
use morestack::sched::Scheduler;
use morestack::thread;
use morestack::time::{Duration, Elapsed, Instant, Ticker, sleep, sleep_until, timeout, timeout_at};
use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Mutex;

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 {
        sleep(LONG);
        n
    }
}

const SHORT: Duration = Duration::from_millis(20);
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(120);

/// Checks that a timeout interrupts the wait, after its time and not for the wait's.
fn interrupts<T>(wait: impl FnOnce() -> T) {
    let start = Instant::now();
    assert_eq!(timeout(SHORT, || drop(wait())), Err(Elapsed));
    assert!((SHORT..LONG / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[test]
fn sleeps() {
    everywhere(|| {
        interrupts(|| sleep(LONG));
        interrupts(|| sleep(Duration::MAX));
        interrupts(|| sleep_until(Instant::now() + LONG));
        interrupts(|| {
            loop {
                sleep(Duration::from_millis(1));
            }
        });
        interrupts(|| Ticker::new(LONG).tick());
    });
}

#[test]
fn parks() {
    everywhere(|| {
        // A park may end without a reason; so it stands in a loop, as always.
        interrupts(|| {
            loop {
                thread::park();
            }
        });
        interrupts(|| {
            loop {
                thread::park_timeout(LONG);
            }
        });
    });
}

#[test]
fn joins() {
    everywhere(|| {
        let task = thread::spawn(|| {
            sleep(Duration::from_millis(300));
            1
        });
        let other = thread::spawn(|| sleep(LONG));
        interrupts(|| other.join());
        assert_eq!(task.join().unwrap(), 1, "another task is waited for as ever");
    });
}

#[test]
fn input_and_output() {
    everywhere(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        interrupts(|| listener.accept());
        let (client, mut server) = pair();
        interrupts(|| server.read(&mut [0]));
        interrupts(|| server.wait_readable());
        // The socket's own limit is longer, then shorter.
        server.set_read_timeout(Some(LONG)).unwrap();
        interrupts(|| server.read(&mut [0]));
        server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let kind = |result: io::Result<usize>| result.map_err(|error| error.kind());
        assert_eq!(timeout(LONG, || kind(server.read(&mut [0]))), Ok(Err(io::ErrorKind::WouldBlock)));
        server.set_read_timeout(None).unwrap();
        // Nothing of this has harmed the connection.
        io::Write::write_all(&mut &client, b"x").unwrap();
        assert_eq!(timeout(LONG, || server.read(&mut [0]).unwrap()), Ok(1));
    });
}

#[test]
fn input_of_a_scheduler_s_task() {
    let scheduler = Scheduler::new();
    let task = scheduler.spawn(|| {
        let (_client, mut server) = pair();
        interrupts(|| server.read(&mut [0]));
        interrupts(|| sleep(LONG));
    });
    task.join().unwrap();
}

#[test]
fn below_mapped_code() {
    everywhere(|| interrupts(|| tasks::rust_twice(1)));
}

/// It cannot be unwound from there, but its park may end without a reason.
#[test]
fn parks_of_mapped_code_return() {
    thread::spawn(|| {
        interrupts(|| {
            let mut parks = 0;
            tasks::sleep(&raw mut parks, 1);
            assert_eq!(parks, 1);
            sleep(LONG);
        });
    })
    .join()
    .unwrap();
}

#[test]
fn destructors_run_and_std_s_mutexes_are_poisoned() {
    everywhere(|| {
        struct Sets<'a>(&'a Cell<bool>);
        impl Drop for Sets<'_> {
            fn drop(&mut self) {
                assert!(std::thread::panicking());
                self.0.set(true);
            }
        }
        let dropped = Cell::new(false);
        let mutex = Mutex::new(());
        interrupts(|| {
            let _sets = Sets(&dropped);
            let _guard = mutex.lock().unwrap();
            sleep(LONG);
        });
        assert!(dropped.get());
        assert!(mutex.is_poisoned());
        assert!(!std::thread::panicking());
    });
}

#[test]
fn values_pass_and_code_that_does_not_wait_goes_on() {
    everywhere(|| {
        let text = String::from("borrowed");
        assert_eq!(timeout(LONG, || &*text), Ok("borrowed"));
        assert_eq!(timeout(Duration::MAX, || sleep(SHORT)), Ok(()));
        let late = timeout(Duration::from_millis(1), || {
            let start = Instant::now();
            while start.elapsed() < SHORT {
                thread::yield_now();
            }
            "late"
        });
        assert_eq!(late, Ok("late"));
    });
}

#[test]
fn a_time_that_is_over_ends_the_first_wait() {
    everywhere(|| {
        let reached = Cell::new(0);
        let past = Instant::now();
        let ended = timeout_at(past, || {
            reached.set(1);
            sleep_until(past);
            reached.set(2);
        });
        assert_eq!((ended, reached.get()), (Err(Elapsed), 1));
        assert_eq!(timeout(Duration::ZERO, || 1), Ok(1));
    });
}

#[test]
fn what_is_there_already_is_taken_though_late() {
    everywhere(|| {
        let task = thread::spawn(|| 1);
        while !task.is_finished() {
            sleep(Duration::from_millis(1));
        }
        let (client, mut server) = pair();
        io::Write::write_all(&mut &client, b"x").unwrap();
        server.wait_readable().unwrap();
        let late = timeout(Duration::ZERO, || (task.join().unwrap(), server.read(&mut [0]).unwrap()));
        assert_eq!(late, Ok((1, 1)));
    });
}

#[test]
fn timeouts_of_many_tasks_do_not_mix() {
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            thread::spawn(move || {
                for round in 0..20 {
                    let interrupted = (i + round) % 2 == 0;
                    let pause = if interrupted { LONG } else { Duration::from_millis(1) };
                    let limit = if interrupted { Duration::from_millis(i % 7) } else { LONG };
                    assert_eq!(timeout(limit, || sleep(pause)).is_err(), interrupted);
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().unwrap();
    }
}

#[test]
fn an_elapsed_time_is_an_error_of_its_kind() {
    let error = io::Error::from(timeout(Duration::ZERO, || sleep(LONG)).unwrap_err());
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::TimedOut, "the time has run out"));
}
