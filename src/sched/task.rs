//! What a task does beside running: its kinds of body, and the handles that name it.

use super::cancel::Cancel;
use super::header::{self, Header, Kind, body};
use super::interrupt;
use super::lend::Lends;
use super::on::{On, WaitsFor};
use super::runtime::NOT_STARTED;
use super::wait::{self, Cancelled, Uncancellable};
use super::waker::Waker;
use super::worker::Worker;
use crate::task::abi::CallFrame;
use crate::task::g::Payload;
use crate::task::{AbiArgs, AbiResults};
use std::fmt;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::thread::Result;

/// What a Rust task holds: first its closure, then its result.
pub(super) enum Stage<F, T> {
    Fresh(F),
    Running,
    Done(Result<T>),
    Taken,
}

/// What a mapped task holds when it has ended. Its arguments are on its stack from the start.
pub(super) struct Mapped<A, R: AbiResults> {
    results: Option<Result<R::Area>>,
    signature: PhantomData<fn(A)>,
}

impl<A, R: AbiResults> Mapped<A, R> {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Mapped { results: None, signature: PhantomData }
    }
}

/// How closures are run.
pub(super) const fn closure_kind<F: FnOnce() -> T, T>() -> Kind {
    Kind {
        run: Some(run_closure::<F, T>),
        finish: |_, _| {},
        cancel: cancel_closure::<F, T>,
        drop_result: |task| {
            // SAFETY: the task has ended, and nobody else has a right to its result.
            drop(unsafe { body::<Stage<F, T>>(task).replace(Stage::Taken) });
        },
        free: header::free::<Stage<F, T>>,
    }
}

/// How mapped functions are.
pub(super) const fn mapped_kind<A: AbiArgs, R: AbiResults>() -> Kind {
    Kind {
        run: None,
        finish: |task, results| {
            // SAFETY: called once, by the task's end. The frame is the one that the spawn laid out, wherever it is now, with the
            // results in it.
            unsafe {
                let read = |frame: *const u64| (*frame.cast::<CallFrame<A, R>>()).results.0.assume_init();
                (*body::<Mapped<A, R>>(task)).results = Some(results.map(read));
            }
        },
        // SAFETY: the task will not run again.
        cancel: |task, payload| unsafe { (*body::<Mapped<A, R>>(task)).results = Some(Err(payload)) },
        drop_result: |task| {
            // SAFETY: the task has ended, and nobody else has a right to its result.
            drop(unsafe { (*body::<Mapped<A, R>>(task)).results.take() });
        },
        free: header::free::<Mapped<A, R>>,
    }
}

unsafe fn run_closure<F: FnOnce() -> T, T>(task: *mut Header) {
    // SAFETY: called once, by the task itself. No borrow of the body is held while the closure runs.
    unsafe {
        let Stage::Fresh(f) = body::<Stage<F, T>>(task).replace(Stage::Running) else { return };
        let result = if (*task).cancel.get() == Cancel::No {
            panic::catch_unwind(AssertUnwindSafe(f))
        } else {
            drop_closure(f, Worker::running().is_closing())
        };
        interrupt::ended(&*task);
        super::locals::destroy(task);
        body::<Stage<F, T>>(task).write(Stage::Done(result));
    }
}

/// Drops the closure of a task that has only started for that, because it was cancelled, or its runtime is being shut down.
/// Destructors may wait.
#[cold]
fn drop_closure<F, T>(f: F, shutdown: bool) -> Result<T> {
    let _not_now = Uncancellable::new();
    // A destructor that panics has told the panic hook; there is nobody else. The payload could panic again.
    std::mem::forget(panic::catch_unwind(AssertUnwindSafe(|| drop(f))));
    if shutdown { Err(Box::new(NOT_STARTED)) } else { Err(Box::new(Cancelled::as_result())) }
}

unsafe fn cancel_closure<F, T>(task: *mut Header, payload: Payload) {
    // SAFETY: the task will not run, so nobody else uses the body; none of it is borrowed while F is dropped.
    drop(unsafe { body::<Stage<F, T>>(task).replace(Stage::Done(Err(payload))) });
}

unsafe fn take_closure<F, T>(task: *mut Header) -> Result<T> {
    // SAFETY: the task has ended, and its only handle is being used up.
    match unsafe { body::<Stage<F, T>>(task).replace(Stage::Taken) } {
        Stage::Done(result) => result,
        _ => unreachable!("a task that has ended has a result, which is taken once"),
    }
}

unsafe fn take_mapped<A: AbiArgs, R: AbiResults>(task: *mut Header) -> Result<R> {
    // SAFETY: as in `take_closure`.
    let results = unsafe { (*body::<Mapped<A, R>>(task)).results.take() };
    results.expect("a task that has ended has results, which are taken once").map(R::from_area)
}

/// A task, to be unparked or asked for its name. Clones name the same task; a task that has ended is named too.
pub struct Task(*mut Header);

// SAFETY: references are counted atomically; what a handle reads does not change, or is atomic.
unsafe impl Send for Task {}
// SAFETY: likewise.
unsafe impl Sync for Task {}

impl Task {
    /// A handle to a live task.
    pub(super) unsafe fn new(task: *mut Header) -> Task {
        // SAFETY: the caller's task is live.
        unsafe { Header::retain(task) };
        Task(task)
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle holds a reference.
        unsafe { &*self.0 }
    }

    /// A number that no other task of the process has.
    pub fn id(&self) -> u64 {
        self.header().ident.id
    }

    /// The name its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.header().ident.name.as_deref().map(|name| &**name)
    }

    /// Makes its [`park`](super::park) return: the one it is in, or else the next. From any thread.
    pub fn unpark(&self) {
        // An exchange: the park that uses this up then sees what every unpark before it had to show, as std promises.
        self.header().token.swap(true, Ordering::Release);
        // SAFETY: the handle holds a reference.
        unsafe { Header::wake(self.0, false) };
    }
}

impl Clone for Task {
    fn clone(&self) -> Task {
        // SAFETY: this handle holds a reference.
        unsafe { Task::new(self.0) }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // SAFETY: the handle's own reference.
        unsafe { Header::release(self.0) };
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The right to a task's result. Dropping it detaches the task, which runs on.
pub(crate) struct Join<T> {
    task: *mut Header,
    take: unsafe fn(*mut Header) -> Result<T>,
}

// SAFETY: the handle brings the result, or its drop, to the thread that it is on; everything else about it is atomic.
unsafe impl<T: Send> Send for Join<T> {}
// SAFETY: through a shared one, others learn only whether the task has ended, and its name.
unsafe impl<T> Sync for Join<T> {}

impl<T> Join<T> {
    /// Takes over the handle's reference to a task with this closure.
    pub(super) unsafe fn of_closure<F>(task: *mut Header) -> Join<T> {
        Join { task, take: take_closure::<F, T> }
    }

    /// Takes over the handle's reference to a mapped task of this signature.
    pub(super) unsafe fn of_mapped<A: AbiArgs>(task: *mut Header) -> Join<T>
    where
        T: AbiResults,
    {
        Join { task, take: take_mapped::<A, T> }
    }

    /// The task.
    pub(crate) fn task(&self) -> Task {
        // SAFETY: this handle holds a reference.
        unsafe { Task::new(self.task) }
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: this handle holds a reference.
        unsafe { &*self.task }
    }

    /// Whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.header().is_done()
    }

    /// Asks the task to end.
    pub(crate) fn cancel(&self) {
        // SAFETY: this handle holds a reference.
        unsafe { Header::cancel(self.task) };
    }

    /// Whether this is the handle of the task that runs here.
    pub(crate) fn is_current(&self) -> bool {
        super::current_task().is_some_and(|g| Header::of(g) == self.task)
    }

    /// Waits for the task's end, in a task or on an OS thread. In the task itself that is for ever.
    pub(crate) fn wait(&self) {
        /// Forgets the waker, if the wait is given up.
        struct Registered<'a>(&'a Header);
        impl Drop for Registered<'_> {
            fn drop(&mut self) {
                self.0.clear_joiner();
            }
        }
        if self.is_finished() || !self.header().set_joiner(Waker::current()) {
            return;
        }
        let _registered = Registered(self.header());
        while !self.is_finished() {
            wait::wait(On::new(WaitsFor::Join, self.task));
        }
    }

    /// As [`wait`](Self::wait), but nothing interrupts it: the task borrows from the caller.
    pub(crate) fn wait_uncancellable(&self) {
        let _lends = Lends::new();
        let _not_now = Uncancellable::new();
        self.wait();
    }

    /// The result of a task that has ended.
    pub(crate) fn take(self) -> Result<T> {
        assert!(self.is_finished(), "only an ended task has a result");
        // SAFETY: it has ended, and this handle is the only one that takes its result, once: `drop` sees that it is taken.
        unsafe { (self.take)(self.task) }
    }
}

impl<T> Drop for Join<T> {
    fn drop(&mut self) {
        // SAFETY: the handle's own reference and right, given up once. A result that was taken leaves nothing to drop.
        unsafe {
            if self.header().detach() {
                Header::drop_result(self.task);
            }
            Header::release(self.task);
        }
    }
}
