//! What can go wrong when memory for a stack is asked for.

use std::{fmt, io, str};

/// Memory for a stack could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The kernel refused memory.
    #[error("no memory for a stack of {size} bytes: {}; lower the number of tasks or raise the memory limit", Reason(.source))]
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

/// What std says of an error of the kernel's, without a `String` on the way: what ends the process may have interrupted the global
/// allocator.
pub(super) struct Reason<'a>(pub(super) &'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.0.raw_os_error() else {
            // A kind: a text that is there.
            return self.0.fmt(f);
        };
        // As std's, which glibc's longest message fits twice.
        let mut text = [0_u8; 128];
        // SAFETY: the buffer can be written. POSIX's variant is the one that the `libc` crate declares.
        unsafe { libc::strerror_r(code, text.as_mut_ptr().cast(), text.len()) };
        let len = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        // Messages in another encoding, by the locale, leave the number.
        write!(f, "{} (os error {code})", str::from_utf8(&text[..len]).unwrap_or("error"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_worded_as_std_words_them() {
        for error in [libc::ENOMEM, libc::EINVAL, 9999].map(io::Error::from_raw_os_error) {
            assert_eq!(Reason(&error).to_string(), error.to_string());
        }
        let error = io::Error::from(io::ErrorKind::OutOfMemory);
        assert_eq!(Reason(&error).to_string(), error.to_string());
    }
}
