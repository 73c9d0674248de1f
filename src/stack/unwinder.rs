//! The frames of the calling flow of control, whatever stacks they lie on, as the unwinder (libgcc's) finds them.
//!
//! It follows tables, so it passes frames of C code that keep no frame pointer. It allocates nothing for code that the linker has
//! made tables for.

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;

/// A frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// An address in the call, not behind it.
    pub(crate) pc: usize,
    /// The function's start; of frames without unwind information, anything.
    pub(crate) start: usize,
    /// The function's language-specific data, or null.
    pub(crate) lsda: *const u8,
}

/// Shows `visit` the frames from the caller's on, until it breaks or the unwinder finds no more.
pub(crate) fn walk<F: FnMut(Frame) -> ControlFlow<()>>(mut visit: F) {
    type Callback = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;
    unsafe extern "C" {
        fn _Unwind_Backtrace(callback: Callback, argument: *mut c_void) -> c_int;
        fn _Unwind_GetIPInfo(context: *mut c_void, before: *mut c_int) -> usize;
        fn _Unwind_GetRegionStart(context: *mut c_void) -> usize;
        fn _Unwind_GetLanguageSpecificData(context: *mut c_void) -> *const u8;
    }
    const GO_ON: c_int = 0;
    const STOP: c_int = 4;
    unsafe extern "C" fn step<F: FnMut(Frame) -> ControlFlow<()>>(context: *mut c_void, visit: *mut c_void) -> c_int {
        // SAFETY: the unwinder's own context, and the closure handed to `_Unwind_Backtrace`.
        let (frame, visit) = unsafe {
            let mut before = 0;
            let pc = _Unwind_GetIPInfo(context, &raw mut before);
            // A return address may belong to the next function already.
            let pc = if before == 0 { pc.wrapping_sub(1) } else { pc };
            let (start, lsda) = (_Unwind_GetRegionStart(context), _Unwind_GetLanguageSpecificData(context));
            (Frame { pc, start, lsda }, &mut *visit.cast::<F>())
        };
        if visit(frame).is_continue() { GO_ON } else { STOP }
    }
    // SAFETY: `step` gets this closure, which nobody else uses meanwhile.
    unsafe { _Unwind_Backtrace(step::<F>, (&raw mut visit).cast()) };
}
