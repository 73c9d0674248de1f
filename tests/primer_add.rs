//! The two functions of "A Primer on Go Assembly": what they return, and that arguments, results, return address and saved
//! BP lie where the text draws them.

#[path = "common/mapped.rs"]
mod mapped;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Register};
use mapped::{on_fresh_task, table};
use morestack::stack::layout::STACK_TOP;
use morestack::task::CodeRange;

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/primer.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn add(a: i32, b: i32) -> (i32, bool) = "primer.add";
        fn primer_main() -> (i32, bool) = "primer.main";
        fn observed_main(words: *mut [usize; 11]) = "primer.observed_main";
    }
}

#[test]
fn add_returns_the_sum_and_true() {
    assert_eq!(add(10, 32), (42, true));
    assert_eq!(add(-1, 1), (0, true));
    assert_eq!(add(i32::MAX, 1), (i32::MIN, true), "as Go's addition");
    assert_eq!(on_fresh_task(add::function(), (10, 32)), (42, true));
}

#[test]
fn main_passes_two_arguments_in_one_constant() {
    // SAFETY: both are eight bytes, and every bit pattern is two integers.
    assert_eq!(unsafe { std::mem::transmute::<u64, [i32; 2]>(137438953482) }, [10, 32]);
    assert_eq!(primer_main(), (42, true));
    assert_eq!(on_fresh_task(primer_main::function(), ()), (42, true));
}

#[test]
fn the_frame_of_main_is_as_drawn() {
    let mut words = [0usize; 11];
    let here = &raw mut words;
    // From a thread that has called no mapped function before, so that this is the outermost one on its segment.
    std::thread::scope(|scope| {
        let here = here as usize;
        scope.spawn(move || observed_main(here as *mut [usize; 11])).join().unwrap();
    });
    let [sp, bp, hi, into_main, args, results, saved_bp, out_of_main, main_arg, top @ ..] = words;

    // The callee's stack pointer leads to its return address, so main's is the word above.
    assert!(observed_main::code().contains(into_main), "the callee returns into main");
    let (caller, _) = table().find_call(into_main).expect("a registered call");
    assert_eq!(caller.name, "primer.observed_main");
    assert_eq!(args, 137438953482, "0(SP): both arguments");
    assert_eq!(results, here as usize, "8(SP): what follows them");

    let main_sp = sp + 8;
    assert_eq!(bp, main_sp + 16, "BP leads to 16(SP)");
    assert!(saved_bp > hi || saved_bp < sp, "16(SP): the BP of the bridge, whose frame is not on the segment");
    let (bridge, _) = table().find_call(out_of_main).expect("24(SP): the return address, 24 bytes being taken");
    assert_eq!(bridge.name, "morestack_enter");
    assert_eq!(main_arg, here as usize, "main's argument lies above its return address");
    assert_eq!(top, [0, 0], "behind it come the words that end a walk");
    assert_eq!(main_sp + 24 + 8 + 8, hi - STACK_TOP);
}

fn decode(code: CodeRange) -> Vec<Instruction> {
    // SAFETY: the code of a mapped function can be read and does not change.
    let bytes = unsafe { std::slice::from_raw_parts(code.start as *const u8, code.end - code.start) };
    Decoder::with_ip(64, bytes, code.start as u64, DecoderOptions::NONE).into_iter().collect()
}

#[test]
fn main_is_the_code_that_the_text_shows() {
    let code = primer_main::code();
    let main = decode(code);
    let codes: Vec<Code> = main.iter().map(Instruction::code).collect();
    assert_eq!(
        codes,
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
            Code::Mov_r64_rm64,
            Code::Mov_rm64_r64,
            Code::Add_rm64_imm8,
            Code::Pop_r64,
            Code::Retnq,
            // Not enough stack.
            Code::Nopd,
            Code::Call_rel32_64,
            Code::Jmp_rel32_64,
        ]
    );
    let [g, check, to_slow, push, frame, sub, constant, store, call, ..] = main[..] else { unreachable!() };
    let [load, result, unsub, pop, _ret, slow, morestack, restart] = main[9..] else { unreachable!() };
    assert_eq!((g.op0_register(), g.segment_prefix()), (Register::RCX, Register::FS));
    assert_eq!((check.op0_register(), check.memory_base()), (Register::RSP, Register::RCX));
    assert_eq!(check.memory_displacement64(), 16, "stackguard0 is at 16(g)");
    assert_eq!(to_slow.near_branch64(), slow.ip());
    assert_eq!((push.op0_register(), pop.op0_register()), (Register::RBP, Register::RBP));
    assert_eq!((frame.op0_register(), frame.op1_register()), (Register::RBP, Register::RSP));
    assert_eq!((sub.op0_register(), sub.immediate64()), (Register::RSP, 16));
    assert_eq!((unsub.op0_register(), unsub.immediate64()), (Register::RSP, 16));
    assert_eq!(constant.immediate64(), 137438953482);
    assert_eq!((store.memory_base(), store.memory_displacement64()), (Register::RSP, 0));
    assert_eq!(call.near_branch64() as usize, add::code().start, "the callee itself, not a bridge to it");
    assert_eq!((load.memory_base(), load.memory_displacement64()), (Register::RSP, 8));
    assert_eq!((result.memory_base(), result.memory_displacement64()), (Register::RSP, 32), "16 + BP + return address");
    assert!(!code.contains(morestack.near_branch64() as usize));
    assert_eq!(restart.near_branch64() as usize, code.start, "restarted from the first instruction");
    assert_eq!(restart.next_ip() as usize, code.end);
}

#[test]
fn add_has_neither_check_nor_frame() {
    let add = decode(add::code());
    assert!(add.iter().all(|i| !matches!(i.code(), Code::Push_r64 | Code::Call_rel32_64 | Code::Jbe_rel8_64)));
    assert_eq!(add.last().map(Instruction::code), Some(Code::Retnq));
}
