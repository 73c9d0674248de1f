//! The six cases of calls between the two calling conventions, and Rust beside them: which address each reaches.
//!
//! A callee gives its own address and the one that it returns to. The address stubs say which function the first is, the table of
//! functions in which function the second is: in the caller, or in a wrapper.

use goasm::CodeRange;
use morestack::stack::table::{Function, Table, flags};

goasm::include! {
    "tests/samples/conventions_amd64.s";

    unsafe extern "ABI0" {
        safe fn stack_callee(x: u64) -> (own: usize, caller: usize, next: u64);
        safe fn stack_calls_stack(
            x: u64,
        ) -> (own: usize, caller: usize, address: usize, own2: usize, caller2: usize, next: u64);
    }

    unsafe extern "ABIInternal" {
        safe fn registers_callee(x: u64) -> (own: usize, caller: usize, next: u64);
        safe fn registers_call_registers(
            x: u64,
        ) -> (own: usize, caller: usize, address: usize, own2: usize, caller2: usize, next: u64);
        safe fn registers_call_stack(x: u64) -> (own: usize, caller: usize, next: u64);
    }
}

/// The function that has `pc`.
fn function_at(pc: usize) -> &'static Function {
    Table::of_program().unwrap().find_function(pc).unwrap_or_else(|| panic!("{pc:#x} is in no mapped function"))
}

fn is_wrapper(function: &Function) -> bool {
    function.flags & (flags::WRAPPER | flags::ABIWRAPPER) == flags::WRAPPER | flags::ABIWRAPPER
}

#[test]
fn case_1_and_2_registers_call_registers_without_a_wrapper() {
    let (own, caller, address, own2, caller2, next) = registers_call_registers(5);
    let (callee, code) = (registers_callee::code(), registers_call_registers::code());
    assert_eq!([own, address, own2], [callee.start; 3]);
    assert!(code.contains(caller), "directly");
    assert!(code.contains(caller2) && caller != caller2, "indirectly");
    assert_eq!(next, 7);
}

#[test]
fn case_3_registers_call_the_stack_directly_without_a_wrapper() {
    let (own, caller, next) = registers_call_stack(5);
    assert_eq!((own, next), (stack_callee::code().start, 6));
    assert!(registers_call_stack::code().contains(caller));
}

#[test]
fn case_5_the_stack_calls_the_stack_without_a_wrapper() {
    let (own, caller, address, own2, caller2, next) = stack_calls_stack(5);
    assert_eq!([own, address, own2], [stack_callee::code().start; 3]);
    let code = stack_calls_stack::code();
    assert!(code.contains(caller) && code.contains(caller2) && caller != caller2);
    assert_eq!(next, 7);
}

#[test]
fn rust_calls_the_stack_directly_and_registers_through_a_wrapper() {
    let (own, caller, next) = stack_callee(5);
    assert_eq!((own, next), (stack_callee::code().start, 6));
    assert_eq!(function_at(caller).name, "morestack_enter");

    let (own, caller, next) = registers_callee(5);
    assert_eq!((own, next), (registers_callee::code().start, 6));
    assert!(is_wrapper(function_at(caller)), "{:?}", function_at(caller));
}

#[test]
fn stubs_and_functions_to_call_know_the_true_code() {
    // SAFETY: both take a number.
    let codes = unsafe {
        [
            (stack_callee::function().code(), stack_callee::code(), "calls_between_conventions.stack_callee"),
            (
                registers_callee::function().code(),
                registers_callee::code(),
                "calls_between_conventions.registers_callee<ABIInternal>",
            ),
        ]
    };
    for (of_function, of_stubs, name) in codes {
        assert_eq!(of_function, of_stubs);
        let function = function_at(of_stubs.start);
        assert_eq!((function.name, is_wrapper(function)), (name, false));
        assert_eq!(CodeRange { start: function.entry, end: function.end }, of_stubs);
    }
    // What Rust calls is elsewhere.
    let bridges = [
        stack_callee as fn(u64) -> (usize, usize, u64) as usize,
        registers_callee as fn(u64) -> (usize, usize, u64) as usize,
    ];
    assert!(bridges.iter().all(|bridge| Table::of_program().unwrap().find_function(*bridge).is_none()));
}

#[test]
fn wrappers_have_names_of_their_own_only_without_the_feature() {
    let wrappers: Vec<_> = Table::of_program().unwrap().functions().iter().filter(|it| is_wrapper(it)).collect();
    let is_there = |name: &str| wrappers.iter().any(|it| it.name == format!("calls_between_conventions.{name}"));
    let has_wrappers = cfg!(feature = "wrappers");
    assert_eq!(is_there("registers_callee"), has_wrappers, "named as the function, for ABI0 code and Rust");
    assert_eq!(is_there("registers_callee$bridge"), !has_wrappers, "for Rust alone");
    assert_eq!(is_there("stack_callee<ABIInternal>"), has_wrappers);
}

#[cfg(feature = "wrappers")]
mod by_wrapper {
    use super::{function_at, is_wrapper};

    goasm::include! {
        "tests/samples/conventions_by_wrapper_amd64.s", package("by_wrapper");

        unsafe extern "ABI0" {
            safe fn stack_callee(x: u64) -> (own: usize, caller: usize, next: u64);
            safe fn stack_calls_registers(
                x: u64,
            ) -> (own: usize, caller: usize, address: usize, own2: usize, caller2: usize, next: u64);
        }

        unsafe extern "ABIInternal" {
            safe fn registers_callee(x: u64) -> (own: usize, caller: usize, next: u64);
            safe fn registers_call_stack(x: u64) -> (own: usize, caller: usize, address: usize, next: u64);
        }
    }

    #[test]
    fn case_4_registers_call_the_stack_indirectly_through_a_wrapper() {
        let (own, caller, address, next) = registers_call_stack(5);
        assert_eq!((own, next), (stack_callee::code().start, 6), "the function itself runs");
        let wrapper = function_at(address);
        assert_ne!(address, own, "but the address is another's,");
        assert!(is_wrapper(wrapper) && wrapper.entry == address);
        assert_eq!(wrapper.name, "by_wrapper.stack_callee<ABIInternal>");
        assert_eq!(function_at(caller).entry, wrapper.entry, "who calls it");
    }

    #[test]
    fn case_6_the_stack_calls_registers_through_a_wrapper() {
        let (own, caller, address, own2, caller2, next) = stack_calls_registers(5);
        assert_eq!([own, own2], [registers_callee::code().start; 2], "the function itself runs");
        let wrapper = function_at(address);
        assert_ne!(address, own, "but the address is another's,");
        assert!(is_wrapper(wrapper) && wrapper.entry == address);
        assert_eq!(wrapper.name, "by_wrapper.registers_callee");
        assert_eq!([caller, caller2].map(|pc| function_at(pc).entry), [wrapper.entry; 2], "who calls it, both times");
        assert_eq!(next, 7);
    }
}
