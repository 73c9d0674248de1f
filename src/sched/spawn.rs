//! Making tasks.

use super::header::{self, Custom, Header};
use super::inspect::count_spawn;
use super::runtime::{Seat, Shared, Stealable};
use super::task::{Join, Mapped, Stage, closure_kind, mapped_kind};
use super::worker::Worker;
use crate::arch;
use crate::stack::StackError;
use crate::stack::big::{self, BigStack};
use crate::stack::layout::{MAX_STACK, STACK_GUARD, STACK_MIN, STACK_TOP};
use crate::task::abi::CallFrame;
use crate::task::{AbiArgs, AbiResults, MappedFn, slab, thread};
use std::io;

/// What a task is to be like.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// For reports.
    pub(crate) name: Option<Box<str>>,
    /// Bytes of its big stack.
    pub(crate) stack_size: Option<usize>,
    /// Bytes to which its go segment may grow.
    pub(crate) max_stack: Option<usize>,
}

impl Settings {
    /// What only few tasks have.
    #[inline]
    fn custom(&self, big: Option<BigStack>) -> Option<Box<Custom>> {
        if big.is_none() && self.max_stack.is_none() {
            return None;
        }
        let max_stack = self.max_stack.unwrap_or(MAX_STACK).max(STACK_MIN);
        Some(Box::new(Custom { big, max_stack }))
    }
}

fn refused(size: usize) -> StackError {
    StackError::OutOfMemory { size, source: io::ErrorKind::OutOfMemory.into() }
}

/// A task for a closure, with references for the scheduler and the handle. It gets its stack when it starts; that there will
/// be one is made sure of here.
#[inline]
fn closure<F, T>(mut settings: Settings, f: F, eager: bool) -> Result<*mut Header, StackError>
where
    F: FnOnce() -> T,
{
    let kind = const { &closure_kind::<F, T>() };
    let small = header::is_checked(kind);
    let (big, promised) = match settings.stack_size {
        // Its own stack grows as it needs. More than usual is for its foreign calls.
        Some(size) if small && big::exceeds_default(size)? => (Some(BigStack::new(Some(size))?), false),
        _ if small => (None, false),
        None if !eager => {
            let big = big::promise()?;
            let promised = big.is_none();
            (big, promised)
        }
        size => (Some(BigStack::new(size)?), false),
    };
    let size = big.as_ref().map_or(big::DEFAULT_SIZE, BigStack::size);
    let (custom, big) = if eager && !small { (settings.custom(None), big) } else { (settings.custom(big), None) };
    let header = Header::new(kind, settings.name.take(), custom);
    count_spawn();
    header.promised.set(promised);
    match header::allocate(header, Stage::<F, T>::Fresh(f)) {
        Some(task) => {
            // SAFETY: the task is ours, and fresh; m is this thread's. If there is no memory, nobody else has the two references.
            unsafe {
                if let Some(big) = big {
                    header::settle(task, big);
                } else if small
                    && eager
                    && let Err(error) = header::settle_small(task, thread::current().m())
                {
                    header::cancel_closure(task, "there was no memory for its stack");
                    Header::release(task);
                    Header::release(task);
                    return Err(error);
                }
            }
            Ok(task)
        }
        None => {
            if promised {
                big::unpromise();
            }
            Err(refused(size))
        }
    }
}

/// A task for a mapped function, its arguments laid out on a go segment.
fn mapped<A, R>(mut settings: Settings, function: MappedFn<A, R>, args: A) -> Result<*mut Header, StackError>
where
    A: AbiArgs + 'static,
    R: AbiResults + 'static,
{
    let bytes = CallFrame::<A, R>::WORDS * 8;
    // The arguments, and the return address of the call, above the guard; the rest is the function's own check.
    let size = (bytes + STACK_TOP + 8 + STACK_GUARD + 1).next_power_of_two().max(STACK_MIN);
    let thread = thread::current();
    // SAFETY: m is this thread's, and the borrow ends here.
    let segment = unsafe { (*thread.m()).cache.alloc(size)? };
    let custom = settings.custom(None);
    let header = Header::new(const { &mapped_kind::<A, R>() }, settings.name.take(), custom);
    count_spawn();
    let max_stack = header.max_stack();
    let made = header::allocate(header, Mapped::<A, R>::new());
    let made = made.and_then(|task| match slab::alloc(max_stack, task.cast_const().cast()) {
        Some(g) => Some((task, g)),
        None => {
            // SAFETY: just made, with two references that nobody else has.
            unsafe {
                Header::release(task);
                Header::release(task);
            }
            None
        }
    });
    let Some((task, g)) = made else {
        // SAFETY: as above.
        unsafe { (*thread.m()).cache.free(segment) };
        return Err(refused(size));
    };
    // SAFETY: the task and its g are ours, and the segment has room for the frame below its top words.
    unsafe {
        (*g).stack.set_segment(segment);
        let sp = (*g).stack.hi - STACK_TOP - bytes;
        (sp as *mut CallFrame<A, R>).write(CallFrame::new(args));
        (*g).stack.sched.sp = sp;
        (*g).stack.sched.pc = arch::mapped_start();
        (*g).stack.sched.ctxt = function.entry();
        (*task).g.set(g);
    }
    Ok(task)
}

/// Whether this is a task of a runtime: then waits of it may be ended from other threads, while its own goes on.
pub(crate) fn in_task_of_a_runtime() -> bool {
    super::current_task().is_some() && Worker::running().seat.is_some()
}

/// Where a fresh task goes.
pub(crate) enum Target<'a> {
    /// To the calling worker, whose place this is.
    Here(&'a Seat),
    /// To this runtime.
    Runtime(&'a Shared),
    /// To one worker of it; there is one of that number.
    Worker(&'a Shared, usize),
}

impl Target<'_> {
    /// Queues the task, which owns the scheduler's reference.
    #[inline]
    fn push(self, task: *mut Header) {
        match self {
            Target::Here(seat) => seat.push(Stealable(task)),
            Target::Runtime(shared) => match Seat::here() {
                Some(seat) if std::ptr::eq(&*seat.shared, shared) => seat.push(Stealable(task)),
                _ => shared.inject(Stealable(task)),
            },
            Target::Worker(shared, index) => {
                let there = shared.inject_at(index, task);
                assert!(there, "a runtime has no worker of the number that was asked for");
            }
        }
    }
}

/// Spawns a closure into a runtime.
///
/// The closure and its result need not outlive the task's handle for the borrow checker: a scope makes sure that they do.
///
/// # Errors
/// There is no memory for it. The closure is dropped.
///
/// # Safety
/// What the closure and its result borrow lives until the task has ended.
#[inline]
pub(crate) unsafe fn spawn_unchecked<'a, F, T>(
    target: Target<'_>,
    settings: Settings,
    f: F,
) -> Result<Join<T>, StackError>
where
    F: FnOnce() -> T + Send + 'a,
    T: Send + 'a,
{
    let task = closure(settings, f, false)?;
    target.push(task);
    // SAFETY: just made, with the handle's reference.
    Ok(unsafe { Join::of_closure::<F>(task) })
}

/// Spawns a mapped function into a runtime.
///
/// # Errors
/// There is no memory for it.
pub(crate) fn spawn_mapped<A, R>(
    target: Target<'_>,
    settings: Settings,
    function: MappedFn<A, R>,
    args: A,
) -> Result<Join<R>, StackError>
where
    A: AbiArgs + 'static,
    R: AbiResults + 'static,
{
    let task = mapped(settings, function, args)?;
    target.push(task);
    // SAFETY: just made, with the handle's reference.
    Ok(unsafe { Join::of_mapped::<A>(task) })
}

/// Spawns a closure onto a worker of the calling thread.
pub(super) fn spawn_local<F, T>(worker: &Worker, settings: Settings, f: F) -> Result<Join<T>, StackError>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    worker.reserve().map_err(|_| refused(big::DEFAULT_SIZE))?;
    let task = closure(settings, f, true)?;
    // SAFETY: just made, with a G; there is room.
    unsafe {
        worker.make_ready_fresh(task);
        Ok(Join::of_closure::<F>(task))
    }
}

/// Spawns a mapped function onto a worker of the calling thread.
pub(super) fn spawn_mapped_local<A, R>(
    worker: &Worker,
    settings: Settings,
    function: MappedFn<A, R>,
    args: A,
) -> Result<Join<R>, StackError>
where
    A: AbiArgs + 'static,
    R: AbiResults + 'static,
{
    worker.reserve().map_err(|_| refused(STACK_MIN))?;
    let task = mapped(settings, function, args)?;
    // SAFETY: as in spawn_local.
    unsafe {
        worker.make_ready_fresh(task);
        Ok(Join::of_mapped::<A>(task))
    }
}
