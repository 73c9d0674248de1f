//! How a task is named in reports, and the reports that end the process when its stack cannot grow.

use super::g::{G, Ident};
use crate::arch;
use crate::stack::frames::known::Known;
use crate::stack::frames::table::Table;
use crate::stack::frames::walk::{Frame, Walk};
use crate::stack::grow::{GrowError, Innermost};
use crate::stack::report;
use std::fmt;

/// Names a task: `task 7 "parser"`. Allocates nothing.
pub(crate) struct Label(pub(crate) *const G);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: made from a live g (or null) by the thread that runs it.
        match unsafe { self.0.as_ref() } {
            None => f.write_str("a thread outside any task"),
            Some(g) if g.is_borrowed() => f.write_str("a thread outside any task (borrowed g)"),
            // SAFETY: the ident of a live g is live.
            Some(g) => unsafe { &*g.ident }.fmt(f),
        }
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {} {name:?}", self.id),
            None => write!(f, "task {}", self.id),
        }
    }
}

/// Frames shown at each end of a stack.
const SHOWN: usize = 8;

/// The innermost and outermost mapped frames of a stack, one per line.
pub(crate) struct Trace<'a> {
    pub(crate) g: &'a G,
    pub(crate) innermost: Innermost,
}

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = known_if_right() else { return Ok(()) };
        // SAFETY: the g stands where `innermost` says: whoever makes a Trace has just found out.
        let walk = || unsafe { Walk::new(&known, &self.g.stack, self.innermost == Innermost::Sched, 0) };
        // A wrapper's function stands beside it, unless the wrapper is all that there is yet.
        let is_shown = |depth: usize, frame: &Result<Frame, _>| {
            depth == 0 || !frame.as_ref().is_ok_and(|frame| frame.function.is_abi_wrapper())
        };
        let walk = || walk().enumerate().filter(move |(depth, frame)| is_shown(*depth, frame)).map(|(_, frame)| frame);
        let total = walk().filter(Result::is_ok).count();
        for (depth, frame) in walk().enumerate() {
            match frame {
                Err(error) => return write!(f, "\n    #{depth} {error}"),
                Ok(_) if depth == SHOWN && total > 2 * SHOWN => write!(f, "\n    ... {} more", total - 2 * SHOWN)?,
                Ok(_) if depth >= SHOWN && depth + SHOWN < total => {}
                Ok(frame) => {
                    let function = frame.function;
                    write!(f, "\n    #{depth} {} at {}:{}", function.name, function.file, frame.line())?;
                    write!(f, " (+{:#x})", frame.pc() - function.entry)?;
                }
            }
        }
        Ok(())
    }
}

/// Ends the process: the stack of `g` cannot grow.
pub(crate) fn cannot_grow(g: &G, innermost: Innermost, error: &GrowError) -> ! {
    report::fatal(format_args!(
        "the stack of {} cannot grow: {error}; it has {} bytes at {:#x}; innermost and outermost frames:{}",
        Label(g),
        g.stack.size(),
        g.stack.lo,
        Trace { g, innermost }
    ))
}

/// The function table; a contradictory one ends the process, because no frame could be trusted.
pub(crate) fn program_table() -> &'static Table {
    match Table::of_program() {
        Ok(table) => table,
        Err(error) => report::fatal(format_args!("the table of mapped functions is refused: {error}")),
    }
}

/// All mapped functions that are known now, those that were registered included; ends the process as [`program_table`] does.
#[inline]
pub(crate) fn known() -> Known {
    Known::now(program_table())
}

/// The same; `None` if the table is refused.
pub(crate) fn known_if_right() -> Option<Known> {
    Table::of_program().ok().map(Known::now)
}

/// Tells the reports of the layers below which task they speak of.
pub(crate) fn register() {
    // SAFETY: it reads the current g, which is live, and formats into `out` without allocating.
    unsafe {
        report::set_task_describer(|out| {
            // A report on its way out cannot do more about an error than go on.
            let _ = write!(out, "{}", Label(arch::current_g()));
        });
    }
}
