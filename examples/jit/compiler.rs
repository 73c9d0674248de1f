//! A compiler for one function: a recursion that adds up, and calls Rust where it ends. Its tests use it too.

#![allow(dead_code, reason = "each program uses a part")]

use iced_x86::BlockEncoderOptions;
use iced_x86::code_asm::*;
use morestack::code::{Abi, CallSite, Function, Map, Text};
use std::error::Error;

/// What is to be compiled:
///
/// ```text
///     fn sum(n: u64) -> u64 { if n == 0 { bottom(0) } else { sum(n - 1) + n } }
/// ```
///
/// Each frame keeps `n` in a local as well, and reads it through a pointer to that: a pointer into the stack, which a move has to
/// adjust.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Bytes of the frame, from [`LEAST_FRAME`] on. The check has three forms, by this.
    pub frame: i32,
    /// The true entry of `bottom`, a mapped function.
    pub bottom: usize,
}

/// A word each for the argument and the result of what is called, for the local, and for the pointer to it.
pub const LEAST_FRAME: i32 = 32;

/// The function as memory and as what is to be said about it.
pub struct Compiled {
    pub text: Text,
    pub function: Function<'static>,
}

/// Where things are, from the beginning of the code.
struct Places {
    body: usize,
    recursion: usize,
    callback: usize,
    restart: usize,
}

/// Compiles it into memory of its own.
pub fn compile(plan: Plan) -> Result<Compiled, Box<dyn Error>> {
    // Once to learn how long it is, and again for the place where it is going to be.
    let (bytes, places) = assemble(plan, 0)?;
    let mut result = Ok(());
    let text = Text::new(bytes.len(), |to, address| match assemble(plan, address as u64) {
        Ok((bytes, _)) => to.copy_from_slice(&bytes),
        Err(error) => result = Err(error),
    })?;
    result?;
    let (entry, end) = (text.code().start, text.code().end);
    let call = |at, callee, line| CallSite { pc: entry + at, callee, map: 0, line, pushed: 0 };
    let function = Function {
        name: "jit.sum",
        file: "sum.jit",
        line: 1,
        entry,
        end,
        body: entry + places.body,
        restart: entry + places.restart,
        frame: plan.frame as u32,
        args: 16,
        flags: 0,
        args_map: Some(Map::NO_POINTERS),
        // The topmost word: the one right below the saved %rbp.
        locals_map: Some(Map { count: 1, bits: 1, bytes: &[1] }),
        // The body is from line 2 on, what is behind the recursion from line 3.
        lines: Some(const { &[0, 0, 0x10, 1, 0x30, 1] }),
        calls: vec![call(places.recursion, Some(entry), 2), call(places.callback, None, 3)],
    };
    Ok(Compiled { text, function })
}

fn assemble(plan: Plan, address: u64) -> Result<(Vec<u8>, Places), IcedError> {
    let (abi, frame) = (Abi::of_program(), plan.frame);
    let mut a = CodeAssembler::new(64)?;
    let [mut entry, mut body, mut bottom, mut done] = [(); 4].map(|()| a.create_label());
    let [mut slow, mut restart, mut recursion, mut callback] = [(); 4].map(|()| a.create_label());

    // The check, by what the function needs.
    let need = frame as usize + 8;
    let lowered = need.saturating_sub(abi.stack_small) as i32;
    a.set_label(&mut entry)?;
    a.mov(rcx, qword_ptr(abi.current_g as i64 as u64).fs())?;
    if need <= abi.stack_small {
        a.cmp(rsp, qword_ptr(rcx + abi.stackguard0))?;
    } else if need < abi.stack_big {
        a.lea(rax, qword_ptr(rsp - lowered))?;
        a.cmp(rax, qword_ptr(rcx + abi.stackguard0))?;
    } else {
        a.mov(rax, rsp)?;
        a.sub(rax, lowered)?;
        a.jb(slow)?;
        a.cmp(rax, qword_ptr(rcx + abi.stackguard0))?;
    }
    a.jbe(slow)?;

    a.set_label(&mut body)?;
    a.push(rbp)?;
    a.mov(rbp, rsp)?;
    a.sub(rsp, frame)?;
    a.mov(rax, qword_ptr(rbp + 16))?;
    a.mov(qword_ptr(rbp - 16), rax)?;
    a.lea(rcx, qword_ptr(rbp - 16))?;
    a.mov(qword_ptr(rbp - 8), rcx)?;
    a.test(rax, rax)?;
    a.jz(bottom)?;
    a.dec(rax)?;
    a.mov(qword_ptr(rsp), rax)?;
    a.call(entry)?;
    a.set_label(&mut recursion)?;
    a.mov(rax, qword_ptr(rsp + 8))?;
    a.mov(rcx, qword_ptr(rbp - 8))?;
    a.add(rax, qword_ptr(rcx))?;
    a.jmp(done)?;
    a.set_label(&mut bottom)?;
    a.mov(qword_ptr(rsp), rax)?;
    a.mov(rax, plan.bottom as u64)?;
    a.call(rax)?;
    a.set_label(&mut callback)?;
    a.mov(rax, qword_ptr(rsp + 8))?;
    a.set_label(&mut done)?;
    a.mov(qword_ptr(rbp + 24), rax)?;
    a.add(rsp, frame)?;
    a.pop(rbp)?;
    a.ret()?;

    a.set_label(&mut slow)?;
    a.nop()?;
    a.mov(rax, abi.morestack_noctxt as u64)?;
    a.call(rax)?;
    a.set_label(&mut restart)?;
    a.jmp(entry)?;

    let code = a.assemble_options(address, BlockEncoderOptions::RETURN_NEW_INSTRUCTION_OFFSETS)?;
    let at = |label: &CodeLabel| code.label_ip(label).map(|ip| (ip - address) as usize);
    let (body, restart) = (at(&body)?, at(&restart)?);
    let places = Places { body, restart, recursion: at(&recursion)?, callback: at(&callback)? };
    Ok((code.inner.code_buffer, places))
}
