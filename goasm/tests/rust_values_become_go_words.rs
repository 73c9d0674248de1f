//! What a declaration says in Rust, the assembly gets in Go's words; and back.

pub struct Named<'a>(&'a str);

mod inner {
    #[derive(Debug, PartialEq)]
    pub struct Pair(pub u32, pub u64);
}

goasm::asm! {
    r#"
#include "textflag.h"

// func add(a, b int32) (sum int32, carry bool)
TEXT ·add(SB), NOSPLIT, $0-13
    MOVL a+0(FP), AX
    ADDL b+4(FP), AX
    SETOS carry+12(FP)
    MOVL AX, sum+8(FP)
    RET

// Every width, with holes between.
TEXT ·widths(SB), NOSPLIT, $0-72
    MOVBQSX a+0(FP), AX
    MOVWQSX b+2(FP), BX
    ADDQ BX, AX
    MOVLQSX c+4(FP), BX
    ADDQ BX, AX
    ADDQ d+8(FP), AX
    MOVBLZX e+16(FP), BX
    ADDQ BX, AX
    CVTSS2SD x+20(FP), X0
    ADDSD y+24(FP), X0
    MOVSD X0, ret1+40(FP)
    MOVQ AX, ret+32(FP)
    MOVQ d+8(FP), AX
    MOVQ AX, ret2_0+48(FP)
    MOVBLZX a+0(FP), AX
    MOVB AX, ret3+64(FP)
    MOVW $-2, ret4+66(FP)
    MOVL $7, ret5+68(FP)
    MOVQ $9, ret2_1+56(FP)
    RET

// The first half of a slice, with all of its room.
TEXT ·half(SB), NOSPLIT, $0-48
    MOVQ p_base+0(FP), AX
    MOVQ AX, ret_base+24(FP)
    MOVQ p_len+8(FP), AX
    SHRQ $1, AX
    MOVQ AX, ret_len+32(FP)
    MOVQ p_cap+16(FP), AX
    MOVQ AX, ret_cap+40(FP)
    RET

TEXT ·nil(SB), NOSPLIT, $0-64
    XORL AX, AX
    MOVQ AX, ret_base+0(FP)
    MOVQ AX, ret_len+8(FP)
    MOVQ AX, ret_cap+16(FP)
    MOVQ AX, ret1_base+24(FP)
    MOVQ AX, ret1_len+32(FP)
    MOVQ AX, ret2_base+40(FP)
    MOVQ AX, ret2_len+48(FP)
    MOVQ AX, ret2_cap+56(FP)
    RET

// A string without its first byte.
TEXT ·tail(SB), NOSPLIT, $0-32
    MOVQ s_base+0(FP), AX
    INCQ AX
    MOVQ AX, ret_base+16(FP)
    MOVQ s_len+8(FP), AX
    DECQ AX
    MOVQ AX, ret_len+24(FP)
    RET

// The one of two that is behind the second pointer, with the first one changed.
TEXT ·swap(SB), NOSPLIT, $0-24
    MOVQ a+0(FP), AX
    MOVQ b+8(FP), BX
    MOVQ (AX), CX
    MOVQ (BX), DX
    MOVQ DX, (AX)
    MOVQ CX, (BX)
    MOVQ BX, ret+16(FP)
    RET

TEXT ·choose(SB), NOSPLIT, $0-56
    MOVQ index+32(FP), CX
    SHLQ $4, CX
    LEAQ of+0(FP), AX
    MOVQ (AX)(CX*1), BX
    MOVQ BX, ret_base+40(FP)
    MOVQ 8(AX)(CX*1), BX
    MOVQ BX, ret_len+48(FP)
    RET

TEXT ·same(SB), NOSPLIT, $0-16
    MOVQ named+0(FP), AX
    MOVQ AX, ret+8(FP)
    RET

TEXT ·nothing(SB), NOSPLIT, $0
    RET

TEXT ·sixteen(SB), NOSPLIT, $0-136
    MOVQ a+0(FP), AX
    SUBQ p+120(FP), AX
    MOVQ AX, ret+128(FP)
    RET

// Gives no size, as NOSPLIT functions may.
TEXT ·sizeless(SB), NOSPLIT, $0
    MOVQ arg+0(FP), AX
    MOVQ AX, ret+8(FP)
    RET
"#;

    unsafe extern "ABI0" {
        /// Adds; and whether that was too much.
        pub safe fn add(a: i32, b: i32) -> (sum: i32, carry: bool);
        safe fn widths(a: i8, b: i16, c: i32, d: i64, e: bool, x: f32, y: f64) -> (i64, f64, [i64; 2], i8, i16, i32);
        safe fn half(p: &mut [u16]) -> &mut [u16];
        safe fn nil() -> (&'static [inner::Pair], &'static str, &'static mut [u8]);
        safe fn tail<'a>(s: &'a str) -> &'a str;
        fn swap(a: *mut u64, b: &mut u64) -> *const u64;
        safe fn choose<'a>(of: [&'a str; 2], index: usize) -> &'a str;
        pub(crate) safe fn same<'a, 'b>(named: &'a Named<'b>) -> &'a Named<'b>;
        safe fn nothing();
        #[rustfmt::skip]
        safe fn sixteen(
            a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64,
            i: u64, j: u64, k: u64, l: u64, m: u64, n: u64, o: u64, p: u64,
        ) -> u64;
        safe fn sizeless(_: u64) -> u64;
    }
}

goasm::asm! {
    r#"
TEXT ·same_pair(SB), 4, $0-16
    MOVQ arg+0(FP), AX
    MOVQ AX, ret+8(FP)
    RET
"#;

    unsafe extern "ABI0" {
        safe fn r#match(_: &self::inner::Pair) -> &self::inner::Pair = "same_pair";
    }
}

#[test]
fn numbers_of_every_width_arrive_and_return() {
    assert_eq!(add(10, 32), (42, false));
    assert_eq!(add(i32::MAX, 1), (i32::MIN, true));
    assert_eq!(widths(-1, -2, -3, 1 << 40, true, 0.5, 0.25), ((1 << 40) - 5, 0.75, [1 << 40, 9], -1, -2, 7));
    assert_eq!(sixteen(20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 5);
    assert_eq!(sizeless(3), 3);
    nothing();
}

#[test]
fn slices_and_strings_keep_their_lifetimes() {
    let mut values = [1, 2, 3, 4, 5];
    let first = half(&mut values);
    assert_eq!(first, [1, 2]);
    first[1] = 9;
    assert_eq!(values, [1, 9, 3, 4, 5]);
    assert!(half(&mut []).is_empty());
    let text = String::from("stack");
    assert_eq!(tail(&text), "tack");
    assert_eq!(choose(["a", "bc"], 1), "bc");
    assert_eq!(nil(), (&[][..], "", &mut [][..]));
}

#[test]
fn pointers_and_references_are_addresses() {
    let (mut a, mut b) = (1, 2);
    // SAFETY: both are valid and not the same.
    let returned = unsafe { swap(&raw mut a, &mut b) };
    assert_eq!((a, b, returned), (2, 1, &raw const b));
    let owned = String::from("name");
    let named = Named(&owned);
    assert_eq!(same(&named).0.as_ptr(), owned.as_ptr());
    assert_eq!(r#match(&inner::Pair(1, 2)), &inner::Pair(1, 2));
}

#[test]
fn beside_the_function_is_a_module_with_its_code() {
    let code = add::code();
    assert!(code.end > code.start && code.contains(code.start) && !code.contains(code.end));
    // SAFETY: any numbers are arguments of it.
    assert_eq!(unsafe { add::function() }.call((1, 2)), (3, false));
    // SAFETY: the words are those of a slice that is there.
    let words = unsafe { half::function() }.call((goasm::GoSlice::from(&mut [1u16, 2][..]),));
    assert_eq!((words.len, words.cap), (1, 2));
}
