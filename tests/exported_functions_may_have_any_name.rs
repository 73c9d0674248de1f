//! What `mapped_export!` makes around a function hides no name that the function or its signature uses.

type Args = u64;
type Results = u64;

morestack::mapped_export! {
    #[unsafe(export_name = "names.shim")]
    fn shim(frame: *mut u64) -> usize { frame as usize + 1 }

    #[unsafe(export_name = "names.aliases")]
    fn aliases(body: Args) -> Results { 2 * body }
}

morestack::mapped_asm!(
    r#"
TEXT names.call, 0, 16, 32
    NO_ARG_POINTERS
    NO_LOCAL_POINTERS
    movq FP+0(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL names.shim
    movq 8(%rsp), %rax
    movq %rax, FP+16(%rsp)
    movq FP+8(%rsp), %rax
    movq %rax, 0(%rsp)
    CALL names.aliases
    movq 8(%rsp), %rax
    movq %rax, FP+24(%rsp)
    RET
END names.call
"#
);

morestack::mapped! {
    unsafe extern "ABI0" {
        fn call(x: *mut u64, y: u64) -> (usize, u64) = "names.call";
    }
}

#[test]
fn the_user_s_functions_are_called() {
    assert_eq!(call(std::ptr::without_provenance_mut(4), 21), (5, 42));
}
