//! Scopes: tasks that borrow from who spawned them.
//!
//! A scope counts its tasks, and ends when there is none. A task is counted until its closure, its result and what it panicked
//! with are dropped, or given to who joins it: all that may borrow. So its result goes through the scheduler together with what
//! counts it ([`Ended`]): whoever drops the result, the task itself if it is detached or the handle's owner, drops that last.

use super::builder::Builder;
use super::handle::{Named, Thread};
use crate::sched::lend::Lends;
use crate::sched::on::{On, WaitsFor};
use crate::sched::wait::{self, Cancelled, Uncancellable};
use crate::sched::waker::Waker;
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Result;

/// Where scoped tasks are spawned. See [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<Data>,
    /// Invariant in `'scope`, so that it can neither shrink, which would let tasks borrow what lives shorter than the scope,
    /// nor grow.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// What a scope's tasks share. Each holds it, because the last one wakes the owner after it has told that there is none.
struct Data {
    /// Tasks that may still touch what they borrow.
    running: AtomicUsize,
    /// A task has panicked, and nobody has got the payload.
    panicked: AtomicBool,
    /// Tasks whose work was not done because a runtime was shut down, and nobody has been told.
    cancelled: AtomicUsize,
    owner: Waker,
}

impl Data {
    /// Waits until no task is left. Nothing interrupts it: they borrow from below.
    fn wait(&self) {
        let _not_now = Uncancellable::new();
        // Acquire pairs with the release of each task's end.
        while self.running.load(Ordering::Acquire) != 0 {
            wait::wait(On::any(WaitsFor::ScopeEnd));
        }
    }
}

/// One task of a scope, for as long as it is counted.
struct Counted {
    data: Arc<Data>,
    started: bool,
}

impl Counted {
    fn new(data: &Arc<Data>) -> Counted {
        let before = data.running.fetch_add(1, Ordering::Relaxed);
        assert!(before < usize::MAX / 2, "too many running threads in thread scope");
        Counted { data: data.clone(), started: false }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.started {
            self.data.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        // Release: the owner sees all that the task did. From here on nothing borrowed is touched.
        if self.data.running.fetch_sub(1, Ordering::Release) == 1 {
            self.data.owner.wake();
        }
    }
}

/// Takes back the note of a task that was dropped before it had started: the caller learns of it, by an error or a panic.
struct Told<'a>(&'a Data);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.cancelled.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A task that has not started. Its closure is dropped before it is counted no more.
struct Fresh<F> {
    f: F,
    counted: Counted,
}

impl<F> Fresh<F> {
    fn run<T>(self) -> Ended<T>
    where
        F: FnOnce() -> T,
    {
        let Fresh { f, mut counted } = self;
        counted.started = true;
        let result = Some(panic::catch_unwind(AssertUnwindSafe(f)));
        Ended { result, counted }
    }
}

/// A task that has ended. Its result is dropped before it is counted no more.
struct Ended<T> {
    result: Option<Result<T>>,
    counted: Counted,
}

impl<T> Drop for Ended<T> {
    fn drop(&mut self) {
        let data = &self.counted.data;
        match &self.result {
            Some(Err(payload)) if is_cancelled(payload) => _ = data.cancelled.fetch_add(1, Ordering::Relaxed),
            Some(Err(_)) => data.panicked.store(true, Ordering::Relaxed),
            Some(Ok(_)) | None => {}
        }
        let result = self.result.take();
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(result))) {
            data.panicked.store(true, Ordering::Relaxed);
            // It could panic again.
            std::mem::forget(payload);
        }
    }
}

fn is_cancelled(payload: &Box<dyn Any + Send>) -> bool {
    payload.is::<Cancelled>()
}

/// Runs a closure that may spawn tasks which borrow, and waits for all of them. As [`std::thread::scope`], with the same
/// lifetimes: what lives longer than the call may be borrowed by the tasks, `'env` is that, and `'scope` the scope itself.
///
/// ```
/// use morestack::thread;
///
/// let mut a = vec![1, 2, 3];
/// let mut x = 0;
/// thread::scope(|s| {
///     s.spawn(|| println!("a has {} elements", a.len()));
///     s.spawn(|| {
///         x += a[0] + a[2];
///         // Tasks of a scope may spawn more of them.
///         s.spawn(|| println!("the first is {}", a[0]));
///     });
/// });
/// a.push(4);
/// assert_eq!(x, a.len());
/// ```
///
/// What does not live long enough is refused:
///
/// ```compile_fail,E0373
/// morestack::thread::scope(|s| {
///     let inside = 1;
///     s.spawn(|| println!("{inside}"));
/// });
/// ```
///
/// It waits for handles that were not joined to be dropped, too. A shutdown of the runtime does not interrupt it; the tasks of
/// the scope that belong to that runtime are ended by it.
///
/// # Panics
/// After the wait: with the panic of the closure; with "a scoped thread panicked" if a task has and nobody joined it.
/// If instead a task was ended by the shutdown of its runtime and nobody joined it, the caller is unwound as well, with
/// [`Cancelled`].
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let _lends = Lends::new();
    let data = Data {
        running: AtomicUsize::new(0),
        panicked: AtomicBool::new(false),
        cancelled: AtomicUsize::new(0),
        owner: Waker::current(),
    };
    let scope = Scope { data: Arc::new(data), scope: PhantomData, env: PhantomData };
    // Caught, so that the wait is none in the middle of a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.data.wait();
    match result {
        Err(payload) => panic::resume_unwind(payload),
        Ok(_) if scope.data.panicked.load(Ordering::Relaxed) => panic!("a scoped thread panicked"),
        Ok(_) if scope.data.cancelled.load(Ordering::Relaxed) > 0 => Cancelled::raise(),
        Ok(result) => result,
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Spawns a task in the scope. If its handle is not joined, the scope waits for it. As [`std::thread::Scope::spawn`].
    ///
    /// # Panics
    /// If there is no memory for the task. [`Builder::spawn_scoped`] returns that as an error.
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.spawn_with(Builder::new(), f).unwrap_or_else(|error| panic!("failed to spawn thread: {error}"))
    }

    pub(super) fn spawn_with<F, T>(&'scope self, builder: Builder, f: F) -> std::io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let fresh = Fresh { f, counted: Counted::new(&self.data) };
        // If it is not spawned, it is dropped.
        let told = Told(&self.data);
        // SAFETY: what the task borrows lives as long as 'scope, which is until `scope` has waited; and it is counted until
        // nothing of it touches that any more.
        let join = unsafe { builder.spawn_join(move || fresh.run()) }?;
        std::mem::forget(told);
        Ok(ScopedJoinHandle { named: Named::new(join), data: &self.data })
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("running", &self.data.running.load(Ordering::Relaxed))
            .field("panicked", &self.data.panicked.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// The right to the result of a task of a scope, as [`std::thread::ScopedJoinHandle`]. Dropping it leaves the task to the scope.
pub struct ScopedJoinHandle<'scope, T> {
    named: Named<Ended<T>>,
    data: &'scope Data,
}

// SAFETY: as for `JoinHandle`.
unsafe impl<T> Send for ScopedJoinHandle<'_, T> {}
// SAFETY: likewise.
unsafe impl<T> Sync for ScopedJoinHandle<'_, T> {}

impl<T> ScopedJoinHandle<'_, T> {
    /// The task.
    pub fn thread(&self) -> &Thread {
        self.named.thread()
    }

    /// Waits for the task's end, and returns its result. See [`JoinHandle::join`](super::JoinHandle::join).
    ///
    /// # Errors
    /// The payload of the panic that ended the task; the scope does not panic for it then.
    ///
    /// # Panics
    /// In the task itself, which would wait for ever.
    pub fn join(self) -> Result<T> {
        match self.named.join() {
            Ok(mut ended) => ended.result.take().expect("taken here only"),
            Err(payload) => {
                // It was dropped before it had started.
                drop(Told(self.data));
                Err(payload)
            }
        }
    }

    /// Whether the task has ended, so that [`join`](Self::join) does not wait. Does not wait itself.
    pub fn is_finished(&self) -> bool {
        self.named.is_finished()
    }

    /// Asks the task to end, see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    pub fn cancel(&self) {
        self.named.cancel();
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").field("thread", self.thread()).finish_non_exhaustive()
    }
}
