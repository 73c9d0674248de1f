//! What FUNCDATA and PCDATA say of a frame in Go's syntax is what a move adjusts: locals, arguments, and results from where they are
//! initialised. A static name is its file's own.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::caps;
use mapped::{moves_during, on_fresh_task};
use morestack::stack::debug;

goasm::include! {
    "tests/asm/maps_amd64.s";

    unsafe extern "ABI0" {
        safe fn descend(n: u64) -> u64;
        safe fn through(n: u64) -> u64;
        fn increments(p: *mut u64) -> *mut u64;
        safe fn first() -> u64;
    }
}

goasm::asm! {
    r#"
#include "textflag.h"
#include "funcdata.h"

TEXT helper<>(SB), NOSPLIT, $0-8
	MOVQ $2, ret+0(FP)
	RET

TEXT ·second(SB), 0, $8-8
	NO_LOCAL_POINTERS
	CALL helper<>(SB)
	MOVQ 0(SP), AX
	MOVQ AX, ret+0(FP)
	RET
"#;

    unsafe extern "ABI0" {
        safe fn second() -> u64;
    }
}

#[test]
fn pointers_in_locals_move_along() {
    // SAFETY: it takes any number.
    let descend = unsafe { descend::function() };
    let depth = caps::depth(10_000) as u64;
    let (sum, moves) = moves_during(|| on_fresh_task(descend, (depth,)));
    assert_eq!(sum, depth * (depth + 1) / 2);
    assert!(moves.len() >= 5, "{moves:?}");
}

#[test]
fn pointers_in_arguments_and_results_move_along() {
    // SAFETY: as above.
    let through = unsafe { through::function() };
    let (result, moves) = moves_during(|| on_fresh_task(through, (41,)));
    assert_eq!(result, 42);
    // Before and behind the place where the result becomes a pointer.
    assert!(moves.len() >= 2 || debug::modes().preempt_always, "{moves:?}");
    let mut word = 1;
    // SAFETY: the word is there.
    assert_eq!(unsafe { increments(&raw mut word) }, &raw mut word);
    assert_eq!(word, 2);
}

#[test]
fn the_same_static_name_in_two_sources_is_two_functions() {
    assert_eq!((first(), second()), (1, 2));
}
