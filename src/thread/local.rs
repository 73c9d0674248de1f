//! Task-local variables.

use crate::sched::locals::{self, Found};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::ptr::{self, NonNull};
use std::thread as os;

/// Declares variables of which each task has values of its own, in the syntax of [`std::thread_local!`].
///
/// ```
/// use morestack::{task_local, thread};
/// use std::cell::{Cell, RefCell};
///
/// task_local! {
///     /// How many requests this task has served.
///     pub static SERVED: Cell<u32> = const { Cell::new(0) };
///     static NAMES: RefCell<Vec<String>> = RefCell::new(vec!["first".to_owned()]);
/// }
///
/// SERVED.set(7);
/// thread::spawn(|| {
///     assert_eq!(SERVED.get(), 0);
///     NAMES.with_borrow_mut(|names| names.push("second".to_owned()));
///     assert_eq!(NAMES.take().len(), 2);
/// }).join().unwrap();
/// assert_eq!(SERVED.get(), 7);
/// ```
///
/// A value is made by its initialiser when its task first uses it, and dropped on the task's stack when the task ends,
/// the newest first. It need not be `Send`: a task never changes its OS thread once it has one. Outside tasks, each OS thread has
/// a value, as with std.
///
/// A use costs a search through the values that the task has, so they are for the few things that belong to a whole task.
/// The first one costs two allocations.
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = const $init:block; $($rest:tt)*) => {
        $crate::__task_local!([$(#[$attribute])*] $vis $name, $t, [const $init], const { const INIT: $t = $init; INIT });
        $crate::task_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = const $init:block) => {
        $crate::task_local!($(#[$attribute])* $vis static $name: $t = const $init;);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::__task_local!([$(#[$attribute])*] $vis $name, $t, [$init], $init);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::task_local!($(#[$attribute])* $vis static $name: $t = $init;);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __task_local {
    ([$($attribute:tt)*] $vis:vis $name:ident, $t:ty, [$($outside:tt)*], $init:expr) => {
        $($attribute)*
        $vis static $name: $crate::thread::LocalKey<$t> = {
            fn init() -> $t {
                $init
            }
            ::std::thread_local! {
                static OUTSIDE: $t = $($outside)*;
            }
            $crate::thread::LocalKey::__new(init, &OUTSIDE)
        };
    };
}

/// A task-local variable, declared by [`task_local!`](crate::task_local). As [`std::thread::LocalKey`].
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    /// The values of OS threads outside tasks.
    outside: &'static os::LocalKey<T>,
}

/// The value is being dropped or has been dropped: a destructor asked for it at the end of its task or OS thread.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

/// Where a value is to be found.
enum Place<T> {
    /// Until the task ends.
    Task(NonNull<T>),
    /// In the std key.
    Outside,
}

impl<T: 'static> LocalKey<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn __new(init: fn() -> T, outside: &'static os::LocalKey<T>) -> LocalKey<T> {
        LocalKey { init, outside }
    }

    /// Calls `f` with the value, which is made first if this is its first use.
    ///
    /// If the initialiser uses the key itself, the value made inside is replaced, as std's.
    ///
    /// # Panics
    /// If the value is being dropped or has been dropped; if its initialiser panics.
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.try_with(f).unwrap_or_else(|error| destroyed(error))
    }

    /// As [`with`](Self::with), where a value that is gone is an error.
    ///
    /// # Errors
    /// [`AccessError`] if the value is being dropped or has been dropped.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        match self.place(self.init)? {
            // SAFETY: the value is the current task's and stays until that ends, after `f`. It is lent as shared only.
            Place::Task(value) => Ok(f(unsafe { value.as_ref() })),
            Place::Outside => self.outside.try_with(f).map_err(|_| AccessError),
        }
    }

    /// The place of the current task's value, made with `init` if this is its first use.
    fn place(&'static self, init: impl FnOnce() -> T) -> Result<Place<T>, AccessError> {
        // It is a static, so nothing else is ever there.
        let key = ptr::from_ref(self).addr();
        match locals::find(key) {
            Found::NoTask => Ok(Place::Outside),
            Found::Gone => Err(AccessError),
            Found::Value(value) => Ok(Place::Task(value)),
            Found::Unset => {
                drop(locals::insert(key, init()));
                match locals::find(key) {
                    Found::Value(value) => Ok(Place::Task(value)),
                    _ => Err(AccessError),
                }
            }
        }
    }

    /// Calls `f` with the value; if this is its first use, it is made of `new`, and `f` gets nothing else. Outside tasks calls
    /// `outside` instead.
    fn with_new<N>(&'static self, new: N, make: fn(N) -> T, f: impl FnOnce(&T, N), outside: impl FnOnce(N)) {
        let mut new = Some(new);
        match self.place(|| make(new.take().expect("called once"))).unwrap_or_else(|error| destroyed(error)) {
            Place::Outside => outside(new.expect("not used")),
            Place::Task(value) => {
                if let Some(new) = new {
                    // SAFETY: as in `try_with`.
                    f(unsafe { value.as_ref() }, new);
                }
            }
        }
    }
}

#[cold]
fn destroyed(error: AccessError) -> ! {
    panic!("cannot access a task-local value during or after its destruction: {error}")
}

/// The conveniences of std. They panic where [`with`](Self::with) does.
impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value. On first use the initialiser is not called.
    pub fn set(&'static self, value: T) {
        self.with_new(value, Cell::new, Cell::set, |value| self.outside.set(value));
    }

    /// A copy of the value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// The value; leaves the type's default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// The value; leaves this one. On first use the initialiser is called.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

/// The conveniences of std. They panic where [`with`](Self::with) does, and where [`RefCell`]'s methods do.
impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with the value.
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with the value, to change it.
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value. On first use the initialiser is not called.
    pub fn set(&'static self, value: T) {
        self.with_new(value, RefCell::new, |cell, value| drop(cell.replace(value)), |value| self.outside.set(value));
    }

    /// The value; leaves the type's default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// The value; leaves this one. On first use the initialiser is called.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}
