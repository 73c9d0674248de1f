//! `crossbeam_utils::thread::scope` with tasks, for crossbeam-channel's tests: its closures have an argument, and its result a layer,
//! that std's do not have. The argument is of no use here: no test spawns by it.

use morestack::thread;
use std::any::Any;

pub struct Scope<'scope, 'env>(&'scope thread::Scope<'scope, 'env>);

impl<'scope> Scope<'scope, '_> {
    pub fn spawn<F, T>(&self, f: F) -> thread::ScopedJoinHandle<'scope, T>
    where
        F: FnOnce(()) -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.0.spawn(|| f(()))
    }
}

/// Panics if a task has, where the original returns that.
pub fn scope<'env, F, T>(f: F) -> Result<T, Box<dyn Any + Send>>
where
    F: for<'scope> FnOnce(&Scope<'scope, 'env>) -> T,
{
    Ok(thread::scope(|scope| f(&Scope(scope))))
}
