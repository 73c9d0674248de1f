//! What a failed check leads to: the Rust half of `morestack`.

use super::worker;
use crate::stack::debug;
use crate::stack::grow::{self, Innermost};
use crate::stack::layout::{GUARD_MOVE, GUARD_PREEMPT};
use crate::task::g::G;
use crate::task::report;
use std::sync::atomic::Ordering;

/// Decides what the failed check of the function at `g.sched.pc` meant. Returns the task to run: this one, or the next if
/// this one was to give way. Called on the system stack, by asm/morestack.s.
#[unsafe(no_mangle)]
unsafe extern "C" fn morestack_newstack(g: *mut G) -> *mut G {
    // SAFETY: assembly passes the current g, which it has just saved at a restart point.
    unsafe {
        let known = report::known();
        let stack = &mut (*g).stack;
        let Some(function) = known.find_restart(stack.sched.pc) else {
            crate::stack::report::fatal(format_args!(
                "{} called morestack from {:#x}, which is no mapped function: only TEXT's prologue may",
                report::Label(g),
                stack.sched.pc
            ));
        };
        let need = function.need();
        let poison = if debug::modes().move_always {
            // What asks to give way is taken off here, and only here: see `reset_guard`.
            stack.stackguard0.swap(GUARD_MOVE, Ordering::Relaxed)
        } else {
            stack.stackguard0.load(Ordering::Relaxed)
        };
        let fits = stack.fits(stack.sched.sp, need);
        stack.reset_guard();
        let m = &mut *(*g).m;
        if !fits {
            if let Err(error) = grow::grow(stack, &mut m.cache, &known, Innermost::Sched, need) {
                report::cannot_grow(&*g, Innermost::Sched, &error);
            }
        } else if poison == GUARD_MOVE {
            let size = stack.size();
            if let Err(error) = grow::move_to(stack, &mut m.cache, &known, Innermost::Sched, size) {
                report::cannot_grow(&*g, Innermost::Sched, &error);
            }
        }
        // Under a debug mode the guard is poisoned for good, so a restart would end here again: the function goes on behind
        // its check instead, which it would pass.
        let modes = debug::modes();
        if modes.move_always || modes.preempt_always {
            stack.sched.pc = function.body;
        }
        // Whoever runs next may do so for long.
        drop(known);
        // A poison that came too late is stale: what fails the real guard grows, whatever the poison said, and a poison that
        // is lost is repeated by whoever set it. Where Rust frames are live it may be stale too, and they must not be
        // preempted: they could hold a lock, or a borrow of a thread-local. Only the debug mode asks for that.
        let preempted = fits && poison == GUARD_PREEMPT && !(*g).is_borrowed();
        if !preempted {
            g
        } else if modes.preempt_always {
            // Each check comes here: a turn of the loop for each would be dear.
            worker::morestack_yield(g)
        } else if (*g).is_all_mapped() {
            worker::preempted(g)
        } else {
            g
        }
    }
}
