//! Which memory may be executed, as the kernel tells.

use crate::task::CodeRange;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// What is wrong with a range of addresses that should hold code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Its end does not lie behind its start.
    #[error("the range {start:#x}-{end:#x} has no end: it must lie behind the start")]
    NoEnd {
        /// The first address.
        start: usize,
        /// What should be one past the last.
        end: usize,
    },
    /// Part of it cannot be executed.
    #[error("the range {start:#x}-{end:#x} is no code: at {at:#x} {}", what(.mapped))]
    NotExecutable {
        /// The first address.
        start: usize,
        /// One past the last.
        end: usize,
        /// The first address that cannot be read and executed.
        at: usize,
        /// Whether something is mapped there.
        mapped: bool,
    },
    /// Part of it can be written.
    #[error(
        "the range {start:#x}-{end:#x} can be written at {at:#x}, so what is found out about its code would be worth nothing: take the \
         permission to write away first"
    )]
    Writable {
        /// The first address.
        start: usize,
        /// One past the last.
        end: usize,
        /// The first address that can be written.
        at: usize,
    },
    /// The kernel does not tell: neither what is mapped (`/proc/self/maps`) nor what is there (`/proc/self/mem`) can do without it.
    #[error("what is at {start:#x} cannot be found out in /proc/self: {source}")]
    Unknown {
        /// The first address of the range.
        start: usize,
        /// Why not.
        source: io::Error,
    },
}

fn what(mapped: &bool) -> &'static str {
    if *mapped { "there is memory that cannot be read and executed" } else { "nothing is mapped" }
}

/// The bytes of a range that can be read and executed, and not written. They are read by way of the kernel: what somebody unmaps meanwhile is
/// an error then, and no fault.
pub(super) fn code(range: CodeRange) -> Result<Vec<u8>, RangeError> {
    let CodeRange { start, end } = range;
    if end <= start {
        return Err(RangeError::NoEnd { start, end });
    }
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(|source| RangeError::Unknown { start, source })?;
    let mut at = start;
    for (place, permissions) in maps.lines().filter_map(mapping) {
        if place.end <= at {
            continue;
        }
        if place.start > at {
            break;
        }
        let has = |permission| permissions.contains(permission);
        if has('w') && has('x') {
            return Err(RangeError::Writable { start, end, at });
        }
        if !has('r') || !has('x') {
            return Err(RangeError::NotExecutable { start, end, at, mapped: true });
        }
        at = place.end;
        if at >= end {
            let mut bytes = vec![0; end - start];
            return match File::open("/proc/self/mem").and_then(|memory| memory.read_exact_at(&mut bytes, start as u64))
            {
                Ok(()) => Ok(bytes),
                Err(source) => Err(RangeError::Unknown { start, source }),
            };
        }
    }
    Err(RangeError::NotExecutable { start, end, at, mapped: false })
}

/// A line of the kernel's list: where it is, and its permissions.
fn mapping(line: &str) -> Option<(Range<usize>, &str)> {
    let mut words = line.split(' ');
    let (start, end) = words.next()?.split_once('-')?;
    let address = |hex| usize::from_str_radix(hex, 16).ok();
    Some((address(start)?..address(end)?, words.next()?))
}
