//! The assembly's other half: brings in `asm/`, gives it the offsets of the Rust structs, and declares its labels.
//!
//! What depends on the architecture stands in `asm/` and here, and nowhere else. This module belongs to no layer: for the
//! offsets it names structs of `stack` and `task`, and both call its functions.

use crate::stack::layout;
use crate::stack::split;
use crate::stack::state::{GoStack, Gobuf, ToRust};
use crate::task::g::{Enter, G, M};
use std::mem::offset_of;

/// Offset in glibc's thread control block of the word that split-stack prologues compare with (`__private_ss` of
/// `tcbhead_t`).
#[doc(hidden)]
pub const TCB_GUARD: usize = 0x70;

/// Offsets and constants for the assembly; `__assembly_prelude!` hands them over under the same names.
#[doc(hidden)]
pub mod offsets {
    use super::*;
    pub const G_LO: usize = offset_of!(G, stack) + offset_of!(GoStack, lo);
    pub const G_HI: usize = offset_of!(G, stack) + offset_of!(GoStack, hi);
    pub const G_STACKGUARD0: usize = offset_of!(G, stack) + offset_of!(GoStack, stackguard0);
    pub const G_STACKGUARD1: usize = offset_of!(G, stack) + offset_of!(GoStack, stackguard1);
    pub const G_SCHED: usize = offset_of!(G, stack) + offset_of!(GoStack, sched);
    pub const G_TO_RUST: usize = offset_of!(G, stack) + offset_of!(GoStack, to_rust);
    pub const G_ENTER: usize = offset_of!(G, enter);
    pub const G_SYS: usize = offset_of!(G, sys);
    pub const G_BIG_HI: usize = offset_of!(G, big_hi);
    pub const G_M: usize = offset_of!(G, m);
    pub const M_SYS_SP: usize = offset_of!(M, sys_sp);
    pub const M_BIG_HI: usize = offset_of!(M, big_hi);
    pub const RECORD_BP: usize = offset_of!(ToRust, bp);
    pub const RECORD_PC: usize = offset_of!(ToRust, pc);
    pub const RECORD_SP: usize = offset_of!(ToRust, sp);
    pub const RECORD_PREV: usize = offset_of!(ToRust, prev);
    pub const RECORD_SIZE: usize = size_of::<ToRust>();
    pub const GOBUF_CTXT: usize = offset_of!(Gobuf, ctxt);
    pub const ENTER_WORDS: usize = offset_of!(Enter, words);
    pub const ENTER_FRAME: usize = offset_of!(Enter, frame);
    pub const ENTER_BP: usize = offset_of!(Enter, bp);
    pub const STACK_SMALL: usize = layout::STACK_SMALL;
    pub const STACK_BIG: usize = layout::STACK_BIG;
    pub const STACK_NOSPLIT: usize = layout::STACK_NOSPLIT;
    pub const STACK_TOP: usize = layout::STACK_TOP;
    pub const TCB_GUARD: usize = super::TCB_GUARD;
    // The split build's. In a plain build no instruction uses them.
    pub const SPLIT: usize = cfg!(morestack_split) as usize;
    pub const DEBUG_MODES: usize = cfg!(feature = "debug-modes") as usize;
    #[cfg(morestack_split)]
    pub const G_RUST_GUARD: usize = offset_of!(G, rust_guard);
    #[cfg(morestack_split)]
    pub const G_SEG: usize = offset_of!(G, seg);
    #[cfg(morestack_split)]
    pub const G_AWAY: usize = offset_of!(G, away);
    #[cfg(morestack_split)]
    pub const KEPT: isize = split::KEPT;
    #[cfg(not(morestack_split))]
    pub const G_SEG: usize = 0;
    #[cfg(not(morestack_split))]
    pub const G_AWAY: usize = 0;
    #[cfg(not(morestack_split))]
    pub const KEPT: isize = 0;
    #[cfg(morestack_split)]
    pub const M_FOREIGN: usize = offset_of!(M, foreign);
    #[cfg(not(morestack_split))]
    pub const G_RUST_GUARD: usize = 0;
    #[cfg(not(morestack_split))]
    pub const M_FOREIGN: usize = 0;
    pub const SEG_NEXT: usize = offset_of!(split::Header, next);
    pub const SEG_HI: usize = offset_of!(split::Header, hi);
    pub const SEG_PREV: usize = offset_of!(split::Header, prev);
    pub const SPLIT_GUARD: usize = split::GUARD;
    pub const SPLIT_TOP: usize = layout::STACK_TOP;
    pub const SPLIT_MOVABLE: u32 = split::MOVABLE;
    pub const SPLIT_ARGUMENTS: u32 = split::ARGUMENTS;
    pub const SPLIT_ARGUMENT_PADDING: usize = split::ARGUMENT_PADDING;
    pub const FOREIGN_SP: usize = offset_of!(split::Foreign, sp);
    pub const FOREIGN_GUARD: usize = offset_of!(split::Foreign, guard);
    pub const FOREIGN_LO: usize = offset_of!(split::Foreign, lo);
    pub const FOREIGN_HI: usize = offset_of!(split::Foreign, hi);
    pub const FOREIGN_SIZE: usize = size_of::<split::Foreign>();
    pub const FOREIGN_ARGUMENTS: usize = split::FOREIGN_ARGUMENTS;
    pub const UNWINDER_AREA: usize = split::UNWINDER_AREA;
    pub const LEAF_BOUND: usize = split::LEAF_BOUND;
    pub const STUBS: usize = split::STUBS;
}

// The offsets that hand-written code of others relies on (they are ABI), and the shape that CFI_RECORD relies on: a Gobuf
// and a ToRust begin alike, and each offset fits the one-byte operands of the unwind expressions.
const _: () = {
    use offsets::*;
    assert!(G_LO == 0 && G_HI == 8 && G_STACKGUARD0 == 16 && G_STACKGUARD1 == 24);
    assert!(offset_of!(Gobuf, bp) == RECORD_BP && offset_of!(Gobuf, pc) == RECORD_PC);
    assert!(offset_of!(Gobuf, sp) == RECORD_SP && G_SCHED + GOBUF_CTXT < 64);
    assert!(RECORD_BP == 0 && RECORD_PC == 8, "a record is a frame-pointer pair");
    assert!(RECORD_SIZE.is_multiple_of(16), "stacks stay on multiples of 16");
};
// The Enter record as the pushes of asm/enter.s make it, last push first.
const _: () = {
    assert!(offset_of!(Enter, to_rust) == 0 && offset_of!(Enter, prev) == 8 && offset_of!(Enter, outer_g) == 16);
    assert!(offset_of!(Enter, words) == 24 && offset_of!(Enter, frame) == 32 && offset_of!(Enter, bp) == 80);
    assert!(size_of::<Enter>() == 96);
};

/// Brings assembly with mapped functions into the program: the macros of `asm/macros.s`, then the given templates (usually
/// one `include_str!`), then operands as in [`core::arch::global_asm!`].
///
/// The syntax is AT&T's. Braces stand for operands, as in every `global_asm!` template.
#[macro_export]
macro_rules! mapped_asm {
    ($($template:expr),+ $(; $($operands:tt)*)?) => {
        $crate::__mapped_asm!($crate::__assembly_macros!(), $($template),+ $(; $($operands)*)?);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __mapped_asm {
    ($macros:expr, $($template:expr),+ $(; $($operands:tt)*)?) => {
        ::core::arch::global_asm!(
            ".set G_hi, {__g_hi}; .set G_stackguard0, {__g_stackguard0}; .set G_stackguard1, {__g_stackguard1}",
            ".set G_sched, {__g_sched}; .set G_sched_bp, {__g_sched} + {__record_bp}",
            ".set G_sched_pc, {__g_sched} + {__record_pc}; .set G_sched_sp, {__g_sched} + {__record_sp}",
            ".set G_sched_ctxt, {__g_sched} + {__gobuf_ctxt}; .set G_to_rust, {__g_to_rust}; .set G_enter, {__g_enter}",
            ".set G_sys, {__g_sys}; .set G_big_hi, {__g_big_hi}; .set G_m, {__g_m}",
            ".set M_sys_sp, {__m_sys_sp}; .set M_big_hi, {__m_big_hi}",
            ".set RECORD_bp, {__record_bp}; .set RECORD_pc, {__record_pc}; .set RECORD_sp, {__record_sp}",
            ".set RECORD_prev, {__record_prev}; .set RECORD_size, {__record_size}",
            ".set ENTER_words, {__enter_words}; .set ENTER_frame, {__enter_frame}; .set ENTER_bp, {__enter_bp}",
            ".set STACK_SMALL, {__stack_small}; .set STACK_BIG, {__stack_big}; .set STACK_TOP, {__stack_top}",
            ".set TCB_guard, {__tcb_guard}; .set SPLIT, {__split}; .set DEBUG_MODES, {__debug_modes}",
            ".set G_seg, {__g_seg}; .set G_away, {__g_away}; .set KEPT, {__kept}",
            ".set G_rust_guard, {__g_rust_guard}; .set M_foreign, {__m_foreign}",
            ".set SEG_next, {__seg_next}; .set SEG_hi, {__seg_hi}; .set SEG_prev, {__seg_prev}",
            ".set SPLIT_GUARD, {__split_guard}; .set SPLIT_TOP, {__split_top}; .set FOREIGN_sp, {__foreign_sp}",
            ".set SPLIT_ARGUMENT_PADDING, {__split_argument_padding}",
            ".set SPLIT_MOVABLE, {__split_movable}; .set SPLIT_ARGUMENTS, {__split_arguments}",
            ".set FOREIGN_guard, {__foreign_guard}; .set FOREIGN_lo, {__foreign_lo}; .set FOREIGN_hi, {__foreign_hi}",
            ".set FOREIGN_size, {__foreign_size}; .set FOREIGN_ARGUMENTS, {__foreign_arguments}",
            ".set UNWINDER_AREA, {__unwinder_area}; .set LEAF_BOUND, {__leaf_bound}; .set STUBS, {__stubs}",
            $macros,
            // For sources that do not say FILE, or have no line numbers.
            concat!("FILE \"", file!(), "\"; .set LINE, 0"),
            $($template,)+
            __g_hi = const $crate::arch::offsets::G_HI,
            __g_stackguard0 = const $crate::arch::offsets::G_STACKGUARD0,
            __g_stackguard1 = const $crate::arch::offsets::G_STACKGUARD1,
            __g_sched = const $crate::arch::offsets::G_SCHED,
            __gobuf_ctxt = const $crate::arch::offsets::GOBUF_CTXT,
            __g_to_rust = const $crate::arch::offsets::G_TO_RUST,
            __g_enter = const $crate::arch::offsets::G_ENTER,
            __g_sys = const $crate::arch::offsets::G_SYS,
            __g_big_hi = const $crate::arch::offsets::G_BIG_HI,
            __g_m = const $crate::arch::offsets::G_M,
            __m_sys_sp = const $crate::arch::offsets::M_SYS_SP,
            __m_big_hi = const $crate::arch::offsets::M_BIG_HI,
            __record_bp = const $crate::arch::offsets::RECORD_BP,
            __record_pc = const $crate::arch::offsets::RECORD_PC,
            __record_sp = const $crate::arch::offsets::RECORD_SP,
            __record_prev = const $crate::arch::offsets::RECORD_PREV,
            __record_size = const $crate::arch::offsets::RECORD_SIZE,
            __enter_words = const $crate::arch::offsets::ENTER_WORDS,
            __enter_frame = const $crate::arch::offsets::ENTER_FRAME,
            __enter_bp = const $crate::arch::offsets::ENTER_BP,
            __stack_small = const $crate::arch::offsets::STACK_SMALL,
            __stack_big = const $crate::arch::offsets::STACK_BIG,
            __stack_top = const $crate::arch::offsets::STACK_TOP,
            __tcb_guard = const $crate::arch::offsets::TCB_GUARD,
            __split = const $crate::arch::offsets::SPLIT,
            __debug_modes = const $crate::arch::offsets::DEBUG_MODES,
            __g_seg = const $crate::arch::offsets::G_SEG,
            __g_away = const $crate::arch::offsets::G_AWAY,
            __kept = const $crate::arch::offsets::KEPT,
            __g_rust_guard = const $crate::arch::offsets::G_RUST_GUARD,
            __m_foreign = const $crate::arch::offsets::M_FOREIGN,
            __seg_next = const $crate::arch::offsets::SEG_NEXT,
            __seg_hi = const $crate::arch::offsets::SEG_HI,
            __seg_prev = const $crate::arch::offsets::SEG_PREV,
            __split_guard = const $crate::arch::offsets::SPLIT_GUARD,
            __split_top = const $crate::arch::offsets::SPLIT_TOP,
            __split_movable = const $crate::arch::offsets::SPLIT_MOVABLE,
            __split_arguments = const $crate::arch::offsets::SPLIT_ARGUMENTS,
            __split_argument_padding = const $crate::arch::offsets::SPLIT_ARGUMENT_PADDING,
            __foreign_sp = const $crate::arch::offsets::FOREIGN_SP,
            __foreign_guard = const $crate::arch::offsets::FOREIGN_GUARD,
            __foreign_lo = const $crate::arch::offsets::FOREIGN_LO,
            __foreign_hi = const $crate::arch::offsets::FOREIGN_HI,
            __foreign_size = const $crate::arch::offsets::FOREIGN_SIZE,
            __foreign_arguments = const $crate::arch::offsets::FOREIGN_ARGUMENTS,
            __unwinder_area = const $crate::arch::offsets::UNWINDER_AREA,
            __leaf_bound = const $crate::arch::offsets::LEAF_BOUND,
            __stubs = const $crate::arch::offsets::STUBS,
            $($($operands)*,)?
            options(att_syntax)
        );
    };
}

// Not `mapped_asm!`: within this crate the macro that build.rs makes is found by its bare name only.
__mapped_asm!(
    __assembly_macros!(),
    include_str!(concat!(env!("OUT_DIR"), "/asm/tls.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/morestack.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/switch.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/start.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/enter.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/call_rust.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/look.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/safecopy.s"))
);

#[cfg(feature = "code")]
__mapped_asm!(
    __assembly_macros!(),
    ".set SYS_rt_sigreturn, {sys_rt_sigreturn}",
    include_str!(concat!(env!("OUT_DIR"), "/asm/sigreturn.s"));
    sys_rt_sigreturn = const libc::SYS_rt_sigreturn
);

#[cfg(morestack_split)]
__mapped_asm!(
    __assembly_macros!(),
    include_str!(concat!(env!("OUT_DIR"), "/asm/split.s")),
    include_str!(concat!(env!("OUT_DIR"), "/asm/foreign.s"))
);

// Assembly uses the fields that `offsets` names, in the repr(C) parts of the structs; the rest is opaque to it.
#[allow(improper_ctypes)]
unsafe extern "C" {
    /// Runs `g` until it goes back to the scheduler. asm/switch.s.
    pub(crate) fn morestack_run(g: *mut G, m: *mut M);
    /// Saves the current task and runs `f` on the system stack, which returns the task to run next, or null. asm/switch.s.
    pub(crate) fn morestack_mcall(f: unsafe extern "C" fn(*mut G) -> *mut G);
    /// Saves the current task and goes on with another. asm/switch.s.
    pub(crate) fn morestack_switch(to: *mut G);
    /// Runs `f(arg)` on the system stack. asm/switch.s.
    pub(crate) fn morestack_systemstack(f: unsafe extern "C" fn(*mut ()), arg: *mut ());
    /// Runs `f(arg)`, which must not unwind, and from which an unwinder goes on with the frames of `g`. asm/look.s.
    pub(crate) fn morestack_look(g: *mut G, f: unsafe extern "C" fn(*mut ()), arg: *mut ());
    /// Calls a mapped function on `g`'s go segment; 1 if a panic was carried here. asm/enter.s.
    pub(crate) fn morestack_enter(entry: usize, frame: *mut u64, words: usize, g: *mut G) -> usize;
    #[link_name = "morestack_mapped_start$entry"]
    safe fn mapped_start_entry() -> usize;
    fn morestack_closure_start();
    /// Copies until it faults. asm/safecopy.s, as what follows.
    pub(crate) fn morestack_safecopy_copy(to: *mut u8, from: *const u8, len: usize) -> Accessed;
    /// Writes zeros until it faults.
    pub(crate) fn morestack_safecopy_zero(to: *mut u8, len: usize) -> Accessed;
    /// The word there. It is the caller's to see to alignment, here and below.
    pub(crate) fn morestack_safecopy_load32(at: *const u32) -> Accessed;
    /// Exchanges the word there; what was there.
    pub(crate) fn morestack_safecopy_swap32(at: *mut u32, new: u32) -> Accessed;
    /// Exchanges the word there; what was there.
    pub(crate) fn morestack_safecopy_swap64(at: *mut u64, new: u64) -> Accessed;
    /// Exchanges the word there if it is the expected one; what was there.
    pub(crate) fn morestack_safecopy_cas32(at: *mut u32, expected: u32, new: u32) -> Accessed;
    safe fn morestack_safecopy_table() -> *const MayFault;
    safe fn morestack_safecopy_table_end() -> *const MayFault;
}

/// How an access by asm/safecopy.s ended: `%rax` and `%rdx`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Accessed {
    /// How many bytes were copied, or the word that was there.
    pub(crate) value: u64,
    /// 0, or the signal that ended it, and perhaps [`Accessed::AT_TO`].
    pub(crate) fault: u64,
}

impl Accessed {
    /// Beside the signal: the byte that failed is one to be written.
    pub(crate) const AT_TO: u64 = 1 << 8;
}

/// An entry of asm/safecopy.s's table: instructions that may fault, and where it goes on then, as distances from each word.
#[repr(C)]
struct MayFault([i32; 3]);

/// If the program counter is at an instruction of asm/safecopy.s that may fault: the fault stub for it.
pub(crate) fn fault_stub_of(pc: usize) -> Option<usize> {
    let (start, end) = (morestack_safecopy_table(), morestack_safecopy_table_end());
    // SAFETY: the table is an array between the two, which nobody changes.
    let table = unsafe { std::slice::from_raw_parts(start, end.offset_from_unsigned(start)) };
    table.iter().find_map(|MayFault(words)| {
        let [start, end, stub] =
            words.each_ref().map(|word| (&raw const *word as usize).wrapping_add_signed(*word as isize));
        (start..end).contains(&pc).then_some(stub)
    })
}

/// The program counter in what a signal handler gets as its third argument.
///
/// # Safety
/// That is what `context` is.
pub(crate) unsafe fn interrupted_at(context: *const std::ffi::c_void) -> usize {
    // SAFETY: the caller's.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] as usize }
}

/// Has what the handler interrupted go on at a fault stub of asm/safecopy.s.
///
/// # Safety
/// `context` is the handler's, it has interrupted an instruction that the stub is for, and `signal` is its signal.
pub(crate) unsafe fn go_on_at_stub(context: *mut std::ffi::c_void, stub: usize, signal: i32) {
    // SAFETY: the caller's.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    registers[libc::REG_R9 as usize] = i64::from(signal);
    registers[libc::REG_RIP as usize] = stub as i64;
}

#[cfg(morestack_split)]
unsafe extern "C" {
    /// Runs `f(arg)`, which must not unwind, with a guard of 0: on the big stack of foreign code if it is called on a small segment.
    /// asm/foreign.s.
    pub(crate) fn morestack_undisturbed(f: unsafe extern "C" fn(*mut ()), arg: *mut ());
}

/// Where a fresh mapped task begins: its true address, from the address stub.
pub(crate) fn mapped_start() -> usize {
    mapped_start_entry()
}

/// Where a fresh Rust task begins.
pub(crate) fn closure_start() -> usize {
    morestack_closure_start as *const () as usize
}

/// The code by which a signal handler returns: its true range, from the address stubs.
#[cfg(feature = "code")]
pub(crate) fn sigreturn() -> crate::task::CodeRange {
    unsafe extern "C" {
        #[link_name = "morestack_sigreturn$entry"]
        safe fn entry() -> usize;
        #[link_name = "morestack_sigreturn$end"]
        safe fn end() -> usize;
    }
    crate::task::CodeRange { start: entry(), end: end() }
}

/// What mapped functions call when their check has failed: `morestack`, `morestack_noctxt`.
#[cfg(feature = "code")]
pub(crate) fn morestacks() -> (usize, usize) {
    unsafe extern "C" {
        fn morestack();
        fn morestack_noctxt();
    }
    (morestack as *const () as usize, morestack_noctxt as *const () as usize)
}

/// Where the current `g` is, from the thread pointer.
#[cfg(feature = "code")]
pub(crate) fn current_g_offset() -> i32 {
    let offset: i32;
    // SAFETY: loads a number that the linker puts there.
    unsafe {
        std::arch::asm!(
            "movl $morestack_g@tpoff, {:e}",
            out(reg) offset,
            options(att_syntax, pure, nomem, nostack, preserves_flags)
        );
    }
    offset
}

/// Where the function begins behind which an unwinder finds the frames of another task.
pub(crate) fn look_start() -> usize {
    morestack_look as *const () as usize
}

/// Whether this is a function of a split build that calls what `%r11` says.
pub(crate) fn is_thunk(start: usize) -> bool {
    #[cfg(morestack_split)]
    {
        unsafe extern "C" {
            fn __x86_indirect_thunk_r11();
            fn morestack_foreign();
            fn morestack_foreign_registers();
        }
        [__x86_indirect_thunk_r11 as unsafe extern "C" fn(), morestack_foreign, morestack_foreign_registers]
            .iter()
            .any(|thunk| *thunk as usize == start)
    }
    #[cfg(not(morestack_split))]
    {
        let _ = start;
        false
    }
}

/// Whether this is the start of a function of a split build by which checked code goes on on another stack: it has a landing pad
/// that goes on with the exception.
pub(crate) fn is_passage(start: usize) -> bool {
    #[cfg(morestack_split)]
    {
        unsafe extern "C" {
            fn __morestack();
            fn morestack_foreign();
            fn morestack_foreign_registers();
        }
        [__morestack as unsafe extern "C" fn(), morestack_foreign, morestack_foreign_registers]
            .iter()
            .any(|passage| *passage as usize == start)
    }
    #[cfg(not(morestack_split))]
    {
        let _ = start;
        false
    }
}

/// The current `g`: the task that runs on this thread, or the one that a bridge has borrowed; null outside both.
#[inline]
pub(crate) fn current_g() -> *mut G {
    let g: *mut G;
    // SAFETY: reads this thread's word of asm/tls.s. Not `pure`: the scheduler changes it between two reads.
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[morestack_g@tpoff]", out(reg) g, options(nostack, readonly, preserves_flags));
    }
    g
}

/// Starts to fetch the cache line of `address`, which will be written. Any address will do.
#[inline(always)]
pub(crate) fn prefetch_write(address: usize) {
    // SAFETY: a prefetch changes nothing and never faults; a processor that does not know it takes it for a nop.
    unsafe { std::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

/// Where foreign code goes from the calling thread's small segment: the words of asm/tls.s.
#[cfg(morestack_split)]
#[inline]
pub(crate) fn foreign() -> split::Foreign {
    let mut foreign = split::Foreign::NONE;
    // SAFETY: reads this thread's words. Not pure: a switch changes them.
    unsafe {
        std::arch::asm!(
            "mov {0}, qword ptr fs:[morestack_foreign_stack@tpoff + {sp}]",
            "mov {1}, qword ptr fs:[morestack_foreign_stack@tpoff + {guard}]",
            "mov {2}, qword ptr fs:[morestack_foreign_stack@tpoff + {lo}]",
            "mov {3}, qword ptr fs:[morestack_foreign_stack@tpoff + {hi}]",
            out(reg) foreign.sp, out(reg) foreign.guard, out(reg) foreign.lo, out(reg) foreign.hi,
            sp = const offsets::FOREIGN_SP, guard = const offsets::FOREIGN_GUARD,
            lo = const offsets::FOREIGN_LO, hi = const offsets::FOREIGN_HI,
            options(nostack, readonly, preserves_flags)
        );
    }
    foreign
}

/// Says where foreign code goes from now on.
///
/// # Safety
/// The stack is free below `sp`, and so is [`split::UNWINDER_AREA`] above it; it is the innermost that this flow of control uses.
#[cfg(morestack_split)]
#[inline]
pub(crate) unsafe fn set_foreign(foreign: split::Foreign) {
    // SAFETY: this thread's words; the caller vouches for what they say. The bounds come before the word that makes them count.
    unsafe {
        std::arch::asm!(
            "mov qword ptr fs:[morestack_foreign_stack@tpoff + {guard}], {1}",
            "mov qword ptr fs:[morestack_foreign_stack@tpoff + {lo}], {2}",
            "mov qword ptr fs:[morestack_foreign_stack@tpoff + {hi}], {3}",
            "mov qword ptr fs:[morestack_foreign_stack@tpoff + {sp}], {0}",
            in(reg) foreign.sp, in(reg) foreign.guard, in(reg) foreign.lo, in(reg) foreign.hi,
            sp = const offsets::FOREIGN_SP, guard = const offsets::FOREIGN_GUARD,
            lo = const offsets::FOREIGN_LO, hi = const offsets::FOREIGN_HI,
            options(nostack, preserves_flags)
        );
    }
}

/// Says which segment this flow of control is on, with [`set_foreign`]'s words, and makes `foreign.guard` what checks compare with.
///
/// # Safety
/// As there. The caller runs on no small segment, or on one that stays until it has returned.
#[cfg(morestack_split)]
pub(crate) unsafe fn begin_small(segment: *mut split::Header, foreign: split::Foreign) {
    // SAFETY: the caller's. The guard comes last: from there on, the others count.
    unsafe {
        set_current_segment(segment);
        set_foreign(foreign);
        std::arch::asm!("mov qword ptr fs:[{}], {}", const TCB_GUARD, in(reg) foreign.guard, options(nostack, preserves_flags));
    }
}

/// Says which small segment is the innermost.
///
/// # Safety
/// It is, of the flow of control that goes on next on a small segment.
#[cfg(morestack_split)]
#[inline]
pub(crate) unsafe fn set_current_segment(segment: *mut split::Header) {
    // SAFETY: this thread's word; the caller vouches for what it says.
    unsafe {
        std::arch::asm!("mov qword ptr fs:[morestack_seg@tpoff], {}", in(reg) segment, options(nostack, preserves_flags));
    }
}

/// The header of the innermost small segment of this flow of control; null if there is none.
#[cfg(morestack_split)]
#[inline]
pub(crate) fn current_segment() -> *mut split::Header {
    let segment;
    // SAFETY: reads this thread's word.
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[morestack_seg@tpoff]", out(reg) segment, options(nostack, readonly, preserves_flags));
    }
    segment
}

/// The guard that compiler-generated checks on this thread compare with; 0 unless mapped or split code runs.
#[inline]
pub fn tcb_guard() -> usize {
    let guard: usize;
    // SAFETY: reads a word of glibc's thread control block, which every thread has.
    unsafe {
        std::arch::asm!("mov {}, qword ptr fs:[{}]", out(reg) guard, const TCB_GUARD, options(nostack, readonly, preserves_flags));
    }
    guard
}

/// The thread pointer. A thread's blocks of thread-locals lie below it, at the same distances in each thread if their objects
/// were there at start-up.
pub(crate) fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: the first word of the thread control block is its own address, by the ABI.
    unsafe { std::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags)) };
    pointer
}

/// Reads a word of a variable that Rust does not show. Never cached, and right for uninitialized memory too.
///
/// # Safety
/// `address` can be read, and no other thread writes there.
pub(crate) unsafe fn load_word(address: isize) -> usize {
    let word: usize;
    // SAFETY: the caller's.
    unsafe { std::arch::asm!("mov {}, [{}]", out(reg) word, in(reg) address, options(nostack, preserves_flags)) };
    word
}

/// As [`load_word`], a byte.
///
/// # Safety
/// As there.
pub(crate) unsafe fn load_byte(address: isize) -> u8 {
    let byte: u32;
    // SAFETY: the caller's.
    unsafe {
        std::arch::asm!("movzx {:e}, byte ptr [{}]", out(reg) byte, in(reg) address, options(nostack, preserves_flags));
    }
    byte as u8
}

/// Writes a word of a variable that Rust does not show.
///
/// # Safety
/// `address` can be written, no other thread uses it, and the variable may have that value.
pub(crate) unsafe fn store_word(address: isize, word: usize) {
    // SAFETY: the caller's. Not nomem: the compiler must take other variables for changed.
    unsafe { std::arch::asm!("mov [{}], {}", in(reg) address, in(reg) word, options(nostack, preserves_flags)) };
}

/// As [`store_word`], a byte.
///
/// # Safety
/// As there.
pub(crate) unsafe fn store_byte(address: isize, byte: u8) {
    // SAFETY: as in store_word.
    unsafe { std::arch::asm!("mov [{}], {}", in(reg) address, in(reg_byte) byte, options(nostack, preserves_flags)) };
}
