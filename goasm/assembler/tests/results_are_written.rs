//! A function that returns has written its results, or somebody to whom it gave their address has.

mod common;

use common::declared::said;

fn silent(body: &str, declaration: &str) {
    assert_eq!(about(body, declaration), [""; 0], "{body}");
}

fn about(body: &str, declaration: &str) -> Vec<String> {
    said(&format!("TEXT {body}\n"), &[declaration])
}

#[test]
fn each_result_is_asked_for_at_each_return() {
    let found = about(
        "·f(SB), NOSPLIT, $0-12\n\tCMPL a+0(FP), $0\n\tJEQ zero\n\tMOVL $1, n+8(FP)\n\tRET\nzero:\n\tRET",
        "fn f(a: u32) -> (n: u32, ok: bool)",
    );
    let message = "RET, but nothing has written the 1 byte of ok: bool at ok+12(FP)";
    let size = "1:1: TEXT ·f gives 12 bytes of arguments and results, but `fn f(a: u32) -> (n: u32, ok: bool)` has 13: `$0-13`";
    assert_eq!(found, [size.to_string(), format!("5:2: {message}"), format!("7:2: {message}")]);
}

#[test]
fn a_part_or_the_address_is_enough() {
    silent("·f(SB), NOSPLIT, $0-16\n\tMOVQ AX, ret_base+0(FP)\n\tMOVQ AX, ret_len+8(FP)\n\tRET", "fn f() -> (_: &str)");
    silent("·f(SB), $8-8\n\tLEAQ ret+0(FP), AX\n\tMOVQ AX, 0(SP)\n\tCALL local<>(SB)\n\tRET", "fn f() -> (_: u64)");
    silent("·f(SB), NOSPLIT, $0-8\n\tMOVQ $argframe+0(FP), AX\n\tMOVQ $1, (AX)\n\tRET", "fn f() -> (_: u64)");
}

#[test]
fn who_goes_elsewhere_leaves_it_to_them() {
    silent("·f(SB), NOSPLIT, $0-8\n\tJMP local<>(SB)", "fn f() -> (_: u64)");
    silent("·f(SB), NOSPLIT, $0-8\n\tRET local<>(SB)", "fn f() -> (_: u64)");
}

#[test]
fn without_a_frame_the_hardware_register_reaches_them() {
    silent("·f(SB), NOSPLIT|NOFRAME, $0-8\n\tMOVQ AX, 8(SP)\n\tRET", "fn f() -> (_: u64)");
}

#[test]
fn functions_of_registers_write_registers() {
    for written in ["MOVQ $1, AX", "SYSCALL", "XORPS X0, X0", "MOVB $1, AL", "CALL ·g<ABIInternal>(SB)", "CALL R12"] {
        silent(&format!("·f<ABIInternal>(SB), NOSPLIT, $0-8\n\t{written}\n\tRET"), "ABIInternal fn f() -> (_: u64)");
    }
    let found = about("·f<ABIInternal>(SB), NOSPLIT, $0-8\n\tMOVQ $1, BX\n\tRET", "ABIInternal fn f() -> (_: u64)");
    assert_eq!(found, ["3:2: RET, but nothing has written to a result register of `fn f() -> (ret: u64)`"]);
}

#[test]
fn results_that_have_no_register_are_written_to_the_stack() {
    let declaration = "ABIInternal fn f(a: [u64; 2]) -> (_: [u16; 3])";
    silent("·f<ABIInternal>(SB), NOSPLIT, $0-22\n\tMOVW $1, ret_0+16(FP)\n\tRET", declaration);
    let found = about("·f<ABIInternal>(SB), NOSPLIT, $0-22\n\tMOVQ $1, AX\n\tRET", declaration);
    assert_eq!(found, ["3:2: RET, but nothing has written the 6 bytes of ret: [u16; 3] at ret+16(FP)"]);
}

#[test]
fn without_results_there_is_nothing_to_write() {
    silent("·f(SB), NOSPLIT, $0-8\n\tRET", "fn f(a: u64)");
}
