//! Where a task keeps the values of its task-local variables. What they are, `thread::task_local!` knows.

use super::current_task;
use super::header::Header;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

/// The values of one task, by the address of their key. Few tasks have any, and those have few: a list.
#[derive(Default)]
pub(crate) struct Locals {
    pub(crate) values: RefCell<Vec<(usize, Box<dyn Any>)>>,
}

/// Runs `f` with the values of the current task; `None` outside tasks, and when its values are being dropped for good.
pub(crate) fn with_current<R>(f: impl FnOnce(&Locals) -> R) -> Option<R> {
    let task = current_task().map(Header::of)?;
    // SAFETY: the current task, which alone uses its values; they stay where they are until it ends.
    unsafe {
        if (*task).locals.get() == GONE {
            return None;
        }
        if (*task).locals.get().is_null() {
            (*task).locals.set(Box::into_raw(Box::<Locals>::default()).cast());
        }
        Some(f(&*(*task).locals.get().cast::<Locals>()))
    }
}

/// What stands in for the values when the task has ended.
const GONE: *mut () = std::ptr::without_provenance_mut(1);

/// Drops the values of a task that ends, on its own stack, the newest first. A destructor that panics ends the process, as
/// std's thread-locals do.
pub(super) unsafe fn destroy(task: *mut Header) {
    // SAFETY: the caller is the task itself, at its end.
    unsafe {
        if (*task).locals.get().is_null() {
            return;
        }
        let locals = (*task).locals.get().cast::<Locals>();
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| {
            // One may make others while it is dropped.
            while let Some(newest) = { (*locals).values.borrow_mut().pop() } {
                drop(newest);
            }
        }));
        if dropped.is_err() {
            crate::stack::report::fatal(format_args!("a task-local value of {} panicked when it was dropped", *task));
        }
        (*task).locals.set(GONE);
        drop(Box::from_raw(locals));
    }
}
