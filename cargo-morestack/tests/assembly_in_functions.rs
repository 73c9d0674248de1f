//! Functions with inline assembly that calls, and functions that are assembly.

mod common;
use common::{Project, is_checked};

/// A call through a pointer that the thunk never sees.
const INDIRECT: &str = r#"
use std::arch::asm;
extern "C" fn target() -> u64 { let text = format!("{}", 41 + std::env::args().count()); text.parse().unwrap() }
#[inline(never)] fn calls_past_the_thunk() -> u64 {
    let result;
    // SAFETY: the callee is an ordinary function without arguments.
    unsafe { asm!("call {}", in(reg) target as extern "C" fn() -> u64, lateout("rax") result, clobber_abi("C")) }
    result
}
#[inline(never)] fn ordinary() -> u64 { calls_past_the_thunk() }
fn main() { println!("{}", ordinary()) }
"#;

/// Changes stacks, as coroutine libraries do.
const SWITCHING: &str = r#"
use std::arch::asm;
#[inline(never)] fn on_another_stack(f: extern "C" fn(u64) -> u64) -> u64 {
    let mut stack = vec![0_u128; 65536];
    let top = stack.as_mut_ptr_range().end;
    let result;
    // SAFETY: the other stack is aligned and large enough; the old one is taken back.
    unsafe {
        asm!("mov r12, rsp", "mov rsp, {top}", "call {f}", "mov rsp, r12",
            top = in(reg) top, f = in(reg) f, inlateout("rdi") 41_u64 => _, lateout("rax") result, out("r12") _, clobber_abi("C"))
    }
    drop(stack);
    result
}
extern "C" fn callee(x: u64) -> u64 { format!("{}", x + 1).parse().unwrap() }
fn main() { println!("{}", on_another_stack(callee)) }
"#;

/// A call of a name, which leads into libc.
const DIRECT: &str = r#"
use std::arch::asm;
#[inline(never)] fn calls_libc() -> u64 {
    let result;
    // SAFETY: the callee takes a number and gives a number.
    unsafe { asm!("call abs@PLT", inlateout("rdi") -42_i64 => _, lateout("rax") result, clobber_abi("C")) }
    result
}
fn main() { println!("{}", calls_libc()) }
"#;

/// Neither uses the stack; one is a function of its own.
const HARMLESS: &str = r#"
use std::arch::{asm, naked_asm};
#[unsafe(naked)] extern "C" fn naked(x: u64) -> u64 { naked_asm!("lea rax, [rdi + 1]", "ret") }
fn main() {
    let mut x: u64 = 40;
    // SAFETY: it adds to a register.
    unsafe { asm!("add {}, 1", inout(reg) x) }
    println!("{}", naked(x))
}
"#;

#[test]
fn a_function_that_calls_through_a_pointer_in_assembly_stays_unchecked() {
    let project = Project::program(INDIRECT);
    assert_eq!(project.succeed(&["run", "--release"]), "42\n");
    let binary = project.made("release", "sample");
    assert!(is_checked(&binary, "ordinary") && !is_checked(&binary, "calls_past_the_thunk"));
}

#[test]
fn a_function_that_changes_stacks_stays_unchecked() {
    let project = Project::program(SWITCHING);
    assert_eq!(project.succeed(&["run", "--release"]), "42\n");
    assert!(!is_checked(&project.made("release", "sample"), "on_another_stack"));
}

#[test]
fn a_function_that_calls_libc_in_assembly_is_refused_by_name() {
    let messages = Project::program(DIRECT).fail(&["build", "--release"]);
    assert!(messages.contains("calls_libc") && messages.contains("call"), "{messages}");
}

#[test]
fn assembly_that_calls_nothing_is_no_matter() {
    assert_eq!(Project::program(HARMLESS).succeed(&["run"]), "42\n");
}
