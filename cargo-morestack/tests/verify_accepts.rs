//! Sound binaries are accepted, and everything in them is counted.

mod verify_support;

use cargo_morestack::verify::Options;
use verify_support::{FOREIGN, MAIN, accepted, binary, link};

#[test]
fn both_forms_of_the_check_with_near_and_far_slow_paths() {
    let far = "nop\n".repeat(200);
    let text = format!(
        "SHORT short\n ret\n SLOW short, 0, 0
        SHORT short_far\n {far} ret\n SLOW short_far, 0, 0
        LONG long, 1000\n ret\n SLOW long, 1000, 16
        LONG long_far, 1000\n {far} ret\n SLOW long_far, 1000, 0
        # Without optimisation the slow path comes first, and the body follows.
        FUNCTION before\n cmp %fs:0x70, %rsp\n ja before_body
        mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret
        before_body: FRAME\n pop %rbp\n ret\n END before
        FUNCTION long_before\n lea -300(%rsp), %r11\n cmp %fs:0x70, %r11\n ja long_before_body
        mov $300, %r10d\n mov $0, %r11d\n call __morestack\n ret
        {far} long_before_body: ret\n END long_before"
    );
    // The slow path need not lie right before the body, then it jumps.
    let binary = binary(&text.replace(
        &format!("ret\n        {far} long_before_body"),
        &format!("ret\n jmp long_before_body\n {far} long_before_body"),
    ));
    let report = binary.process().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.checked, 6);
    assert_eq!(report.movable, 6);
    assert_eq!(binary.process().expect("again"), report);
}

#[test]
fn each_kind_of_function_and_call_is_counted() {
    let text = format!(
        "{FOREIGN}
        FUNCTION leaf\n mov %rdi, -128(%rsp)\n ret\n END leaf
        FUNCTION leaf_that_jumps\n jmp leaf\n END leaf_that_jumps
        FUNCTION leaf_that_dispatches\n lea foreign(%rip), %r11\n jmp __x86_indirect_thunk_r11\n END leaf_that_dispatches
        FUNCTION hand\n CHECK_BYTES\n jmp *%rdi\n END hand\n TRUSTED hand, 100
        SHORT callee\n ret\n SLOW callee, 0, 0
        SHORT caller
        FRAME
        call leaf\n call leaf_that_jumps\n call leaf_that_dispatches\n call hand\n call callee
        lea callee(%rip), %r11\n call __x86_indirect_thunk_r11
        lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11
        sub $16, %rsp\n mov %rax, (%rsp)
        lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11
        add $16, %rsp
        mov (%rdi), %r11\n call __x86_indirect_thunk_r11
        pop %rbp
        jmp callee
        SLOW caller, 8, 0"
    );
    let report = accepted(&text);
    assert_eq!((report.checked, report.leaf, report.hand_written), (2, 4, 1));
    // `foreign`, `_start`, and the runtime's own five.
    assert_eq!(report.foreign, 7);
    assert_eq!((report.direct, report.resolved, report.indirect), (7, 1, 1));
    assert_eq!((report.foreign_calls, report.foreign_register_calls), (2, 1));
    assert_eq!(
        report.to_string(),
        "2 functions checked (1 movable), 4 leaf, 1 hand-written, 7 foreign; calls: 7 direct, 1 resolved, 3 foreign, 1 indirect"
    );
}

#[test]
fn leaves_that_jump_to_each_other() {
    let text = "FUNCTION one\n test %edi, %edi\n je two\n ret\n END one
        FUNCTION two\n dec %edi\n jmp one\n END two
        SHORT caller\n FRAME\n call one\n pop %rbp\n ret\n SLOW caller, 8, 0";
    assert_eq!(accepted(text).leaf, 3);
}

#[test]
fn foreign_code_may_do_anything() {
    let text = "FUNCTION wild\n mov %rdi, %rsp\n call *%rax\n call wild + 3\n .byte 6\n END wild
        FUNCTION uses_checked\n push %rax\n call checked\n pop %rax\n ret\n END uses_checked
        SHORT checked\n ret\n SLOW checked, 0, 0";
    assert_eq!(accepted(text).checked, 1);
}

#[test]
fn large_frames_whose_pages_are_touched() {
    let text = "LONG unrolled, 0x2008\n FRAME\n sub $0x1000, %rsp\n movq $0, (%rsp)\n sub $0x1000, %rsp\n leave\n ret
        SLOW unrolled, 0x2008, 0
        LONG by_sub, 0x5018\n FRAME\n push %rbx\n mov %rsp, %r11\n sub $0x5000, %r11\n 1: sub $0x1000, %rsp\n movq $0, (%rsp)
        cmp %r11, %rsp\n jne 1b\n sub $8, %rsp\n add $0x5008, %rsp\n pop %rbx\n pop %rbp\n ret
        SLOW by_sub, 0x5018, 0
        LONG by_lea, 0x5018\n FRAME\n push %rbx\n lea -0x5000(%rsp), %r11\n 1: sub $0x1000, %rsp\n movq $0, (%rsp)
        cmp %r11, %rsp\n jne 1b\n sub $8, %rsp\n add $0x5008, %rsp\n pop %rbx\n pop %rbp\n ret
        SLOW by_lea, 0x5018, 0
        LONG aligned, 0x5808\n FRAME\n and $-2048, %rsp\n lea -0x5000(%rsp), %r11\n 1: sub $0x1000, %rsp\n movq $0, (%rsp)
        cmp %r11, %rsp\n jne 1b\n mov %rbp, %rsp\n pop %rbp\n ret
        SLOW aligned, 0x5808, 0";
    let report = accepted(text);
    assert_eq!((report.checked, report.movable), (4, 3));
}

#[test]
fn jump_tables() {
    let text = "SHORT f
        FRAME
        cmp $2, %edi\n ja 9f
        mov %edi, %eax\n lea f_table(%rip), %rcx\n movslq (%rcx,%rax,4), %rax\n add %rcx, %rax\n jmp *%rax
        1: push %rax\n pop %rax\n jmp 9f
        2: xor %eax, %eax\n jmp 9f
        3: call *%rdi
        9: pop %rbp\n ret
        SLOW f, 8, 0
        .section .rodata
        f_table: .long 1b - f_table, 2b - f_table, 9b - f_table\n .text";
    // The table does not lead to the call, but who knows whether it was read right: it is verified as if it did.
    assert_eq!(verify_support::refused(text)[0].instruction, "call *%rdi");
    accepted(&text.replace("3: call *%rdi\n", ""));
    // Targets that are only in the table are verified.
    let violations = verify_support::refused(
        &text.replace("2b - f_table", "3b - f_table").replace("2: xor %eax, %eax\n jmp 9f\n", ""),
    );
    assert_eq!(violations[0].instruction, "call *%rdi");
}

#[test]
fn a_jump_table_ends_where_the_next_begins() {
    let table = |name: &str| {
        format!(
            "SHORT {name}\n FRAME
            lea {name}_table(%rip), %rcx\n movslq (%rcx,%rdi,4), %rax\n add %rax, %rcx\n jmp *%rcx
            1: xor %eax, %eax\n 2: pop %rbp\n ret\n SLOW {name}, 8, 0
            .section .rodata\n {name}_table: .long 1b - {name}_table, 2b - {name}_table\n .text\n"
        )
    };
    assert_eq!(accepted(&["a", "b", "c"].map(table).concat()).checked, 3);
}

#[test]
fn jumps_whose_target_was_put_aside() {
    let text = "SHORT f\n FRAME\n sub $24, %rsp
        lea f_table(%rip), %rcx\n mov %rcx, -16(%rbp)\n mov -16(%rbp), %rdx\n movslq (%rdx,%rdi,4), %rax\n add -16(%rbp), %rax
        mov %rax, -8(%rbp)\n xor %eax, %eax
        0: jmp *-8(%rbp)
        1: inc %eax\n 2: leave\n ret\n SLOW f, 32, 0
        .section .rodata\n f_table: .long 1b - f_table, 2b - f_table\n .text";
    assert_eq!(accepted(text).checked, 1);
    // Something else may be there by then.
    let violations = verify_support::refused(&text.replace("0: jmp", "movb $1, -1(%rbp)\n jmp"));
    assert_eq!(violations[0].instruction, "jmpq *-8(%rbp)");
}

#[test]
fn arguments_pushed_for_a_call_that_unwinds() {
    // The unwinder takes them off before it enters the landing pad.
    let text = |size: i32| {
        format!(
            "SHORT g\n ret\n SLOW g, 0, 0
            FUNCTION f
            .cfi_startproc\n .cfi_lsda 0x1b, f_lsda
            cmp %fs:0x70, %rsp\n jbe f_slow
            f_body:\n FRAME
            .cfi_escape 0x2e, 0
            0: call g
            1: .cfi_escape 0x2e, {size}
            push %rax\n push %rax
            2: call g
            3: add $16, %rsp
            4: pop %rbp\n ret
            5: call g\n pop %rbp\n ret
            f_slow: mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body
            .cfi_endproc\n END f
            .section .gcc_except_table, \"a\", @progbits
            f_lsda: .byte 0xff, 0xff, 0x01\n .uleb128 7f - 6f
            6: .uleb128 0b - f, 1b - 0b, 5b - f, 0, 2b - f, 3b - 2b, 5b - f, 0
            7:\n .text"
        )
    };
    accepted(&text(16));
    assert!(verify_support::refused(&text(0))[0].problem.to_string().contains("at different depths"));
}

#[test]
fn code_that_a_call_does_not_return_to() {
    // The last instruction; and before the slow path, which only a failed check enters.
    let text = "SHORT never\n ud2\n SLOW never, 0, 0
        FUNCTION last\n cmp %fs:0x70, %rsp\n ja last_body\n mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret
        last_body: FRAME\n call never\n END last
        SHORT before_slow\n FRAME\n call never\n SLOW before_slow, 8, 0";
    assert_eq!(accepted(text).checked, 3);
}

#[test]
fn code_that_nothing_leads_to() {
    // As LLVM leaves it without optimisation.
    let text = |dead: &str| {
        format!(
            "SHORT f\n FRAME\n push %rax\n movq $8, -8(%rbp)\n jmp 1f
            {dead}
            1: mov -8(%rbp), %rax\n add $8, %rsp\n pop %rbp\n ret\n SLOW f, 16, 0"
        )
    };
    for dead in ["movq $8, -8(%rbp)", "mov %rax, -8(%rbp)\n jmp 1f", "movb $0, -1(%rbp)\n test %al, %al\n je 1f\n ud2"]
    {
        assert_eq!(accepted(&text(dead)).checked, 1, "{dead}");
    }
    for dead in ["push %rax", "add $8, %rsp\n ret", "mov %rdi, %rsp\n ud2", ".byte 6", "jmp 1f + 1", "jmp *%rax"] {
        let violations = verify_support::refused(&text(dead));
        assert_eq!(violations[0].problem, cargo_morestack::verify::Problem::Unreached, "{dead}");
    }
    // What it takes and whom it calls is held to what everything is held to.
    assert!(
        verify_support::refused(&text("sub $400, %rsp\n ud2"))[0].problem.to_string().starts_with("takes 416 bytes")
    );
    assert_eq!(verify_support::refused(&text("call *%rdi"))[0].instruction, "call *%rdi");
}

#[test]
fn system_calls_and_breakpoints_go_on() {
    let text = "SHORT f\n FRAME\n syscall\n int3\n rep stosb\n pop %rbp\n ret\n SLOW f, 8, 0";
    assert_eq!(accepted(text).checked, 1);
}

#[test]
fn functions_left_unchecked_on_purpose_are_called_by_stubs() {
    let caller = "SHORT caller\n FRAME\n call plain\n call plain\n pop %rbp\n FAR plain\n SLOW caller, 8, 0";
    let aligned = "FUNCTION plain\n FRAME\n and $-8192, %rsp\n call *%rdi\n leave\n ret\n END plain";
    assert_eq!(accepted(&format!("{aligned}\n{caller}")).foreign_calls, 3);
    let plain = "FUNCTION plain\n push %rax\n call *%rdi\n pop %rax\n ret\n END plain";
    let text = format!("{plain}\n{caller}\n{MAIN}");
    for options in [
        Options { left_unchecked: vec!["plain".into()], ..Options::default() },
        Options { plain_objects_allowed: true, ..Options::default() },
    ] {
        let binary = link(&text, 4096, &[]);
        let report = cargo_morestack::verify::process(&binary.path, &options).expect("accepted");
        assert_eq!(report.foreign_calls, 3);
    }
    assert_eq!(verify_support::refused(&format!("{plain}\n{caller}")).len(), 3);
}
