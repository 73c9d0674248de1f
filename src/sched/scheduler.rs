//! A scheduler that its owner runs: a worker without a seat.

use super::current_task;
use super::idle;
use super::mailbox::Mailbox;
use super::spawn::{self, Settings};
use super::task::{Join, Task};
use super::worker::Worker;
use crate::stack::StackError;
use crate::task::{AbiArgs, AbiResults, MappedFn, report};
use std::panic;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::Result;

/// What [`Scheduler::run`] leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Every task has ended.
    Finished,
    /// So many tasks are parked, and nothing is ready.
    Parked(usize),
}

/// A scheduler of tasks on the calling thread.
///
/// Tasks run inside [`run`](Scheduler::run) and [`JoinHandle::join`], on this thread only; so their closures need not be
/// `Send`. Dropping it drops the tasks that have not started, and joining one of them gives an error; a parked task stays as
/// it is for ever, and what its stack owns is leaked.
pub struct Scheduler {
    worker: Rc<Worker>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Scheduler {
    /// A scheduler for the calling thread.
    pub fn new() -> Scheduler {
        report::register();
        Scheduler { worker: Worker::new(Mailbox::new(Arc::new(idle::Idle::new())), None) }
    }

    /// Runs tasks until none is ready, and none waits for a time or for I/O. On a thread that is no runtime's, none is in a
    /// [`scope`](crate::thread::scope) either then, which may lend to other threads what is gone when this one ends.
    pub fn run(&self) -> Idle {
        self.worker.run_until(None);
        match self.worker.live_count() {
            0 => Idle::Finished,
            parked => Idle::Parked(parked),
        }
    }

    /// Halves the go segments of parked tasks that use less than a quarter, until none does. Segments made smaller.
    ///
    /// The scheduler does the same bit by bit while it runs; this is for a quiet moment, or a test.
    pub fn shrink_parked(&self) -> usize {
        (0..self.worker.live_count()).filter(|&index| self.worker.shrink(index)).count()
    }

    /// A task in the making: name, stack sizes.
    pub fn builder(&self) -> Builder<'_> {
        Builder { scheduler: self, settings: Settings::default() }
    }

    /// Spawns a Rust closure, see [`Builder::spawn`].
    ///
    /// # Panics
    /// If there is no memory for its stack, as [`std::thread::spawn`] does.
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        self.builder().spawn(f).unwrap_or_else(|error| panic!("cannot spawn a task: {error}"))
    }

    /// Spawns a mapped function, see [`Builder::spawn_mapped`].
    ///
    /// # Panics
    /// If there is no memory for its stack.
    pub fn spawn_mapped<A, R>(&self, function: MappedFn<A, R>, args: A) -> JoinHandle<R>
    where
        A: AbiArgs + 'static,
        R: AbiResults + 'static,
    {
        self.builder().spawn_mapped(function, args).unwrap_or_else(|error| panic!("cannot spawn a task: {error}"))
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.worker.cancel_fresh();
    }
}

/// Settings of a task to be spawned.
#[must_use = "a builder spawns nothing by itself"]
pub struct Builder<'s> {
    scheduler: &'s Scheduler,
    settings: Settings,
}

impl Builder<'_> {
    /// Names the task, for reports.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into().into_boxed_str());
        self
    }

    /// Bytes of the big stack on which a Rust closure runs. Address space, not memory: pages are committed when touched.
    /// Default: `RUST_MIN_STACK`, or 256 KB. In a split build closures that are checked start on 2 KB and grow to what
    /// [`max_stack`](Self::max_stack) allows; their foreign calls run on a stack of the worker, or, if more than its size (8 MB or
    /// `RUST_MIN_STACK`) is asked for here, on one of the task's.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = Some(bytes);
        self
    }

    /// Bytes to which the task's go segment may grow, and in a split build the segments of its checked Rust code, all together;
    /// growing further ends the process with a report. Default 1 GB, least 2 KB.
    pub fn max_stack(mut self, bytes: usize) -> Self {
        self.settings.max_stack = Some(bytes);
        self
    }

    /// Spawns a Rust closure. It runs on a big stack, and calls mapped functions on a go segment of its own.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory for the stack, or its size is impossible. The closure is dropped.
    pub fn spawn<F, T>(self, f: F) -> std::result::Result<JoinHandle<T>, StackError>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        let worker = &self.scheduler.worker;
        let join = spawn::spawn_local(worker, self.settings, f)?;
        Ok(JoinHandle { worker: worker.clone(), join })
    }

    /// Spawns a mapped function. It starts on a go segment of 2 KB, and holds nothing else while it calls no Rust.
    ///
    /// # Errors
    /// [`StackError`] if there is no memory for the segment.
    pub fn spawn_mapped<A, R>(self, function: MappedFn<A, R>, args: A) -> std::result::Result<JoinHandle<R>, StackError>
    where
        A: AbiArgs + 'static,
        R: AbiResults + 'static,
    {
        let worker = &self.scheduler.worker;
        let join = spawn::spawn_mapped_local(worker, self.settings, function, args)?;
        Ok(JoinHandle { worker: worker.clone(), join })
    }
}

/// The right to a task's result. Dropping it detaches the task, which runs on.
pub struct JoinHandle<T> {
    worker: Rc<Worker>,
    join: Join<T>,
}

impl<T> JoinHandle<T> {
    /// The task.
    pub fn task(&self) -> Task {
        self.join.task()
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.join.is_finished()
    }

    /// Asks the task to end, see [`thread::JoinHandle::cancel`](crate::thread::JoinHandle::cancel).
    pub fn cancel(&self) {
        self.join.cancel();
    }

    /// Waits for the task's end. In a task of the same scheduler it parks; elsewhere it runs the task's scheduler until the
    /// task has ended; as to scopes, see [`Scheduler::run`]. (In a task of another scheduler, that other one stands still
    /// meanwhile.)
    ///
    /// # Errors
    /// The payload of the panic that ended the task; a `&'static str` if its scheduler was dropped before it had started.
    ///
    /// # Panics
    /// If it can never return: no task is ready, and none of them could wake the one that is waited for; or in the task
    /// itself.
    pub fn join(self) -> Result<T> {
        if current_task().is_some() && std::ptr::eq(Worker::running(), &*self.worker) {
            assert!(!self.join.is_current(), "a task cannot join itself: it would wait for ever");
            self.join.wait();
        } else {
            self.worker.run_until(Some(&|| self.is_finished()));
            assert!(
                self.is_finished(),
                "all tasks are asleep - deadlock: {} has not ended, and no task of its scheduler is ready",
                self.join.header()
            );
        }
        self.join.take()
    }

    /// As [`join`](Self::join), but a panic of the task goes on here.
    pub fn join_or_resume(self) -> T {
        self.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
    }
}
