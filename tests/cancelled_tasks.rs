//! A task that is cancelled is unwound where it waits, whatever it waits for, and takes nothing along.

mod common;
#[path = "common/everywhere.rs"]
mod everywhere;
#[path = "common/tasks.rs"]
mod tasks;

use everywhere::pair;
use morestack::channel::{self, Select};
use morestack::runtime::Builder;
use morestack::sched::{self, Cancelled, Scheduler};
use morestack::sync::{Condvar, Mutex, Semaphore};
use morestack::thread::{self, JoinHandle};
use morestack::time::{Duration, timeout};
use std::io::Read;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

morestack::mapped_export! {
    #[unsafe(export_name = "tasks.rust")]
    fn tasks_rust(n: u64) -> u64 { n }
}

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

fn is_cancelled<T>(result: std::thread::Result<T>) -> bool {
    result.is_err_and(|payload| payload.is::<Cancelled>())
}

/// Spawns a task, lets it come to its wait, and cancels it. Its destructors have run when it is joined.
fn is_cancelled_in(wait: impl FnOnce() + Send + 'static) {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let guard = Dropped(dropped.clone());
    let (started, has_started) = channel::bounded(0);
    let task = thread::spawn(move || {
        let _guard = guard;
        started.send(()).unwrap();
        wait();
    });
    has_started.recv().unwrap();
    for _ in 0..10 {
        thread::yield_now();
    }
    task.cancel();
    assert!(is_cancelled(task.join()));
    assert!(dropped.load(SeqCst));
}

#[test]
fn whatever_they_wait_for() {
    is_cancelled_in(|| thread::sleep(LONG));
    is_cancelled_in(thread::park);
    is_cancelled_in(|| thread::spawn(thread::park).join().unwrap());
    is_cancelled_in(|| {
        loop {
            thread::yield_now();
        }
    });
    is_cancelled_in(|| {
        let (_s, r) = channel::bounded::<()>(0);
        r.recv().unwrap();
    });
    is_cancelled_in(|| {
        let (s, _r) = channel::bounded(1);
        s.send(1).unwrap();
        s.send(2).unwrap();
    });
    is_cancelled_in(|| {
        let (_s1, r1) = channel::unbounded::<()>();
        let (s2, _r2) = channel::bounded(0);
        let mut select = Select::new();
        select.recv(&r1);
        select.send(&s2);
        let _ = select.select().send(&s2, ());
    });
    is_cancelled_in(|| Semaphore::new(0).acquire().forget());
    is_cancelled_in(|| {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        drop(condvar.wait(mutex.lock().unwrap()));
    });
    is_cancelled_in(|| {
        let (mut one, _other) = pair();
        let _ = one.read(&mut [0]);
    });
}

#[test]
fn before_they_have_started() {
    let runtime = Builder::new().workers(1).build().unwrap();
    let ran = Arc::new(AtomicBool::new(false));
    let its = ran.clone();
    let cancelled = runtime.run(move || {
        // One worker, and this task has it.
        let task = thread::spawn(move || its.store(true, SeqCst));
        task.cancel();
        is_cancelled(task.join())
    });
    assert!(cancelled && !ran.load(SeqCst));
}

#[test]
fn after_they_have_ended_nothing_happens() {
    let task = thread::spawn(|| 5);
    while !task.is_finished() {
        thread::sleep(Duration::from_millis(1));
    }
    task.cancel();
    assert_eq!(task.join().unwrap(), 5);
}

#[test]
fn a_scheduler_s_tasks() {
    let scheduler = Scheduler::new();
    let task = scheduler.spawn(sched::park);
    scheduler.run();
    task.cancel();
    assert!(is_cancelled(task.join()));
}

#[test]
fn mapped_tasks_end_where_they_park() {
    let scheduler = Scheduler::new();
    let mut counter = 0;
    let task = scheduler.spawn_mapped(tasks::sleep::function(), (&raw mut counter, 10));
    scheduler.run();
    task.cancel();
    scheduler.run();
    assert!(task.is_finished());
    assert!(is_cancelled(task.join()));
    assert_eq!(counter, 1);
}

#[test]
fn the_end_of_a_scope_is_waited_for_first() {
    let ended = Arc::new(AtomicUsize::new(0));
    let its = ended.clone();
    let (started, has_started) = channel::bounded(0);
    let (go_on, may_go_on) = channel::bounded::<()>(0);
    let task = thread::spawn(move || {
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = may_go_on.recv();
                its.fetch_add(1, SeqCst);
            });
            started.send(()).unwrap();
        });
        assert_eq!(its.fetch_add(1, SeqCst), 1, "the scope has ended first");
        thread::park();
    });
    has_started.recv().unwrap();
    task.cancel();
    thread::sleep(Duration::from_millis(10));
    assert_eq!(ended.load(SeqCst), 0);
    drop(go_on);
    assert!(is_cancelled(task.join()));
    assert_eq!(ended.load(SeqCst), 2);
}

#[test]
fn a_destructor_that_waits_is_not_interrupted_again() {
    struct Waits(Arc<AtomicBool>);
    impl Drop for Waits {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(5));
            self.0.store(true, SeqCst);
        }
    }
    let waited = Arc::new(AtomicBool::new(false));
    let its = Waits(waited.clone());
    is_cancelled_in(move || {
        let _its = its;
        thread::park();
    });
    assert!(waited.load(SeqCst));
}

#[test]
fn below_c_they_go_on_until_they_are_back() {
    extern "C" fn compare(_: *const libc::c_void, _: *const libc::c_void) -> libc::c_int {
        thread::sleep(Duration::from_millis(5));
        0
    }
    let sorted = Arc::new(AtomicBool::new(false));
    let its = sorted.clone();
    is_cancelled_in(move || {
        let mut two = [1u8, 2];
        // SAFETY: two bytes, and a function that compares.
        unsafe { libc::qsort(two.as_mut_ptr().cast(), 2, 1, Some(compare)) };
        its.store(true, SeqCst);
        thread::park();
    });
    assert!(sorted.load(SeqCst));
}

#[test]
fn who_catches_it_is_asked_again_and_then_let_alone() {
    let task = thread::spawn(|| {
        let mut caught = 0;
        while panic::catch_unwind(AssertUnwindSafe(|| thread::sleep(Duration::from_millis(50)))).is_err() {
            caught += 1;
        }
        caught
    });
    task.cancel();
    let caught = task.join();
    // It may not have started when it was cancelled.
    assert!(caught.as_ref().is_ok_and(|&caught| caught == 3) || is_cancelled(caught));
}

#[test]
fn a_message_on_its_way_goes_to_another() {
    for capacity in [0, 1] {
        for _ in 0..200 {
            let (s, r) = channel::bounded(capacity);
            let mut receivers: Vec<JoinHandle<usize>> = Vec::new();
            for _ in 0..3 {
                let r = r.clone();
                receivers.push(thread::spawn(move || r.recv().map_or(0, |()| 1)));
            }
            receivers[0].cancel();
            let sender = thread::spawn(move || (s.send(()), s.send(())));
            receivers[1].cancel();
            drop(r);
            // What was sent was received, by a task that was cancelled too late, or by the last. A buffer may keep the second.
            let received = receivers.into_iter().map(|task| task.join().unwrap_or(0)).sum::<usize>();
            let sent = sender.join().unwrap();
            let sent = usize::from(sent.0.is_ok()) + usize::from(sent.1.is_ok());
            assert!((1..=2).contains(&received), "{received} received");
            assert!(received == sent || capacity == 1 && received < sent, "{received} received, {sent} sent");
        }
    }
}

#[test]
fn a_timeout_inside_is_passed() {
    is_cancelled_in(|| {
        let _ = timeout(LONG, || thread::sleep(LONG));
        unreachable!("the cancellation does not stop there");
    });
}

#[test]
fn crowds_of_them_from_other_threads() {
    let runtime = Builder::new().workers(2).build().unwrap();
    let tasks: Vec<_> = (0..1000).map(|_| runtime.spawn(|| thread::sleep(LONG))).collect();
    std::thread::scope(|scope| {
        for part in tasks.chunks(300) {
            scope.spawn(move || part.iter().for_each(JoinHandle::cancel));
        }
    });
    assert!(tasks.into_iter().all(|task| is_cancelled(task.join())));
}
