//! The loop: what a worker looks at when no task runs, and how it sleeps.

use super::foreign::{self, Inside};
use super::{Dead, FRESH_EVERY, RUNNING, TURN, Worker};
use crate::arch;
use crate::sched::header::Header;
use crate::sched::io::Timeout;
use crate::sched::lend;
use crate::sched::mailbox::{Mailbox, MailboxRef};
use crate::sched::monitor;
use crate::sched::panicking;
use crate::sched::runtime::{Seat, Stealable, end_unstarted};
use crate::sched::timers::{self};
use crate::task::g::G;
use std::io;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// How many timers are fired at a time: enough for the memory to work on them side by side, few enough for the first-level cache.
const TIMERS: usize = 16;

impl Worker {
    /// What the loop goes on with, if it has found this task or none: a task that had its time slice comes after all others.
    pub(super) unsafe fn after_preemption(&self, found: *mut G) -> *mut G {
        let preempted = self.preempted.replace(ptr::null_mut());
        // SAFETY: it stands at a check, all mapped, in no queue.
        unsafe {
            if preempted.is_null() {
                return found;
            }
            if found.is_null() {
                return self.show(preempted);
            }
            match &self.seat {
                Some(seat) if seat.others_sleep() && (*preempted).may_change_thread() => self.share(seat, preempted),
                _ => self.ready().push_back(preempted),
            }
        }
        found
    }

    /// Takes in what has happened elsewhere, without blocking.
    pub(in crate::sched) fn look_around(&self) {
        self.clock.set(timers::coarse());
        let ticks = self.ticks();
        let fresh = self.seat.as_ref().is_some_and(|seat| !seat.fresh.is_empty());
        self.poll_at.set(ticks.wrapping_add(if fresh { FRESH_EVERY } else { TURN }));
        for task in self.mail.take() {
            // SAFETY: it came out of the inbox, so it is live.
            if unsafe { (*task).is_fresh() && (*task).kind.run.is_none() } && self.is_closing() {
                end_unstarted(Stealable(task));
                continue;
            }
            // SAFETY: whoever ended its park delivered it here, or who spawned it for this worker: it is in no other queue.
            unsafe {
                if (*task).is_fresh() {
                    self.start(task);
                } else {
                    self.mail.counts.woken_outside.raise();
                }
                self.make_ready(task, false);
            }
        }
        if self.mail.is_asked() {
            self.mail.take_requests().iter().for_each(|request| request.serve(self));
        }
        self.fire_timers();
        self.end_doomed();
        if ticks >= self.io_at.get() {
            self.io_at.set(ticks.wrapping_add(TURN));
            if self.has_sources() {
                self.ask_poller(Timeout::Now);
            }
        }
        // A pair that hands over to each other has had its turn.
        let next = self.runnext.replace(ptr::null_mut());
        if !next.is_null() {
            self.ready().push_back(next);
        }
    }

    /// Ends the mapped tasks that were cancelled. Here nothing runs, so destructors of their task-local values may.
    fn end_doomed(&self) {
        while let Some(task) = self.doomed().pop() {
            // SAFETY: all mapped, in no queue, and nobody else's: its park was ended for this, or never begun.
            unsafe { self.abandon(task) };
        }
    }

    /// Wakes who waits for a time that has come.
    pub(super) fn fire_timers(&self) {
        let Some(first) = self.timers().next() else { return };
        let now = timers::now();
        if first > now {
            return;
        }
        // What becomes ready now is no timer's business any more.
        self.mail.pulse.due.store(u64::MAX, Ordering::Relaxed);
        // Sleepers were left long ago, and each of them is a few cache misses: all of a batch are fetched at once.
        loop {
            let mut batch = [ptr::null_mut::<Header>(); TIMERS];
            let mut count = 0;
            while count < TIMERS
                && let Some(task) = self.timers().pop(now)
            {
                arch::prefetch_write(task.addr());
                batch[count] = task;
                count += 1;
            }
            // SAFETY: a task removes its timers before their frames are gone, so these are live. They may be ready already.
            unsafe {
                for &task in &batch[..count] {
                    arch::prefetch_write((*task).g.get().addr());
                }
                for &task in &batch[..count] {
                    Header::wake(task, false);
                }
            }
            if count < TIMERS {
                return self.show_due();
            }
        }
    }

    /// Asks the poller for events; tasks that wait for them become ready.
    pub(super) fn ask_poller(&self, timeout: Timeout) {
        let asked = self.poller().and_then(|poller| poller.poll(timeout));
        if let Err(error) = asked {
            crate::stack::report::fatal(format_args!("a worker cannot wait for events: {error}"));
        }
    }

    /// Runs tasks, beginning with this one, until one goes back to the loop.
    pub(super) unsafe fn run(&self, g: *mut G) {
        // SAFETY: the caller's g is ready; `m` is this thread's.
        unsafe {
            let _inside = Inside::new(self);
            let outer = RUNNING.replace(self);
            self.mail.pulse.begin();
            arch::morestack_run(g, self.thread.m());
            self.mail.pulse.end();
            RUNNING.set(outer);
        }
        while let Some(Dead { task, detached }) = {
            // SAFETY: one thread, and the borrow ends before the user's code runs.
            unsafe { (*self.dead.get()).pop() }
        } {
            // SAFETY: it was kept for this, with the worker's reference.
            unsafe {
                crate::sched::locals::destroy(task);
                if detached {
                    Header::drop_result(task);
                }
                Header::release(task);
            }
        }
    }

    /// Runs tasks until none is ready and no time and no event is waited for, or until `done` says so, which is asked
    /// whenever the loop has its turn, and when a task has ended. On a thread of the program's own not before no task lends
    /// anything, unless it was called by one of its own tasks: whoever comes back from the outermost call may give the tasks
    /// up, and end the thread. (A runtime's thread knows to stay, and may be the one to run who borrows.)
    pub(in crate::sched) fn run_until(self: &Rc<Self>, done: Option<&dyn Fn() -> bool>) {
        // If a task ends the process, thread-locals are destroyed above this frame, which then never returns: they may own
        // the worker, but the tasks still need it.
        let _kept = self.clone();
        crate::sigstack::refuse_in_handler("runs tasks");
        let _awaited = done.map(|_| Awaited::new(self));
        let _run = Run::new(self);
        let must_go_on = || self.runs.get() == 1 && self.lent.get() > 0 && Seat::here().is_none();
        // Below a task of a runtime: that one's worker polls nothing meanwhile.
        let _poller = self.seat.is_none().then(crate::sched::io::NoPoller::new);
        // In a destructor while the caller panics, which is no affair of the tasks.
        let _away = panicking::Away::new();
        while !done.is_some_and(|done| done()) || must_go_on() {
            self.look_around();
            // SAFETY: this is the system stack of what runs below.
            let g = unsafe { self.after_preemption(self.pop()) };
            if !g.is_null() {
                // SAFETY: it was ready.
                unsafe { self.run(g) };
            } else if self.timers().next().is_some() || self.has_sources() || must_go_on() {
                self.sleep();
            } else {
                return;
            }
        }
    }

    /// The life of a worker's OS thread, until its runtime is shut down. `started` gets its mailbox, or why there is none.
    pub(crate) fn main(seat: Seat, started: impl FnOnce(io::Result<MailboxRef>)) {
        let shared = seat.shared.clone();
        let worker = Worker::new(Mailbox::new(shared.idle.clone()), Some(seat));
        let seat = worker.seat.as_ref().expect("made with one");
        match worker.poller() {
            Ok(poller) => {
                crate::sched::io::set_current_poller(Some(poller.handle().clone()));
                started(Ok(worker.mail.clone()));
            }
            Err(error) => started(Err(error)),
        }
        if shared.wait_for_all() {
            Seat::set(seat);
            worker.work(seat);
            worker.clear_out(seat);
            Seat::set(ptr::null());
        }
        crate::sched::io::set_current_poller(None);
        let (index, stays) = (seat.index(), lend::any_here());
        drop(worker);
        shared.worker_ends(index, stays);
        drop(shared);
        if stays {
            // A task that was left over lends what may be a thread-local.
            loop {
                std::thread::park();
            }
        }
    }

    /// Runs tasks until the runtime is shut down.
    pub(super) fn work(self: &Rc<Self>, seat: &Seat) {
        loop {
            self.look_around();
            if seat.shared.is_closing() && self.close(seat) {
                seat.end_search(&self.mail.sleeper);
                return;
            }
            // SAFETY: this is the system stack of what runs below, and nothing runs.
            unsafe {
                let mut g = ptr::null_mut();
                // Each turn begins with a fresh task, if there is one. In a shutdown, only `close` takes them in.
                if !seat.knows.get()
                    && let Some(task) = self.next_fresh(seat)
                {
                    g = self.show_stolen(seat, task);
                }
                if g.is_null() {
                    g = self.pop();
                }
                g = self.after_preemption(g);
                if g.is_null()
                    && !seat.knows.get()
                    && let Some(task) = seat.search(&self.mail.sleeper)
                {
                    self.mail.counts.stolen.raise();
                    g = self.show_stolen(seat, task);
                    if g.is_null() {
                        continue;
                    }
                }
                if g.is_null() {
                    self.sleep();
                } else {
                    seat.end_search(&self.mail.sleeper);
                    self.run(g);
                }
            }
        }
    }

    /// Takes in a stealable task, to go on with it; null if it was ended, because it is mapped and the runtime is being shut down.
    pub(super) unsafe fn show_stolen(&self, seat: &Seat, task: Stealable) -> *mut G {
        // SAFETY: it was in a queue of stealable ones, and is ours now.
        if seat.shared.is_closing() && unsafe { (*task.0).kind.run.is_none() } {
            end_unstarted(task);
            return ptr::null_mut();
        }
        // SAFETY: as above.
        unsafe { self.show(self.start(task.0)) }
    }

    /// A fresh task, from the injector and from its own queue by turns, so that neither starves the other.
    pub(super) fn next_fresh(&self, seat: &Seat) -> Option<Stealable> {
        if self.injected_first.replace(!self.injected_first.get()) {
            seat.shared.take_injected().or_else(|| seat.fresh.pop())
        } else {
            seat.fresh.pop().or_else(|| seat.shared.take_injected())
        }
    }

    /// Blocks the thread until something happens that concerns this worker.
    pub(in crate::sched) fn sleep(&self) {
        let timeout = match self.timers().next().unwrap_or(u64::MAX).min(self.wake_at.get()) {
            u64::MAX => Timeout::Never,
            deadline => Timeout::Until(deadline),
        };
        if let Err(error) = self.poller() {
            crate::stack::report::fatal(format_args!("a worker cannot wait for events: {error}"));
        }
        foreign::tidy(self);
        let idle = self.mail.idle();
        idle.prepare(&self.mail.sleeper);
        if !self.mail.is_empty() || self.mail.is_asked() || self.seat.as_ref().is_some_and(Seat::has_work) {
            idle.cancel(&self.mail.sleeper);
            return;
        }
        self.ask_poller(timeout);
        idle.woken(&self.mail.sleeper);
        if self.seat.is_some() {
            monitor::wake();
        }
        self.io_at.set(self.ticks().wrapping_add(TURN));
    }

    /// Waits for the end of the task's park without leaving its stack: no other task of this worker runs meanwhile.
    pub(in crate::sched) fn block(&self, task: *mut Header) {
        let outer = self.blocked.replace(task);
        // SAFETY: the task is the current one.
        if unsafe { (*task).park.begin_park() } {
            // SAFETY: as above.
            monitor::report_panicking_wait(unsafe { &(*task).ident });
            while self.blocked.get() == task {
                self.look_around();
                if self.blocked.get() == task {
                    self.sleep_blocked();
                }
            }
        }
        self.blocked.set(outer);
    }

    /// As [`sleep`](Self::sleep), for a worker that can run nothing: it leaves stealable work to others, and passes on what it
    /// is woken for.
    pub(super) fn sleep_blocked(&self) {
        let pass_on = || {
            if let Some(seat) = &self.seat {
                seat.end_search(&self.mail.sleeper);
            }
        };
        pass_on();
        let timeout = self.timers().next().map_or(Timeout::Never, Timeout::Until);
        let idle = self.mail.idle();
        idle.prepare(&self.mail.sleeper);
        if !self.mail.is_empty() {
            idle.cancel(&self.mail.sleeper);
            return pass_on();
        }
        self.ask_poller(timeout);
        idle.woken(&self.mail.sleeper);
        pass_on();
    }
}

/// While it lives, the end of any task brings the worker back to its `run_until`s.
struct Awaited<'a>(&'a Worker);

impl<'a> Awaited<'a> {
    fn new(worker: &'a Worker) -> Awaited<'a> {
        worker.awaited.set(worker.awaited.get() + 1);
        Awaited(worker)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.awaited.set(self.0.awaited.get() - 1);
    }
}

/// A call of `run_until`.
struct Run<'a>(&'a Worker);

impl<'a> Run<'a> {
    fn new(worker: &'a Worker) -> Run<'a> {
        worker.runs.set(worker.runs.get() + 1);
        Run(worker)
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.0.runs.set(self.0.runs.get() - 1);
    }
}
