//! How far below the guard code may reach.
//!
//! ```text
//!     | frames of checked functions       |   %rsp > guard at every check that passes
//!     |-----------------------------------| <- guard
//!     | 256: what the short check does    |
//!     |      not subtract                 |   368: what a checked function takes beyond what its check subtracted
//!     | 112: what is pushed for a call,   |
//!     |      what an alignment skips      |
//!     |   8: return address of a call     |
//!     | 136: the callee, until it has     |   128 for the red zone or an unchecked leaf; or
//!     |      checked for itself           |   8 + 128 for morestack, called by the callee's check; or a hand-written function
//!     |-----------------------------------| <- lowest byte of the segment = guard - 512
//! ```
//!
//! Signal handlers never run on a segment, so nothing is left for them.

/// Bytes between the guard of a split segment and the segment's lowest byte. The runtime keeps the same number.
pub(super) const SLACK: i64 = 512;

/// Bytes of a return address.
const RETURN: i64 = 8;

/// What morestack and the thunk may push below the `%rsp` they are entered with.
const MORESTACK: i64 = 128;

/// A function whose frame is smaller than this compares `%rsp` itself with the guard (LLVM: `kSplitStackAvailable`), so it
/// may take this much below the guard.
const UNSUBTRACTED: i64 = 256;

/// What the ABI lets a leaf use below `%rsp` without moving it.
pub(super) const RED_ZONE: i64 = 128;

/// What an unchecked function may take below its entry `%rsp`, red zone included, if checked functions call it directly.
pub(super) const LEAF: i64 = 128;

/// What a hand-written function may take below its entry `%rsp`: so much that checked functions still have what their
/// short check does not subtract.
pub(super) const HAND_WRITTEN: i64 = SLACK - UNSUBTRACTED - RETURN;

/// What a checked function may take beyond what its check subtracts, where the hand-written function that takes most takes
/// this much.
pub(super) fn unsubtracted(hand_written: i64) -> i64 {
    SLACK - RETURN - hand_written.max(MORESTACK + RETURN)
}

const _: () = assert!(RED_ZONE <= RETURN + LEAF && LEAF <= MORESTACK + RETURN);

/// Bytes of a page, as compilers touch the pages of a large frame.
pub(super) const PAGE: i64 = 4096;

/// As many bytes between `%rsp` and `%rbp` the thunk copies, at most, for a foreign function that may get arguments there.
/// The runtime keeps the same number.
pub(super) const COPIED: i64 = 128 << 10;
