//! Where the three lock-free protocols ([`park`](mod@super::park), [`inbox`](super::inbox), [`idle`](super::idle)) take their
//! atomics from: std's.
//!
//! The models in `tests/loom_*.rs` compile the same three files, with loom's atomics in the place of this one.

pub(crate) use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, fence};

/// Defines constructors as `const`. Under loom, whose atomics are made at run time only, they are not.
macro_rules! const_fn {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident() -> $type:ty $body:block)*) => {
        $($(#[$doc])* $vis const fn $name() -> $type $body)*
    };
}
pub(crate) use const_fn;
