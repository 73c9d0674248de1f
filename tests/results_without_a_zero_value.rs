//! A result type for which zero bytes are no value: nobody makes one before the function has left a real one.

use morestack::task::AbiValue;
use std::ptr::NonNull;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
struct Address(NonNull<u8>);

// SAFETY: one word, and the only function that returns it below leaves a non-zero one.
unsafe impl AbiValue for Address {}

morestack::mapped_asm!(
    r#"
TEXT results.address, NOSPLIT|NOFRAME, 0, 8
    NO_ARG_POINTERS
    movq $64, FP+0(%rsp)
    RET
END results.address
"#
);
morestack::mapped! {
    unsafe extern "ABI0" {
        fn address() -> Address = "results.address";
    }
}

#[test]
fn a_non_null_result_arrives() {
    assert_eq!(address().0.as_ptr() as usize, 64);
}
