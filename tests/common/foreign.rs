//! Foreign functions: what a C compiler could have made, see foreign.s, and safe ways to call closures through it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::ffi::c_void;

std::arch::global_asm!(include_str!("foreign.s"), options(att_syntax));

/// A block that C passes by value, on the stack.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Block<const BYTES: usize>(pub [u8; BYTES]);

impl<const BYTES: usize> Block<BYTES> {
    pub fn new(seed: u8) -> Block<BYTES> {
        Block(std::array::from_fn(|i| (i * 7 + i / 251) as u8 ^ seed))
    }

    /// What the foreign functions compute of it.
    pub fn hash(&self) -> u64 {
        self.0.iter().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    }
}

/// One that must lie in a cache line of its own.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Line(pub Block<64>);

type Callback = unsafe extern "C-unwind" fn(*mut c_void) -> u64;
type LongCallback = unsafe extern "C-unwind" fn(
    *mut c_void,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
) -> u64;

unsafe extern "C-unwind" {
    pub safe fn foreign_hash_40(length: u64, block: Block<40>) -> u64;
    pub safe fn foreign_hash_300(length: u64, block: Block<300>) -> u64;
    pub safe fn foreign_hash_2000(length: u64, block: Block<2000>) -> u64;
    pub safe fn foreign_hash_60000(length: u64, block: Block<60_000>) -> u64;
    pub safe fn foreign_hash_line(length: u64, line: Line) -> u64;
    pub safe fn foreign_address_of_line(length: u64, line: Line) -> usize;
    fn foreign_call(f: Callback, data: *mut c_void) -> u64;
    fn foreign_call_with_stack(f: LongCallback, data: *mut c_void) -> u64;
    fn foreign_descend(f: Callback, data: *mut c_void, n: u64, frame: u64) -> u64;
}

/// What a foreign function calls: the closure behind the pointer.
unsafe extern "C-unwind" fn run<F: FnMut() -> u64>(f: *mut c_void) -> u64 {
    // SAFETY: the functions below pass a closure of this type, which nobody else uses meanwhile.
    unsafe { (*f.cast::<F>())() }
}

/// Calls the closure from a foreign function that uses all registers for numbers.
pub fn call<F: FnMut() -> u64>(mut f: F) -> u64 {
    // SAFETY: the callback gets the closure that it expects.
    unsafe { foreign_call(run::<F>, (&raw mut f).cast()) }
}

/// Calls the closure below so many foreign frames of so many bytes.
pub fn descend<F: FnMut() -> u64>(frames: u64, bytes: u64, mut f: F) -> u64 {
    assert!(bytes.is_multiple_of(16), "the stack stays aligned");
    // SAFETY: as above.
    unsafe { foreign_descend(run::<F>, (&raw mut f).cast(), frames, bytes) }
}

/// Calls the closure with the sum of arguments that came on the stack: 6 + 7 + ... + 15, each times its number.
pub fn call_with_stack<F: FnMut(u64) -> u64>(mut f: F) -> u64 {
    #[allow(clippy::too_many_arguments, reason = "that is the point")]
    unsafe extern "C-unwind" fn run<F: FnMut(u64) -> u64>(
        f: *mut c_void,
        a1: u64,
        a2: u64,
        a3: u64,
        a4: u64,
        a5: u64,

        a6: u64,
        a7: u64,
        a8: u64,
        a9: u64,
        a10: u64,
        a11: u64,
        a12: u64,
        a13: u64,
        a14: u64,
        a15: u64,
    ) -> u64 {
        let all = [a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15];
        assert!(all.iter().copied().eq(1..=15), "{all:?}");
        // SAFETY: as in the other one.
        unsafe { (*f.cast::<F>())(all.iter().map(|n| n * n).sum()) }
    }
    // SAFETY: as above.
    unsafe { foreign_call_with_stack(run::<F>, (&raw mut f).cast()) }
}
