//! Waiting: what everything that blocks is made of. Works in tasks and on OS threads.
//!
//! A wait ends when its [`Waker`](super::waker::Waker) is woken; a wake that came before ends it at once, and it may end
//! without a reason, so callers look at their condition in a loop.
//!
//! **Cancellation.** When its task is cancelled, or its runtime shut down, a wait unwinds its task with [`Cancelled`] as the payload, so a caller that
//! has told others where to find it unlinks itself in a guard. It does not while the task panics, while an [`Uncancellable`]
//! lives, or where a frame below cannot be unwound.
//!
//! It looks before it parks, and after that only in a shutdown: who was woken looks at its condition once more, and takes what is
//! there.
//!
//! **Time limits.** A wait in a `timeout` that has run out unwinds to it, with the same exceptions ([`interrupt`]).
//!
//! **Panics.** A task that waits while it panics, in a destructor or in a panic hook, takes std's panic state along
//! ([`panicking`](super::panicking)); where that is not possible its OS thread waits with it.

pub(crate) use super::interrupt::{Uncancellable, unwinding as unwinding_by_interruption};

use super::cancel::Cancel;
use super::header::Header;
use super::interrupt::InFlight;
use super::lend::Lends;
use super::on::On;
use super::queue::{State, Turn};
use super::timers::{self, Key};
use super::worker::{self, Worker};
use super::{current_task, interrupt, panicking, unwind, waker};
use crate::arch;
use crate::task::g::G;
use std::fmt;
use std::panic;
use std::time::Instant;

/// What a task is unwound with when it is [cancelled](crate::thread::JoinHandle::cancel), or its runtime is shut down: the payload
/// that its join returns.
pub struct Cancelled {
    _in_flight: InFlight,
}

impl Cancelled {
    /// For the result of a task that is not unwound.
    pub(crate) fn as_result() -> Cancelled {
        Cancelled { _in_flight: InFlight::nobody() }
    }

    /// Unwinds the current task, or the calling thread outside tasks.
    pub(crate) fn raise() -> ! {
        panic::resume_unwind(Box::new(Cancelled { _in_flight: InFlight::new() }))
    }
}

impl Clone for Cancelled {
    fn clone(&self) -> Cancelled {
        Cancelled::as_result()
    }
}

impl PartialEq for Cancelled {
    fn eq(&self, _: &Cancelled) -> bool {
        true
    }
}

impl Eq for Cancelled {}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cancelled")
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

impl std::error::Error for Cancelled {}

/// How often a task may catch its cancellation and wait again before it is let alone.
const PATIENCE: u8 = 3;

/// Waits until the caller's waker is woken.
#[inline]
pub(crate) fn wait(on: On) {
    crate::sigstack::refuse_in_handler("waits");
    match current_task() {
        // SAFETY: Rust code of the current task, on its big stack.
        Some(g) => unsafe { wait_task(g, on) },
        None => {
            interrupt::raise();
            wait_thread(None);
        }
    }
}

/// Waits until the caller's waker is woken, or until `deadline`. Whether that has come.
pub(crate) fn wait_until(on: On, deadline: Instant) -> bool {
    crate::sigstack::refuse_in_handler("waits");
    match current_task() {
        Some(g) => {
            let _timer = Timer::new(g, deadline);
            // SAFETY: as in `wait`.
            unsafe { wait_task(g, on) };
        }
        None => {
            interrupt::raise();
            wait_thread(Some(deadline));
        }
    }
    Instant::now() >= deadline
}

/// Waits until `turn` is over, or until `deadline`: the state is open then, and may change until the caller's nodes are out of
/// their queues. Unwinds as every wait does, so they leave their queues in a guard.
#[inline]
pub(crate) fn wait_turn(turn: &Turn, deadline: Option<Instant>) -> State {
    loop {
        let state = turn.state();
        if !state.is_open() {
            return state;
        }
        match deadline {
            None => wait(turn.on()),
            Some(deadline) => {
                if wait_until(turn.on(), deadline) {
                    return turn.state();
                }
            }
        }
    }
}

/// How a wait has ended that does not unwind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The turn is over: this has become of it.
    Turn(State),
    /// The deadline has come.
    TimeIsUp,
    /// The caller is to be unwound, by [`interrupt`].
    Interrupted,
}

/// As [`wait_turn`], for who could be handed something that cannot be passed on. It never unwinds: the caller takes its nodes out
/// first, and if it is too late for that it has what it waited for.
#[inline]
pub(crate) fn await_turn(turn: &Turn, deadline: Option<Instant>) -> Ended {
    crate::sigstack::refuse_in_handler("waits");
    loop {
        let state = turn.state();
        if !state.is_open() {
            return Ended::Turn(state);
        }
        let Some(g) = current_task() else {
            if interrupt::is_due() {
                return Ended::Interrupted;
            }
            wait_thread(deadline);
            match deadline {
                Some(deadline) if Instant::now() >= deadline => return Ended::TimeIsUp,
                _ => continue,
            }
        };
        // SAFETY: Rust code of the current task. Who asks for an interruption from here on wakes it.
        unsafe {
            if is_interrupted(g) {
                return Ended::Interrupted;
            }
            match deadline {
                None => park_task(g, turn.on()),
                Some(deadline) => {
                    let timer = Timer::new(g, deadline);
                    park_task(g, turn.on());
                    drop(timer);
                    if Instant::now() >= deadline {
                        return Ended::TimeIsUp;
                    }
                }
            }
        }
    }
}

/// Unwinds the caller, if that is still asked for.
#[cold]
pub(crate) fn interrupt() {
    if let Some(g) = current_task() {
        // SAFETY: Rust code of the current task.
        unsafe { cancel(g) };
    }
    interrupt::raise();
}

/// For whose wait by [`await_turn`] is over, with nothing in its hands and no node left in a queue: as at the end of every wait, unwinds
/// the caller if its runtime is shut down. If the other side is gone, it is so for the same reason.
#[cold]
pub(crate) fn end_with_nothing() {
    if let Some(g) = current_task() {
        // SAFETY: Rust code of the current task.
        unsafe { shut_down(g) };
    }
}

/// Waits until `turn`, which has been claimed, is over. Nothing ends that before: the other side may be about to write into the
/// caller's frame.
#[cold]
pub(crate) fn wait_claimed(turn: &Turn) -> State {
    let _lends = Lends::new();
    let _not_now = Uncancellable::new();
    wait_turn(turn, None)
}

/// A timer that wakes the current task, for as long as this lives.
pub(super) struct Timer<'a> {
    worker: &'a Worker,
    key: Key,
}

impl Timer<'_> {
    /// One for the current task.
    pub(super) fn new<'a>(g: *mut G, deadline: Instant) -> Timer<'a> {
        let worker = Worker::running();
        Timer { worker, key: worker.add_timer(timers::from_instant(deadline), Header::of(g)) }
    }
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        // The same thread as before: Rust frames do not change it.
        self.worker.remove_timer(self.key);
    }
}

/// Waits on an OS thread outside tasks, until `deadline` or the first of its limits. Apart, so that the tasks' way is short.
#[cold]
fn wait_thread(deadline: Option<Instant>) {
    match interrupt::block_until(deadline) {
        None => waker::block_thread(),
        Some(until) => waker::block_thread_until(until),
    }
}

/// Waits in the current task.
#[inline]
unsafe fn wait_task(g: *mut G, on: On) {
    // SAFETY: the caller is Rust code of the task g.
    unsafe {
        let task = Header::of(g);
        if (*task).cancel.get() == Cancel::Asked {
            cancel(g);
        }
        if (*g).limited.get() {
            interrupt::raise();
        }
        park_task(g, on);
        if (*task).cancel.get() == Cancel::Asked {
            shut_down(g);
        }
    }
}

/// Whether a wait of the current task would unwind now.
#[inline]
unsafe fn is_interrupted(g: *mut G) -> bool {
    // SAFETY: the caller is Rust code of the task g.
    unsafe {
        (*Header::of(g)).cancel.get() == Cancel::Asked && may_be_cancelled(g)
            || (*g).limited.get() && interrupt::is_due()
    }
}

/// Parks the current task, until it is woken.
#[inline]
unsafe fn park_task(g: *mut G, on: On) {
    // SAFETY: as in `wait_task`.
    unsafe {
        (*g).waits_on.set(on.into_raw());
        if std::thread::panicking() {
            wait_panicking(g);
        } else {
            arch::morestack_mcall(worker::park);
        }
    }
}

/// The wait of a task that is to end is over. If that is because its runtime is shut down, the wait unwinds, whatever has come: what
/// it gets now comes from tasks that are unwound themselves, and would look like failures.
#[cold]
unsafe fn shut_down(g: *mut G) {
    if Worker::running().is_closing() {
        // SAFETY: the caller is Rust code of the task g.
        unsafe { cancel(g) };
    }
}

#[cold]
unsafe fn wait_panicking(g: *mut G) {
    match panicking::leave() {
        Some(state) => {
            // SAFETY: as in `wait_task`. Nothing unwinds out of the switch.
            unsafe { arch::morestack_mcall(worker::park) };
            panicking::enter(state);
        }
        None => Worker::running().block(Header::of(g)),
    }
}

/// Gives way in the current task.
#[inline]
pub(super) unsafe fn yield_task(g: *mut G) {
    // SAFETY: the caller is Rust code of the task g.
    unsafe {
        if std::thread::panicking() {
            yield_panicking(g);
        } else {
            worker::yield_rust(g);
        }
        if (*Header::of(g)).cancel.get() == Cancel::Asked {
            cancel(g);
        }
    }
}

#[cold]
unsafe fn yield_panicking(g: *mut G) {
    match panicking::leave() {
        Some(state) => {
            // SAFETY: as in `yield_task`.
            unsafe { worker::yield_rust(g) };
            panicking::enter(state);
        }
        // Where the state cannot be taken along there is no giving way, but to other threads.
        None => std::thread::yield_now(),
    }
}

/// Unwinds the current task, if that is asked for and may be.
#[cold]
unsafe fn cancel(g: *mut G) {
    // SAFETY: the current task.
    unsafe {
        let task = &*Header::of(g);
        if task.cancel.get() == Cancel::Asked && may_be_cancelled(g) {
            task.caught.set(task.caught.get() + 1);
            Cancelled::raise();
        }
    }
}

/// Whether the current task, which is to end, may be unwound from here.
#[cold]
unsafe fn may_be_cancelled(g: *mut G) -> bool {
    // SAFETY: the current task.
    let task = unsafe { &*Header::of(g) };
    if task.uninterrupted.get() || std::thread::panicking() {
        return false;
    }
    if task.caught.get() >= PATIENCE {
        task.cancel.refuse();
        return false;
    }
    let can = unwind::can_unwind().is_ok();
    // Elsewhere it can be, later. But a runtime that shuts down has no later.
    if !can && Worker::running().is_closing() {
        task.cancel.refuse();
    }
    can
}
