//! Time limits on code: how a wait that lasts too long is ended by unwinding to the `timeout` around it.
//!
//! A `timeout` keeps a [`Limit`] on its stack while its closure runs. Those of a task, or of an OS thread, form a list from
//! the innermost outwards. An inner one that would end later than an outer one is left out, because the outer one ends both;
//! so the list is in the order of time, and to look at its first is enough.
//!
//! A wait looks before it parks, and only then. In a task, a timer wakes it when the time has come; it returns then, as waits
//! may without a reason; its caller finds that what it waits for is not there, and waits again; and that wait unwinds.
//! So whatever came just in time is taken, and nothing that was handed over is lost in the unwinding.
//!
//! The payload names its limit, by a number that no other has. If a `catch_unwind` swallows it, the next wait raises another.
//! The list, not the payload, says what is due.
//!
//! What holds a lock and is dropped by such an unwinding, or by that of a cancellation, has not failed: nobody's promise was
//! broken but that of waiting. So locks ask [`unwinding`] before they poison themselves. Every payload of an interruption has an
//! [`InFlight`] in it, which counts for who is unwound until it is dropped.

use super::unwind;
use super::wait::Timer;
use super::{Header, current_task};
use std::cell::Cell;
use std::iter;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What there is of each task, and of each OS thread for what it does outside tasks. To be used while the caller's frame lives,
/// which is no longer than the task or the thread.
#[derive(Clone, Copy)]
struct Here<'a> {
    /// The innermost limit; null for none. They are on the stack of who they are for.
    limit: &'a Cell<*const Limit>,
    /// A copy of whether there is one, for tasks.
    limited: Option<&'a Cell<bool>>,
    /// Whether waits must not be interrupted, because somebody borrows from the stack.
    uninterrupted: &'a Cell<bool>,
    /// The payloads of interruptions that were raised here and not dropped since.
    in_flight: &'a Cell<u8>,
    /// A number that no other task and no other thread has.
    number: u64,
}

/// A `timeout` whose closure runs.
pub(super) struct Limit {
    at: Instant,
    outer: *const Limit,
    /// The number in its payloads; 0 as long as there was none.
    id: Cell<u64>,
}

/// The payload that unwinds to the limit of this number.
struct Interrupted {
    limit: u64,
    _in_flight: InFlight,
}

/// Part of an interruption's payload: as long as it lives, [`unwinding`] says so where it was made. It may go to another thread,
/// and outlive who was unwound; then there is nothing to take back.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Whose; 0 for nobody's.
    number: u64,
}

impl InFlight {
    /// Of who is about to be unwound by it: the current task, or the calling thread.
    pub(super) fn new() -> InFlight {
        let here = Here::new();
        let before = here.in_flight.get();
        here.in_flight.set(before.saturating_add(1));
        // One that could not be counted takes nothing back. The others that are kept stand for it.
        InFlight { number: if before == u8::MAX { 0 } else { here.number } }
    }

    /// Of a payload that unwinds nobody.
    pub(super) fn nobody() -> InFlight {
        InFlight { number: 0 }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.number != 0 {
            let here = Here::new();
            if here.number == self.number {
                here.in_flight.set(here.in_flight.get().saturating_sub(1));
            }
        }
    }
}

/// Whether the panic of the current task, or of the calling thread outside tasks, is an interruption: a cancellation, or the end
/// of a `timeout`. To be asked while it panics. Who has caught the payload of one and keeps it, or has given it to another task or
/// thread, and panics then, is taken for interrupted too.
#[cold]
pub(crate) fn unwinding() -> bool {
    Here::new().in_flight.get() > 0
}

/// The task whose header this is has ended: what it was unwound with is a result now.
pub(super) fn ended(task: &Header) {
    task.in_flight.set(0);
}

/// Set in the numbers of threads, so that no task has them.
const OF_THREAD: u64 = 1 << 63;

/// One that nothing else of this module has, and not 0.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Limit {
    fn id(&self) -> u64 {
        if self.id.get() == 0 {
            self.id.set(next_number());
        }
        self.id.get()
    }
}

impl<'a> Here<'a> {
    /// Of the current task, or of the calling thread.
    fn new() -> Here<'a> {
        thread_local! {
            static LIMIT: Cell<*const Limit> = const { Cell::new(ptr::null()) };
            static UNINTERRUPTED: Cell<bool> = const { Cell::new(false) };
            static IN_FLIGHT: Cell<u8> = const { Cell::new(0) };
            static NUMBER: Cell<u64> = const { Cell::new(0) };
        }
        // SAFETY: the current task is live. The thread-locals have no destructors, so they are there as long as the thread,
        // which their addresses do not leave.
        unsafe {
            match current_task() {
                Some(g) => {
                    let task = Header::of(g);
                    Here {
                        limit: &(*task).limit,
                        limited: Some(&(*g).limited),
                        uninterrupted: &(*task).uninterrupted,
                        in_flight: &(*task).in_flight,
                        number: (*task).ident.id,
                    }
                }
                None => Here {
                    limit: LIMIT.with(|own| &*ptr::from_ref(own)),
                    limited: None,
                    uninterrupted: UNINTERRUPTED.with(|own| &*ptr::from_ref(own)),
                    in_flight: IN_FLIGHT.with(|own| &*ptr::from_ref(own)),
                    number: NUMBER.with(|own| {
                        if own.get() == 0 {
                            own.set(next_number() | OF_THREAD);
                        }
                        own.get()
                    }),
                },
            }
        }
    }

    /// Makes this limit the innermost one; null for none.
    fn set(self, limit: *const Limit) {
        self.limit.set(limit);
        if let Some(limited) = self.limited {
            limited.set(!limit.is_null());
        }
    }

    /// The limits, from the innermost outwards.
    fn limits(self) -> impl Iterator<Item = &'a Limit> {
        // SAFETY: a limit is in the list while its `within` runs, and the list is used by code that runs in that.
        let step = |limit: *const Limit| unsafe { limit.as_ref() };
        iter::successors(step(self.limit.get()), move |limit| step(limit.outer))
    }
}

/// What the limits of the current task, or of the calling thread outside tasks, ask for.
enum Limits<'a> {
    /// Nothing: there are none, or those that have passed cannot be reached, or must not be.
    Nothing,
    /// Nothing before this.
    Later(Instant),
    /// To unwind to this one: the outermost that has passed and can be reached.
    Due(&'a Limit),
}

#[cold]
fn look(here: Here<'_>) -> Limits<'_> {
    let now = Instant::now();
    match here.limits().next() {
        None => return Limits::Nothing,
        Some(first) if now < first.at => return Limits::Later(first.at),
        Some(_) => {}
    }
    if here.uninterrupted.get() || std::thread::panicking() {
        return Limits::Nothing;
    }
    let due = here.limits().take_while(|limit| limit.at <= now).count();
    let in_reach = unwind::count_in_reach(catch as fn(&mut dyn FnMut()) -> _ as usize, due);
    here.limits().take(in_reach).last().map_or(Limits::Nothing, Limits::Due)
}

/// Unwinds to the limit that asks for it, if one does.
#[cold]
pub(super) fn raise() {
    if let Limits::Due(limit) = look(Here::new()) {
        panic::resume_unwind(Box::new(Interrupted { limit: limit.id(), _in_flight: InFlight::new() }));
    }
}

/// Whether [`raise`] would unwind.
pub(super) fn is_due() -> bool {
    let here = Here::new();
    !here.limit.get().is_null() && matches!(look(here), Limits::Due(_))
}

/// For who is about to block the OS thread until `deadline`: when it has to ask again whether a limit is [due](raise).
pub(super) fn block_until(deadline: Option<Instant>) -> Option<Instant> {
    let here = Here::new();
    if here.limit.get().is_null() {
        return deadline;
    }
    let limit = match look(here) {
        Limits::Nothing => return deadline,
        Limits::Later(at) => at,
        // Since the caller asked.
        Limits::Due(limit) => limit.at,
    };
    Some(deadline.map_or(limit, |deadline| deadline.min(limit)))
}

/// Runs `f`, in which waits that last past `at` are interrupted. `None`: one was.
pub(crate) fn within<T>(at: Instant, f: impl FnOnce() -> T) -> Option<T> {
    crate::sigstack::refuse_in_handler("sets a time limit");
    let here = Here::new();
    if here.limits().next().is_some_and(|outer| outer.at <= at) {
        return Some(f());
    }
    let limit = Limit { at, outer: here.limit.get(), id: Cell::new(0) };
    let mut f = Some(f);
    let mut value = None;
    let ended = {
        let _timer = current_task().map(|g| Timer::new(g, at));
        let _within = Within::new(here, &limit);
        catch(&mut || value = f.take().map(|f| f()))
    };
    match ended.map_err(|payload| payload.downcast::<Interrupted>()) {
        Ok(()) => value,
        Err(Ok(interrupted)) if interrupted.limit == limit.id.get() => None,
        Err(Ok(of_another)) => panic::resume_unwind(of_another),
        Err(Err(payload)) => panic::resume_unwind(payload),
    }
}

/// Where the unwinding to a limit ends. [`unwind`] knows the limits on a stack by its frames: one for each in the list.
#[inline(never)]
fn catch(f: &mut dyn FnMut()) -> std::thread::Result<()> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// While it lives, the limit is in the list.
struct Within<'a>(Here<'a>, &'a Limit);

impl<'a> Within<'a> {
    fn new(here: Here<'a>, limit: &'a Limit) -> Within<'a> {
        here.set(limit);
        Within(here, limit)
    }
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.set(self.1.outer);
    }
}

/// While it lives, waits of who made it, a task or an OS thread, are neither cancelled nor interrupted: somebody borrows from
/// its stack. A local variable, so that the inner one goes first.
pub(crate) struct Uncancellable {
    uninterrupted: *const Cell<bool>,
    before: bool,
}

impl Uncancellable {
    /// For the current task, or the calling thread outside tasks.
    pub(crate) fn new() -> Uncancellable {
        let uninterrupted = Here::new().uninterrupted;
        Uncancellable { uninterrupted, before: uninterrupted.replace(true) }
    }
}

impl Drop for Uncancellable {
    fn drop(&mut self) {
        // SAFETY: still the same task or thread: this does not leave its stack.
        unsafe { &*self.uninterrupted }.set(self.before);
    }
}
