//! What a fault's program counter is compared with. A handler that knows a routine by the address of the Rust function which calls it
//! (a bridge) misses the fault; by the routine's own addresses it finds it. And a fault in a fault stub is nobody's: it does
//! not go round in circles.
//!
//! The handler under test is installed past libc's functions, so it stands before the library's.

mod common;

use common::{role, run_child};
use libc::{c_int, c_void, siginfo_t};
use morestack::safecopy::{self, Cause, Fault};
use morestack::task::CodeRange;
use object::{Object, ObjectSymbol};
use std::ptr;
use std::sync::OnceLock;

/// Exit codes of children.
const RECOVERED: i32 = 40;
const MISSED: i32 = 41;
const FAULT_IN_STUB: i32 = 42;

/// What the handler takes for the routine's code.
static RANGE: OnceLock<CodeRange> = OnceLock::new();

unsafe extern "C" {
    fn __sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int;
}

fn install_past_libc(handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void)) {
    // SAFETY: all zeros is an action with an empty mask; the handlers of this file are async-signal-safe.
    unsafe {
        let flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let action = libc::sigaction { sa_sigaction: handler as usize, sa_flags: flags, ..std::mem::zeroed() };
        assert_eq!(__sigaction(libc::SIGSEGV, &action, ptr::null_mut()), 0);
    }
}

fn registers<'a>(context: *mut c_void) -> &'a mut [i64; 23] {
    // SAFETY: a handler's context, used by it alone.
    unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs }
}

fn pc(context: *mut c_void) -> usize {
    registers(context)[libc::REG_RIP as usize] as usize
}

/// The function of that name in this program's symbol table, at the address where it is now.
fn symbol(name: &str) -> CodeRange {
    let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let file = object::File::parse(&*file).unwrap();
    let find =
        |name: &str| file.symbols().find(|symbol| symbol.name() == Ok(name)).unwrap_or_else(|| panic!("no {name}"));
    let base = (role_of_main as fn() as usize).wrapping_sub(find("safecopy_true_addresses_main").address() as usize);
    let start = base.wrapping_add(find(name).address() as usize);
    CodeRange { start, end: start + find(name).size() as usize }
}

/// Decides by the range, as the library's handler does by its table.
extern "C" fn by_range(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let ours = RANGE.get().is_some_and(|range| range.contains(pc(context)));
    // SAFETY: the kernel's arguments; ends the process without running anything else.
    unsafe {
        if !ours {
            libc::_exit(MISSED);
        }
        assert!(safecopy::recover(signal, info, context));
    }
}

/// Lets the fault stub go wrong: the return address is nowhere.
extern "C" fn break_the_stub(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's arguments; ends the process without running anything else.
    unsafe {
        let before = pc(context);
        if safecopy::recover(signal, info, context) {
            RANGE.get_or_init(|| CodeRange { start: pc(context), end: pc(context) + 16 });
            registers(context)[libc::REG_RSP as usize] = 0x1230;
            return;
        }
        let in_stub = RANGE.get().is_some_and(|stub| stub.contains(before));
        libc::_exit(if in_stub && pc(context) == before { FAULT_IN_STUB } else { 1 });
    }
}

/// What children do.
#[unsafe(export_name = "safecopy_true_addresses_main")]
fn role_of_main() {
    let Some(role) = role() else { return };
    // Also makes the library's handler be there.
    let nowhere = ptr::without_provenance(0x1230);
    let load: fn(*const u32) -> Result<u32, Fault> = safecopy::load_u32;
    assert!(load(nowhere).is_err());
    let routine = symbol("morestack_safecopy_load32");
    let _alternate = morestack::sigstack::AltStack::install().unwrap();
    match role.as_str() {
        "true" => RANGE.set(routine).expect("it is set once"),
        // As if the function that Rust calls were the routine.
        "bridge" => {
            let start = load as usize;
            assert!(!routine.contains(start));
            RANGE.set(CodeRange { start, end: start + (routine.end - routine.start) }).expect("it is set once");
        }
        _ => install_past_libc(break_the_stub),
    }
    if role != "stub" {
        install_past_libc(by_range);
    }
    let fault = load(nowhere).unwrap_err();
    assert_eq!((fault.address, fault.cause), (0x1230, Cause::Segv));
    std::process::exit(RECOVERED);
}

#[test]
fn child() {
    role_of_main();
}

fn end_of(role: &str) -> (Option<i32>, Option<i32>) {
    let ended = run_child("child", role);
    println!("{role}: {ended:?}");
    (ended.signal, ended.code)
}

#[test]
fn the_routines_own_find_the_fault() {
    assert_eq!(end_of("true"), (None, Some(RECOVERED)));
}

#[test]
fn a_bridges_miss_it() {
    assert_eq!(end_of("bridge"), (None, Some(MISSED)));
}

#[test]
fn a_fault_in_the_stub_is_not_recovered() {
    assert_eq!(end_of("stub"), (None, Some(FAULT_IN_STUB)));
}
