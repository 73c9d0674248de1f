//! A function is movable if nothing in it can make an address in its frame. Each way to make one pins it.

mod verify_support;

use verify_support::{binary, link};

/// Whether a function with this body is movable, and what is said of it.
fn judged(bodies: &[&str]) -> Vec<String> {
    let functions: String = bodies
        .iter()
        .enumerate()
        .map(|(n, body)| {
            format!(
                "SHORT f{n}_\n FRAME\n sub $64, %rsp\n {body}\n add $64, %rsp\n pop %rbp\n ret\n SLOW f{n}_, 72, 32\n"
            )
        })
        .collect();
    let helpers = "FUNCTION leaf\n ret\n END leaf\n FUNCTION hand\n CHECK_BYTES\n mov %rsp, %rax\n ret\n END hand\n TRUSTED hand, 0
        FUNCTION __wrap_memset\n CHECK_BYTES\n mov %rdi, %rax\n ret\n END __wrap_memset\n TRUSTED __wrap_memset, 0\n";
    let binary = binary(&format!("{helpers}{functions}"));
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    (0..bodies.len()).map(|n| binary.explain(&format!("f{n}_")).to_string()).collect()
}

#[track_caller]
fn all_movable(bodies: &[&str]) {
    for (body, said) in bodies.iter().zip(judged(bodies)) {
        assert!(said.contains("    movable\n"), "`{body}`: {said}");
    }
}

#[track_caller]
fn all_pinned(why: &str, bodies: &[&str]) {
    for (body, said) in bodies.iter().zip(judged(bodies)) {
        assert!(said.contains("    pinned: ") && said.contains(why), "`{body}`: {said}");
    }
}

#[test]
fn frames_that_are_only_accessed_are_movable() {
    all_movable(&[
        "nop",
        "mov %rax, -8(%rbp)",
        "mov -16(%rbp), %rax",
        "mov (%rsp), %rax",
        "mov %rax, 8(%rsp)",
        "addq $1, -8(%rbp)",
        "mov -64(%rbp,%rax,8), %rcx",
        "mov %rcx, (%rsp,%rax)",
        "movups %xmm0, -32(%rbp)",
        "cmpxchg16b -64(%rbp)",
        "push %rax\n pop %rcx",
        "push -8(%rbp)\n pop -16(%rbp)",
        "push $5\n pop %rax",
        "call leaf",
        "mov -8(%rbp), %r11\n call __x86_indirect_thunk_r11",
        "call __wrap_memset",
        // Its stack arguments are its caller's.
        "mov 16(%rbp), %rax\n mov %rax, 40(%rbp)",
        "rep movsb\n rep stosq\n scasb",
        "lea (%rax,%rcx,8), %rdx",
        "lea leaf(%rip), %rax",
        "syscall",
        "mov %fs:0, %rax\n mov %fs:-8(%rax), %rcx",
        ".nops 9",
        "prefetcht0 (%rax)",
        "fldt -32(%rbp)\n fstpt -32(%rbp)",
        "stmxcsr -8(%rbp)\n ldmxcsr -8(%rbp)",
        "vpgatherqq %ymm1, (%rax,%ymm2), %ymm0",
    ]);
}

#[test]
fn an_address_that_is_made_pins() {
    all_pinned(
        "makes an address in the frame",
        &[
            "lea -8(%rbp), %rax",
            "lea (%rsp), %rdi",
            "lea (%rsp,%rax,8), %rdi",
            "lea (%rbp,%rax), %rdi",
            "lea -8(%rbp), %eax",
            "lea -8(%ebp), %eax",
            "prefetcht0 -8(%rbp)",
        ],
    );
}

#[test]
fn a_pointer_that_becomes_a_value_pins() {
    all_pinned(
        "uses the stack or frame pointer as a value",
        &[
            "mov %rsp, %rax",
            "mov %rbp, %rax",
            "mov %esp, %eax",
            "mov %bp, %ax",
            "mov %spl, %al",
            "mov %rbp, -8(%rbp)",
            "mov %rsp, (%rdi)",
            "add %rbp, %r8",
            "sub %rsp, %r8",
            "xor %rbp, %rax",
            "and %rsp, %rax",
            "cmp %rsp, %rax",
            "cmp %rax, %rbp",
            "test %rsp, %rsp",
            "imul %rbp, %rax",
            "push %rsp\n pop %rax",
            "push %rbp\n pop %rax",
            "movq %rsp, %xmm0",
            "movq %rbp, %xmm1",
            "movd %esp, %xmm0",
            "vpbroadcastq %rsp, %zmm0",
            "vpinsrq $1, %rbp, %xmm0, %xmm0",
            "kmovq %rsp, %k1",
            "cvtsi2sd %rsp, %xmm0",
            "cmovne %rsp, %rax",
            "cmpxchg %rsp, (%rdi)",
            "lock xadd %rax, -8(%rbp)\n mov %rsp, %rcx",
            "movnti %rbp, (%rdi)",
            "bswap %rax\n adc %rsp, %rax",
            "andn %rsp, %rax, %rcx",
            "bextr %rax, %rsp, %rcx",
            "mulx %rsp, %rax, %rcx",
            "pdep %rsp, %rax, %rcx",
            "rorx $1, %rbp, %rax",
            "shrd $8, %rsp, %rax",
            "bt %rsp, %rax",
            "crc32q %rsp, %rax",
            "popcnt %rbp, %rax",
            "movbe %rbp, (%rdi)",
            "movslq %esp, %rax",
            "movzwl %bp, %eax",
            "out %al, %dx\n mov %rbp, %rdx",
        ],
    );
}

#[test]
fn a_pointer_as_an_index_pins() {
    all_pinned(
        "uses the frame pointer as an index",
        &["mov (%rax,%rbp), %rcx", "lea (%rax,%rbp,2), %rcx", "mov %rcx, (,%rbp,8)", "mov (%rsp,%rbp), %rax"],
    );
}

#[test]
fn the_saved_frame_pointer_pins_whoever_reads_it() {
    all_pinned(
        "accesses the saved frame pointer",
        &[
            "mov (%rbp), %rax",
            "mov 64(%rsp), %rax",
            "mov -4(%rbp), %rax",
            "movups -8(%rbp), %xmm0",
            "mov 7(%rbp), %al",
            "push (%rbp)\n pop %rax",
        ],
    );
}

#[test]
fn the_guard_pins_whoever_reads_it() {
    all_pinned("accesses the guard", &["mov %fs:0x70, %rax", "cmp %fs:0x70, %rax", "movq %fs:0x70, %xmm0"]);
}

#[test]
fn what_a_check_or_a_probe_leaves_behind_pins_whoever_reads_it() {
    let text = "LONG reads, 1000\n FRAME\n mov %r11, %rax\n pop %rbp\n ret\n SLOW reads, 1000, 0
        LONG stores, 1000\n FRAME\n mov %r11, (%rdi)\n pop %rbp\n ret\n SLOW stores, 1000, 0
        LONG jumps, 1000\n FRAME\n pop %rbp\n jmp __x86_indirect_thunk_r11\n SLOW jumps, 1000, 0
        LONG sets, 1000\n FRAME\n mov %rdi, %r11\n mov %r11, %rax\n pop %rbp\n ret\n SLOW sets, 1000, 0
        LONG on_one_path, 1000\n FRAME\n test %edi, %edi\n je 1f\n xor %r11d, %r11d\n 1: mov %r11, %rax\n pop %rbp\n ret
        SLOW on_one_path, 1000, 0
        LONG after_a_call, 1000\n FRAME\n call sets\n mov %r11, %rax\n pop %rbp\n ret\n SLOW after_a_call, 1000, 0
        LONG probe, 0x5008\n FRAME\n mov %rsp, %r11\n sub $0x5000, %r11\n 1: sub $0x1000, %rsp\n movq $0, (%rsp)\n cmp %r11, %rsp
        jne 1b\n mov %r11, %rax\n leave\n ret\n SLOW probe, 0x5008, 0";
    let binary = binary(text);
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    for (function, pinned) in [
        ("reads", true),
        ("stores", true),
        ("sets", false),
        ("on_one_path", true),
        ("after_a_call", false),
        ("probe", true),
    ] {
        let said = binary.explain(function).to_string();
        assert_eq!(said.contains("reads a stack address that the check or a probe left behind"), pinned, "{said}");
        assert_eq!(said.contains("    movable\n"), !pinned, "{said}");
    }
}

#[test]
fn implicit_uses_pin() {
    all_pinned("uses the stack or frame pointer implicitly", &["pushfq\n popfq"]);
    all_pinned(
        "stores the address of the last floating-point operand",
        &[
            "fnstenv -64(%rbp)",
            "fnsave (%rdi)",
            "fxsave (%rdi)",
            "fxsave64 (%rdi)",
            "xsave (%rdi)",
            "xsavec64 (%rdi)",
            "xsaveopt (%rdi)",
        ],
    );
}

#[test]
fn hand_written_functions_pin_their_callers() {
    all_pinned(
        "calls a hand-written function, which may return an address on the stack",
        &["call hand", "lea hand(%rip), %r11\n call __x86_indirect_thunk_r11"],
    );
}

#[test]
fn frames_of_another_form_are_pinned() {
    let text = "FUNCTION leaf\n ret\n END leaf
        SHORT no_frame_pointer\n push %rax\n call leaf\n pop %rcx\n ret\n SLOW no_frame_pointer, 8, 0
        SHORT late_frame_pointer\n push %rbx\n FRAME\n call leaf\n pop %rbp\n pop %rbx\n ret\n SLOW late_frame_pointer, 16, 0
        SHORT aligned\n FRAME\n and $-32, %rsp\n call leaf\n leave\n ret\n SLOW aligned, 40, 0
        SHORT frame_pointer_for_else\n push %rbp\n mov %rdi, %rbp\n call leaf\n pop %rbp\n ret\n SLOW frame_pointer_for_else, 8, 0
        SHORT callers_frame\n mov (%rbp), %rax\n FRAME\n call leaf\n pop %rbp\n ret\n SLOW callers_frame, 8, 0
        SHORT only_jumps\n jmp leaf\n SLOW only_jumps, 0, 0
        SHORT leaves\n FRAME\n call leaf\n leave\n ret\n SLOW leaves, 8, 0
        SHORT lea_epilogue\n FRAME\n push %rbx\n sub $8, %rsp\n call leaf\n lea -8(%rbp), %rsp\n pop %rbx\n pop %rbp\n ret
        SLOW lea_epilogue, 24, 0";
    let binary = binary(text);
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    for (function, movable) in [
        ("no_frame_pointer", false),
        ("late_frame_pointer", false),
        ("aligned", false),
        ("frame_pointer_for_else", false),
        ("callers_frame", false),
        ("only_jumps", true),
        ("leaves", true),
        ("lea_epilogue", true),
    ] {
        let said = binary.explain(function).to_string();
        assert_eq!(said.contains("    movable\n"), movable, "{said}");
    }
}

#[test]
fn functions_that_catch_are_pinned_unless_by_the_personality_of_rust() {
    let text = |name: &str, personality: &str, actions: &str, action: i32| {
        format!(
            "FUNCTION {name}
            .cfi_startproc\n {personality}\n .cfi_lsda 0x1b, {name}_lsda
            cmp %fs:0x70, %rsp\n jbe {name}_slow
            {name}_body:\n FRAME
            0: call leaf
            1: pop %rbp\n ret
            2: ud2
            {name}_slow: mov $8, %r10d\n mov $0, %r11d\n call __morestack\n ret\n jmp {name}_body
            .cfi_endproc\n END {name}
            .section .gcc_except_table, \"a\", @progbits
            {name}_lsda: .byte 0xff, 0xff, 0x01\n .uleb128 4f - 3f
            3: .uleb128 0b - {name}, 1b - 0b, 2b - {name}, {action}
            4: .byte {actions}\n .text\n"
        )
    };
    let functions = [
        text("cleans_up", "", "0", 0),
        text("cleans_up_by_action", "", "0, 0", 1),
        text("catches", "", "1, 0", 1),
        text("filters", "", "0x7f, 0", 1),
        text("catches_by_another", ".cfi_personality 0x9b, DW.ref.other", "1, 0", 1),
        text("catches_by_rust", ".cfi_personality 0x9b, DW.ref.rust_eh_personality", "1, 0", 1),
        text("filters_by_rust", ".cfi_personality 0x9b, DW.ref.rust_eh_personality", "0x7f, 0", 1),
        text("catches_by_rust_directly", ".cfi_personality 0x1b, rust_eh_personality", "1, 0", 1),
        // A cleanup, and then a catch: the next action lies one byte behind the second number.
        text("catches_later", "", "0, 1, 1, 0", 1),
    ];
    let routines = "FUNCTION rust_eh_personality\n ret\n END rust_eh_personality\n FUNCTION other\n ret\n END other
        .section .data.rel.ro, \"aw\"\n .hidden DW.ref.rust_eh_personality, DW.ref.other
        .globl DW.ref.rust_eh_personality, DW.ref.other\n DW.ref.rust_eh_personality: .quad rust_eh_personality\n DW.ref.other: .quad other\n .text\n";
    let binary = binary(&format!("FUNCTION leaf\n ret\n END leaf\n{routines}{}", functions.concat()));
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    for (function, movable) in [
        ("cleans_up", true),
        ("cleans_up_by_action", true),
        ("catches", false),
        ("filters", false),
        ("catches_by_another", false),
        ("catches_by_rust", true),
        ("filters_by_rust", true),
        ("catches_by_rust_directly", true),
        ("catches_later", false),
    ] {
        let said = binary.explain(function).to_string();
        assert_eq!(said.contains("    movable\n"), movable, "{said}");
        assert_eq!(said.contains("pinned: it catches exceptions"), !movable, "{said}");
    }
}

#[test]
fn frames_move_until_an_address_is_made() {
    let leaks = "lea -8(%rbp), %rdi\n call leaf\n";
    let text = format!(
        "FUNCTION leaf\n ret\n END leaf
        SHORT seldom\n FRAME\n call leaf\n jne 1f\n call leaf\n pop %rbp\n ret\n .p2align 4\n 1: {leaks} pop %rbp\n ret
        SLOW seldom, 8, 0
        SHORT later\n FRAME\n call leaf\n .p2align 4\n {leaks} call leaf\n pop %rbp\n ret\n SLOW later, 8, 0
        SHORT turns\n FRAME\n 1: call leaf\n .p2align 4\n {leaks} jne 1b\n pop %rbp\n ret\n SLOW turns, 8, 0
        SHORT first\n FRAME\n jne 1f\n .p2align 4\n {leaks} pop %rbp\n ret\n .p2align 4\n 1: call leaf\n pop %rbp\n ret\n SLOW first, 8, 0
        SHORT tail\n FRAME\n jne 1f\n pop %rbp\n jmp leaf\n .p2align 4\n 1: {leaks} pop %rbp\n ret\n SLOW tail, 8, 0
        SHORT callees\n FRAME\n call leaf\n .p2align 4\n call address\n pop %rbp\n ret\n SLOW callees, 8, 0
        FUNCTION address\n lea 8(%rsp), %rax\n ret\n END address\n"
    );
    let binary = binary(&text);
    binary.process().unwrap_or_else(|error| panic!("{error}"));
    for (function, movable) in
        [("seldom", true), ("later", true), ("turns", false), ("first", false), ("tail", false), ("callees", false)]
    {
        let said = binary.explain(function).to_string();
        assert_eq!(said.contains("    movable while calls return to before 0x"), movable, "{said}");
        assert_eq!(said.contains("    pinned: "), !movable, "{said}");
    }
    // Another run finds what the first has marked.
    binary.process().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn arguments_that_leave_no_room_for_the_mark() {
    let text = "SHORT f\n ret\n SLOW f, 0, 0x100000";
    assert!(matches!(verify_support::refused_for(text, "f", ""), cargo_morestack::verify::Problem::SlowPath(_)));
}

#[test]
fn the_proof_is_recorded_in_the_slow_path() {
    // The program reads its own code: bit 31 of the immediate of `mov $frame,%r10d`, and the upper ones of that of `mov $args,%r11d`.
    let text = "SHORT moves\n FRAME\n pop %rbp\n ret\n SLOW moves, 8, 0
        SHORT stays\n FRAME\n mov %rsp, %rax\n pop %rbp\n ret\n SLOW stays, 8, 0
        FUNCTION main
        mov moves_slow + 2(%rip), %eax\n xor moves_slow + 8(%rip), %eax\n cmp $0x7ff00008, %eax\n sete %cl
        mov stays_slow + 2(%rip), %eax\n cmp $8, %eax\n sete %al
        movzbl %al, %eax\n movzbl %cl, %ecx\n lea (%rax,%rcx,2), %eax\n ret\n END main";
    let binary = link(text, 4096, &[]);
    assert_eq!(binary.run(), 1);
    assert_eq!(binary.process().expect("accepted").movable, 1);
    assert_eq!(binary.run(), 3);
    assert_eq!(binary.process().expect("again").movable, 1);
    assert_eq!(binary.run(), 3);
}
