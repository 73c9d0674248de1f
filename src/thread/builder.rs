//! Spawning with settings.

use super::handle::JoinHandle;
use super::scope::{Scope, ScopedJoinHandle};
use crate::runtime::{self, Runtime};
use crate::sched::runtime::{Seat, Shared};
use crate::sched::spawn::{self, Settings, Target};
use crate::sched::task::Join;
use crate::stack::StackError;
use crate::task::{AbiArgs, AbiResults, MappedFn};
use std::io;

/// Smallest stack of a task, in bytes: smaller sizes are rounded up to it. It is this target's `PTHREAD_STACK_MIN`, to which
/// std rounds up, so that what was enough for a thread is enough for a task. A panic and its message fit in it; a backtrace
/// with names needs more.
pub const MIN_STACK: usize = libc::PTHREAD_STACK_MIN;

/// Settings of a task to be spawned, as [`std::thread::Builder`], and some more.
///
/// ```
/// use morestack::thread::{self, Builder};
///
/// let task = Builder::new().name("parser".into()).stack_size(1 << 20).spawn(|| {
///     thread::current().name().map(str::to_owned)
/// })?;
/// assert_eq!(task.join().unwrap().as_deref(), Some("parser"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "must eventually spawn the thread"]
pub struct Builder {
    settings: Settings,
    affinity: Option<usize>,
}

impl Builder {
    /// A task without a name, of the default sizes, on any worker.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the task: for [`Thread::name`](super::Thread::name) and for reports. Panics say the name of the OS thread.
    ///
    /// The name must not contain a null byte, or spawning panics, as std's does.
    pub fn name(mut self, name: String) -> Builder {
        self.settings.name = Some(name.into_boxed_str());
        self
    }

    /// Bytes of stack for the task's Rust code: address space, of which only the touched pages cost memory. Rounded up to a power
    /// of two less a page, and to [`MIN_STACK`].
    ///
    /// Default: `RUST_MIN_STACK`, or 252 KB. Stacks of the default size are cheaper: their tasks get one when they start, from
    /// a cache of the worker, and others when they are spawned, from a pool under a lock.
    ///
    /// In a split build the stack of checked closures starts on 2 KB and grows as it is needed, up to
    /// [`max_stack`](Self::max_stack). Foreign code that they call runs on a stack of its worker, which has `RUST_MIN_STACK` bytes
    /// (1 MB at least), or 8 MB. A task that asks for more than that here has a stack of its own for its foreign calls.
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.settings.stack_size = Some(size.max(MIN_STACK));
        self
    }

    /// Bytes to which the task's go segment may grow, where its mapped functions run; and in a split build, where a closure's
    /// checked code runs on segments too, all of these together. Growing further ends the process with a report. Default 1 GB, least 2 KB.
    pub fn max_stack(mut self, size: usize) -> Builder {
        self.settings.max_stack = Some(size);
        self
    }

    /// Binds the task to one worker of its runtime, counted from 0. Otherwise it starts on whichever takes it first.
    pub fn affinity(mut self, worker: usize) -> Builder {
        self.affinity = Some(worker);
        self
    }

    /// Spawns a task that runs the closure, in the caller's runtime, or outside tasks in the default one.
    ///
    /// # Errors
    /// - `InvalidInput`: an impossible stack size, or no worker of the number that [`affinity`](Self::affinity) asks for.
    /// - `OutOfMemory`: no memory for the task or its stack.
    ///
    /// An error about the stack holds a [`StackError`] ([`io::Error::get_ref`]). The closure is dropped.
    ///
    /// # Panics
    /// If the name contains a null byte; if the default runtime has to be started for it and cannot.
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        // SAFETY: nothing is borrowed.
        unsafe { self.spawn_unchecked(f) }
    }

    /// As [`spawn`](Self::spawn), for a closure that borrows.
    ///
    /// # Errors
    /// As `spawn`.
    ///
    /// # Panics
    /// As `spawn`.
    ///
    /// # Safety
    /// What the closure and its result borrow lives until the task has ended: until it has been joined, or longer than any
    /// task can. A task that the shutdown of its runtime leaves over ([`Leftover`](crate::runtime::Leftover)) can be joined, but
    /// it has not ended: what it has lent on, to a [`scope`](super::scope) or to [`blocking`](crate::blocking), may still be in use.
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: the caller's promise.
        unsafe { self.spawn_join(f) }.map(JoinHandle::new)
    }

    /// As [`spawn`](Self::spawn), in the given runtime, wherever the caller is.
    ///
    /// ```
    /// use morestack::{runtime, thread};
    ///
    /// let runtime = runtime::Builder::new().workers(1).build()?;
    /// let task = thread::Builder::new().name("there".into()).spawn_on(&runtime, || 2 + 2)?;
    /// assert_eq!(task.join().unwrap(), 4);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As `spawn`.
    ///
    /// # Panics
    /// If the name contains a null byte.
    pub fn spawn_on<F, T>(self, runtime: &Runtime, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.place(Some(runtime.shared()), |target, settings| {
            // SAFETY: nothing is borrowed.
            unsafe { spawn::spawn_unchecked(target, settings, f) }
        })
        .map(JoinHandle::new)
    }

    /// As [`spawn`](Self::spawn), in a scope: the closure may borrow what lives longer than that. [`Scope::spawn`] is this
    /// without settings.
    ///
    /// # Errors
    /// As `spawn`.
    ///
    /// # Panics
    /// As `spawn`.
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        scope.spawn_with(self, f)
    }

    /// Spawns a task that runs a mapped function: on 2 KB to begin with, and movable between the workers while it runs no Rust
    /// code.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    ///
    /// # Panics
    /// As `spawn`.
    pub fn spawn_mapped<A, R>(self, function: MappedFn<A, R>, args: A) -> io::Result<JoinHandle<R>>
    where
        A: AbiArgs + Send + 'static,
        R: AbiResults + Send + 'static,
    {
        self.place(None, |target, settings| spawn::spawn_mapped(target, settings, function, args)).map(JoinHandle::new)
    }

    /// Spawns a closure in the caller's runtime.
    pub(super) unsafe fn spawn_join<'a, F, T>(self, f: F) -> io::Result<Join<T>>
    where
        F: FnOnce() -> T + Send + 'a,
        T: Send + 'a,
    {
        self.place(None, |target, settings| {
            // SAFETY: the caller's promise.
            unsafe { spawn::spawn_unchecked(target, settings, f) }
        })
    }

    /// Checks the settings, and spawns with them where they say.
    fn place<T>(
        self,
        runtime: Option<&Shared>,
        spawn: impl FnOnce(Target<'_>, Settings) -> Result<Join<T>, StackError>,
    ) -> io::Result<Join<T>> {
        let has_null = self.settings.name.as_ref().is_some_and(|name| name.as_bytes().contains(&0));
        assert!(!has_null, "thread name may not contain interior null bytes");
        let target = match (runtime, self.affinity) {
            (Some(shared), None) => Target::Runtime(shared),
            (None, None) => match Seat::here() {
                Some(seat) => Target::Here(seat),
                None => Target::Runtime(runtime::default().shared()),
            },
            (runtime, Some(worker)) => {
                let here = || Seat::here().map(|seat| &*seat.shared);
                let shared = runtime.or_else(here).unwrap_or_else(|| runtime::default().shared());
                let workers = shared.workers();
                if worker >= workers {
                    let why = format!("affinity to worker {worker}, but the runtime has {workers}, counted from 0");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
                }
                Target::Worker(shared, worker)
            }
        };
        spawn(target, self.settings).map_err(refused)
    }
}

/// The error of a spawn that got no stack.
fn refused(error: StackError) -> io::Error {
    let kind = match error {
        StackError::BadSize { .. } | StackError::BadMinStack { .. } => io::ErrorKind::InvalidInput,
        StackError::OutOfMemory { .. } | StackError::TooManyMappings { .. } => io::ErrorKind::OutOfMemory,
    };
    io::Error::new(kind, error)
}
