//! The monitor: one thread of the process that looks at the workers of all runtimes. It ends the time slices of mapped tasks,
//! and reports workers that are stuck.
//!
//! ```text
//!     worker                                             monitor
//!     each switch: ticks + 1, current = g  -- Pulse -->  each look: has it changed since the last one?
//!                                                          not for SLICE, a mapped task: poison its guard
//!                                                          not for STUCK: running, or blocked with tasks behind it?
//!     SIGURG handler: where am I?          <- sample --    who (peek), where (sample); then the hook, on a thread of its own
//! ```
//!
//! While some worker is awake it looks every [`STEP`]; when all sleep, it does too, and a worker that wakes up wakes it. So an
//! idle program spends nothing on it, and a busy one some microseconds in each step.
//!
//! # Why a poison is harmless whenever it comes
//!
//! What was read from a worker may be old when it is acted upon: the poisoned task may have gone on to anything.
//! [`morestack_newstack`](super::check) sorts it out, on the task's own thread, where nothing is old:
//!
//! - *It is at another check by then*: it gives way there. One needless yield.
//! - *It runs Rust code*, called from mapped code. Rust code checks nothing. When it is back in mapped code, the next check fails,
//!   and it gives way there.
//! - *It runs mapped code above Rust frames* (mapped -> Rust -> mapped). The check fails, but the task is not all mapped: the
//!   real guard is put back, and it goes on. The monitor poisons it again at the next look, which costs a failed check each.
//! - *It is parked, or ready*: it gives way once, at its first check.
//! - *It needs more stack at the same check*: the real guard is compared first. It grows, and the poison is gone; the next look
//!   brings it back.
//! - *The poison is overwritten* by the task's own store of the real guard, of a move or a failed check: likewise.
//! - *It has ended*, and the `G` is free, or another mapped task's: a `G` of a mapped task stays one for good
//!   ([`slab`](crate::task::slab)), and its guard is an atomic all the time. The other task gives way once, for nothing.
//! - *A borrowed `g`* and the `G` of a Rust task, whose memory does go, are never poisoned: only slab `G`s are named as mapped.
//!   Mapped code called from Rust tasks is not preempted; their Rust frames could hold a lock, or a borrow of a thread-local.

mod asleep;
mod holder;
mod peek;
mod report;
mod sample;
mod watch;

pub(super) use peek::copy;
pub use report::{Frame, Place, Report, SystemCall, TaskLabel, set_report_hook, take_report_hook};

use super::inspect::TaskInfo;
use super::mailbox::{Mailbox, MailboxRef};
use super::runtime::{Leftover, Shared};
use super::{OWN_THREAD_STACK, OWN_THREADS};
use crate::stack::layout::GUARD_PREEMPT;
use crate::stack::{big, locked};
use crate::task::g::{G, Ident};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use watch::Watch;

/// Between two looks. Half a slice: a mapped task that begins just after a look is seen first at the next, and its slice counts from
/// there.
const STEP: Duration = Duration::from_millis(5);

/// Between two looks while a mapped task runs. A task whose slice begins just after a look is seen first at the next, and
/// poisoned when it was seen for a whole slice: after 10 to 12.5 ms, or 17.5 if the look before was one of the other step. That
/// leaves the operating system some of the 20 ms that are promised to its neighbours.
const STEP_MAPPED: Duration = Duration::from_micros(2500);

/// What a mapped task gets before it has to give way. Go's number.
const SLICE: Duration = Duration::from_millis(10);

/// Between two calls of [`big::decay`], so the time for which freed big stacks keep their memory.
const DECAY: Duration = Duration::from_millis(100);

/// The runtimes there are, each with what was seen of its workers. Held for as long as a look takes; never while foreign code runs.
static RUNTIMES: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

/// The thread, once there is one. It never ends.
static THREAD: OnceLock<Thread> = OnceLock::new();

/// It sleeps until somebody wakes it.
static ASLEEP: AtomicBool = AtomicBool::new(false);

struct Watched {
    shared: Arc<Shared>,
    workers: Vec<Watch>,
}

/// Starts the monitor, if there is none.
///
/// # Errors
/// The system has no thread for it.
pub(crate) fn start() -> io::Result<()> {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = locked(&STARTING);
    if THREAD.get().is_none() {
        sample::prepare();
        let thread = thread::Builder::new().name("monitor".to_owned()).stack_size(OWN_THREAD_STACK).spawn(run)?;
        OWN_THREADS.fetch_add(1, Ordering::Relaxed);
        THREAD.get_or_init(|| thread.thread().clone());
    }
    Ok(())
}

/// The workers of the runtimes there are.
pub(super) fn mailboxes() -> Vec<Vec<MailboxRef>> {
    locked(&RUNTIMES).iter().map(|watched| watched.shared.mailboxes().to_vec()).collect()
}

/// What a worker runs, for a dump that it does not answer.
pub(super) fn what_runs(mailbox: &Mailbox) -> Option<TaskInfo> {
    let running = mailbox.pulse.running()?;
    let task = peek::task(running, mailbox)?;
    let restarts = || peek::system_call(mailbox.tid).is_some_and(peek::Call::restarts);
    let sample = match peek::thread_state(mailbox.tid) {
        Some(b'R') => sample::take(mailbox, running, false),
        Some(b'S' | b'D') if restarts() => sample::take(mailbox, running, true),
        _ => sample::Sample::default(),
    };
    Some(TaskInfo::running(task, sample.place()))
}

/// Looks at a runtime's workers from now on.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let workers = (0..shared.workers()).map(|_| Watch::default()).collect();
    locked(&RUNTIMES).push(Watched { shared: shared.clone(), workers });
    wake();
}

/// Looks at them no more. The caller has a reference to the runtime besides.
pub(crate) fn unwatch(shared: &Arc<Shared>) {
    // Before it is gone from the list, so that figures about the process never fall.
    super::inspect::retire(shared.mailboxes());
    locked(&RUNTIMES).retain(|watched| !Arc::ptr_eq(&watched.shared, shared));
}

/// A worker is awake: if the monitor sleeps, it has to look again. Called by the worker when it is awake for others to see. Costs
/// a fence and a load if the monitor does not sleep.
pub(super) fn wake() {
    // Pairs with the one in `sleep`: the monitor sees the worker awake, or the worker sees it asleep.
    fence(Ordering::SeqCst);
    if ASLEEP.load(Ordering::Relaxed)
        && ASLEEP.swap(false, Ordering::Relaxed)
        && let Some(thread) = THREAD.get()
    {
        thread.unpark();
    }
}

/// The thread.
fn run() {
    let mut decayed = Instant::now();
    let mut reported = asleep::Reported::default();
    loop {
        // The step comes first also after it was woken: so workers that wake and sleep all the time wake it once in a step.
        let mut step = STEP;
        // What the workers have freed by now, they may have freed just now.
        let mut decays = true;
        loop {
            thread::park_timeout(step);
            let (next, reports) = look();
            for report in reports {
                report::send(report);
            }
            if decayed.elapsed() >= DECAY {
                decays = big::decay() || next.is_some();
                decayed = Instant::now();
            }
            match next {
                Some(next) => step = next,
                None if decays => step = DECAY,
                None => break,
            }
        }
        sleep(&mut reported);
    }
}

/// Until a worker is awake. If none is for a while, it may be that none will ever be.
fn sleep(reported: &mut asleep::Reported) {
    ASLEEP.store(true, Ordering::Relaxed);
    fence(Ordering::SeqCst);
    if any_awake() {
        ASLEEP.store(false, Ordering::Relaxed);
    }
    while ASLEEP.load(Ordering::Relaxed) {
        let begin = Instant::now();
        while ASLEEP.load(Ordering::Relaxed) && begin.elapsed() < asleep::GRACE {
            thread::park_timeout(asleep::GRACE);
        }
        if !ASLEEP.load(Ordering::Relaxed) {
            break;
        }
        match reported.look() {
            asleep::Finding::Unclear => {}
            asleep::Finding::Nothing => break,
            asleep::Finding::Dead(report) => {
                report::send(report);
                break;
            }
        }
    }
    while ASLEEP.load(Ordering::Relaxed) {
        thread::park();
    }
}

fn any_awake() -> bool {
    let runtimes = locked(&RUNTIMES);
    runtimes.iter().flat_map(|watched| watched.shared.mailboxes()).any(|mailbox| !mailbox.sleeper.sleeps())
}

/// One look at all workers. When to look again, `None` if all sleep; and what there is to say.
fn look() -> (Option<Duration>, Vec<Report>) {
    let (mut step, mut reports) = (None, Vec::new());
    let mut runtimes = locked(&RUNTIMES);
    for Watched { shared, workers } in runtimes.iter_mut() {
        for (index, (mailbox, watch)) in shared.mailboxes().iter().zip(workers).enumerate() {
            if mailbox.sleeper.sleeps() {
                watch.forget();
                continue;
            }
            let running = mailbox.pulse.running();
            let wanted = if running.is_some_and(|running| running.mapped().is_some()) { STEP_MAPPED } else { STEP };
            step = Some(step.map_or(wanted, |step: Duration| step.min(wanted)));
            let Some(running) = running else {
                watch.forget();
                continue;
            };
            let now = Instant::now();
            if watch.time(running, now) >= SLICE
                && let Some(g) = running.mapped()
            {
                poison(g);
            }
            reports.extend(watch.judge(running, now, index, mailbox, || shared.has_ready(index)));
        }
    }
    (step, reports)
}

/// Asks a task to give way at its next check.
fn poison(g: *mut G) {
    // SAFETY: a mapped task's G, whose memory stays one for good. Nobody has the guard for himself alone.
    unsafe { (*g).stack.stackguard0.store(GUARD_PREEMPT, Ordering::Relaxed) };
}

/// Poisons all that may be, at once.
pub(crate) fn poison_running() {
    let runtimes = locked(&RUNTIMES);
    for mailbox in runtimes.iter().flat_map(|watched| watched.shared.mailboxes()) {
        if let Some(g) = mailbox.pulse.running().and_then(|running| running.mapped()) {
            poison(g);
        }
    }
}

/// Tells of a task that a shutdown could not end. On the calling thread, because the process may be about to end.
pub(crate) fn report_leftover(leftover: Leftover) {
    report::deliver(&Report::Leftover(leftover));
}

/// Tells of a task that waits together with its thread, because it panics and std's panic state cannot be taken along.
///
/// A destructor that waits may do so a thousand times: told are the first time, the second, the fourth, and so on.
pub(super) fn report_panicking_wait(ident: &Ident) {
    static TIMES: AtomicU64 = AtomicU64::new(0);
    let times = TIMES.fetch_add(1, Ordering::Relaxed) + 1;
    if times.is_power_of_two() {
        let task = TaskLabel { id: ident.id, name: ident.name.as_deref().map(|name| name.to_string()) };
        report::send(Report::PanickingWait { task, times });
    }
}
