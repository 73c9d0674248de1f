//! Functions that take more stack than they check, or that cannot be followed, are refused at the instruction.

mod verify_support;

use cargo_morestack::verify::Problem;
use verify_support::{accepted, refused, refused_for};

/// What a function may take beyond what its check subtracts, if no hand-written function needs more than morestack does.
const UNSUBTRACTED: i32 = 368;

#[test]
fn a_frame_larger_than_the_short_check_allows() {
    let function = |bytes: i32| format!("SHORT f\n FRAME\n sub ${bytes} - 8, %rsp\n leave\n ret\n SLOW f, {bytes}, 0");
    let problem = refused_for(&function(UNSUBTRACTED + 8), "f", "sub $0x170,%rsp");
    assert_eq!(problem, Problem::TooDeep { depth: 376, limit: 368 });
    accepted(&function(UNSUBTRACTED));
}

#[test]
fn a_frame_larger_than_the_long_check_allows() {
    let function =
        |bytes: i32| format!("LONG f, 1000\n FRAME\n sub ${bytes} - 8, %rsp\n leave\n ret\n SLOW f, 1000, 0");
    let problem = refused_for(&function(1000 + UNSUBTRACTED + 8), "f", "sub $0x558,%rsp");
    assert_eq!(problem, Problem::TooDeep { depth: 1376, limit: 1368 });
    accepted(&function(1000 + UNSUBTRACTED));
}

#[test]
fn a_hand_written_function_that_needs_more_leaves_less() {
    let text = |bytes: i32| {
        format!(
            "FUNCTION hand\n CHECK_BYTES\n ret\n END hand\n TRUSTED hand, 248
            SHORT f\n FRAME\n sub ${bytes} - 8, %rsp\n leave\n ret\n SLOW f, {bytes}, 0"
        )
    };
    let problem = refused_for(&text(264), "f", "sub $0x100,%rsp");
    assert_eq!(problem, Problem::TooDeep { depth: 264, limit: 256 });
    accepted(&text(256));
}

#[test]
fn pushes_beyond_the_slack() {
    let pushes = |count: usize| {
        format!("LONG f, 256\n FRAME\n sub $248, %rsp\n {}\n leave\n ret\n SLOW f, 256, 0", "push %rax\n".repeat(count))
    };
    assert_eq!(refused_for(&pushes(47), "f", "push %rax"), Problem::TooDeep { depth: 632, limit: 624 });
    accepted(&pushes(46));
}

#[test]
fn an_over_aligned_frame_with_too_small_a_check() {
    // As LLVM makes it: neither check nor slow path know of the alignment.
    let function = |alignment: i32, counted: i32| {
        format!(
            "LONG f, {counted}\n FRAME\n and $-{alignment}, %rsp\n sub $0x400, %rsp\n mov %rbp, %rsp\n pop %rbp\n ret
            SLOW f, {counted}, 0"
        )
    };
    let problem = refused_for(&function(512, 0x408), "f", "sub $0x400,%rsp");
    assert_eq!(problem, Problem::TooDeep { depth: 8 + 504 + 0x400, limit: 0x408 + 368 });
    accepted(&function(256, 0x408));
    // Mended.
    accepted(&function(2048, 0x408 + 2048));
}

#[test]
fn the_prologue_that_llvm_breaks_from_4096_on() {
    let text = "LONG f, 0x3ff8
        sub $0x1000, %rsp\n movq $0, (%rsp)\n sub $0x1000, %rsp\n movq $0, (%rsp)\n sub $0x1000, %rsp\n movq $0, (%rsp)
        sub $0x1000, %rsp
        lea 0x1000(%rsp), %rbx
        movb $3, (%rbx)
        lea -8(%rbp), %rsp\n pop %rbx\n pop %rbp\n ret
        f_slow:\n mov $0x3ff8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body
        1: movq $0, (%rsp)\n sub $0x1000, %rsp\n cmp %rsp, %r11\n jb 1b
        mov %r11, %rsp\n movq $0, (%rsp)\n jmp f_body
        END f";
    assert_eq!(refused_for(text, "f", "lea -8(%rbp),%rsp"), Problem::UnknownStackPointer);
}

#[test]
fn an_epilogue_that_does_not_match() {
    let function = |epilogue: &str| {
        format!("SHORT f\n FRAME\n push %rbx\n sub $24, %rsp\n {epilogue}\n pop %rbx\n pop %rbp\n ret\n SLOW f, 40, 0")
    };
    accepted(&function("add $24, %rsp"));
    let Problem::NotUnwound { found } = refused_for(&function("add $16, %rsp"), "f", "ret") else { panic!() };
    assert_eq!(found, "8 bytes below entry");
    assert_eq!(refused_for(&function("add $32, %rsp"), "f", "pop %rbp"), Problem::UnknownStackPointer);
}

#[test]
fn a_tail_jump_with_the_frame_still_there() {
    let text = "SHORT g\n ret\n SLOW g, 0, 0\n SHORT f\n FRAME\n jmp g\n SLOW f, 8, 0";
    let violations = refused(text);
    assert_eq!(violations[0].problem, Problem::NotUnwound { found: "8 bytes below entry".into() });
    assert_eq!(violations.len(), 1);
}

#[test]
fn a_frame_pointer_that_is_not_restored() {
    for body in ["FRAME\n pop %rcx\n ret", "push %rbp\n mov %rdi, %rbp\n pop %rcx\n ret", "xor %ebp, %ebp\n ret"] {
        let text = format!("SHORT f\n {body}\n SLOW f, 8, 0");
        assert_eq!(refused_for(&text, "f", "ret"), Problem::FramePointerLost, "{body}");
    }
}

#[test]
fn a_saved_frame_pointer_or_return_address_that_is_overwritten() {
    for (store, instruction) in [
        ("mov %rax, (%rbp)", "mov %rax,(%rbp)"),
        ("mov %rax, 8(%rbp)", "mov %rax,8(%rbp)"),
        ("movb $1, 15(%rbp)", "movb $1,0xf(%rbp)"),
        ("movups %xmm0, -8(%rbp)", "movups %xmm0,-8(%rbp)"),
        ("incq 16(%rsp)", "incq 0x10(%rsp)"),
    ] {
        let text = format!("SHORT f\n FRAME\n sub $16, %rsp\n {store}\n leave\n ret\n SLOW f, 24, 0");
        let violations = refused(&text);
        assert_eq!(violations[0].problem, Problem::OverwritesSaved, "{store}");
        assert_eq!(violations[0].instruction, instruction);
    }
}

#[test]
fn stack_pointers_that_cannot_be_followed() {
    for change in [
        "sub %rax, %rsp",
        "add %rax, %rsp",
        "mov %rax, %rsp",
        "mov 8(%rdi), %rsp",
        "lea (%rsp,%rax), %rsp",
        "lea 8(%rax), %rsp",
        "xchg %rax, %rsp",
        "xor %rsp, %rsp",
        "inc %rsp",
        "neg %rsp",
        "or $8, %rsp",
        "and $0x30, %rsp",
        "and %rax, %rsp",
        "pop %rsp",
        "pushw %ax",
        "popw %ax",
        "enter $16, $0",
        "cmove %rax, %rsp",
        "movl $1, %esp",
        "mov $1, %spl",
        "ret $8",
        "lret",
        "iretq",
    ] {
        let text = format!("SHORT f\n FRAME\n {change}\n leave\n ret\n SLOW f, 8, 0");
        let violations = refused(&text);
        assert_eq!(violations[0].problem, Problem::UnknownStackPointer, "{change}");
    }
}

#[test]
fn paths_that_meet_at_different_depths() {
    let text = "SHORT f\n FRAME\n test %edi, %edi\n je 1f\n push %rax\n 1: nop\n leave\n ret\n SLOW f, 8, 0";
    assert!(matches!(refused_for(text, "f", "nop"), Problem::DepthsDiffer { .. }));
}

#[test]
fn a_loop_that_pushes() {
    let text = "SHORT f\n FRAME\n 1: push %rax\n dec %edi\n jne 1b\n leave\n ret\n SLOW f, 8, 0";
    assert!(matches!(refused_for(text, "f", "push %rax"), Problem::DepthsDiffer { .. }));
}

#[test]
fn memory_below_the_red_zone() {
    let text = "SHORT f\n FRAME\n mov %rax, -136(%rsp)\n pop %rbp\n ret\n SLOW f, 8, 0";
    let violations = refused(text);
    assert_eq!(violations[0].problem, Problem::BelowRedZone { below: 136 });
    accepted("SHORT f\n FRAME\n mov %rax, -128(%rsp)\n pop %rbp\n ret\n SLOW f, 8, 0");
}

#[test]
fn a_probe_loop_with_another_end_than_was_set_up() {
    let function = |step: i32, bytes: i32| {
        format!(
            "LONG f, 0x5008\n FRAME\n mov %rsp, %r11\n sub ${bytes}, %r11\n 1: sub ${step}, %rsp\n movq $0, (%rsp)\n cmp %r11, %rsp
            jne 1b\n leave\n ret\n SLOW f, 0x5008, 0"
        )
    };
    accepted(&function(0x1000, 0x5000));
    for (step, bytes) in [(0x1000, 0x4800), (0x800, 0x5000), (0x1000, 0x800)] {
        let violations = refused(&function(step, bytes));
        assert_eq!(violations[0].problem, Problem::UnknownStackPointer, "{step:#x} {bytes:#x}");
        assert!(violations[0].instruction.starts_with("jne "));
    }
    let deep = refused(&function(0x1000, 0x6000));
    assert_eq!(deep[0].problem, Problem::TooDeep { depth: 0x6008, limit: 0x5008 + 368 });
}

#[test]
fn a_landing_pad_counts_like_any_code() {
    // The call's landing pad takes too much.
    let text = |bytes: i32| {
        format!(
            "SHORT g\n ret\n SLOW g, 0, 0
            FUNCTION f
            .cfi_startproc
            .cfi_lsda 0x1b, f_lsda
            cmp %fs:0x70, %rsp\n jbe f_slow
            f_body:\n FRAME
            1: call g
            2: pop %rbp\n ret
            3: sub ${bytes}, %rsp\n ud2
            f_slow:\n mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body
            .cfi_endproc
            END f
            .section .gcc_except_table, \"a\", @progbits
            f_lsda: .byte 0xff, 0xff, 0x01\n .uleb128 5f - 4f
            4: .uleb128 1b - f, 2b - 1b, 3b - f, 0
            5:\n .text"
        )
    };
    assert_eq!(refused_for(&text(400), "f", "sub $0x190,%rsp"), Problem::TooDeep { depth: 408, limit: 368 });
    assert_eq!(accepted(&text(40)).checked, 2);
}
