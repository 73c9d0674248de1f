//! What can go wrong when memory for a stack is asked for.

use std::io;

/// Memory for a stack could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The kernel refused memory.
    #[error("no memory for a stack of {size} bytes: {source}; lower the number of tasks or raise the memory limit")]
    OutOfMemory {
        /// Bytes asked for.
        size: usize,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel's limit on mappings per process is reached. Only kernels without `MADV_GUARD_INSTALL` (before 6.13)
    /// need a mapping per guard page.
    #[error(
        "no guard page for a stack of {size} bytes: this process has as many mappings as the kernel allows \
         (sysctl vm.max_map_count); raise that limit, or use Linux 6.13 or later, where guard pages need no mapping"
    )]
    TooManyMappings {
        /// Bytes asked for.
        size: usize,
    },
    /// A size that no stack can have.
    #[error("a stack of {size} bytes is impossible: sizes are from {min} to {max} bytes")]
    BadSize {
        /// Bytes asked for.
        size: usize,
        /// Smallest size there is.
        min: usize,
        /// Largest size there is.
        max: usize,
    },
    /// `RUST_MIN_STACK`, the size of stacks for which none is given, is more than any stack can have.
    #[error("RUST_MIN_STACK asks for stacks of {size} bytes, but {max} are the most there is; lower it")]
    BadMinStack {
        /// The variable's value.
        size: usize,
        /// Largest size there is.
        max: usize,
    },
}

impl StackError {
    /// The same, about a size that stands in `RUST_MIN_STACK`.
    pub(super) fn in_min_stack(self) -> StackError {
        match self {
            StackError::BadSize { size, max, .. } => StackError::BadMinStack { size, max },
            other => other,
        }
    }

    /// The same, as seen by who asked for one stack of `size` bytes.
    pub(super) fn of_stack(self, size: usize) -> StackError {
        match self {
            StackError::OutOfMemory { source, .. } => StackError::OutOfMemory { size, source },
            other => other,
        }
    }
}
