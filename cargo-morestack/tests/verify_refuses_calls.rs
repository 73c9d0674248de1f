//! Calls that would bring unchecked code onto a small stack are refused, each with its function and instruction.

mod verify_support;

use cargo_morestack::verify::Problem;
use verify_support::{FOREIGN, MAIN, link, refused, refused_binary, refused_for};

/// A checked function with a frame, with this in the middle.
fn with(body: &str) -> String {
    format!(
        "{FOREIGN}
        SHORT caller
        FRAME
        {body}
        pop %rbp
        ret
        SLOW caller, 8, 0"
    )
}

/// The instruction that calls, whatever the address.
#[track_caller]
fn refused_call(text: &str, mnemonic: &str) -> Problem {
    let violations = refused(text);
    let [violation] = violations.as_slice() else { panic!("{violations:#?}") };
    assert_eq!(violation.function, "caller");
    assert!(violation.instruction.starts_with(mnemonic), "{violation}");
    violation.problem.clone()
}

#[test]
fn a_direct_call_of_unchecked_code() {
    let problem = refused_call(&with("call foreign"), "call 0x");
    let Problem::CallsForeign { target, reason } = problem else { panic!("{problem}") };
    assert_eq!(target, "foreign");
    assert!(reason.starts_with("it has no check and calls others at 0x"), "{reason}");
}

#[test]
fn a_tail_jump_to_unchecked_code() {
    let text = format!("{FOREIGN} SHORT caller\n FRAME\n pop %rbp\n jmp foreign\n SLOW caller, 8, 0");
    assert!(matches!(refused_call(&text, "jmp 0x"), Problem::CallsForeign { .. }));
}

#[test]
fn a_conditional_tail_jump_to_unchecked_code() {
    let text =
        format!("{FOREIGN} SHORT caller\n FRAME\n pop %rbp\n test %edi, %edi\n je foreign\n ret\n SLOW caller, 8, 0");
    assert!(matches!(refused_call(&text, "je 0x"), Problem::CallsForeign { .. }));
}

#[test]
fn an_unchecked_function_that_takes_too_much_for_a_leaf() {
    let leaf = |bytes: i32| {
        format!("FUNCTION leaf\n sub ${bytes}, %rsp\n add ${bytes}, %rsp\n ret\n END leaf\n{}", with("call leaf"))
    };
    let problem = refused_call(&leaf(136), "call 0x");
    let Problem::CallsForeign { reason, .. } = problem else { panic!("{problem}") };
    assert_eq!(reason, "it has no check and takes 136 bytes, of at most 128");
    verify_support::accepted(&leaf(128));
}

#[test]
fn a_leaf_whose_red_zone_goes_beyond_its_bound() {
    let text = format!(
        "FUNCTION leaf\n sub $64, %rsp\n mov %rax, -72(%rsp)\n add $64, %rsp\n ret\n END leaf\n{}",
        with("call leaf")
    );
    assert!(matches!(refused_call(&text, "call 0x"), Problem::CallsForeign { .. }));
}

#[test]
fn a_leaf_that_jumps_on_to_unchecked_code() {
    let text = format!("FUNCTION leaf\n jmp foreign\n END leaf\n{}", with("call leaf"));
    let problem = refused_call(&text, "call 0x");
    let Problem::CallsForeign { reason, .. } = problem else { panic!("{problem}") };
    assert_eq!(reason, "it has no check and jumps to `foreign`, which is foreign");
}

#[test]
fn raw_indirect_calls() {
    for (call, text) in [
        ("call *%rax", "call *%rax"),
        ("call *8(%rdi)", "callq *8(%rdi)"),
        ("call *(%rsp)", "callq *(%rsp)"),
        ("lcall *(%rdi)", "lcalll *(%rdi)"),
    ] {
        let violations = refused(&with(call));
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].problem, Problem::RawIndirect, "{}", violations[0]);
        assert_eq!(violations[0].instruction, text);
    }
}

#[test]
fn a_raw_indirect_tail_jump() {
    let text = "SHORT caller\n FRAME\n pop %rbp\n jmp *%rax\n SLOW caller, 8, 0";
    assert_eq!(refused_for(text, "caller", "jmp *%rax"), Problem::RawIndirect);
}

#[test]
fn an_indirect_jump_from_the_middle() {
    let problem = refused_for(&with("jmp *%rax"), "caller", "jmp *%rax");
    assert_eq!(problem, Problem::UnknownJump);
}

#[test]
fn a_call_into_the_middle_of_a_function() {
    let problem = refused_call(&with("call foreign + 4"), "call 0x");
    assert_eq!(problem, Problem::Middle { target: "foreign".into() });
}

#[test]
fn a_call_into_the_function_itself() {
    let problem = refused_call(&with("call 1f\n 1: nop"), "call 0x");
    assert_eq!(problem, Problem::Middle { target: "caller".into() });
}

#[test]
fn a_call_of_code_without_a_symbol() {
    let text =
        format!(".text\n jmp 1f\n .p2align 4\n .local .Lnobody\n.Lnobody: ret\n1: ud2\n{}", with("call .Lnobody"));
    assert!(matches!(refused_call(&text, "call 0x"), Problem::Nowhere { .. }));
}

#[test]
fn a_call_of_morestack_outside_of_a_slow_path() {
    assert_eq!(refused_call(&with("call __morestack"), "call 0x"), Problem::MorestackFromElsewhere);
}

#[test]
fn a_call_through_the_thunk_without_a_frame_pointer() {
    let text = "SHORT caller\n push %rax\n call __x86_indirect_thunk_r11\n pop %rcx\n ret\n SLOW caller, 8, 0";
    assert_eq!(refused_call(text, "call 0x"), Problem::NoFramePointer);
    // A frame pointer that points elsewhere bounds nothing.
    let text =
        "SHORT caller\n FRAME\n push %rbx\n mov %rsp, %rbp\n call __x86_indirect_thunk_r11\n pop %rbx\n pop %rbp\n ret
        SLOW caller, 16, 0";
    assert_eq!(refused_call(text, "call 0x"), Problem::NoFramePointer);
}

#[test]
fn a_foreign_call_from_a_frame_too_large_to_copy() {
    let caller = |frame: i32| {
        format!(
            "LONG caller, {frame} + 8\n FRAME\n sub ${frame}, %rsp\n call __x86_indirect_thunk_r11\n add ${frame}, %rsp\n pop %rbp\n ret
            SLOW caller, {frame} + 8, 0"
        )
    };
    let problem = refused_call(&caller(131088), "call 0x");
    assert_eq!(problem, Problem::TooFarToCopy { distance: 131088, limit: 131072 });
    verify_support::accepted(&caller(131072));
}

/// A function whose frame is aligned, so that it was left unchecked on purpose.
fn aligned(name: &str) -> String {
    format!("FUNCTION {name}\n FRAME\n and $-8192, %rsp\n call *%rdi\n leave\n ret\n END {name}\n")
}

#[test]
fn more_stubs_than_there_is_room_for() {
    let functions: String = ["a", "b", "c"].map(aligned).concat();
    let text = format!("{functions}{}{MAIN}", with("call a\n call b\n call a\n call c"));
    let violations = refused_binary(&link(&text, 24 + 11, &[]));
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].problem, Problem::TooManyStubs { target: "c".into(), room: 2 });
    link(&text, 36, &[]).process().expect("room for three");
}

#[test]
fn a_stub_for_a_caller_without_a_frame_pointer() {
    let text = format!("{}SHORT caller\n push %rax\n call a\n pop %rcx\n ret\n SLOW caller, 8, 0", aligned("a"));
    assert_eq!(refused_call(&text, "call 0x"), Problem::NoFramePointer);
}

#[test]
fn a_short_jump_to_a_function_that_needs_a_stub() {
    let text = format!("{}SHORT caller\n FRAME\n pop %rbp\n jmp a\n SLOW caller, 8, 0", aligned("a"));
    assert_eq!(refused_call(&text, "jmp 0x"), Problem::TooShort { target: "a".into() });
}

#[test]
fn each_violation_is_listed_and_the_first_ten_are_shown() {
    let text = with(&"call *%rax\n".repeat(13));
    let binary = verify_support::binary(&text);
    let error = binary.process().expect_err("refused").to_string();
    assert!(error.contains("13 violations"), "{error}");
    assert_eq!(error.matches("through a pointer without the thunk").count(), 10);
    assert!(error.ends_with("... and 3 more"), "{error}");
}

#[test]
fn a_message_names_function_address_instruction_reason_and_remedy() {
    let text = "SHORT _ZN4core3ptr8of_dread17h0123456789abcdefE\n FRAME\n call *%rax\n pop %rbp\n ret
        SLOW _ZN4core3ptr8of_dread17h0123456789abcdefE, 8, 0";
    let message = verify_support::binary(text).process().expect_err("refused").to_string();
    let lines: Vec<&str> = message.lines().collect();
    assert!(lines[0].ends_with("binary: 1 violation of what a small stack demands"), "{message}");
    assert!(lines[1].starts_with("  core::ptr::of_dread (at 0x"), "{message}");
    assert!(lines[1].contains(": `call *%rax`): calls through a pointer without the thunk"), "{message}");
    assert!(lines[2].contains("build it with `cargo morestack`"), "{message}");
}
