//! A worker's answer: what its tasks are doing.

use super::dump::{Dump, Stack, State, TaskInfo};
use crate::arch;
use crate::sched::header::Header;
use crate::sched::monitor::{Place, TaskLabel};
use crate::sched::on::{On, WaitsFor};
use crate::sched::timers;
use crate::sched::worker::Worker;
use crate::stack::locked;
use crate::stack::unwinder;
use crate::task::g::{G, Ident};
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A question to one worker, and its answer.
pub(crate) struct Request {
    asks_for: AsksFor,
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

/// What there is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsksFor {
    Tasks,
    /// Nothing but an answer.
    Attention,
}

pub(super) struct Answer {
    pub(super) tasks: Vec<TaskInfo>,
    /// When the worker came to it.
    pub(super) at: Instant,
}

impl Request {
    pub(super) fn new(asks_for: AsksFor) -> Request {
        Request { asks_for, answer: Mutex::new(None), answered: Condvar::new() }
    }

    /// Waits for the answer, on a thread that may block; until `deadline` at most.
    pub(super) fn wait(&self, deadline: Instant) -> Option<Answer> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.answered.wait_timeout_while(locked(&self.answer), left, |answer| answer.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }

    /// Answers. By the worker's loop, which runs when none of its tasks does.
    pub(in crate::sched) fn serve(&self, worker: &Worker) {
        let at = Instant::now();
        let now = timers::coarse();
        let tasks: &[_] = if self.asks_for == AsksFor::Tasks { worker.live() } else { &[] };
        let tasks = tasks.iter().enumerate();
        // SAFETY: live tasks of this thread; and this is it.
        let tasks = tasks.map(|(index, &task)| unsafe { info(task, worker, now, index < Dump::TRACED) });
        *locked(&self.answer) = Some(Answer { tasks: tasks.collect(), at });
        self.answered.notify_all();
    }
}

/// Who a task is.
pub(in crate::sched) fn label(ident: &Ident) -> TaskLabel {
    TaskLabel { id: ident.id, name: ident.name.as_deref().map(|name| name.to_string()) }
}

/// # Safety
/// A live task of the calling worker.
unsafe fn info(task: *mut Header, worker: &Worker, now: u32, traced: bool) -> TaskInfo {
    // SAFETY: live, and the `g` of a live task is, too.
    unsafe {
        let g = (*task).g.get();
        let task_label = label(&(*task).ident);
        let waiting = |on: On| State::Waiting {
            what: on.what(),
            which: which(on),
            time: Duration::from_millis(now.wrapping_sub((*g).waits_since.get()).into()),
        };
        let state = if (*task).park.is_parked() { waiting(On::from_raw((*g).waits_on.get())) } else { State::Ready };
        if worker.has_blocked(task) {
            return TaskInfo { task: task_label, state, stack: None, place: Place::default() };
        }
        let place = if traced { trace(g) } else { Place::default() };
        TaskInfo { task: task_label, state, stack: Some(stack(g)), place }
    }
}

/// What the number of a thing is for others.
///
/// # Safety
/// A task of this thread waits for it.
unsafe fn which(on: On) -> Option<u64> {
    match (on.what(), on.number()) {
        // SAFETY: who waits for a task's end has a reference to it.
        (WaitsFor::Join, address) => Some(unsafe { (*(address as *const Header)).ident.id }),
        (WaitsFor::Readable | WaitsFor::Writable, descriptor) => Some(descriptor),
        (_, 0) => None,
        (_, address) => Some(address),
    }
}

/// The stack of a task that stands in its sched.
///
/// # Safety
/// As [`info`].
unsafe fn stack(g: *mut G) -> Stack {
    // SAFETY: live.
    let g = unsafe { &*g };
    let sp = g.stack.sched.sp;
    #[cfg(morestack_split)]
    if g.split.get() {
        // SAFETY: the chain of a live task that does not run.
        let (size, above) = unsafe { crate::stack::split::measure(g.seg) };
        // SAFETY: as above.
        let hi = unsafe { (*g.seg).hi };
        return Stack { size, used: above + hi.saturating_sub(sp) };
    }
    match &g.big {
        Some(big) => Stack { size: big.size(), used: big.hi().saturating_sub(sp) },
        None => Stack { size: g.stack.size(), used: g.stack.hi.saturating_sub(sp) },
    }
}

/// Frames that are kept of one task: more than a message shows, enough to get out of every library.
const FRAMES: usize = 64;

/// Where a task is that stands in its sched.
///
/// # Safety
/// As [`info`].
unsafe fn trace(g: *mut G) -> Place {
    unsafe extern "C" fn look(frames: *mut ()) {
        // SAFETY: the array of `trace`, which waits.
        let frames = unsafe { &mut *frames.cast::<Vec<usize>>() };
        let mut own = true;
        unwinder::walk(|frame| {
            // Frames of the worker come first, down to the one that looks.
            // Behind the outermost frame, where a task begins, there is no address.
            let is_end = frame.pc.wrapping_add(1) <= 1;
            if own {
                own = frame.start != arch::look_start();
            } else if !is_end {
                frames.push(frame.pc);
            }
            if frames.len() < FRAMES && !is_end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    }
    let mut frames: Vec<usize> = Vec::with_capacity(FRAMES);
    // SAFETY: the task stands in its sched, and nobody runs it meanwhile; `look` does not unwind: it allocates nothing.
    unsafe { arch::morestack_look(g, look, (&raw mut frames).cast()) };
    // As return addresses, which they are but for the first.
    frames.iter_mut().skip(1).for_each(|pc| *pc += 1);
    Place::of(&frames)
}
