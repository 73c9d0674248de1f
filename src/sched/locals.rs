//! Where a task keeps the values of its task-local variables. What these are, [`thread::local`](crate::thread::LocalKey) knows.
//!
//! A mapped task may have some too, made by Rust code that it calls. They need not be `Send`, so from the first on it stays on
//! its thread ([`G::pinned`](crate::task::g::G)).

use super::current_task;
use super::header::Header;
use super::wait::Uncancellable;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};

/// The values of one task. Few tasks have any, and those have few: a list, searched from its start.
#[derive(Default)]
struct Locals {
    values: RefCell<Vec<Local>>,
}

struct Local {
    /// Address of the key.
    key: usize,
    /// None from the start of its destruction on: it is not made again.
    value: Option<Box<dyn Any>>,
}

/// What there is under a key.
pub(crate) enum Found<T> {
    /// No task runs here.
    NoTask,
    /// The task had a value and has dropped it, or is dropping it; or all of them are gone.
    Gone,
    /// The task has not had a value so far.
    Unset,
    /// It stays there until the task ends.
    Value(NonNull<T>),
}

/// What stands in for the values when the task has ended.
const GONE: *mut () = ptr::without_provenance_mut(1);

/// The value of the current task under `key`, which the caller uses with this type only.
pub(crate) fn find<T: 'static>(key: usize) -> Found<T> {
    let Some(task) = current_task().map(Header::of) else { return Found::NoTask };
    // SAFETY: the current task, which alone uses its values.
    let locals = unsafe { (*task).locals.get() };
    if locals == GONE {
        return Found::Gone;
    }
    // SAFETY: else it is null, or what `insert` made, which stays until the task ends.
    let Some(locals) = (unsafe { locals.cast::<Locals>().as_ref() }) else { return Found::Unset };
    match locals.values.borrow().iter().find(|local| local.key == key) {
        None => Found::Unset,
        Some(Local { value: None, .. }) => Found::Gone,
        Some(Local { value: Some(value), .. }) => Found::Value(NonNull::from(of_type(&**value))),
    }
}

/// Keeps a value of the current task under `key`, and returns the one that was there: its initialiser has used the key.
/// Where the key is gone it does nothing.
pub(crate) fn insert<T: 'static>(key: usize, value: T) -> Option<Box<dyn Any>> {
    let g = current_task()?;
    let task = Header::of(g);
    // SAFETY: as in `find`.
    let locals = unsafe {
        if (*task).locals.get() == GONE {
            return None;
        }
        if (*task).locals.get().is_null() {
            (*g).pinned.set(true);
            (*task).locals.set(Box::into_raw(Box::<Locals>::default()).cast());
        }
        &*(*task).locals.get().cast::<Locals>()
    };
    let mut values = locals.values.borrow_mut();
    match values.iter_mut().find(|local| local.key == key) {
        None => {
            values.push(Local { key, value: Some(Box::new(value)) });
            None
        }
        Some(local) => local.value.as_mut().map(|old| std::mem::replace(old, Box::new(value))),
    }
}

fn of_type<T: 'static>(value: &dyn Any) -> &T {
    value.downcast_ref().expect("a key has one type")
}

/// Drops the values of a task that ends, on its own stack, the newest first; destructors may make values of other keys. One
/// that panics ends the process, as std's thread-locals do.
///
/// The values of a mapped task, which has no Rust frame left, are dropped on the system stack, outside the task.
pub(super) unsafe fn destroy(task: *mut Header) {
    // SAFETY: the caller is the task itself, at its end, or its worker after that.
    unsafe {
        if (*task).locals.get().is_null() {
            return;
        }
        let locals = (*task).locals.get().cast::<Locals>();
        let newest = || (*locals).values.borrow_mut().iter_mut().rev().find_map(|local| local.value.take());
        // A destructor may wait. Cancelling it would be such a panic.
        let _not_now = Uncancellable::new();
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| {
            while let Some(value) = newest() {
                drop(value);
            }
        }));
        if dropped.is_err() {
            crate::stack::report::fatal(format_args!("a task-local value of {} panicked when it was dropped", *task));
        }
        (*task).locals.set(GONE);
        drop(Box::from_raw(locals));
    }
}
