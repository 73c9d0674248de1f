//! A runtime that is dropped, or shut down, with tasks that have not ended: what becomes of them, of what they own, and of who
//! joins them.

mod common;
#[path = "common/watchdog.rs"]
mod watchdog;

use common::{role, run_child};
use morestack::net::{TcpListener, TcpStream};
use morestack::runtime::{Builder, Runtime};
use morestack::sched::{Cancelled, park, yield_now};
use morestack::thread;
use std::cell::Cell;
use std::io::Read;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use watchdog::Watchdog;

fn runtime(workers: usize) -> Runtime {
    Builder::new().workers(workers).build().unwrap()
}

fn gettid() -> i32 {
    // SAFETY: no preconditions.
    unsafe { libc::gettid() }
}

/// Notes that it was dropped, and whether that was on the OS thread that made it.
struct Owned {
    made_on: i32,
    dropped: Arc<AtomicUsize>,
}

impl Owned {
    fn new(dropped: &Arc<AtomicUsize>) -> Owned {
        Owned { made_on: gettid(), dropped: dropped.clone() }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        assert_eq!(self.made_on, gettid(), "unwound by another thread");
        self.dropped.fetch_add(1, SeqCst);
    }
}

fn is_cancelled<T>(result: std::thread::Result<T>) -> bool {
    result.err().is_some_and(|payload| payload.is::<Cancelled>())
}

/// Starts the body as a task, waits until it has begun, and shuts the runtime down; its values must be dropped then.
fn is_unwound(body: fn()) {
    let _watchdog = Watchdog::new(60);
    for workers in [1, 2] {
        let (runtime, dropped) = (runtime(workers), Arc::new(AtomicUsize::new(0)));
        let (begun, has_begun) = mpsc::channel();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (dropped, begun) = (dropped.clone(), begun.clone());
                runtime.spawn(move || {
                    let _owned = Owned::new(&dropped);
                    begun.send(()).unwrap();
                    body();
                })
            })
            .collect();
        for _ in &tasks {
            has_begun.recv().unwrap();
        }
        assert_eq!(runtime.shutdown(Duration::from_secs(30)), []);
        assert_eq!(dropped.load(SeqCst), 4);
        for task in tasks {
            assert!(task.is_finished());
            assert!(is_cancelled(task.join()));
        }
    }
}

#[test]
fn tasks_that_park_are_unwound() {
    is_unwound(|| {
        loop {
            park()
        }
    });
}

#[test]
fn tasks_that_sleep_are_unwound() {
    is_unwound(|| thread::sleep(Duration::from_secs(3600)));
}

#[test]
fn tasks_that_yield_are_unwound() {
    is_unwound(|| {
        loop {
            yield_now()
        }
    });
}

#[test]
fn tasks_that_join_are_unwound() {
    is_unwound(|| {
        thread::spawn(|| {
            loop {
                park()
            }
        })
        .join()
        .unwrap()
    });
}

#[test]
fn tasks_that_accept_and_read_are_unwound() {
    is_unwound(|| drop(TcpListener::bind("127.0.0.1:0").unwrap().accept()));
    is_unwound(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _n = client.read(&mut [0]);
    });
}

/// Counts drops, on any thread.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn fresh_tasks_are_dropped() {
    let _watchdog = Watchdog::new(60);
    let (runtime, dropped) = (runtime(1), Arc::new(AtomicUsize::new(0)));
    let (go, may_go) = mpsc::channel();
    // The worker is kept busy, so that none of the others starts.
    let (begun, has_begun) = mpsc::channel();
    let busy = runtime.spawn(move || {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
        7
    });
    has_begun.recv().unwrap();
    let fresh: Vec<_> = (0..1000)
        .map(|_| {
            let counted = Counted(dropped.clone());
            runtime.spawn(move || {
                let _counted = counted;
                unreachable!("started");
            })
        })
        .collect();
    let end = std::thread::spawn(move || runtime.shutdown(Duration::from_secs(30)));
    std::thread::sleep(Duration::from_millis(50));
    go.send(()).unwrap();
    assert_eq!(end.join().unwrap(), []);
    assert_eq!(busy.join().unwrap(), 7);
    assert_eq!(dropped.load(SeqCst), 1000);
    for task in fresh {
        let payload = task.join().unwrap_err();
        assert!(payload.downcast_ref::<&str>().is_some_and(|text| text.contains("before the task had started")));
    }
}

/// What a closure owns may wait for others when it is dropped, here for a task of the same worker.
#[test]
fn the_destructor_of_a_fresh_task_may_join_a_task_of_its_worker() {
    struct Joins(Option<thread::JoinHandle<()>>);
    impl Drop for Joins {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(1));
            assert!(is_cancelled(self.0.take().unwrap().join()));
        }
    }
    let _watchdog = Watchdog::new(60);
    let (runtime, dropped) = (runtime(1), Arc::new(AtomicUsize::new(0)));
    let (begun, has_begun) = mpsc::channel();
    let parking = begun.clone();
    let parked = runtime.spawn(move || {
        parking.send(()).unwrap();
        park();
    });
    has_begun.recv().unwrap();
    let (go, may_go) = mpsc::channel();
    let busy = runtime.spawn(move || {
        begun.send(()).unwrap();
        may_go.recv().unwrap();
    });
    has_begun.recv().unwrap();
    let (joins, counted) = (Joins(Some(parked)), Counted(dropped.clone()));
    let fresh = runtime.spawn(move || {
        let _both = (joins, counted);
        unreachable!("started");
    });
    let end = std::thread::spawn(move || runtime.shutdown(Duration::from_secs(30)));
    std::thread::sleep(Duration::from_millis(50));
    go.send(()).unwrap();
    assert_eq!(end.join().unwrap(), []);
    assert!(busy.join().is_ok() && fresh.join().is_err());
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn destructors_may_park_spawn_join_and_panic_inside() {
    struct Busy(Arc<AtomicUsize>);
    impl Drop for Busy {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            yield_now();
            thread::sleep(Duration::from_millis(2));
            // Nothing that is spawned now starts.
            assert!(thread::spawn(|| 1).join().is_err());
            let caught = panic::catch_unwind(|| panic::resume_unwind(Box::new(5)));
            assert_eq!(caught.unwrap_err().downcast_ref(), Some(&5));
            let me = thread_handle();
            let waker = std::thread::spawn(move || me.unpark());
            park();
            waker.join().unwrap();
            self.0.fetch_add(1, SeqCst);
        }
    }
    fn thread_handle() -> morestack::sched::Task {
        morestack::sched::current().unwrap()
    }
    let _watchdog = Watchdog::new(60);
    for workers in [1, 2] {
        let (runtime, dropped) = (runtime(workers), Arc::new(AtomicUsize::new(0)));
        let (begun, has_begun) = mpsc::channel();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (busy, begun) = (Busy(dropped.clone()), begun.clone());
                runtime.spawn(move || {
                    let _busy = busy;
                    begun.send(()).unwrap();
                    loop {
                        park();
                    }
                })
            })
            .collect();
        (0..8).for_each(|_| has_begun.recv().unwrap());
        assert_eq!(runtime.shutdown(Duration::from_secs(30)), []);
        assert_eq!(dropped.load(SeqCst), 8);
        assert!(tasks.into_iter().all(|task| is_cancelled(task.join())));
    }
}

/// As on a thread that panics.
#[test]
fn a_destructor_that_panics_while_its_task_is_unwound_ends_the_process() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    if role().is_some() {
        let runtime = runtime(1);
        let (begun, has_begun) = mpsc::channel();
        drop(runtime.spawn(move || {
            let _panics = Panics;
            begun.send(()).unwrap();
            park();
        }));
        has_begun.recv().unwrap();
        drop(runtime);
        return;
    }
    let ended = run_child("a_destructor_that_panics_while_its_task_is_unwound_ends_the_process", "child");
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{}", ended.stderr);
    assert!(ended.stderr.contains("panic in a destructor during cleanup"), "{}", ended.stderr);
}

// --------------------------------------------------------------------------------------------------------------- left over

/// Runs the body in a task and shuts down; the task must be left over, and who joins it told so.
fn is_left_over(grace: Duration, body: impl FnOnce() + Send + 'static) -> morestack::runtime::Leftover {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(1);
    let (begun, has_begun) = mpsc::channel();
    let task = thread::Builder::new().name("stubborn".into());
    let task = task
        .spawn_on(&runtime, move || {
            begun.send(()).unwrap();
            body();
        })
        .unwrap();
    has_begun.recv().unwrap();
    let joiner = std::thread::spawn(move || is_cancelled(task.join()));
    let begin = Instant::now();
    let mut leftovers = runtime.shutdown(grace);
    assert!(begin.elapsed() < grace + Duration::from_secs(20));
    assert!(joiner.join().unwrap(), "who joins it is told");
    assert_eq!(leftovers.len(), 1, "{leftovers:?}");
    let leftover = leftovers.remove(0);
    assert!(leftover.task.contains("stubborn"), "{leftover:?}");
    leftover
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_task_that_catches_its_cancellation_and_parks_again_is_left_over() {
    let leftover = is_left_over(LONG, || {
        loop {
            let _ = panic::catch_unwind(park);
        }
    });
    assert!(leftover.reason.contains("caught"), "{leftover:?}");
}

#[test]
fn so_is_one_that_yields_for_ever() {
    is_left_over(SHORT, || {
        loop {
            let _ = panic::catch_unwind(yield_now);
        }
    });
    // In a destructor, where it is not unwound again.
    struct Yields;
    impl Drop for Yields {
        fn drop(&mut self) {
            loop {
                yield_now();
            }
        }
    }
    is_left_over(SHORT, || {
        let _yields = Yields;
        park();
    });
}

#[test]
fn so_is_one_whose_destructor_waits_for_ever() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            park();
        }
    }
    is_left_over(SHORT, || {
        let _waits = Waits;
        park();
    });
}

#[test]
fn so_is_one_that_is_parked_below_a_callback_from_c() {
    unsafe extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
        loop {
            park();
        }
    }
    let leftover = is_left_over(LONG, || {
        let mut numbers = [3, 1, 2];
        // SAFETY: three numbers; the comparison never returns.
        unsafe { libc::qsort(numbers.as_mut_ptr().cast(), 3, size_of::<i32>(), Some(compare)) };
    });
    assert!(leftover.reason.contains("cannot be unwound"), "{leftover:?}");
}

#[test]
fn catching_the_cancellation_and_returning_is_a_result() {
    let _watchdog = Watchdog::new(60);
    let runtime = runtime(1);
    let (begun, has_begun) = mpsc::channel();
    let task = runtime.spawn(move || {
        begun.send(()).unwrap();
        is_cancelled(panic::catch_unwind(|| {
            loop {
                park()
            }
        }))
    });
    has_begun.recv().unwrap();
    assert_eq!(runtime.shutdown(LONG), []);
    assert!(task.join().unwrap());
}

#[test]
fn no_grace_is_enough_for_tasks_that_end_at_once() {
    let _watchdog = Watchdog::new(60);
    let (runtime, dropped) = (runtime(1), Arc::new(AtomicUsize::new(0)));
    let (begun, has_begun) = mpsc::channel();
    for _ in 0..500 {
        let (counted, begun) = (Counted(dropped.clone()), begun.clone());
        drop(runtime.spawn(move || {
            let _counted = counted;
            begun.send(()).unwrap();
            park();
        }));
    }
    (0..500).for_each(|_| has_begun.recv().unwrap());
    assert_eq!(runtime.shutdown(Duration::ZERO), []);
    assert_eq!(dropped.load(SeqCst), 500);
}

// ------------------------------------------------------------------------------------------------------ where it is dropped

#[test]
fn a_runtime_may_be_dropped_in_one_of_its_own_tasks() {
    let _watchdog = Watchdog::new(60);
    for workers in [1, 2] {
        let (runtime, dropped) = (runtime(workers), Arc::new(AtomicUsize::new(0)));
        let runtime = Arc::new(runtime);
        let (in_task, counted) = (Arc::downgrade(&runtime), Counted(dropped.clone()));
        let (give, take) = mpsc::channel::<Arc<Runtime>>();
        let neighbour = runtime.spawn(move || {
            let _counted = counted;
            park();
        });
        let task = runtime.spawn(move || {
            drop(take.recv().unwrap());
            assert!(in_task.upgrade().is_none());
            let here = panic::catch_unwind(|| {
                loop {
                    yield_now()
                }
            });
            assert!(is_cancelled(here));
            3
        });
        give.send(runtime).unwrap();
        assert_eq!(task.join().unwrap(), 3);
        assert!(is_cancelled(neighbour.join()) || dropped.load(SeqCst) == 1);
        assert_eq!(dropped.load(SeqCst), 1);
    }
}

/// The other runtime's worker goes on meanwhile: what is being unwound may wait for a task there.
#[test]
fn a_runtime_may_be_dropped_in_a_task_of_another() {
    struct WaitsFor(Arc<AtomicBool>);
    impl Drop for WaitsFor {
        fn drop(&mut self) {
            while !self.0.load(SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let _watchdog = Watchdog::new(60);
    let (inner, outer) = (runtime(1), runtime(1));
    let set = Arc::new(AtomicBool::new(false));
    let waits = WaitsFor(set.clone());
    let (begun, has_begun) = mpsc::channel();
    let task = inner.spawn(move || {
        let _waits = waits;
        begun.send(()).unwrap();
        park();
    });
    has_begun.recv().unwrap();
    outer.run(move || {
        let sets = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            set.store(true, SeqCst);
        });
        assert_eq!(inner.shutdown(LONG), []);
        sets.join().unwrap();
        assert!(is_cancelled(task.join()));
    });
}

#[test]
fn a_runtime_may_be_dropped_while_a_thread_panics() {
    let _watchdog = Watchdog::new(60);
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(dropped.clone());
    let thread = std::thread::spawn(move || {
        let runtime = runtime(2);
        drop(runtime.spawn(move || {
            let _counted = counted;
            park();
        }));
        let _runtime = runtime;
        panic::resume_unwind(Box::new(()));
    });
    assert!(thread.join().is_err());
    assert_eq!(dropped.load(SeqCst), 1);
}

/// OS threads spawn onto it, join its tasks and unpark them, before, during and after its end.
#[test]
fn os_threads_use_it_while_it_ends() {
    let _watchdog = Watchdog::new(120);
    for round in 0..30 {
        let runtime = Arc::new(runtime(2));
        let (spawned, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let handles: Vec<_> = (0..200)
            .map(|_| {
                let counted = Counted(ended.clone());
                spawned.fetch_add(1, SeqCst);
                runtime.spawn(move || {
                    let _counted = counted;
                    loop {
                        park();
                    }
                })
            })
            .collect();
        let names: Vec<_> = handles.iter().map(|handle| handle.thread().clone()).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let (names, stop) = (names.clone(), stop.clone());
                std::thread::spawn(move || {
                    while !stop.load(SeqCst) {
                        names.iter().for_each(|name| name.unpark());
                    }
                })
            })
            .collect();
        // Each holds the runtime only now and then, so the last one to let go ends it: whoever that is.
        let spawners: Vec<_> = (0..2)
            .map(|_| {
                let (weak, ended, spawned) = (Arc::downgrade(&runtime), ended.clone(), spawned.clone());
                std::thread::spawn(move || {
                    let mut handles = Vec::new();
                    while let Some(runtime) = weak.upgrade() {
                        let counted = Counted(ended.clone());
                        spawned.fetch_add(1, SeqCst);
                        handles.push(runtime.spawn(move || {
                            let _counted = counted;
                            yield_now();
                        }));
                        drop(runtime);
                        if handles.len() > 500 {
                            break;
                        }
                    }
                    handles.into_iter().filter_map(|handle| handle.join().err()).count()
                })
            })
            .collect();
        let joiner = std::thread::spawn(move || handles.into_iter().all(|handle| handle.join().is_err()));
        std::thread::sleep(Duration::from_micros(200 * round));
        drop(runtime);
        for spawner in spawners {
            spawner.join().unwrap();
        }
        assert!(joiner.join().unwrap());
        stop.store(true, SeqCst);
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        assert_eq!(ended.load(SeqCst), spawned.load(SeqCst), "each task was ended or dropped, once");
        // They still name tasks.
        names.iter().for_each(|name| name.unpark());
        assert!(names.iter().all(|name| format!("{name:?}").contains("id")));
    }
}

#[test]
fn handles_may_be_dropped_after_the_runtime() {
    thread_local! {
        static KEPT: Cell<u32> = const { Cell::new(0) };
    }
    let _watchdog = Watchdog::new(60);
    let ended = Arc::new(AtomicUsize::new(0));
    let runtime = runtime(2);
    let results: Vec<_> = (0..100)
        .map(|i| {
            let counted = Counted(ended.clone());
            runtime.spawn(move || {
                KEPT.set(KEPT.get() + 1);
                if i % 2 == 0 {
                    park();
                }
                counted
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(20));
    drop(runtime);
    drop(results);
    assert_eq!(ended.load(SeqCst), 100);
}

#[test]
fn a_hundred_runtimes_leave_no_threads_and_descriptors() {
    fn count(directory: &str) -> usize {
        std::fs::read_dir(directory).unwrap().count()
    }
    if role().is_none() {
        let ended = run_child("a_hundred_runtimes_leave_no_threads_and_descriptors", "child");
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        return;
    }
    let _watchdog = Watchdog::new(100);
    let one = |_| {
        let runtime = runtime(2);
        let parked = runtime.spawn(park);
        assert_eq!(runtime.run(|| 1), 1);
        drop(runtime);
        drop(parked);
    };
    (0..3).for_each(one);
    let before = (count("/proc/self/task"), count("/proc/self/fd"));
    (0..100).for_each(one);
    // A joined thread is gone from the process a moment later.
    let deadline = Instant::now() + Duration::from_secs(10);
    while count("/proc/self/task") > before.0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!((count("/proc/self/task"), count("/proc/self/fd")), before);
}
