//! `sound` refuses what assembles and is wrong on a stack that moves, each at its place; and nothing else.

mod common;

use goasm_assembler::assemble::assemble;
use goasm_assembler::object::{self, Options, Pointers};
use goasm_assembler::sound;

/// What is wrong with functions, as `line: message`.
fn refused(text: &str) -> Vec<String> {
    let pointers = Pointers { args: vec![false; 2], with_results: vec![false, true] };
    let options = Options {
        package: "p".into(),
        unit: "u".into(),
        pointers: [("p.declared".into(), pointers)].into(),
        ..Options::default()
    };
    let text =
        format!("#include \"textflag.h\"; #include \"funcdata.h\"\n{text}").replacen("; #include", "\n#include", 1);
    let object: object::Object = assemble(&common::statements(&text), &options).unwrap_or_else(|e| panic!("{e:#?}"));
    let mut found = Vec::new();
    sound::check(&object, &mut found);
    found.iter().map(|it| format!("{}: {}", it.position.line - 2, it.message)).collect()
}

fn accepted(text: &str) {
    assert_eq!(refused(text), [""; 0], "{text}");
}

#[test]
fn functions_that_keep_to_everything_are_accepted() {
    accepted("TEXT ·leaf(SB), 0, $0-16\nMOVQ a+0(FP), AX\nMOVQ AX, ret+8(FP)\nRET");
    accepted("TEXT ·declared(SB), 0, $16-16\nNO_LOCAL_POINTERS\nCALL ·other(SB)\nRET");
    accepted("TEXT ·f(SB), 0, $0-0\nPUSHQ AX\nCALL ·other(SB)\nPOPQ AX\nRET");
    accepted("TEXT ·jumps(SB), NOSPLIT|NOFRAME, $0-0\nJMP ·other(SB)");
    accepted("TEXT ·takesItsFrameDown(SB), NOSPLIT, $16-0\nRET ·other(SB)");
    accepted("TEXT ·usesBP(SB), NOSPLIT, $8-0\nMOVQ AX, BP\nADDQ BP, BX\nRET");
    accepted("TEXT ·backwards(SB), NOSPLIT, $0-0\nSTD\nREP; MOVSB\nCLD\nRET");
    accepted("TEXT ·arithmetic(SB), NOSPLIT, $8-0\nSUBQ $32, SP\nMOVQ AX, 8(SP)\nADDQ $32, SP\nRET");
}

#[test]
fn frames_that_could_not_be_found() {
    assert_eq!(
        refused("TEXT ·f(SB), NOSPLIT|NOFRAME, $0-0\nCALL ·g(SB)\nRET"),
        ["2: p.f calls another function without having saved BP"]
    );
    assert_eq!(refused("TEXT ·f(SB), NOSPLIT, $0-0\nMOVQ AX, BP\nRET"), ["2: p.f changes BP, which is its caller's"]);
    assert_eq!(
        refused("TEXT ·f(SB), 0, $0-0\nMOVQ AX, BP\nCALL ·g(SB)\nRET"),
        ["2: p.f changes BP and calls others, whose frames would not be found"]
    );
    assert_eq!(
        refused("TEXT ·f(SB), 0, $16-0\nNO_LOCAL_POINTERS\nCALL ·g(SB)\nJMP ·g(SB)"),
        ["4: p.f jumps out with 24 bytes of its frame on the stack"]
    );
}

#[test]
fn functions_in_which_no_stack_is_looked_at_may_be_called_anyhow() {
    // The callee neither checks nor calls what does.
    let quiet = "TEXT inner<>(SB), NOSPLIT, $0-0\nRET\nTEXT ·quiet(SB), NOSPLIT, $0-0\nJMP inner<>(SB)\n";
    accepted(&format!("{quiet}TEXT ·f(SB), NOSPLIT, $16-0\nMOVQ SP, BP\nCALL ·quiet(SB)\nRET"));
    accepted(&format!("{quiet}TEXT ·f(SB), NOSPLIT|NOFRAME, $0-0\nCALL ·quiet(SB)\nRET"));
    let loud = "TEXT inner<>(SB), NOSPLIT, $0-0\nJMP AX\nTEXT ·loud(SB), NOSPLIT, $0-0\nJMP inner<>(SB)\n";
    assert_eq!(
        refused(&format!("{loud}TEXT ·f(SB), NOSPLIT|NOFRAME, $0-0\nCALL ·loud(SB)\nRET")),
        ["6: p.f calls another function without having saved BP"]
    );
}

#[test]
fn stack_pointers_that_nobody_can_follow() {
    let unknown = "changes SP by what the assembler does not know";
    for line in
        ["ANDQ $~31, SP", "SUBQ AX, SP", "MOVQ AX, SP", "PUSHQ AX; POPQ SP", "LEAQ 8(SP)(AX*1), SP", "XCHGQ AX, SP"]
    {
        let found = refused(&format!("TEXT ·f(SB), NOSPLIT, $8-0\n{line}\nRET"));
        assert!(found.contains(&format!("2: p.f {unknown}")), "{line}: {found:?}");
    }
    // PUSHQ AX, as a byte.
    assert_eq!(refused("TEXT ·f(SB), NOSPLIT, $8-0\nBYTE $0x50\nRET"), [format!("2: p.f {unknown}")]);
    assert_eq!(refused("TEXT ·f(SB), NOSPLIT, $8-0\nSUBQ $16, SP\nRET"), ["3: p.f returns with 16 bytes on the stack"]);
    assert_eq!(
        refused("TEXT ·f(SB), NOSPLIT, $8-0\nJEQ out\nPUSHQ AX\nMOVQ AX, BX\nout:\nMOVQ BX, CX\nPOPQ AX\nRET"),
        ["2: p.f jumps from where 16 bytes are on the stack to line 8, where the count is 24"]
    );
}

#[test]
fn maps_that_are_missing_or_do_not_fit() {
    assert_eq!(
        refused("TEXT ·f(SB), 0, $16-0\nCALL ·g(SB)\nRET"),
        ["1: p.f calls others, and nothing says which of its locals may point into the stack"]
    );
    assert_eq!(
        refused("TEXT ·f(SB), 0, $0-8\nCALL ·g(SB)\nRET"),
        ["1: p.f has arguments or results, and nothing says which of them may point into the stack"]
    );
    assert_eq!(
        refused("TEXT ·f(SB), NOSPLIT, $0\nCALL ·g(SB)\nRET"),
        ["1: p.f does not say how many bytes of arguments and results it has"]
    );
    let map = |bits: u32| format!("DATA m<>+0(SB)/4, $1\nDATA m<>+4(SB)/4, ${bits}\nGLOBL m<>(SB), RODATA, $9\n");
    let with = |bits| format!("{}TEXT ·f(SB), 0, $16-0\nFUNCDATA $1, m<>(SB)\nCALL ·g(SB)\nRET", map(bits));
    accepted(&with(2));
    assert_eq!(refused(&with(3)), ["4: p.f has 2 words of locals, and their map 3"]);
    let state = "PCDATA $1, $1\nCALL ·g(SB)";
    let with_state = with(2).replace("CALL ·g(SB)", state);
    assert_eq!(refused(&with_state), ["7: p.f is in state 1 here (PCDATA $1), and the map of its locals has 1"]);
}

#[test]
fn bytes_that_hide_something() {
    // A jump, a call, and no instruction.
    for (bytes, what) in [
        ("BYTE $0xeb; BYTE $0x00", "has a jump that is written as bytes"),
        ("BYTE $0xe8; LONG $0", "has a jump that is written as bytes"),
        ("BYTE $0x06", "has bytes that are no instruction"),
    ] {
        let found = refused(&format!("TEXT ·f(SB), NOSPLIT, $8-0\n{bytes}\nRET"));
        assert!(found.contains(&format!("2: p.f {what}")), "{bytes}: {found:?}");
    }
}

#[test]
fn a_direction_flag_that_stays_set() {
    assert_eq!(refused("TEXT ·f(SB), NOSPLIT, $0-0\nSTD\nRET"), ["2: p.f sets the direction flag and never clears it"]);
}

#[test]
fn internal_functions_that_check() {
    let found = refused("TEXT ·f<ABIInternal>(SB), 0, $200-0\nNO_LOCAL_POINTERS\nCALL ·g(SB)\nRET");
    assert_eq!(
        found,
        ["1: p.f<ABIInternal> is ABIInternal and checks, and nothing says which registers have its arguments"]
    );
    accepted("TEXT ·f<ABIInternal>(SB), NOSPLIT, $0-8\nRET");
}
