//! Runtimes: workers on OS threads that run tasks.
//!
//! Most programs need none of this: what is spawned outside a runtime goes to a process-wide default one, which starts on
//! first use and has a worker for each core. A runtime of one's own has its own workers, and ends when it is dropped.
//!
//! ```
//! use morestack::{runtime, thread};
//!
//! let runtime = runtime::Builder::new().workers(2).build()?;
//! let sum = runtime.run(|| {
//!     let tasks: Vec<_> = (0..10).map(|i| thread::spawn(move || i * i)).collect();
//!     tasks.into_iter().map(|task| task.join().unwrap()).sum::<u32>()
//! });
//! assert_eq!(sum, 285);
//! # Ok::<(), std::io::Error>(())
//! ```

pub use crate::sched::inspect::{
    Dump, Metrics, SegmentCount, Stack, State, TaskInfo, WorkerInfo, dump, dump_on_sigquit, latency, metrics,
};
pub use crate::sched::monitor::{Frame, Place, Report, SystemCall, TaskLabel, set_report_hook, take_report_hook};
pub use crate::sched::on::WaitsFor;
pub use crate::sched::runtime::Leftover;

use crate::sched::OWN_THREAD_STACK;
use crate::sched::mailbox::MailboxRef;
use crate::sched::monitor;
use crate::sched::panicking;
use crate::sched::runtime::{Seat, Shared};
use crate::sched::spawn::{self, Settings, Target};
use crate::sched::task::Join;
use crate::sched::worker::Worker;
use crate::stack::big;
use crate::task::{AbiArgs, AbiResults, MappedFn, report};
use std::io;
use std::num::NonZero;
use std::panic;
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::{self as os, available_parallelism};
use std::time::Duration;

/// Settings of a runtime to be built.
#[derive(Clone, Debug)]
#[must_use = "a builder builds nothing by itself"]
pub struct Builder {
    workers: Option<usize>,
    name: String,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A runtime with a worker for each core that the process may use.
    pub fn new() -> Builder {
        Builder { workers: None, name: "worker".to_owned() }
    }

    /// How many workers, and so OS threads, it has. At least one.
    pub fn workers(mut self, workers: usize) -> Builder {
        self.workers = Some(workers);
        self
    }

    /// What its OS threads are called: this, and a number. Default `worker`.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = name.into();
        self
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// `InvalidInput` for no workers, more than [`MAX_WORKERS`], or a name with a null byte; what the system says if it refuses a
    /// thread or a descriptor. Workers that had started by then have ended.
    pub fn build(self) -> io::Result<Runtime> {
        let workers = match self.workers {
            Some(workers) => workers,
            None => available_parallelism().map_or(1, NonZero::get),
        };
        if workers == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a runtime needs at least one worker"));
        }
        if workers > MAX_WORKERS {
            let text = format!("a runtime has at most {MAX_WORKERS} workers, not {workers}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        if self.name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name of a thread cannot contain a null byte"));
        }
        // Now, when nobody panics, and not in the middle of the first task that waits while it does.
        panicking::mechanism();
        report::register();
        big::expect_decay();
        let deques: Vec<_> = (0..workers).map(|_| crossbeam_deque::Worker::new_fifo()).collect();
        let shared = Arc::new(Shared::new(&deques));
        let mut runtime = Runtime { shared: shared.clone(), threads: Vec::with_capacity(workers) };
        let (ready, started) = mpsc::channel();
        let mut failure = None;
        for (index, fresh) in deques.into_iter().enumerate() {
            let (shared, ready) = (shared.clone(), ready.clone());
            let thread = os::Builder::new().name(format!("{}-{index}", self.name)).stack_size(OWN_THREAD_STACK);
            let spawned = thread.spawn(move || {
                let seat = Seat::new(shared, index, fresh);
                Worker::main(seat, move |mailbox| {
                    // If the builder has given up, nobody hears it, and nothing begins.
                    let _ = ready.send((index, mailbox));
                });
            });
            match spawned {
                Ok(thread) => runtime.threads.push(thread),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        drop(ready);
        let mut mailboxes: Vec<Option<MailboxRef>> = vec![None; workers];
        for (index, mailbox) in started {
            match mailbox {
                Ok(mailbox) => mailboxes[index] = Some(mailbox),
                Err(error) => failure = Some(error),
            }
        }
        match mailboxes.into_iter().collect::<Option<Vec<_>>>() {
            Some(all) if failure.is_none() => {
                // Seldom refused: then nothing has begun.
                if let Err(error) = monitor::start() {
                    shared.begin(Vec::new());
                    return Err(error);
                }
                shared.begin(all);
                monitor::watch(&shared);
            }
            // None of them begins: they end, and the runtime's drop waits for that.
            _ => {
                shared.begin(Vec::new());
                return Err(failure.unwrap_or_else(|| io::Error::other("a worker ended before it had started")));
            }
        }
        Ok(runtime)
    }
}

/// The most workers that a runtime can have: far more than any machine has cores, and few enough to ask for their memory.
pub const MAX_WORKERS: usize = 1 << 14;

/// How long dropping a runtime waits for tasks that must not be interrupted, or do not let themselves be.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// Workers that run tasks.
///
/// Dropping it shuts it down, see [`shutdown`](Self::shutdown).
pub struct Runtime {
    shared: Arc<Shared>,
    threads: Vec<os::JoinHandle<()>>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("workers", &self.workers()).finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime with a worker for each core.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.shared.workers()
    }

    /// Runs the closure as a task of this runtime, and waits for its result.
    ///
    /// # Panics
    /// With the closure's panic; if there is no memory for a task.
    pub fn run<F, T>(&self, f: F) -> T
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: this waits for the task's end, whatever happens, before the borrows of its closure end.
        let join: Join<T> = unsafe { spawn::spawn_unchecked(Target::Runtime(&self.shared), Settings::default(), f) }
            .unwrap_or_else(|error| panic!("cannot spawn a task: {error}"));
        join.wait_uncancellable();
        join.take().unwrap_or_else(|payload| panic::resume_unwind(payload))
    }

    /// Spawns a closure as a task of this runtime, wherever the caller is.
    ///
    /// # Panics
    /// If there is no memory for a task.
    pub fn spawn<F, T>(&self, f: F) -> crate::thread::JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        crate::thread::Builder::new().spawn_on(self, f).unwrap_or_else(|error| panic!("cannot spawn a task: {error}"))
    }

    /// Spawns a mapped function as a task of this runtime. While no Rust frame is live in it, it moves to other workers freely,
    /// and gives way after 10 ms if it does not before.
    ///
    /// # Panics
    /// If there is no memory for a task.
    pub fn spawn_mapped<A, R>(&self, function: MappedFn<A, R>, args: A) -> crate::thread::JoinHandle<R>
    where
        A: AbiArgs + Send + 'static,
        R: AbiResults + Send + 'static,
    {
        let join = spawn::spawn_mapped(Target::Runtime(&self.shared), Settings::default(), function, args);
        crate::thread::JoinHandle::new(join.unwrap_or_else(|error| panic!("cannot spawn a task: {error}")))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Ends the runtime: tasks that have not started are dropped, and joining them gives an error; those that have started
    /// are unwound where they park, on their own workers, so that their destructors run; joining them gives
    /// [`Cancelled`](crate::sched::Cancelled). Returns the tasks that could not be ended, because they are parked below code
    /// that cannot be unwound, or caught it and parked again, or have not ended `grace` later. If such a task lends to other
    /// threads what it borrows, its OS thread stays for good, asleep, because it may be a thread-local.
    ///
    /// It waits for tasks that run: one that neither ends nor parks nor yields keeps it waiting. Called in one of the
    /// runtime's own tasks it does not wait, and returns nothing: what is left over is reported when the last worker ends.
    pub fn shutdown(mut self, grace: Duration) -> Vec<Leftover> {
        self.end(grace)
    }

    fn end(&mut self, grace: Duration) -> Vec<Leftover> {
        self.shared.close(grace);
        let own = Seat::here().is_some_and(|seat| Arc::ptr_eq(&seat.shared, &self.shared));
        let staying = if own { Vec::new() } else { self.shared.wait_for_end(self.threads.len()) };
        for (index, thread) in self.threads.drain(..).enumerate() {
            if !own && !staying.contains(&index) {
                thread.join().expect("a worker's loop runs no code that panics");
            }
        }
        if own {
            return Vec::new();
        }
        self.shared.drop_injected();
        self.shared.leftovers()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // None are left after `shutdown`, whose grace is to hold.
        if !self.threads.is_empty() {
            for leftover in self.end(SHUTDOWN_GRACE) {
                monitor::report_leftover(leftover);
            }
        }
        // While this still holds the shared part, so that the monitor is never the last to drop it.
        monitor::unwatch(&self.shared);
    }
}

/// The runtime of everything that is spawned outside any other. It starts on first use, and is never shut down: when `main`
/// returns, the process ends, as with std's threads.
///
/// # Panics
/// If it cannot start.
pub(crate) fn default() -> &'static Runtime {
    static DEFAULT: OnceLock<Runtime> = OnceLock::new();
    DEFAULT.get_or_init(|| {
        let mut builder = Builder::new();
        builder.workers = DEFAULT_WORKERS.get().copied();
        builder.build().unwrap_or_else(|error| panic!("the default runtime cannot start: {error}"))
    })
}

static DEFAULT_WORKERS: OnceLock<usize> = OnceLock::new();

/// Poisons the guard of every mapped task that runs on a worker now, as the monitor does when a time slice is over. For tests.
#[doc(hidden)]
pub fn __poison_running() {
    monitor::poison_running();
}

/// The body of `#[morestack::main]`.
#[doc(hidden)]
pub fn __main<R: Send + 'static>(workers: Option<usize>, body: fn() -> R) -> R {
    if let Some(workers) = workers {
        let _first = DEFAULT_WORKERS.set(workers);
    }
    dump_on_sigquit();
    default().run(body)
}

/// The body of `#[morestack::test]`.
#[doc(hidden)]
pub fn __test<R: Send + 'static>(workers: Option<usize>, body: fn() -> R) -> R {
    let runtime = Builder::new().workers(workers.unwrap_or(2)).build();
    runtime.unwrap_or_else(|error| panic!("a test's runtime cannot start: {error}")).run(body)
}
