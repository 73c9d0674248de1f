//! A report's frames are those of functions that somebody has written: what leads from one calling convention to the other is left out.

mod common;

use common::{role, run_child};
use morestack::sched::Scheduler;
use morestack::stack::table::Table;

goasm::asm! {
    r#"
#include "funcdata.h"

// One calls the other without an end, each by its own convention, so through two wrappers.
TEXT ·on_the_stack(SB), 0, $8-8
    NO_LOCAL_POINTERS
    MOVQ n+0(FP), AX
    MOVQ AX, 0(SP)
    CALL ·in_registers(SB)
    RET

TEXT ·in_registers<ABIInternal>(SB), 0, $8-8
    NO_LOCAL_POINTERS
    INCQ AX
    CALL ·on_the_stack<ABIInternal>(SB)
    RET
"#, package("both");

    unsafe extern "ABI0" {
        safe fn on_the_stack(n: u64);
    }

    unsafe extern "ABIInternal" {
        safe fn in_registers(n: u64);
    }
}

#[test]
fn but_not_the_functions_that_they_lead_to() {
    if role().is_some() {
        // SAFETY: it takes a number; that it has no end is what the test wants.
        let function = unsafe { on_the_stack::function() };
        let _ = Scheduler::new().builder().max_stack(8 << 10).spawn_mapped(function, (0,)).unwrap().join();
        unreachable!("the recursion has no end");
    }
    let wrappers = ["both.in_registers", "both.on_the_stack<ABIInternal>"];
    for name in wrappers {
        let functions = Table::of_program().unwrap().functions();
        assert!(functions.iter().any(|it| it.name == name && it.is_abi_wrapper()), "{name}");
    }

    let ended = run_child("but_not_the_functions_that_they_lead_to", "child");
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    let frames: Vec<&str> = ended.stderr.lines().filter_map(|line| line.trim().strip_prefix('#')).collect();
    // The innermost one may be a wrapper, whose function is not there yet.
    let names: Vec<&str> = frames.iter().skip(1).map(|frame| frame.split(' ').nth(1).unwrap()).collect();
    assert!(names.contains(&"both.on_the_stack") && names.contains(&"both.in_registers<ABIInternal>"), "{frames:#?}");
    assert!(wrappers.iter().all(|wrapper| !names.contains(wrapper)), "{frames:#?}");
}
