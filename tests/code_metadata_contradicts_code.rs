//! What is said about a function is compared with its code before anybody runs it. A contradiction names the function, the address and the
//! instruction.

#[path = "../examples/jit/compiler.rs"]
mod compiler;

use compiler::{LEAST_FRAME, Plan, compile};
use iced_x86::code_asm::*;
use morestack::code::{self, CallSite, CodeRange, Function, Map, RangeError, RegisterError, Text, flags};
use std::slice::from_ref;

morestack::mapped_export! {
    #[unsafe(export_name = "jit.bottom")]
    fn bottom(n: u64) -> u64 { n }
}

morestack::mapped! {
    unsafe extern "ABI0" {
        fn mapped_bottom(n: u64) -> u64 = "jit.bottom";
    }
}

/// Why these functions are refused. What is refused must not have changed anything, so each is tried twice.
fn refusal(range: CodeRange, functions: &[Function]) -> RegisterError {
    // SAFETY: nothing here is ever called.
    let [first, second] = [(); 2].map(|()| unsafe { code::register(range, functions) }.expect_err("it is wrong"));
    assert_eq!(first.to_string(), second.to_string());
    first
}

/// A right function, of which each test makes a wrong one.
fn right(frame: i32) -> (Text, Function<'static>) {
    let compiled = compile(Plan { frame, bottom: mapped_bottom::code().start }).unwrap();
    (compiled.text, compiled.function)
}

/// Why the function is refused when `change` has changed what is said about it. The message says `part`, and names it.
fn wrong(part: &str, change: impl FnOnce(&mut Function)) -> RegisterError {
    let (text, mut function) = right(LEAST_FRAME);
    change(&mut function);
    let error = refusal(text.code(), &[function]);
    let message = error.to_string();
    println!("{message}");
    assert!(message.contains(part), "{message}");
    assert!(message.contains("jit.sum") && message.contains("0x"), "{message}");
    error
}

/// A NOSPLIT function of this code, with its frame set up and taken down around it if it has one.
fn with_code(
    flags: u32,
    frame: u32,
    emit: impl Fn(&mut CodeAssembler) -> Result<(), IcedError>,
) -> (Text, Function<'static>) {
    let assemble = |address| {
        let mut a = CodeAssembler::new(64).unwrap();
        if flags & flags::NOFRAME == 0 {
            a.push(rbp).unwrap();
            a.mov(rbp, rsp).unwrap();
            if frame > 0 {
                a.sub(rsp, frame as i32).unwrap();
            }
        }
        emit(&mut a).unwrap();
        a.assemble(address).unwrap()
    };
    let text = Text::new(assemble(0).len(), |to, address| to.copy_from_slice(&assemble(address as u64))).unwrap();
    let CodeRange { start, end } = text.code();
    let function = Function {
        name: "jit.made",
        file: "made.jit",
        entry: start,
        end,
        body: start,
        frame,
        flags: flags | flags::NOSPLIT,
        locals_map: Some(Map::NO_POINTERS),
        ..Function::default()
    };
    (text, function)
}

/// What is wrong with such code: the instruction that is named, and what is said about it.
fn wrong_code(frame: u32, emit: impl Fn(&mut CodeAssembler) -> Result<(), IcedError>) -> (String, String) {
    let (text, function) = with_code(0, frame, emit);
    let error = refusal(text.code(), &[function]);
    println!("{error}");
    let RegisterError::Contradiction { function, at, instruction, expected } = error else { panic!("{error}") };
    assert!(function == "jit.made" && text.code().contains(at), "{at:#x}");
    (instruction, expected)
}

/// Takes the frame down and returns.
fn leave(a: &mut CodeAssembler, frame: i32) -> Result<(), IcedError> {
    a.add(rsp, frame)?;
    a.pop(rbp)?;
    a.ret()
}

#[test]
fn the_right_ones_are_taken() {
    for frame in [LEAST_FRAME, 120, 128, 4080, 4088, 100_000] {
        let (text, function) = right(frame);
        // SAFETY: never called; the text lives until it is unregistered.
        unsafe { code::register(text.code(), &[function]) }.unwrap().unregister().unwrap();
    }
    let (text, function) = with_code(0, 16, |a| leave(a, 16));
    // SAFETY: as above.
    unsafe { code::register(text.code(), &[function]) }.unwrap().unregister().unwrap();
}

#[test]
fn frames_that_the_prologue_does_not_take() {
    // Both within the first form of the check, so it is the prologue that disagrees.
    let error = wrong("its prologue takes the frame of 40 bytes", |f| f.frame = 40);
    assert!(
        matches!(error, RegisterError::Contradiction { ref instruction, .. } if instruction.contains("$0x20")),
        "{error}"
    );
    wrong("it must be a multiple of 8", |f| f.frame = 33);
    wrong("it must be a multiple of 8 that fits a stack", |f| f.frame = 0xffff_fff8);
    wrong("there is `sub $0x20, %rsp`", |f| f.frame = 0);
    wrong("its prologue takes the frame of 120 bytes", |f| f.frame = 120);
}

#[test]
fn checks_that_do_not_fit_the_frame() {
    wrong("lowers %rsp by 8 into %rax", |f| f.frame = 128);
    wrong("in %rax", |f| f.frame = 4096);
    let (text, mut function) = right(512);
    function.frame = 520;
    let error = refusal(text.code(), &[function]).to_string();
    assert!(error.contains("a frame that takes 528 bytes lowers %rsp by 400 into %rax"), "{error}");
    let (text, mut function) = right(4096);
    function.frame = 4104;
    let error = refusal(text.code(), &[function]).to_string();
    assert!(error.contains("subtracts 3984 from %rsp"), "{error}");
    wrong("begin with its body", |f| f.flags = flags::NOSPLIT);
    wrong("pushing %rbp", |f| (f.flags, f.body, f.restart) = (flags::NOSPLIT, f.entry, 0));
    wrong("morestack is called", |f| f.flags = flags::NEEDCTXT);
}

#[test]
fn places_where_no_instruction_begins() {
    wrong("body", |f| f.body += 1);
    wrong("restart point", |f| f.restart -= 1);
    wrong("restart point", |f| f.restart = f.end);
    // The entry in the middle of the first instruction, and behind it.
    wrong("its check was expected", |f| f.entry += 1);
    wrong("must lie in it, in this order", |f| f.entry = f.body);
    wrong("all of it before the end", |f| f.end -= 1);
}

#[test]
fn ranges_that_are_none() {
    let (text, function) = right(LEAST_FRAME);
    let CodeRange { start, end } = text.code();
    let error = refusal(CodeRange { start, end: start }, from_ref(&function));
    assert!(matches!(error, RegisterError::Range(RangeError::NoEnd { .. })), "{error}");
    let bytes = [0_u8; 64];
    let data = CodeRange { start: bytes.as_ptr().addr(), end: bytes.as_ptr().addr() + 64 };
    let error = refusal(data, from_ref(&function));
    assert!(matches!(error, RegisterError::Range(RangeError::NotExecutable { at, .. }) if at == data.start), "{error}");
    assert!(matches!(refusal(text.code(), &[]), RegisterError::Nothing { .. }));
    for (entry, stop) in [(start - 1, end), (start, end + 1), (end, start), (start, start)] {
        let moved = Function { entry, end: stop, ..function.clone() };
        let error = refusal(text.code(), &[moved]);
        assert!(matches!(error, RegisterError::Outside { .. }), "{error}");
        assert!(error.to_string().contains(&format!("jit.sum ({entry:#x}-{stop:#x})")), "{error}");
    }
    let error = refusal(text.code(), &[function.clone(), function.clone()]);
    assert!(matches!(error, RegisterError::SameName { .. }), "{error}");
    let error = refusal(text.code(), &[function.clone(), Function { name: "jit.other", ..function }]);
    assert!(error.to_string().contains("jit.sum and jit.other overlap at"), "{error}");
    // The program's own functions are known already.
    let error = refusal(mapped_bottom::code(), &[with_code(0, 16, |a| leave(a, 16)).1]);
    assert!(matches!(error, RegisterError::Outside { .. }), "{error}");
    let CodeRange { start, end } = mapped_bottom::code();
    let calls = vec![];
    let again =
        Function { name: "again", entry: start, end, body: start, flags: flags::NOSPLIT, calls, ..Function::default() };
    let error = refusal(mapped_bottom::code(), &[again]);
    assert!(error.to_string().contains("again") && error.to_string().contains("call"), "{error}");
}

#[test]
fn calls_that_are_none_and_calls_without_a_word() {
    wrong("no call is said to return to", |f| f.calls.truncate(1));
    wrong("is said to return to", |f| {
        let pc = f.body;
        f.calls.push(CallSite { pc, callee: None, map: 0, line: 9, pushed: 0 });
    });
    wrong("the call is said to go through a pointer", |f| f.calls[0].callee = None);
    wrong("the call is said to go to", |f| f.calls[1].callee = Some(f.entry));
    wrong("8 bytes are said to be pushed", |f| f.calls[0].pushed = 8);
    let error = wrong("", |f| {
        let again = f.calls[0].clone();
        f.calls.push(again);
    });
    assert!(error.to_string().contains("registered twice"), "{error}");
}

#[test]
fn maps_that_are_not_of_the_frame() {
    wrong("no map of its locals", |f| f.locals_map = None);
    wrong("no map of its arguments", |f| f.args_map = None);
    wrong("2 bitmaps of 9 bits for its locals are not 3 bytes", |f| {
        f.locals_map = Some(Map { count: 2, bits: 9, bytes: &[0; 3] });
    });
    wrong("without a bitmap", |f| f.args_map = Some(Map { count: 0, bits: 0, bytes: &[] }));
    wrong("not 0 bytes", |f| f.args_map = Some(Map { count: u32::MAX, bits: u32::MAX, bytes: &[] }));
    wrong("its locals has 5 words, the area has 4", |f| f.locals_map = Some(Map { count: 1, bits: 5, bytes: &[0] }));
    wrong("call with stack map 1", |f| f.calls[0].map = 1);
}

#[test]
fn frames_without_room_for_the_arguments_of_a_call() {
    // It calls itself, so it passes as much as it takes.
    wrong("passes 48 bytes to jit.sum, but its frame has 32", |f| f.args = 48);
}

#[test]
fn flags_that_are_not_for_them() {
    for flag in [flags::TOPFRAME, 1, 1 << 31] {
        wrong("are not for registered functions", |f| f.flags = flag);
    }
    wrong("with NOFRAME it has a frame or calls something", |f| f.flags = flags::NOFRAME);
}

#[test]
fn code_that_changes_the_stack_pointer() {
    let only = "only its prologue, its returns and calls change %rsp and %rbp";
    type Emit = fn(&mut CodeAssembler) -> Result<(), IcedError>;
    let forbidden: [(&str, Emit); 9] = [
        ("push", |a| a.push(rax)),
        ("pop", |a| a.pop(rcx)),
        ("sub", |a| a.sub(rsp, 8)),
        ("lea", |a| a.lea(rsp, qword_ptr(rsp + 8))),
        ("mov", |a| a.mov(ebp, eax)),
        ("xchg", |a| a.xchg(rsp, rax)),
        ("leave", |a| a.leave()),
        ("pushf", |a| a.pushfq()),
        ("and", |a| a.and(spl, 0)),
    ];
    for (name, emit) in forbidden {
        let (instruction, expected) = wrong_code(16, |a| {
            emit(a)?;
            leave(a, 16)
        });
        assert!(instruction.starts_with(name) && expected == only, "{name}: {instruction}: {expected}");
    }
    // They are read as anybody likes.
    let (text, function) = with_code(0, 16, |a| {
        a.mov(rax, rsp)?;
        a.lea(rcx, qword_ptr(rbp - 8))?;
        leave(a, 16)
    });
    // SAFETY: never called; the text lives until it is unregistered.
    unsafe { code::register(text.code(), &[function]) }.unwrap().unregister().unwrap();
}

#[test]
fn returns_that_leave_the_frame() {
    for (part, emit) in [
        ("16 bytes was to be taken down", (|a| a.ret()) as fn(&mut CodeAssembler) -> _),
        ("taken down", |a| leave(a, 8)),
        ("a plain ret", |a| a.ret_1(8)),
        ("taken down", |a| {
            a.pop(rbp)?;
            a.ret()
        }),
    ] {
        let (instruction, expected) = wrong_code(16, emit);
        assert!(instruction.starts_with("ret") && expected.contains(part), "{instruction}: {expected}");
    }
}

#[test]
fn jumps_that_go_where_no_frame_stands() {
    let jump = |to: &'static str| {
        move |a: &mut CodeAssembler| {
            let (mut pop, mut plain) = (a.create_label(), a.create_label());
            a.set_label(&mut plain)?;
            a.test(rax, rax)?;
            match to {
                "pop" => a.jz(pop)?,
                "before" => a.jz(0x10_u64)?,
                "register" => a.jmp(rax)?,
                _ => a.jz(plain)?,
            }
            a.add(rsp, 16)?;
            a.set_label(&mut pop)?;
            a.pop(rbp)?;
            a.ret()
        }
    };
    let (instruction, expected) = wrong_code(16, jump("pop"));
    assert!(instruction.starts_with("je") && expected.contains("not between those that return"), "{instruction}");
    assert!(wrong_code(16, jump("register")).1.contains("where it jumps to must be in the instruction"));
    let (text, function) = with_code(0, 16, jump("back"));
    // SAFETY: never called; the text lives until it is unregistered.
    unsafe { code::register(text.code(), &[function]) }.unwrap().unregister().unwrap();
    // To its own entry, with its frame up: jmp -11, from behind a prologue of 8 bytes and itself.
    let (_, expected) = wrong_code(16, |a| a.db(&[0xeb, 0xf6]));
    assert!(expected.contains("instructions of its body"), "{expected}");
}

#[test]
fn code_that_runs_on() {
    assert!(wrong_code(16, |a| a.nop()).1.contains("it must not run on"));
    let (text, function) = with_code(0, 16, |_| Ok(()));
    assert!(refusal(text.code(), &[function]).to_string().contains("no code behind its prologue"));
    let (_, expected) = wrong_code(0, |a| a.db(&[0x06]));
    assert!(expected.contains("an instruction of the function was expected"), "{expected}");
}

#[test]
fn chains_without_a_check_that_are_too_long() {
    let (text, function) = with_code(0, 1000, |a| leave(a, 1000));
    let error = refusal(text.code(), &[function]);
    assert!(matches!(error, RegisterError::Table { .. }), "{error}");
    assert!(error.to_string().contains("NOSPLIT chain jit.made (1008) takes"), "{error}");
    // A call of itself.
    let (text, mut function) = with_code(0, 16, |a| {
        let mut entry = a.create_label();
        a.db(&[0xe8, 0xf3, 0xff, 0xff, 0xff])?;
        a.set_label(&mut entry)?;
        leave(a, 16)
    });
    let pc = function.entry + 13;
    function.calls.push(CallSite { pc, callee: Some(function.entry), map: 0, line: 1, pushed: 0 });
    let error = refusal(text.code(), &[function]).to_string();
    assert!(error.contains("jit.made -> jit.made calls itself"), "{error}");
}
