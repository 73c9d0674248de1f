//! Which address each call between Go's two calling conventions reaches: the six cases, and Rust beside them.
//!
//!     cargo run --example calling_conventions
//!
//! The callees give their own address and the one that they return to; the function table says what is there.

use morestack::stack::table::Table;

goasm::include! {
    "goasm/tests/samples/conventions_amd64.s", package("direct");

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

mod by_wrapper {
    goasm::include! {
        "goasm/tests/samples/conventions_by_wrapper_amd64.s", package("by_wrapper");

        unsafe extern "ABI0" {
            safe fn stack_callee(x: u64) -> (own: usize, caller: usize, next: u64);
            pub safe fn stack_calls_registers(
                x: u64,
            ) -> (own: usize, caller: usize, address: usize, own2: usize, caller2: usize, next: u64);
        }

        unsafe extern "ABIInternal" {
            safe fn registers_callee(x: u64) -> (own: usize, caller: usize, next: u64);
            pub safe fn registers_call_stack(x: u64) -> (own: usize, caller: usize, address: usize, next: u64);
        }
    }
}

/// The function that has this address, and whether it is a wrapper.
fn at(address: usize) -> String {
    let table = Table::of_program().unwrap_or_else(|error| panic!("the function table is refused: {error}"));
    match table.find_function(address) {
        Some(function) if function.is_abi_wrapper() => format!("{} (wrapper)", function.name),
        Some(function) => function.name.to_owned(),
        None => "no mapped function".to_owned(),
    }
}

/// A row: the call, the address that the caller has called, and who has called the function that ran.
fn show(case: &str, called: usize, caller: usize) {
    println!("{case:<44} {:<50} {}", at(called), at(caller));
}

fn main() {
    println!("{:<44} {:<50} who called the function", "call", "address called");
    let (own, caller, address, _, caller2, _) = registers_call_registers(1);
    show("1  ABIInternal -> ABIInternal, directly", own, caller);
    show("2  ABIInternal -> ABIInternal, indirectly", address, caller2);
    let (own, caller, _) = registers_call_stack(1);
    show("3  ABIInternal -> ABI0, directly", own, caller);
    let (_, caller, address, _) = by_wrapper::registers_call_stack(1);
    show("4  ABIInternal -> ABI0, indirectly", address, caller);
    let (own, caller, address, _, caller2, _) = stack_calls_stack(1);
    show("5  ABI0 -> ABI0, directly", own, caller);
    show("5  ABI0 -> ABI0, indirectly", address, caller2);
    let (_, caller, address, _, caller2, _) = by_wrapper::stack_calls_registers(1);
    show("6  ABI0 -> ABIInternal, directly", address, caller);
    show("6  ABI0 -> ABIInternal, indirectly", address, caller2);
    let (own, caller, _) = stack_callee(1);
    show("   Rust -> ABI0", own, caller);
    let (own, caller, _) = registers_callee(1);
    show("   Rust -> ABIInternal", own, caller);
    println!("\nRust's own names of the two callees are bridges:");
    for bridge in [stack_callee as *const (), registers_callee as *const ()] {
        println!("    {}", at(bridge.addr()));
    }
}
