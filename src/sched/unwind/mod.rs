//! Can the current task be unwound from here? To be asked before a task is cancelled, because a panic in the wrong place
//! aborts the process.
//!
//! Rust ends the process when a panic wants to leave an `extern "C"` function: a *guard*. The unwinder's tables show guards
//! in three ways (`rustc` 1.95, debug and release):
//! - A call with nothing to drop has a landing pad with a *filter* action, which calls `panic_cannot_unwind`.
//! - A call with something to drop has a landing pad with a *cleanup* action, like any other function. It runs the
//!   destructors; then it calls `panic_cannot_unwind`, where others call `_Unwind_Resume`. The tables do not tell the two
//!   apart. So the pad's code is followed ([`guard`]). Destructors that abort, as std has some, are found on the way.
//! - A call that is taken to never unwind has no entry in the table, in a function that has one.
//!
//! A destructor that runs because of a panic has a filter below it too, and so has C++'s `noexcept` in one of its forms.
//!
//! Foreign code cannot sit between unnoticed: C calls Rust by way of an `extern "C"` function, which has the guard, or by way
//! of an `extern "C-unwind"` one, by which somebody says that the C code may be unwound. What is between are frames without
//! language-specific data, which the unwinder passes. A frame with such data but another language's personality
//! counts as an obstacle: what that would do is its own affair. So does a frame without unwind information: the stack ends
//! there, as the unwinder sees it.
//!
//! Mapped frames are no obstacle: a bridge catches the panic in front of them and raises it again behind them. So the guard of
//! the Rust function that the bridge calls, an `extern "C"` one, is not in the way. A `catch_unwind` is none either: if it
//! keeps the panic, the task goes on and can be cancelled again when it parks.
//!
//! In a split build, frames stand between that lead from one stack to another. Their landing pads only set the guard back.
//!
//! Where the code of a landing pad is not understood (a jump table in it), the answer is no. It is a wrong yes in two cases. One
//! is a guarded function that the compiler has put into the Rust function that calls it, below an equally inlined
//! `catch_unwind`. The other is a call of a C function that is declared as `extern "C"` and yet unwinds, from a function
//! with nothing to drop: undefined behaviour before we come to it.

mod code;
mod guard;
mod table;

use crate::arch;
use crate::stack::unwinder::{Frame, walk};
use guard::Leads;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ops::ControlFlow;
use table::{Action, Function};

/// Why a task cannot be unwound. Names the function that is in the way by an address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Obstacle {
    /// A Rust function that must not unwind: `extern "C"`, or a destructor that runs because of a panic, or one that aborts.
    #[error("the function at {pc:#x} must not unwind")]
    Guard {
        /// The call in it.
        pc: usize,
    },
    /// A call that was taken to never unwind.
    #[error("the function at {pc:#x} makes a call that must not unwind")]
    NounwindCall {
        /// The call.
        pc: usize,
    },
    /// A function of another language, with destructors or handlers.
    #[error("the function at {pc:#x} has handlers of another language")]
    Foreign {
        /// The call in it.
        pc: usize,
    },
    /// A function whose unwind tables or landing pads are not understood.
    #[error("what the function at {pc:#x} does when unwound is not understood")]
    Unclear {
        /// The call in it.
        pc: usize,
    },
    /// The unwinder finds no way from here to the base of a task.
    #[error("the function at {pc:#x} has no unwind information, or is the first of its thread")]
    NoWayDown {
        /// Where it ends.
        pc: usize,
    },
    /// The program was built with `panic = "abort"`.
    #[error("panics abort in this program")]
    PanicsAbort,
}

/// Whether a panic that is raised here would get to the base of the task.
///
/// Takes 1 us per frame, and some more when a call is seen for the first time.
///
/// # Errors
/// What is in the way. Also outside tasks.
pub(super) fn can_unwind() -> Result<(), Obstacle> {
    if cfg!(panic = "abort") {
        return Err(Obstacle::PanicsAbort);
    }
    let (closure_main, mapped_start, _) = landmarks();
    descend(|function| {
        if function == closure_main || function == mapped_start {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
}

/// How many frames of a function that catches panics, up to `wanted` of them, a panic that is raised here would get to if
/// each passed it on. In a task or on an OS thread. `function` is its address.
///
/// Takes as long as [`can_unwind`].
pub(super) fn count_in_reach(function: usize, wanted: usize) -> usize {
    let mut count = 0;
    if cfg!(panic = "abort") || wanted == 0 {
        return count;
    }
    // What is in the way of the others is of no interest.
    let _ = descend(|reached| {
        count += usize::from(reached == function);
        if count == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    count
}

/// Shows `reached` the functions that a panic would get to that is raised here, until it breaks.
///
/// # Errors
/// What is in the way of the next one.
fn descend(mut reached: impl FnMut(usize) -> ControlFlow<()>) -> Result<(), Obstacle> {
    // Before the walk: it is one itself.
    guard::known();
    let (_, _, call_rust) = landmarks();
    let mut result = Err(Obstacle::NoWayDown { pc: 0 });
    let mut in_the_way = None;
    walk(|frame| {
        if frame.start == call_rust {
            // The frame before was its callee, which has caught the panic.
            in_the_way = None;
        }
        if let Some(obstacle) = in_the_way {
            result = Err(obstacle);
            return ControlFlow::Break(());
        }
        if reached(frame.start).is_break() {
            result = Ok(());
            return ControlFlow::Break(());
        }
        result = Err(Obstacle::NoWayDown { pc: frame.pc });
        in_the_way = obstacle(frame);
        ControlFlow::Continue(())
    });
    result
}

/// The functions in which tasks begin, of which the first catches panics, and the bridge from mapped code to Rust.
fn landmarks() -> (usize, usize, usize) {
    unsafe extern "C" {
        fn morestack_closure_main(g: *mut c_void);
        #[link_name = "morestack_call_rust$entry"]
        safe fn call_rust_entry() -> usize;
    }
    (morestack_closure_main as unsafe extern "C" fn(_) as usize, arch::mapped_start(), call_rust_entry())
}

/// Whether the frame's function is in the way. The same call has the same answer, and a million tasks park in a few places;
/// so a thread remembers its answers. (Code that is unloaded, and other code at its place, would spoil that; Rust code that
/// parks cannot be unloaded while its tasks live, and nobody unloads it after.)
fn obstacle(frame: Frame) -> Option<Obstacle> {
    thread_local! {
        static ANSWERS: RefCell<HashMap<usize, Option<Obstacle>>> = RefCell::default();
    }
    if frame.lsda.is_null() {
        return None;
    }
    // Late in a thread's life there is no memory of this kind.
    if let Ok(Some(answer)) = ANSWERS.try_with(|answers| answers.borrow().get(&frame.pc).copied()) {
        return answer;
    }
    let answer = look(frame);
    let _ = ANSWERS.try_with(|answers| answers.borrow_mut().insert(frame.pc, answer));
    answer
}

fn look(frame: Frame) -> Option<Obstacle> {
    let pc = frame.pc;
    if crate::arch::is_passage(frame.start) {
        return None;
    }
    // SAFETY: the unwinder's; other languages' data has the same form.
    let action = unsafe { table::action(frame.lsda, frame.start, pc) };
    let (Some(function), Some(known), Some(action)) = (Function::at(pc), guard::known(), action) else {
        return Some(Obstacle::Unclear { pc });
    };
    if function.personality != known.personality {
        return Some(Obstacle::Foreign { pc });
    }
    match action {
        Action::Nothing | Action::Catch => None,
        Action::Cleanup { landing_pad } => match guard::follow(landing_pad, &function.code, known) {
            Leads::On => None,
            Leads::ToTheEnd => Some(Obstacle::Guard { pc }),
            Leads::Unclear => Some(Obstacle::Unclear { pc }),
        },
        Action::Abort { .. } => Some(Obstacle::Guard { pc }),
        Action::NoEntry => Some(Obstacle::NounwindCall { pc }),
    }
}

#[cfg(test)]
mod tests;
