//! Calls through the thunk become direct ones where their target is known. The patched programs are run.

mod verify_support;

use verify_support::{Binary, link};

/// A program whose exit status is 100 x calls of the thunk + 10 x calls of its foreign half + calls of the half for arguments in
/// registers, if the calls return what they should.
fn program(functions: &str, body: &str, arguments: &[&str]) -> Binary {
    let text = format!(
        "FUNCTION foreign\n sub $200, %rsp\n call 1f\n add $200, %rsp\n mov $7, %eax\n ret\n 1: ret\n END foreign
        SHORT checked\n FRAME\n mov $7, %eax\n pop %rbp\n ret\n SLOW checked, 8, 0
        FUNCTION leaf\n mov $7, %eax\n ret\n END leaf
        FUNCTION hand\n CHECK_BYTES\n mov $7, %eax\n ret\n END hand\n TRUSTED hand, 0
        {functions}
        SHORT caller\n FRAME\n push %rbx\n push %rbx\n {body}\n add $8, %rsp\n pop %rbx\n pop %rbp\n ret\n SLOW caller, 24, 0
        FUNCTION main
        push %rbx
        call caller
        cmp $7, %eax\n jne 1f
        imul $100, thunk_calls(%rip), %eax\n imul $10, foreign_calls(%rip), %ecx\n add %ecx, %eax\n add register_calls(%rip), %eax
        pop %rbx\n ret
        1: mov $255, %eax\n pop %rbx\n ret\n END main"
    );
    link(&text, 4096, arguments)
}

#[track_caller]
fn runs(binary: &Binary, before: i32, after: i32) {
    assert_eq!(binary.run(), before, "before");
    let report = binary.process().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(binary.run(), after, "after: {report}");
    let patched = verify_support::read(&binary.path);
    assert_eq!(binary.process().expect("again"), report);
    assert!(verify_support::read(&binary.path) == patched, "patched twice");
}

#[test]
fn known_targets_on_a_small_stack_are_called_directly() {
    for target in ["checked", "leaf", "hand"] {
        let body = format!("lea {target}(%rip), %r11\n call __x86_indirect_thunk_r11");
        runs(&program("", &body, &[]), 100, 0);
    }
}

#[test]
fn known_foreign_targets_skip_the_test_of_their_bytes() {
    runs(&program("", "lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11", &[]), 100, 1);
}

#[test]
fn targets_from_the_global_offset_table() {
    for (target, after) in [("checked", 0), ("foreign", 1)] {
        let body = format!("mov {target}@GOTPCREL(%rip), %r11\n call __x86_indirect_thunk_r11");
        runs(&program("", &body, &["-Wl,--no-relax"]), 100, after);
    }
}

#[test]
fn targets_in_shared_libraries_are_foreign() {
    let body = "mov $-7, %edi\n mov abs@GOTPCREL(%rip), %r11\n call __x86_indirect_thunk_r11";
    runs(&program("", body, &["-lc"]), 100, 1);
}

#[test]
fn weak_symbols_that_nobody_defines() {
    let body =
        "mov nobody@GOTPCREL(%rip), %r11\n mov $7, %eax\n test %r11, %r11\n je 1f\n call __x86_indirect_thunk_r11\n 1:";
    runs(&program(".weak nobody", body, &[]), 0, 0);
}

#[test]
fn functions_chosen_at_start_up_are_foreign() {
    let functions = ".type chosen, @gnu_indirect_function\n .globl chosen\n .hidden chosen
        chosen: lea checked(%rip), %rax\n ret\n .size chosen, . - chosen";
    runs(&program(functions, "mov chosen@GOTPCREL(%rip), %r11\n call __x86_indirect_thunk_r11", &[]), 100, 1);
    runs(&program(functions, "lea chosen(%rip), %r11\n call __x86_indirect_thunk_r11", &[]), 100, 1);
}

#[test]
fn pointers_in_constant_memory_but_not_in_memory_that_may_change() {
    let pointer = |section: &str| format!(".section {section}\n pointer: .quad checked\n .text");
    let body = "mov pointer(%rip), %r11\n call __x86_indirect_thunk_r11";
    runs(&program(&pointer(".data.rel.ro, \"aw\", @progbits"), body, &[]), 100, 0);
    runs(&program(&pointer(".data"), body, &[]), 100, 100);
}

#[test]
fn targets_that_registers_hand_on() {
    runs(
        &program("", "lea checked(%rip), %rax\n mov %rax, %rdx\n mov %rdx, %r11\n call __x86_indirect_thunk_r11", &[]),
        100,
        0,
    );
    // Across a call in a register that calls keep; and in a loop.
    let body = "lea checked(%rip), %rbx\n mov $3, %eax\n mov %eax, -16(%rbp)
        1: mov %rbx, %r11\n call __x86_indirect_thunk_r11\n decl -16(%rbp)\n jne 1b";
    runs(&program("", body, &[]), 300 % 256, 0);
}

#[test]
fn the_same_target_on_two_paths() {
    let body = "test %edi, %edi\n je 1f\n lea checked(%rip), %r11\n jmp 2f\n 1: lea checked(%rip), %r11
        2: call __x86_indirect_thunk_r11";
    runs(&program("", body, &[]), 100, 0);
}

#[test]
fn targets_that_are_not_known_stay_with_the_thunk() {
    for body in [
        // Another one on each path.
        "test %edi, %edi\n je 1f\n lea checked(%rip), %r11\n jmp 2f\n 1: lea leaf(%rip), %r11\n 2: call __x86_indirect_thunk_r11",
        // Changed.
        "lea checked - 1(%rip), %r11\n inc %r11\n call __x86_indirect_thunk_r11",
        "lea checked(%rip), %r11\n lea leaf(%rip), %rax\n test %rsp, %rsp\n cmovne %rax, %r11\n call __x86_indirect_thunk_r11",
        "lea checked(%rip), %r11\n lea leaf(%rip), %rax\n xchg %rax, %r11\n call __x86_indirect_thunk_r11",
        "lea checked(%rip), %r11\n lea leaf(%rip), %rax\n push %rax\n pop %r11\n call __x86_indirect_thunk_r11",
        // A variable may have been changed through a pointer.
        "lea checked(%rip), %rax\n mov %rax, -16(%rbp)\n mov -16(%rbp), %r11\n call __x86_indirect_thunk_r11",
        // A loop brings another one.
        "lea checked(%rip), %rbx\n mov $2, %ecx\n 1: mov %rbx, %r11\n lea leaf(%rip), %rbx\n dec %ecx\n jne 1b
         call __x86_indirect_thunk_r11",
    ] {
        let binary = program("", body, &[]);
        runs(&binary, 100, 100);
    }
}

#[test]
fn a_call_forgets_what_callees_may_change() {
    let functions = "SHORT changes\n FRAME\n lea leaf(%rip), %rax\n pop %rbp\n ret\n SLOW changes, 8, 0";
    let body = "lea foreign(%rip), %rax\n call changes\n mov %rax, %r11\n call __x86_indirect_thunk_r11";
    runs(&program(functions, body, &[]), 100, 100);
}

#[test]
fn foreign_calls_with_possible_stack_arguments_copy() {
    let call = "lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11";
    let stored = "mov %rax, (%rsp)";
    for body in [
        // Pushed.
        format!("push %rax\n push %rax\n {call}\n add $16, %rsp"),
        format!("sub $16, %rsp\n {call}\n add $16, %rsp"),
        // Stored, in this block or in one before.
        format!("{stored}\n {call}"),
        format!("{stored}\n test %edi, %edi\n je 1f\n nop\n 1: {call}"),
        format!("test %edi, %edi\n jne 1f\n {stored}\n 1: {call}"),
        format!("movups %xmm0, (%rsp)\n {call}"),
        format!("push %rax\n popq 8(%rsp)\n {call}"),
        // By an address that was made.
        format!("mov %rsp, %rdi\n mov %rax, (%rdi)\n {call}"),
        format!("lea 8(%rsp), %rdi\n mov %rax, (%rdi)\n {call}"),
    ] {
        runs(&program("", &body, &[]), 100, 10);
    }
    // A call in between has had them.
    runs(&program("", &format!("{stored}\n call leaf\n {call}"), &[]), 100, 1);
    // Locals are not arguments.
    runs(&program("", &format!("mov %rax, -24(%rbp)\n mov (%rsp), %rax\n {call}"), &[]), 100, 1);
}

#[test]
fn a_frame_that_is_aligned_copies() {
    let functions =
        "SHORT aligned\n FRAME\n and $-32, %rsp\n lea foreign(%rip), %r11\n call __x86_indirect_thunk_r11\n leave\n ret
        SLOW aligned, 40, 0";
    runs(&program(functions, "call aligned", &[]), 100, 10);
}

#[test]
fn tail_calls_leave_arguments_where_their_caller_got_its_own() {
    let tail = |target: &str, args: i32| {
        format!(
            "SHORT tail\n FRAME\n pop %rbp\n lea {target}(%rip), %r11\n jmp __x86_indirect_thunk_r11\n SLOW tail, 8, {args}"
        )
    };
    runs(&program(&tail("checked", 0), "call tail", &[]), 100, 0);
    runs(&program(&tail("checked", 16), "call tail", &[]), 100, 0);
    runs(&program(&tail("foreign", 0), "call tail", &[]), 100, 1);
    runs(&program(&tail("foreign", 16), "call tail", &[]), 100, 10);
}

#[test]
fn conditional_tail_calls() {
    let tail =
        "SHORT tail\n FRAME\n pop %rbp\n lea checked(%rip), %r11\n test %rsp, %rsp\n jne __x86_indirect_thunk_r11\n ret
        SLOW tail, 8, 0";
    runs(&program(tail, "call tail", &[]), 100, 0);
}

#[test]
fn stubs_lead_to_functions_left_unchecked() {
    let functions =
        "FUNCTION aligned\n FRAME\n and $-8192, %rsp\n call 1f\n mov $7, %eax\n leave\n ret\n 1: ret\n END aligned
        SHORT tail\n FRAME\n pop %rbp\n FAR aligned\n SLOW tail, 8, 0";
    runs(&program(functions, "call aligned\n call tail\n call aligned", &[]), 0, 30);
}

#[test]
fn the_landing_pad_knows_what_the_call_knew() {
    // What a callee keeps is known there too, what it may change is not.
    let text = |register: &str| {
        format!(
            "FUNCTION f
            .cfi_startproc\n .cfi_lsda 0x1b, f_lsda
            cmp %fs:0x70, %rsp\n jbe f_slow
            f_body:\n FRAME\n push %rbx\n push %rbx\n lea leaf(%rip), %{register}
            0: call leaf
            1: add $8, %rsp\n pop %rbx\n pop %rbp\n ret
            2: mov %{register}, %r11\n call __x86_indirect_thunk_r11\n ud2
            f_slow: mov $24, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp f_body
            .cfi_endproc\n END f
            .section .gcc_except_table, \"a\", @progbits
            f_lsda: .byte 0xff, 0xff, 0x01\n .uleb128 4f - 3f
            3: .uleb128 0b - f, 1b - 0b, 2b - f, 0
            4:\n .text"
        )
    };
    let counts = |register: &str| {
        let report = program(&text(register), "call f", &[]).process().expect("accepted");
        (report.resolved, report.indirect)
    };
    assert_eq!(counts("rbx"), (1, 0));
    assert_eq!(counts("rdx"), (0, 1));
}
