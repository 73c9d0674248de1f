//! Where [`super::published`] takes its atomics from: std's. `tests/loom_published.rs` compiles it with loom's in the place of these, as
//! `sched/sync.rs` explains.

pub(super) use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
pub(super) use std::sync::atomic::{AtomicPtr, AtomicUsize, fence};

/// Defines constructors as `const`. Under loom, whose atomics are made at run time only, they are not.
macro_rules! const_fn {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $of:ty),*) -> $type:ty $body:block)*) => {
        $($(#[$doc])* $vis const fn $name($($arg: $of),*) -> $type $body)*
    };
}
pub(super) use const_fn;
