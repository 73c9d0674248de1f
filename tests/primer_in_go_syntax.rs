//! The two functions of "A Primer on Go Assembly" in Go's own syntax: what they return, where the frame has what, and what the
//! assembler has inserted.

#[path = "common/mapped.rs"]
mod mapped;

use goasm::CodeRange;
use goasm_assembler::list::Listing;
use goasm_assembler::parse::{Options, parse_file};
use goasm_assembler::{assemble, object};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction};
use mapped::{on_fresh_task, table};
use morestack::stack::layout::STACK_TOP;
use std::path::Path;

goasm::include! {
    "tests/asm/primer_amd64.s";

    unsafe extern "ABI0" {
        safe fn add(a: i32, b: i32) -> (i32, bool);
        safe fn primer_main() -> (i32, bool);
        fn observed_main(words: *mut [usize; 11]);
    }
}

#[test]
fn both_functions_return_what_the_text_says() {
    assert_eq!(add(10, 32), (42, true));
    assert_eq!(add(i32::MAX, 1), (i32::MIN, true), "as Go's addition");
    assert_eq!(primer_main(), (42, true));
    // SAFETY: they take numbers and nothing.
    let (add, main) = unsafe { (add::function(), primer_main::function()) };
    assert_eq!(on_fresh_task(add, (10, 32)), (42, true));
    assert_eq!(on_fresh_task(main, ()), (42, true));
}

#[test]
fn the_frame_of_main_is_as_drawn() {
    let mut words = [0usize; 11];
    let here = &raw mut words as usize;
    // From a thread that has called no mapped function before, so that this is the outermost one on its segment.
    let observed = std::thread::spawn(move || {
        // SAFETY: the words live until the thread has ended.
        unsafe { observed_main(here as *mut [usize; 11]) };
    });
    observed.join().unwrap();
    let [sp, bp, hi, into_main, args, results, saved_bp, out_of_main, main_arg, top @ ..] = words;

    assert!(observed_main::code().contains(into_main), "the callee returns into main");
    let (caller, call) = table().find_call(into_main).expect("a registered call");
    assert!(caller.name.ends_with(".observed_main"), "{}", caller.name);
    assert_eq!(call.line, caller.line + 6, "the line of its CALL");
    assert_eq!(args, 137438953482, "0(SP): both arguments");
    assert_eq!(results, here, "8(SP): what follows them");
    let main_sp = sp + 8;
    assert_eq!(bp, main_sp + 16, "BP leads to 16(SP)");
    assert!(saved_bp > hi || saved_bp < sp, "16(SP): the BP of the bridge, whose frame is not on the segment");
    assert_eq!(table().find_call(out_of_main).expect("24(SP): the return address").0.name, "morestack_enter");
    assert_eq!(main_arg, here, "main's argument lies above its return address");
    assert_eq!(top, [0, 0], "behind it come the words that end a walk");
    assert_eq!(main_sp + 24 + 8 + 8, hi - STACK_TOP);
}

fn decode(code: CodeRange) -> Vec<Instruction> {
    // SAFETY: the code of a mapped function can be read and does not change.
    let bytes = unsafe { std::slice::from_raw_parts(code.start as *const u8, code.end - code.start) };
    Decoder::with_ip(64, bytes, code.start as u64, DecoderOptions::NONE).into_iter().collect()
}

#[test]
fn what_runs_is_what_the_text_shows() {
    let codes = |code| decode(code).iter().map(Instruction::code).collect::<Vec<_>>();
    assert_eq!(
        codes(primer_main::code()),
        [
            // The check, then 24 bytes: the saved BP and 16.
            Code::Mov_r64_rm64,
            Code::Cmp_r64_rm64,
            Code::Jbe_rel8_64,
            Code::Push_r64,
            Code::Mov_rm64_r64,
            Code::Sub_rm64_imm8,
            // The arguments, the call, the results.
            Code::Mov_r64_imm64,
            Code::Mov_rm64_r64,
            Code::Call_rel32_64,
            Code::Mov_r32_rm32,
            Code::Mov_rm32_r32,
            Code::Mov_r8_rm8,
            Code::Mov_rm8_r8,
            Code::Add_rm64_imm8,
            Code::Pop_r64,
            Code::Retnq,
            // Not enough stack.
            Code::Call_rel32_64,
            Code::Jmp_rel8_64,
        ]
    );
    let add = [Code::Mov_r32_rm32, Code::Mov_r32_rm32, Code::Add_rm32_r32, Code::Mov_rm32_r32, Code::Mov_rm8_imm8];
    assert_eq!(codes(add::code()), [&add[..], &[Code::Retnq]].concat(), "neither check nor frame");
}

#[test]
fn the_listing_marks_what_is_inserted() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asm/primer_amd64.s");
    let parsed = parse_file(&file, &Options::default()).unwrap();
    let options = object::Options { package: "main".into(), unit: "primer_amd64.s".into(), ..Default::default() };
    let listing = Listing(&assemble::assemble(&parsed.statements, &options).unwrap()).to_string();
    let main: Vec<&str> = listing.lines().skip_while(|line| !line.starts_with("main.primer_main")).take(23).collect();
    assert_eq!(main[0], "main.primer_main STEXT size=71 args=0x5 locals=0x18");
    // As in the text: `0x0025 00037 (main.go:7) CALL "".add(SB)`.
    let row = |text: &str| main.iter().find(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}: {listing}"));
    assert!(row("CALL     main.add(SB)").starts_with("    0x0025 00037 (primer_amd64.s:21)"), "{listing}");
    for text in
        ["CMPQ     SP, 16(R14)", "JLS      64", "SUBQ     $16, SP", "POPQ     BP", "CALL     morestack_noctxt(SB)"]
    {
        assert!(row(text).contains(&format!("+ {text}")), "{text} is marked");
    }
    for text in ["MOVQ     $137438953482, AX", "CALL     main.add(SB)", "RET"] {
        assert!(!row(text).contains('+'), "{text} is not");
    }
}
