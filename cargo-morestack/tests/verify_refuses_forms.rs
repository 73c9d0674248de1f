//! Code whose form is not that of checked code, or that is no code, is refused.

mod verify_support;

use cargo_morestack::verify::Problem;
use verify_support::{accepted, refused, refused_for};

#[track_caller]
fn slow_path(text: &str) -> String {
    let Problem::SlowPath(what) = refused_for(text, "f", "") else { panic!() };
    what
}

#[test]
fn slow_paths_with_another_form() {
    let function =
        |slow: &str| format!("SHORT other\n ret\n SLOW other, 0, 0\n SHORT f\n ret\n f_slow:\n {slow}\n END f");
    let good = "mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body";
    accepted(&function(good));
    for (slow, what) in [
        (
            "mov $8, %r11d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body",
            "no `mov $frame,%r10d` at its beginning",
        ),
        ("mov $8, %r10d\n call __morestack\n ret\n jmp f_body", "no `mov $args,%r11d` follows"),
        ("mov $8, %r10d\n mov $0, %r11d\n call __morestack\n jmp f_body", "no `call __morestack; ret` follows"),
        ("mov $8, %r10d\n mov $0, %r11d\n call *%rax\n ret\n jmp f_body", "no `call __morestack; ret` follows"),
        ("mov $8, %r10d\n mov $0, %r11d\n call other\n ret\n jmp f_body", "it calls something else than `__morestack`"),
        ("mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n nop", "no jump to the body follows its `ret`"),
        (
            "mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp other_body",
            "it does not go back to where a check that passes goes on",
        ),
        (
            "mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f",
            "it does not go back to where a check that passes goes on",
        ),
    ] {
        assert_eq!(slow_path(&function(slow)), what);
    }
}

#[test]
fn a_slow_path_that_asks_for_less_than_was_checked() {
    let text = "LONG f, 1000\n ret\n SLOW f, 992, 0";
    assert_eq!(slow_path(text), "it asks for 992 bytes where the check subtracts 1000");
}

#[test]
fn a_long_check_that_adds() {
    let text = "FUNCTION f\n lea 1000(%rsp), %r11\n cmp %fs:0x70, %r11\n jbe f_slow\n f_body:\n ret\n SLOW f, 1000, 0";
    assert_eq!(slow_path(text), "the check subtracts -1000 bytes");
}

#[test]
fn a_check_whose_jump_leaves_the_function() {
    let text = "SHORT g\n ret\n SLOW g, 0, 0\n FUNCTION f\n cmp %fs:0x70, %rsp\n jbe g_slow\n ret\n END f";
    assert_eq!(slow_path(text), "its jump leaves the function");
}

#[test]
fn a_hand_written_function_without_a_bound() {
    let text = "FUNCTION f\n CHECK_BYTES\n push %rax\n pop %rax\n ret\n END f";
    assert_eq!(refused_for(text, "f", ""), Problem::NoBound);
    assert_eq!(accepted(&format!("{text}\n TRUSTED f, 8")).hand_written, 1);
}

#[test]
fn a_hand_written_function_that_says_it_takes_too_much() {
    let text = "FUNCTION f\n CHECK_BYTES\n ret\n END f\n TRUSTED f, 256";
    assert_eq!(refused_for(text, "f", ""), Problem::BoundTooLarge { bound: 256, limit: 248 });
}

#[test]
fn a_bound_for_a_function_without_check_bytes() {
    let text = "FUNCTION f\n ret\n END f\n TRUSTED f, 8";
    assert_eq!(refused_for(text, "f", "ret"), Problem::TrustedWithoutCheck);
    // Nor may the list lead into a function.
    let text = "FUNCTION f\n nop\n f_in: CHECK_BYTES\n ret\n END f\n TRUSTED f_in, 8";
    assert_eq!(refused(text)[0].problem, Problem::TrustedWithoutCheck);
}

#[test]
fn check_bytes_where_no_function_begins() {
    let short = ".text\n .p2align 4\n ud2\n .Lnobody: CHECK_BYTES\n ret";
    assert_eq!(refused(short)[0].problem, Problem::StrayCheck);
    let long = ".text\n .p2align 4\n ud2\n .Lnobody: lea -1000(%rsp), %r11\n cmp %fs:0x70, %r11\n ret";
    let violations = refused(long);
    assert_eq!(violations[0].problem, Problem::StrayCheck);
    assert_eq!(violations[0].instruction, "lea -0x3e8(%rsp),%r11");
}

/// A checked function, with this behind its `ret`.
fn behind(bytes: &str) -> String {
    format!("SHORT f\n FRAME\n pop %rbp\n ret\n {bytes}\n SLOW f, 8, 0")
}

#[test]
fn data_in_text() {
    for bytes in [".byte 1, 2, 3, 4", ".ascii \"hello, world\"", "mov %rax, %rbx", ".quad f"] {
        assert_eq!(refused(&behind(bytes))[0].problem, Problem::Unreached, "{bytes}");
    }
    for bytes in ["int3\n int3", "nop\n .nops 9", "ud2", ".p2align 5"] {
        accepted(&behind(bytes));
    }
}

#[test]
fn bytes_that_are_no_instruction() {
    let text = "SHORT f\n FRAME\n .byte 0x06\n pop %rbp\n ret\n SLOW f, 8, 0";
    assert_eq!(refused(text)[0].problem, Problem::Undecodable);
}

#[test]
fn jumps_into_instructions() {
    // The jump's target is inside of the `mov`.
    let text =
        "SHORT f\n FRAME\n test %edi, %edi\n je 1f + 1\n 1: mov $0x90909090, %eax\n pop %rbp\n ret\n SLOW f, 8, 0";
    assert_eq!(refused(text)[0].problem, Problem::Overlap);
}

#[test]
fn control_that_runs_past_the_end() {
    let text =
        "FUNCTION f\n cmp %fs:0x70, %rsp\n ja f_body\n f_slow: mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret
        f_body: mov %rax, %rbx\n END f\n ud2";
    assert_eq!(refused_for(text, "f", "mov %rax,%rbx"), Problem::RunsOff);
    // The last instruction is cut off.
    let text =
        "FUNCTION f\n cmp %fs:0x70, %rsp\n ja f_body\n f_slow: mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret
        f_body: .byte 0x48\n END f\n nop";
    assert_eq!(refused(text)[0].problem, Problem::RunsOff);
}

#[test]
fn checks_of_gcc() {
    // At its entry, subtracting or not, with a near jump or a far one, or what a linker makes of it.
    for start in [
        "cmp %fs:0x70, %rsp\n jb f_slow",
        "cmp %fs:0x70, %rsp\n jae f_body",
        "cmp %fs:0x70, %rsp\n .byte 0x0f, 0x82\n .long f_slow - . - 4",
        "lea -4096(%rsp), %r11\n cmp %fs:0x70, %r11\n jb f_slow",
        "stc\n .byte 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n jb f_slow",
    ] {
        let slow = "mov $4096, %r10d\n mov $0, %r11d\n call __morestack\n ret";
        let text = format!("FUNCTION f\n {start}\n jmp f_body\n f_slow: {slow}\n f_body: ret\n END f");
        let problems: Vec<_> = refused(&text).into_iter().map(|violation| violation.problem).collect();
        assert!(problems.contains(&Problem::GccCheck), "{start}: {problems:?}");
    }
}

#[test]
fn checks_that_are_not_at_the_entry() {
    // Behind `endbr64`, GCC's with `-fcf-protection`: the function is foreign, but its check would lead to a small segment.
    for leave in ["call __morestack", "jmp __morestack", ".byte 0x0f, 0x86\n .long __morestack - . - 4"] {
        let text = format!(
            "FUNCTION f\n endbr64\n cmp %fs:0x70, %rsp\n jae f_body\n
            mov $40, %r10d\n mov $0, %r11d\n {leave}\n ret\n f_body: push %rax\n call *%rax\n pop %rax\n ret\n END f"
        );
        let problems: Vec<_> = refused(&text).into_iter().map(|violation| violation.problem).collect();
        assert_eq!(problems, [Problem::MorestackFromElsewhere], "{leave}");
    }
}
