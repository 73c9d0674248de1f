//! Work that blocks its thread, on threads of its own: `getaddrinfo`, files, other people's locks and condition variables.
//!
//! The pool belongs to the process, not to a runtime: its threads run no tasks, and a program with several runtimes needs no
//! more of them. A call goes to an idle thread if there is one, else to a new one, up to [`MAX_THREADS`]; beyond that it waits
//! in a queue. A thread that has been idle for [`KEEP_ALIVE`] ends.

use super::interrupt::Uncancellable;
use super::lend::Lends;
use super::on::{On, WaitsFor};
use super::waker::Waker;
use super::worker::Worker;
use super::{current_task, wait};
use crate::stack::locked;
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Threads at most. They are for calls that sleep in the kernel, so cores do not matter; what does is how many such calls are
/// useful at a time. Disks and resolvers are saturated by some dozens, and a thread costs some 20 KB: 512 is far above the one
/// and affordable by the other. tokio has the same bound, so what moves from there finds it.
const MAX_THREADS: usize = 512;

/// How long an idle thread waits for work: longer than the pauses of a program at work, shorter than anybody takes to
/// wonder what all these threads are for. Starting one again costs some 30 us.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

static POOL: Pool = Pool::new(MAX_THREADS, KEEP_ALIVE);

/// Runs a closure that blocks its thread on a thread made for that, while the task waits and others of its worker run.
///
/// Outside tasks it runs in place, also in a closure that runs like this already, and in tasks of a
/// [`Scheduler`](crate::sched::Scheduler), which has no way to wait for other threads. If the system refuses the first
/// helper thread, it runs in place too, and blocks the worker.
///
/// The closure goes to another thread, so what it borrows is `Sync`; what is not, a `Receiver` of std's say, is moved into it.
///
/// The closure may borrow from the task. So nothing interrupts the wait, neither a [`timeout`](crate::time::timeout) nor the
/// end of the runtime. Thread-locals in it are the helper's, and it belongs to no task: `current()` and task-locals know
/// nothing there.
///
/// At most 512 such closures run at a time in the process; others queue. So closures that wait for each other may wait for ever.
/// Idle helper threads end after 10 s.
///
/// Costs some 10 to 20 us, and some 30 us more when a thread is started.
///
/// # Panics
/// With the closure's panic.
///
/// ```
/// let path = String::from("/proc/self/comm");
/// let name = morestack::thread::spawn(move || {
///     morestack::blocking(|| std::fs::read_to_string(&path)).unwrap_or_else(|error| format!("{path}: {error}"))
/// });
/// assert!(!name.join().unwrap().is_empty());
/// ```
pub fn blocking<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    crate::sigstack::refuse_in_handler("calls `blocking`");
    if current_task().is_none() || Worker::running().seat.is_none() {
        return f();
    }
    POOL.run(f)
}

/// A closure that somebody waits for.
struct Call<F, T> {
    f: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<thread::Result<T>>>,
    end: End,
}

/// The end of the wait for it.
struct End {
    done: AtomicBool,
    waker: UnsafeCell<Option<Waker>>,
}

/// A call on the way to a thread.
struct Job {
    call: NonNull<()>,
    run: unsafe fn(NonNull<()>),
    end: NonNull<End>,
}

// SAFETY: `Pool::run` makes them of closures and results that may go to another thread.
unsafe impl Send for Job {}

impl<F: FnOnce() -> T, T> Call<F, T> {
    fn new(f: F) -> Call<F, T> {
        let end = End { done: AtomicBool::new(false), waker: UnsafeCell::new(Some(Waker::current())) };
        Call { f: UnsafeCell::new(Some(f)), result: UnsafeCell::new(None), end }
    }

    fn job(&self) -> Job {
        Job { call: NonNull::from(self).cast(), run: Self::run, end: NonNull::from(&self.end) }
    }

    /// Runs the closure.
    unsafe fn run(call: NonNull<()>) {
        // SAFETY: a job is run once, and who waits for it keeps the call, and its hands off it, until it is done.
        unsafe {
            let call = call.cast::<Self>().as_ref();
            let f = (*call.f.get()).take().expect("a job is run once");
            *call.result.get() = Some(panic::catch_unwind(AssertUnwindSafe(f)));
        }
    }
}

impl Job {
    /// Runs it; it is not done yet.
    fn run(&self) {
        // SAFETY: as `Call::run` says: jobs come out of the queue once, and nobody has called `end`.
        unsafe { (self.run)(self.call) };
    }

    /// Ends the wait for it.
    fn end(self) {
        // SAFETY: the call is there until it is done, and gone from then on; the waker is the job's until then.
        let waker = unsafe {
            let end = self.end.as_ref();
            let waker = (*end.waker.get()).take();
            end.done.store(true, Ordering::Release);
            waker
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The threads of the pool, if all of them are idle.
pub(super) fn idle_threads() -> Option<usize> {
    let state = locked(&POOL.state);
    (state.queue.is_empty() && state.idle == state.threads).then_some(state.threads)
}

/// Threads for work that blocks.
struct Pool {
    state: Mutex<State>,
    /// Told of each job.
    work: Condvar,
    max_threads: usize,
    keep_alive: Duration,
}

struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// Threads that are not at work, but wait or are about to look at the queue.
    idle: usize,
    /// Threads so far, for their names.
    started: usize,
}

impl Pool {
    const fn new(max_threads: usize, keep_alive: Duration) -> Pool {
        let state = State { queue: VecDeque::new(), threads: 0, idle: 0, started: 0 };
        Pool { state: Mutex::new(state), work: Condvar::new(), max_threads, keep_alive }
    }

    /// Runs a closure on one of the threads, and waits for its result.
    fn run<F, T>(&'static self, f: F) -> T
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // A thread borrows the call.
        let _lends = Lends::new();
        let _not_now = Uncancellable::new();
        let call = Call::new(f);
        if let Err(job) = self.submit(call.job()) {
            job.run();
            job.end();
        }
        while !call.end.done.load(Ordering::Acquire) {
            wait::wait(On::any(WaitsFor::Blocking));
        }
        match call.result.into_inner().expect("a call that is done has a result") {
            Ok(value) => value,
            Err(payload) => panic::resume_unwind(payload),
        }
    }

    /// Gives a job to an idle thread, to a new one, or to the queue. It is handed back if there is no thread at all.
    fn submit(&'static self, job: Job) -> Result<(), Job> {
        let mut state = locked(&self.state);
        if state.queue.len() >= state.idle && state.threads < self.max_threads {
            // Under the lock, so that nobody counts on a thread that is not there. Pools grow seldom.
            match self.start_thread(state.started) {
                Ok(()) => {
                    state.threads += 1;
                    state.idle += 1;
                    state.started += 1;
                }
                Err(_) if state.threads == 0 => return Err(job),
                // It is a matter of time.
                Err(_) => {}
            }
        }
        state.queue.push_back(job);
        self.work.notify_one();
        Ok(())
    }

    fn start_thread(&'static self, number: usize) -> std::io::Result<()> {
        thread::Builder::new().name(format!("blocking-{number}")).spawn(|| self.work()).map(drop)
    }

    /// The life of a thread.
    fn work(&self) {
        loop {
            let mut state = self.wait(locked(&self.state));
            state.idle -= 1;
            let Some(job) = state.queue.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            job.run();
            // Before the end of the call: the next one may come at once, and needs no other thread.
            locked(&self.state).idle += 1;
            job.end();
        }
    }

    /// Waits for a job, for some time.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.work.wait_timeout_while(state, self.keep_alive, |state| state.queue.is_empty());
        // Jobs run without the lock, so nothing panics under it.
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Instant;

    /// A pool that ends with the process, as the real one.
    fn pool(max_threads: usize, keep_alive: Duration) -> &'static Pool {
        Box::leak(Box::new(Pool::new(max_threads, keep_alive)))
    }

    const LONG: Duration = Duration::from_secs(3600);

    fn state(pool: &Pool) -> (usize, usize, usize) {
        let state = locked(&pool.state);
        (state.threads, state.idle, state.started)
    }

    /// Waits until threads, idle ones and threads so far are that many.
    fn await_state(pool: &Pool, wanted: (usize, usize, usize)) {
        let start = Instant::now();
        while state(pool) != wanted {
            assert!(start.elapsed() < Duration::from_secs(60), "{:?} instead of {wanted:?}", state(pool));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn an_idle_thread_is_used_again() {
        let pool = pool(8, LONG);
        let mut ids = Vec::new();
        for _ in 0..20 {
            ids.push(pool.run(|| thread::current().id()));
        }
        assert_eq!(state(pool), (1, 1, 1));
        ids.dedup();
        assert_eq!(ids.len(), 1);
        assert_ne!(ids[0], thread::current().id());
        assert_eq!(pool.run(|| thread::current().name().map(str::to_owned)).as_deref(), Some("blocking-0"));
    }

    #[test]
    fn idle_threads_end() {
        let pool = pool(8, Duration::from_millis(30));
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| pool.run(|| barrier.wait()));
            }
        });
        assert_eq!(state(pool).2, 4, "all of them ran at the same time");
        await_state(pool, (0, 0, 4));
        assert_eq!(pool.run(|| 1), 1);
        await_state(pool, (0, 0, 5));
    }

    #[test]
    fn what_is_too_much_queues_in_order() {
        let pool = pool(1, LONG);
        let order = Mutex::new(Vec::new());
        let (begun, has_begun) = channel();
        let (open, gate) = channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                pool.run(move || {
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                });
            });
            has_begun.recv().unwrap();
            for number in 0..5 {
                let order = &order;
                scope.spawn(move || pool.run(move || order.lock().unwrap().push(number)));
                while locked(&pool.state).queue.len() <= number {
                    thread::yield_now();
                }
            }
            open.send(()).unwrap();
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(state(pool).2, 1);
    }

    #[test]
    fn panics_come_back_and_the_thread_goes_on() {
        let pool = pool(1, LONG);
        let payload = panic::catch_unwind(|| pool.run(|| panic::resume_unwind(Box::new(7_u8)))).unwrap_err();
        assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
        assert_eq!(pool.run(|| 1), 1);
        assert_eq!(state(pool).2, 1);
    }

    /// Many jobs from many threads, with threads that end all the time.
    #[test]
    fn no_job_is_lost() {
        let pool = pool(3, Duration::from_micros(50));
        let (sender, receiver) = channel();
        let submit = |sender: Sender<usize>| {
            for i in 0..500 {
                let sender = &sender;
                pool.run(move || sender.send(i).unwrap());
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                let sender = sender.clone();
                scope.spawn(move || submit(sender));
            }
        });
        drop(sender);
        assert_eq!(receiver.iter().sum::<usize>(), 4 * 499 * 500 / 2);
        assert!(state(pool).0 <= 3);
    }
}
