//! A function of ABIInternal whose check fails has its arguments in registers, which morestack does not keep: they are saved, moved along
//! if they point into the stack, and loaded again. R14 and X15 are what the convention says, whoever ran in between.

use goasm::MappedFn;
use morestack::sched::Scheduler;
use morestack::task::{AbiArgs, AbiResults};

goasm::asm! {
    r#"
#include "funcdata.h"
#include "textflag.h"

// Results are where arguments are.
TEXT ·pass_on<ABIInternal>(SB), 0, $5000-300
    MOVQ AX, AX
    RET

// Writes through a pointer into the frame of its caller, which has moved.
TEXT ·through_pointer(SB), 0, $16-8
    NO_LOCAL_POINTERS
    LEAQ local-8(SP), AX
    MOVQ $1, (AX)
    XORPS X15, X15
    CALL ·store<ABIInternal>(SB)
    MOVQ local-8(SP), AX
    MOVQ AX, ret+0(FP)
    RET

TEXT ·store<ABIInternal>(SB), 0, $7000-8
    MOVQ $42, (AX)
    RET

TEXT ·fixed_registers<ABIInternal>(SB), 0, $6000-24
    MOVQ (TLS), BX
    MOVQ R14, AX
    MOVQ X15, CX
    RET

// The context is no argument, and goes along.
TEXT ·with_context(SB), 0, $16-8
    NO_LOCAL_POINTERS
    MOVQ $77, DX
    CALL ·context<ABIInternal>(SB)
    MOVQ AX, ret+0(FP)
    RET

TEXT ·context<ABIInternal>(SB), NEEDCTXT, $6000-8
    MOVQ DX, AX
    RET
"#;

    unsafe extern "ABI0" {
        safe fn through_pointer() -> u64;
        safe fn with_context() -> u64;
    }

    unsafe extern "ABIInternal" {
        safe fn pass_on(
            i0: u8, i1: u16, i2: u32, i3: u64, i4: i64, i5: i32, i6: i16, i7: i8, i8_: bool,
            f0: f32, f1: f64, f2: f32, f3: f64, f4: f32, f5: f64, f6: f32, f7: f64,
            f8: f32, f9: f64, f10: f32, f11: f64, f12: f32, f13: f64, f14: f32,
        ) -> (
            u8, u16, u32, u64, i64, i32, i16, i8, bool,
            f32, f64, f32, f64, f32, f64, f32, f64,
            f32, f64, f32, f64, f32, f64, f32,
        );
        fn store(at: *mut u64);
        safe fn fixed_registers() -> (r14: usize, g: usize, x15: u64);
        safe fn context() -> u64;
    }
}

/// Calls it as the outermost function of a stack of 2 KB, which its frame does not fit.
fn on_fresh_task<A: AbiArgs + 'static, R: AbiResults + 'static>(function: MappedFn<A, R>, args: A) -> R {
    Scheduler::new().spawn_mapped(function, args).join_or_resume()
}

#[test]
fn all_of_them() {
    let args = (
        1, 2, 3, 4, -5, -6, -7, -8, true, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5, 12.5, 13.5,
        14.5,
    );
    // SAFETY: it takes numbers.
    let got = on_fresh_task(unsafe { pass_on::function() }, args);
    assert_eq!((got.0, got.1, got.2, got.3, got.4, got.5, got.6, got.7, got.8), (1, 2, 3, 4, -5, -6, -7, -8, true));
    assert_eq!((got.9, got.10, got.11, got.12, got.13), (0.5, 1.5, 2.5, 3.5, 4.5));
    assert_eq!((got.14, got.15, got.16, got.17, got.18), (5.5, 6.5, 7.5, 8.5, 9.5));
    assert_eq!((got.19, got.20, got.21, got.22, got.23), (10.5, 11.5, 12.5, 13.5, 14.5));
}

#[test]
fn pointers_into_the_stack_move_along() {
    // SAFETY: it takes nothing.
    assert_eq!(on_fresh_task(unsafe { through_pointer::function() }, ()), 42);
}

#[test]
fn the_current_g_and_zero_are_back() {
    // SAFETY: it takes nothing.
    let (r14, g, x15) = on_fresh_task(unsafe { fixed_registers::function() }, ());
    assert_eq!((r14, x15), (g, 0));
    assert_ne!(g, 0);
}

#[test]
fn the_context_is_kept() {
    // SAFETY: it takes nothing.
    assert_eq!(on_fresh_task(unsafe { with_context::function() }, ()), 77);
}

#[cfg(feature = "wrappers")]
mod behind_wrappers {
    use super::on_fresh_task;

    goasm::asm! {
        r#"
#include "funcdata.h"
#include "textflag.h"

// ABI0: any register may be anything afterwards.
TEXT ·spoil(SB), 0, $4000-0
    MOVQ $-1, R14
    MOVQ R14, X15
    RET

TEXT ·fixed_afterwards<ABIInternal>(SB), 0, $8-24
    NO_LOCAL_POINTERS
    CALL ·spoil<ABIInternal>(SB)
    MOVQ (TLS), BX
    MOVQ R14, AX
    MOVQ X15, CX
    RET

// The wrapper's own check and the function's: both keep the context.
TEXT ·with_context(SB), 0, $16-8
    NO_LOCAL_POINTERS
    MOVQ $78, DX
    CALL ·context(SB)
    MOVQ 0(SP), AX
    MOVQ AX, ret+0(FP)
    RET

TEXT ·context<ABIInternal>(SB), NEEDCTXT, $6000-8
    MOVQ DX, AX
    RET
"#, package("behind_wrappers");

        unsafe extern "ABI0" {
            safe fn spoil();
            safe fn with_context() -> u64;
        }

        unsafe extern "ABIInternal" {
            safe fn fixed_afterwards() -> (r14: usize, g: usize, x15: u64);
            safe fn context() -> u64;
        }
    }

    #[test]
    fn the_current_g_and_zero_are_back() {
        // SAFETY: it takes nothing.
        let (r14, g, x15) = on_fresh_task(unsafe { fixed_afterwards::function() }, ());
        assert_eq!((r14, x15), (g, 0));
    }

    #[test]
    fn the_context_is_kept() {
        // SAFETY: it takes nothing.
        assert_eq!(on_fresh_task(unsafe { with_context::function() }, ()), 78);
    }
}
