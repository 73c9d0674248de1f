//! What tests of mapped functions need: a function by its name, a fresh task for it, the moves that it makes.

#![allow(dead_code, reason = "each test binary uses a part")]

use morestack::sched::Scheduler;
use morestack::stack::debug;
use morestack::stack::grow::{Move, set_move_hook};
use morestack::stack::table::{Function, Table};
use morestack::task::{AbiArgs, AbiResults, CodeRange, MappedFn};
use std::cell::RefCell;

/// The table of this program.
pub fn table() -> &'static Table {
    Table::of_program().unwrap_or_else(|error| panic!("the table is refused: {error}"))
}

/// What the table knows of the function `name`.
pub fn entry(name: &str) -> &'static Function {
    let mut found = table().functions().iter().filter(|f| f.name == name);
    let function = found.next().unwrap_or_else(|| panic!("there is no mapped function {name}"));
    assert!(found.next().is_none(), "{name} is there twice");
    function
}

/// The function `name`, for sets of functions that a macro has made: `mapped!` wants each one's name spelled out.
///
/// # Safety
/// As for [`MappedFn::new`]: it has this signature.
pub unsafe fn by_name<A: AbiArgs, R: AbiResults>(name: &str) -> MappedFn<A, R> {
    let function = entry(name);
    // SAFETY: the table says that it is there, the caller what it takes.
    unsafe { MappedFn::new(CodeRange { start: function.entry, end: function.end }) }
}

/// Calls `function` as the outermost one of a task whose segment has 2 KB.
pub fn on_fresh_task<A, R>(function: MappedFn<A, R>, args: A) -> R
where
    A: AbiArgs + 'static,
    R: AbiResults + 'static,
{
    Scheduler::new().spawn_mapped(function, args).join_or_resume()
}

thread_local! {
    static MOVES: RefCell<Option<Vec<Move>>> = const { RefCell::new(None) };
}

/// The moves that tasks of this thread make while `f` runs. Tests on other threads do not matter.
pub fn moves_during<R>(f: impl FnOnce() -> R) -> (R, Vec<Move>) {
    // SAFETY: it only counts.
    unsafe {
        set_move_hook(Some(|m| {
            MOVES.with_borrow_mut(|moves| {
                if let Some(moves) = moves {
                    moves.push(*m);
                }
            });
        }))
    };
    MOVES.set(Some(Vec::new()));
    let result = f();
    (result, MOVES.take().expect("moves_during is not nested"))
}

/// Whether each check of a mapped function fails, because a debug mode poisons the guard for good. Says that `what` is left
/// out then.
pub fn every_check_fails(what: &str) -> bool {
    let modes = debug::modes();
    let poisoned = modes.move_always || modes.preempt_always;
    if poisoned {
        println!("left out, because every check fails under {modes:?}: {what}");
    }
    poisoned
}
