//! Tasks of one worker share its thread. What a task holds in the name of the thread while it waits, others of the worker find
//! held: by a borrow, which says so; by a generator, which is held only for as long as a call takes; or by a lock of std's,
//! which then waits for the thread that it is on: that worker stands still, and nothing worse happens.

mod common;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::role;
use morestack::runtime::{Builder, Runtime};
use morestack::sched::yield_now;
use morestack::thread;
use rand::distr::Distribution;
use rand::{Rng, RngCore};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, TryLockError, mpsc};
use std::time::{Duration, Instant};
use watchdog::Watchdog;

const HELD: Duration = Duration::from_millis(50);

fn one_worker() -> Runtime {
    Builder::new().workers(1).build().unwrap()
}

/// Waits in both ways, for as long as something shall be held.
fn wait_a_while() {
    let begin = Instant::now();
    thread::sleep(HELD / 2);
    while begin.elapsed() < HELD {
        yield_now();
    }
}

/// Runs the holder, and others that try for as long as it holds; the closure says whether it found the thing held.
fn with_others(holder: impl FnOnce() + Send + 'static, other: impl Fn() -> bool + Send + Sync + 'static) {
    let _watchdog = Watchdog::new(60);
    let runtime = one_worker();
    let (other, held) = (Arc::new(other), Arc::new(AtomicUsize::new(0)));
    let holder = runtime.spawn(holder);
    let others: Vec<_> = (0..10)
        .map(|_| {
            let (other, held) = (other.clone(), held.clone());
            runtime.spawn(move || {
                let begin = Instant::now();
                while begin.elapsed() < 2 * HELD {
                    held.fetch_add(usize::from(other()), SeqCst);
                    yield_now();
                }
                assert!(!other(), "still held");
            })
        })
        .collect();
    holder.join().unwrap();
    others.into_iter().for_each(|task| task.join().unwrap());
    assert!(held.load(SeqCst) > 0, "nobody has tried while it was held");
}

#[test]
fn a_borrow_of_a_thread_local_is_seen_by_others() {
    thread_local! {
        static WORDS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    with_others(
        || {
            WORDS.with_borrow_mut(|words| {
                words.push(1);
                let (place, len) = (words.as_ptr(), words.len());
                wait_a_while();
                assert_eq!((words.as_ptr(), words.len()), (place, len), "changed while it was borrowed");
            });
        },
        || WORDS.with(|words| words.try_borrow_mut().map(|mut words| words.push(2)).is_err()),
    );
}

#[test]
fn who_borrows_it_all_the_same_panics_and_nobody_else() {
    thread_local! {
        static WORD: RefCell<u64> = const { RefCell::new(0) };
    }
    let _watchdog = Watchdog::new(60);
    let runtime = one_worker();
    let (begun, has_begun) = mpsc::channel();
    let holder = runtime.spawn(move || {
        WORD.with_borrow_mut(|word| {
            begun.send(()).unwrap();
            wait_a_while();
            *word += 1;
        });
    });
    has_begun.recv().unwrap();
    let payload = runtime.spawn(|| WORD.with_borrow_mut(|word| *word += 1)).join().unwrap_err();
    let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
    assert!(text.unwrap().contains("already borrowed"), "{text:?}");
    holder.join().unwrap();
    assert_eq!(runtime.run(|| WORD.with_borrow_mut(|word| *word)), 1);
}

#[test]
fn a_mutex_that_is_tried_says_so() {
    static MUTEX: Mutex<u64> = Mutex::new(0);
    with_others(
        || {
            let mut guard = MUTEX.lock().unwrap();
            wait_a_while();
            *guard += 1;
        },
        || matches!(MUTEX.try_lock(), Err(TryLockError::WouldBlock)),
    );
}

/// The holder's worker goes on while another one's waits.
#[test]
fn a_mutex_that_a_task_of_another_worker_waits_for_comes_free() {
    let _watchdog = Watchdog::new(60);
    let runtime = Builder::new().workers(1).build().unwrap();
    let other = Builder::new().workers(1).build().unwrap();
    let counter = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = [&runtime, &other]
        .into_iter()
        .map(|runtime| {
            let counter = counter.clone();
            runtime.spawn(move || {
                for _ in 0..20 {
                    let mut guard = counter.lock().unwrap();
                    let before = *guard;
                    thread::sleep(Duration::from_millis(1));
                    *guard = before + 1;
                    drop(guard);
                    yield_now();
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(*counter.lock().unwrap(), 40);
}

/// Each call borrows the thread's generator for as long as it takes; a distribution that waits between two calls is in none.
#[test]
fn the_generator_of_the_thread_is_nobody_s_for_long() {
    struct Slow;
    impl Distribution<[u64; 2]> for Slow {
        fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> [u64; 2] {
            let first = rng.next_u64();
            thread::sleep(HELD / 10);
            yield_now();
            [first, rng.next_u64()]
        }
    }
    let _watchdog = Watchdog::new(60);
    let runtime = one_worker();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            runtime.spawn(|| {
                let mut rng = rand::rng();
                let mut words = Vec::new();
                for _ in 0..10 {
                    words.extend(rng.sample(Slow));
                    let mut bytes = [0; 8];
                    rand::rng().fill_bytes(&mut bytes);
                    words.push(u64::from_ne_bytes(bytes));
                }
                words
            })
        })
        .collect();
    let words: Vec<_> = tasks.into_iter().flat_map(|task| task.join().unwrap()).collect();
    assert_eq!(words.len(), 50 * 30);
    let different: HashSet<_> = words.iter().collect();
    assert_eq!(different.len(), words.len(), "the same words twice");
}

#[test]
fn an_initialiser_that_waits_has_not_set_its_cell() {
    static CELL: OnceLock<u64> = OnceLock::new();
    with_others(
        || {
            let value = CELL.get_or_init(|| {
                wait_a_while();
                7
            });
            assert_eq!(*value, 7);
        },
        || CELL.get().is_none(),
    );
}

// -------------------------------------------------------------------------------------------------- what stands still

/// Runs the test of this name as a child for so long, and ends it. Its status if it ended by itself, and what it has said.
fn stands_still(name: &str) -> (Option<std::process::ExitStatus>, String) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env("MORESTACK_TEST_ROLE", "child")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.read_to_string(&mut text);
        text
    });
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut status = None;
    while status.is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
        status = child.try_wait().unwrap();
    }
    if status.is_none() {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    (status, reader.join().unwrap())
}

/// A task takes what another one holds that waits on the same worker. Returns only if that does not stand still.
fn deadlock(hold: fn(), want: fn()) {
    let runtime = one_worker();
    let (begun, has_begun) = mpsc::channel();
    let holder = runtime.spawn(move || {
        begun.send(()).unwrap();
        hold();
    });
    has_begun.recv().unwrap();
    runtime.spawn(want).join().unwrap();
    holder.join().unwrap();
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

fn hold_mutex(take: bool) {
    static MUTEX: Mutex<u64> = Mutex::new(0);
    let mut guard = MUTEX.lock().unwrap();
    DEPTH.set(DEPTH.get() + 1);
    assert_eq!(DEPTH.get(), 1, "two hold it");
    if !take {
        thread::sleep(Duration::from_millis(100));
    }
    *guard += 1;
    DEPTH.set(DEPTH.get() - 1);
}

fn init_cell() {
    static CELL: OnceLock<u64> = OnceLock::new();
    CELL.get_or_init(|| {
        DEPTH.set(DEPTH.get() + 1);
        assert_eq!(DEPTH.get(), 1, "two initialise it");
        thread::sleep(Duration::from_millis(100));
        DEPTH.set(DEPTH.get() - 1);
        7
    });
}

#[test]
fn a_mutex_that_is_locked_stands_its_worker_still() {
    if role().is_some() {
        return deadlock(|| hold_mutex(false), || hold_mutex(true));
    }
    let (status, text) = stands_still("a_mutex_that_is_locked_stands_its_worker_still");
    assert_eq!(status, None, "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_cell_that_is_being_initialised_stands_its_worker_still() {
    if role().is_some() {
        return deadlock(init_cell, init_cell);
    }
    let (status, text) = stands_still("a_cell_that_is_being_initialised_stands_its_worker_still");
    assert_eq!(status, None, "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// The holder is ready, and its worker waits in the kernel for it.
#[test]
fn the_monitor_names_both() {
    for name in
        ["a_mutex_that_is_locked_stands_its_worker_still", "a_cell_that_is_being_initialised_stands_its_worker_still"]
    {
        // On a machine with other work, the child may have had no time to come that far.
        let mut texts = (0..10).map(|_| stands_still(name).1);
        assert!(texts.any(|text| text.contains("is blocked in")), "ten times not");
    }
}
