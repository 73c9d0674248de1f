//! What the function table says about a function is what its code does, as a disassembler reads it.

#[path = "common/all_mapped.rs"]
mod all_mapped;
#[path = "common/mapped.rs"]
mod mapped;

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess, Register};
use mapped::table;
use morestack::stack::layout::{STACK_BIG, STACK_SMALL};
use morestack::stack::table::{Function, flags};

unsafe extern "C" {
    fn morestack();
    fn morestack_noctxt();
}

/// The library's own switches between stacks: they change the stack pointer as no mapped function may, and call Rust on the
/// system stack, where no frame is mapped.
const SWITCHES: [&str; 5] =
    ["morestack_enter", "morestack_mapped_start", "morestack_call_rust", "runtime.Gosched", "runtime.gopark"];

fn is_switch(f: &Function) -> bool {
    SWITCHES.contains(&f.name)
}

fn code(f: &Function) -> Vec<Instruction> {
    // SAFETY: the code of a mapped function can be read and does not change.
    let bytes = unsafe { std::slice::from_raw_parts(f.entry as *const u8, f.end - f.entry) };
    Decoder::with_ip(64, bytes, f.entry as u64, DecoderOptions::NONE).into_iter().collect()
}

fn is_call(i: &Instruction) -> bool {
    matches!(i.flow_control(), FlowControl::Call | FlowControl::IndirectCall)
}

/// The functions that follow the rules, which are all but the switches, with their code.
fn functions() -> impl Iterator<Item = (&'static Function, Vec<Instruction>)> {
    table().functions().iter().filter(|f| !is_switch(f)).map(|f| (f, code(f)))
}

/// Whether `i` is `code` on `%rsp` with this immediate.
fn changes_sp(i: &Instruction, codes: [Code; 2], by: u32) -> bool {
    codes.contains(&i.code()) && i.op0_register() == Register::RSP && i.immediate(1) == u64::from(by)
}

fn is_sub(i: &Instruction, by: u32) -> bool {
    changes_sp(i, [Code::Sub_rm64_imm8, Code::Sub_rm64_imm32], by)
}

fn is_add(i: &Instruction, by: u32) -> bool {
    changes_sp(i, [Code::Add_rm64_imm8, Code::Add_rm64_imm32], by)
}

#[test]
fn every_instruction_is_one_and_ends_in_its_function() {
    assert!(functions().count() > 100, "the assembly of the tests is there");
    for f in table().functions() {
        let code = code(f);
        assert!(code.iter().all(|i| !i.is_invalid()), "{}", f.name);
        assert_eq!(code.last().map(|i| i.next_ip() as usize), Some(f.end), "{}", f.name);
        assert!(code.iter().any(|i| i.ip() as usize == f.body), "{}: the body begins with an instruction", f.name);
    }
    for name in SWITCHES {
        assert!(table().functions().iter().any(|f| f.name == name), "{name} is no exception any more");
    }
}

/// Whether a function has arguments in registers, which its slow path saves and loads.
fn is_internal(f: &Function) -> bool {
    f.name.ends_with("<ABIInternal>") && !f.is_nosplit()
}

/// Where its frame is taken. With arguments in registers the table names the place where they are loaded before.
fn body(f: &Function, code: &[Instruction]) -> usize {
    if is_internal(f) { code.last().unwrap().near_branch64() as usize } else { f.body }
}

/// The calls of morestack and the jumps back, of a slow path that saves registers: what it loads again, it loads both times.
fn of_internal<'c>(f: &Function, slow: &[&'c Instruction]) -> (&'c Instruction, &'c Instruction) {
    let call = slow.iter().position(|i| is_call(i)).expect("a call of morestack");
    let jumps: Vec<usize> = (0..slow.len())
        .filter(|&at| slow[at].code() == Code::Jmp_rel8_64 || slow[at].code() == Code::Jmp_rel32_64)
        .collect();
    let [entry, end] = jumps[..] else { panic!("{}: {slow:?} jumps twice", f.name) };
    assert_eq!(end + 1, slow.len(), "{}", f.name);
    let text = |range: std::ops::Range<usize>| slow[range].iter().map(|i| i.to_string()).collect::<Vec<_>>();
    let loads = text(call + 1..entry);
    assert_eq!(loads, text(entry + 1..end), "{}: the same whether the check is asked again or not", f.name);
    assert_eq!(loads.len(), call + 2, "{}: what is saved, X15 and R14", f.name);
    assert_eq!(slow[call + 1].ip() as usize, f.restart, "{}: where morestack returns to", f.name);
    assert_eq!(slow[entry + 1].ip() as usize, f.body, "{}: where a mode goes on", f.name);
    (slow[call], slow[entry])
}

#[test]
fn the_check_fits_the_frame() {
    for (f, code) in functions() {
        let mut before: Vec<_> = code.iter().take_while(|i| (i.ip() as usize) < body(f, &code)).collect();
        if is_internal(f) {
            // g is in its register already; where it is loaded is in the slow path.
            before.insert(0, &code[code.len() - 2]);
        }
        if f.is_nosplit() {
            assert!(before.is_empty(), "{}: NOSPLIT, and begins with its body", f.name);
            continue;
        }
        // The macros of asm/ use what the Primer on Go assembly shows, goasm what Go does by now.
        let is_goasm = before[0].op0_register() == Register::R14;
        let (g, scratch) = if is_goasm { (Register::R14, Register::R12) } else { (Register::RCX, Register::RAX) };
        let codes: Vec<Code> = before.iter().map(|i| i.code()).collect();
        let lowered = f.need() as i64 - STACK_SMALL as i64;
        let compared = match (f.need(), &codes[..]) {
            (need, [Code::Mov_r64_rm64, Code::Cmp_r64_rm64, Code::Jbe_rel8_64 | Code::Jbe_rel32_64])
                if need <= STACK_SMALL =>
            {
                before[1]
            }
            (
                need,
                [Code::Mov_r64_rm64, Code::Lea_r64_m, Code::Cmp_r64_rm64, Code::Jbe_rel8_64 | Code::Jbe_rel32_64],
            ) if need > STACK_SMALL && need < STACK_BIG => {
                let lea = before[1];
                assert_eq!((lea.op0_register(), lea.memory_base()), (scratch, Register::RSP), "{}", f.name);
                assert_eq!(lea.memory_displacement64() as i64, -lowered, "{}", f.name);
                before[2]
            }
            (
                need,
                [
                    Code::Mov_r64_rm64,
                    Code::Mov_r64_rm64 | Code::Mov_rm64_r64,
                    sub,
                    Code::Jb_rel8_64 | Code::Jb_rel32_64,
                    Code::Cmp_r64_rm64,
                    Code::Jbe_rel8_64 | Code::Jbe_rel32_64,
                ],
            ) if need >= STACK_BIG => {
                assert_eq!((before[1].op0_register(), before[1].op1_register()), (scratch, Register::RSP));
                assert!(matches!(sub, Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32 | Code::Sub_RAX_imm32), "{}", f.name);
                assert_eq!((before[2].op0_register(), before[2].immediate(1) as i64), (scratch, lowered));
                assert_eq!(before[3].near_branch64(), before[5].near_branch64(), "{}: both ways to morestack", f.name);
                before[4]
            }
            (need, other) => panic!("{}: {other:?} is no check of {need} bytes", f.name),
        };
        assert_eq!((before[0].op0_register(), before[0].segment_prefix()), (g, Register::FS), "{}", f.name);
        let register = if f.need() <= STACK_SMALL { Register::RSP } else { scratch };
        assert_eq!((compared.op0_register(), compared.memory_base()), (register, g), "{}", f.name);
        assert_eq!(compared.memory_displacement64(), 16, "{}: with stackguard0", f.name);

        // Where a failed check goes: nop (in asm/), call morestack, jump to the entry; and nothing behind.
        let slow = before.last().unwrap().near_branch64();
        let slow: Vec<_> = code.iter().filter(|i| i.ip() >= slow).collect();
        let (call, restart) = match slow[..] {
            _ if is_internal(f) => of_internal(f, &slow),
            [nop, call, restart] if !is_goasm && nop.code() == Code::Nopd => (call, restart),
            [call, restart] if is_goasm => (call, restart),
            _ => panic!("{}: {slow:?} is no slow path", f.name),
        };
        let target =
            if f.flags & flags::NEEDCTXT != 0 { morestack as *const () } else { morestack_noctxt as *const () };
        assert_eq!(call.near_branch64() as usize, target.addr(), "{}", f.name);
        assert!(is_internal(f) || restart.ip() as usize == f.restart, "{}: where morestack returns to", f.name);
        assert_eq!(restart.near_branch64() as usize, f.entry, "{}", f.name);
    }
}

#[test]
fn the_prologue_takes_the_frame() {
    for (f, code) in functions() {
        let start = body(f, &code);
        let body: Vec<_> = code.iter().filter(|i| i.ip() as usize >= start).collect();
        if f.flags & flags::NOFRAME != 0 {
            assert_eq!(f.frame, 0, "{}", f.name);
            continue;
        }
        let [push, copy, sub, ..] = body[..] else { panic!("{}: no prologue", f.name) };
        assert_eq!((push.code(), push.op0_register()), (Code::Push_r64, Register::RBP), "{}", f.name);
        assert!(matches!(copy.code(), Code::Mov_rm64_r64 | Code::Mov_r64_rm64), "{}", f.name);
        assert_eq!((copy.op0_register(), copy.op1_register()), (Register::RBP, Register::RSP), "{}", f.name);
        if f.frame != 0 {
            assert!(is_sub(sub, f.frame), "{}: {sub} is not its frame of {}", f.name, f.frame);
        }
    }
}

#[test]
fn every_return_takes_the_frame_down() {
    for (f, code) in functions() {
        let mut returns = 0;
        for (at, ret) in code.iter().enumerate().filter(|(_, i)| i.flow_control() == FlowControl::Return) {
            returns += 1;
            assert_eq!(ret.code(), Code::Retnq, "{}: the caller's arguments stay", f.name);
            if f.flags & flags::NOFRAME != 0 {
                continue;
            }
            let pop = &code[at - 1];
            assert_eq!((pop.code(), pop.op0_register()), (Code::Pop_r64, Register::RBP), "{}", f.name);
            if f.frame != 0 {
                assert!(is_add(&code[at - 2], f.frame), "{}: {}", f.name, code[at - 2]);
            }
        }
        assert!(returns > 0, "{} never returns", f.name);
    }
}

#[test]
fn nothing_else_touches_the_stack_pointer() {
    let mut factory = InstructionInfoFactory::new();
    for (f, code) in functions() {
        for i in &code {
            let writes = |register| {
                let is_write = |access| !matches!(access, OpAccess::None | OpAccess::Read | OpAccess::CondRead);
                move |info: &iced_x86::UsedRegister| {
                    info.register().full_register() == register && is_write(info.access())
                }
            };
            let used = factory.info(i).used_registers().to_vec();
            if used.iter().any(writes(Register::RSP)) {
                let expected = match i.code() {
                    Code::Push_r64 | Code::Pop_r64 => i.op0_register() == Register::RBP,
                    Code::Retnq => true,
                    _ if is_call(i) => true,
                    _ => is_sub(i, f.frame) || is_add(i, f.frame),
                };
                assert!(expected, "{}: {i} at {:#x}", f.name, i.ip() as usize - f.entry);
            }
            if used.iter().any(writes(Register::RBP)) {
                let is_copy = (i.op0_register(), i.op1_register()) == (Register::RBP, Register::RSP);
                assert!(i.code() == Code::Pop_r64 || is_copy, "{}: {i}", f.name);
            }
        }
    }
}

#[test]
fn every_call_is_registered() {
    let runtime = [morestack as *const (), morestack_noctxt as *const ()].map(|f| f.addr() as u64);
    let mut calls = 0;
    for (f, code) in functions() {
        for call in code.iter().filter(|i| is_call(i)) {
            let pc = call.next_ip() as usize;
            let is_direct = call.flow_control() == FlowControl::Call;
            if is_direct && runtime.contains(&call.near_branch64()) {
                assert_eq!(pc, f.restart, "{}: morestack is called by the slow path only", f.name);
                assert!(table().find_call(pc).is_none(), "{}", f.name);
                continue;
            }
            calls += 1;
            let (caller, site) =
                table().find_call(pc).unwrap_or_else(|| panic!("{}: {call} is not registered", f.name));
            assert_eq!(caller.name, f.name);
            assert_eq!(site.callee, is_direct.then(|| call.near_branch64() as usize), "{} line {}", f.name, site.line);
        }
        // Jumps stay inside: a tail call would leave a frame that the walk does not find.
        for jump in &code {
            match jump.flow_control() {
                FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                    let target = jump.near_branch64() as usize;
                    assert!((f.entry..f.end).contains(&target), "{}: {jump} leaves it", f.name);
                }
                FlowControl::IndirectBranch => panic!("{}: {jump}", f.name),
                _ => {}
            }
        }
    }
    assert!(calls > 100, "{calls}");
}

#[test]
fn every_registered_return_address_follows_a_call() {
    for f in table().functions() {
        let code = code(f);
        for (caller, site) in table().calls().filter(|(caller, _)| caller.entry == f.entry) {
            let call = code.iter().find(|i| i.next_ip() as usize == site.pc);
            assert!(call.is_some_and(is_call), "{} line {}: {call:?}", caller.name, site.line);
            // An unwinder looks the address before a return address up, but a walk the address itself.
            assert!(site.pc < caller.end, "{}: a call is not the last instruction", caller.name);
        }
    }
}

#[test]
fn functions_without_a_frame_call_nothing() {
    for (f, code) in functions() {
        if f.flags & flags::NOFRAME != 0 {
            assert!(!code.iter().any(is_call), "{}", f.name);
        }
    }
}
