//! What assembly calls on the system stack, and the yield that needs no visit there.

use super::{Dead, Worker, foreign, free_stacks, take_lent};
use crate::arch;
use crate::sched::cancel::Cancel;
use crate::sched::header::{self, Header};
use crate::sched::on::{On, WaitsFor};
use crate::task::g::G;
use std::ptr;
use std::sync::atomic::Ordering;

/// The current task goes behind the others. Returns the next task, or null. Called on the system stack, by
/// `runtime.Gosched` and by a failed check.
#[unsafe(no_mangle)]
pub(in crate::sched) unsafe extern "C" fn morestack_yield(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            return yield_borrowed(g);
        }
        if std::thread::panicking() {
            // Mapped code above a destructor that runs while the task panics: see `morestack_park`.
            return g;
        }
        let worker = Worker::running();
        foreign::leave(g, false);
        if let Some(seat) = &worker.seat
            && seat.others_sleep()
            && (*g).may_change_thread()
        {
            // Who steals it may end it.
            worker.mail.pulse.hide();
            worker.share(seat, g);
            return worker.next();
        }
        worker.give_way(g)
    }
}

/// The current task has had its time slice. It stands at a check, and its frames are all mapped. Back to the loop, which looks
/// around for whoever waits, wherever that is, and comes back to the task when it has had a turn. Called on the system stack.
pub(in crate::sched) unsafe fn preempted(g: *mut G) -> *mut G {
    let worker = Worker::running();
    worker.tick();
    worker.io_at.set(0);
    worker.preempted.set(g);
    ptr::null_mut()
}

/// Yields from Rust code of the current task: straight to the next task, without a visit to the system stack.
#[inline]
pub(in crate::sched) unsafe fn yield_rust(g: *mut G) {
    unsafe extern "C" fn to_loop(_: *mut G) -> *mut G {
        ptr::null_mut()
    }
    // SAFETY: the caller is Rust code of the task g, on its big stack. The queue has it already, but on this thread nobody
    // looks before it is saved.
    unsafe {
        foreign::leave(g, false);
        let next = Worker::running().give_way(g);
        if next.is_null() {
            arch::morestack_mcall(to_loop);
        } else if next != g {
            arch::morestack_switch(next);
        } else {
            foreign::stay(g);
        }
    }
}

/// Mapped code outside any task gives way as its thread does.
#[cold]
fn yield_borrowed(g: *mut G) -> *mut G {
    std::thread::yield_now();
    g
}

/// The current task waits to be woken. Returns the next task, or null. Called on the system stack, by `mcall`.
pub(in crate::sched) unsafe extern "C" fn park(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        let task = Header::of(g);
        let worker = Worker::running();
        foreign::leave(g, true);
        // A big stack lent for a call that is over is not kept through a park.
        if (*g).big_hi != 0 && !(*g).split.get() && (*g).stack.to_rust.is_null() {
            drop(take_lent(g));
        }
        (*g).waits_since.set(worker.clock.get());
        // From here on others may end the park. But only this thread runs the task, and not before the next switch.
        if !(*task).park.begin_park() {
            return g;
        }
        worker.shrink_some();
        worker.next()
    }
}

/// `runtime.gopark`: as [`sched::park`](super::park), from mapped code. Called on the system stack.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_park(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the g that it has just saved.
    unsafe {
        if (*g).is_borrowed() {
            std::thread::park();
            return g;
        }
        let task = Header::of(g);
        let worker = Worker::running();
        if (*task).token.swap(false, Ordering::Acquire) {
            return g;
        }
        if std::thread::panicking() {
            // Mapped code above a destructor that runs while the task panics: nothing here could take the panic's state back
            // when the task goes on.
            worker.block(task);
            (*task).token.store(false, Ordering::Relaxed);
            return g;
        }
        if (*task).cancel.get() == Cancel::Asked {
            if (*g).is_all_mapped() {
                // Its frames own nothing. The loop ends it, where destructors of task-local values may run.
                foreign::leave(g, true);
                worker.mail.pulse.hide();
                worker.doomed().push(task);
                return ptr::null_mut();
            }
            if worker.is_closing() {
                // Rust frames are below, and mapped code parks again.
                (*task).cancel.refuse();
            }
        }
        (*g).waits_on.set(On::any(WaitsFor::Unpark).into_raw());
        (*task).in_gopark.set(true);
        let next = park(g);
        if next == g {
            // It was woken before it was parked. As above, that was the unpark.
            (*task).in_gopark.set(false);
            (*task).token.store(false, Ordering::Relaxed);
        }
        next
    }
}

/// The current task has ended. Returns the next task, or null. Called on the system stack, by asm/start.s.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_exit(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the current g, whose outermost frame stands at sched.sp and will never run again.
    unsafe {
        let task = Header::of(g);
        let worker = Worker::running();
        worker.mail.pulse.hide();
        let mut dead = None;
        if !(*g).is_rust() {
            let result = match (*g).panic.take() {
                Some(payload) => Err(payload),
                None => Ok((*g).stack.sched.sp as *const u64),
            };
            let panicked = result.is_err();
            ((*task).kind.finish)(task, result);
            // Looked at before anybody hears of the end and gives up the task.
            let has_locals = !(*task).locals.get().is_null();
            let detached = (*task).set_done() && panicked;
            dead = (detached || has_locals).then_some(Dead { task, detached });
        }
        header::give_place(task);
        free_stacks(g);
        worker.disown(task);
        if let Some(dead) = dead {
            (*worker.dead.get()).push(dead);
            return ptr::null_mut();
        }
        Header::release(task);
        if worker.awaited.get() != 0 { ptr::null_mut() } else { worker.next() }
    }
}
