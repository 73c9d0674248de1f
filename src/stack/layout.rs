//! The numbers of a stack: sizes, the slack below the guard, the guard's poisoned values.
//!
//! The slack follows Go's `runtime/stack.go`, where the same three constants have the same values and reasons.

/// Size of a fresh segment in bytes, and the alignment of every segment: deltas of moves are multiples of it, so a local's
/// alignment up to it survives a move.
pub const STACK_MIN: usize = 2048;

/// How far a function may go below the guard without subtracting its frame in the check: small frames compare the
/// stack pointer alone, which saves an instruction where it matters most.
pub const STACK_SMALL: usize = 128;

/// What a chain of NOSPLIT functions may use, return addresses included, below the deepest point that a check lets
/// through. The table of functions is refused when a chain could use more (`frames/chains.rs`).
pub const STACK_NOSPLIT: usize = 800;

/// `stackguard = lo + STACK_GUARD`. A checked function reaches at most `STACK_SMALL` below the guard, the chain below it
/// `STACK_NOSPLIT` more; morestack itself pushes nothing.
pub const STACK_GUARD: usize = STACK_SMALL + STACK_NOSPLIT;

/// From this frame size on, `sp - frame` could wrap around, so the check subtracts with a carry.
pub const STACK_BIG: usize = 4096;

/// Bytes at the top of each segment that no frame uses. They hold a zero frame pointer pair, which ends a frame-pointer
/// walk, and they make `hi` an address that no pointer one past the end of an array can have.
pub const STACK_TOP: usize = 16;

/// Largest segment that comes from slabs, by way of lists per thread. Larger ones come from blocks in the same arenas, and
/// from 256 KB on from the OS one by one.
pub const POOL_MAX: usize = 32 * 1024;

/// Sizes that come from slabs: `STACK_MIN << i`.
pub(super) const POOL_CLASSES: usize = (POOL_MAX / STACK_MIN).trailing_zeros() as usize + 1;

/// Largest segment a task may grow to unless its builder says otherwise.
pub const MAX_STACK: usize = 1 << 30;

/// `stackguard0` of a task that is asked to yield at its next check. Larger than any stack pointer.
pub const GUARD_PREEMPT: usize = 0xffff_ffff_ffff_fade;

/// `stackguard0` of a task whose stack is to be moved at its next check. Larger than any stack pointer.
pub const GUARD_MOVE: usize = 0xffff_ffff_ffff_feed;

/// Size of a page, which this target fixes.
pub const PAGE: usize = 4096;

const _: () = assert!(STACK_GUARD < STACK_MIN / 2, "half of a fresh segment is usable");
const _: () = assert!(STACK_MIN.is_power_of_two() && POOL_MAX.is_power_of_two());
