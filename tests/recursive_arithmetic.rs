//! Arithmetic by recursion alone gives the right results on stacks that grow: Peano's, as in Go's test/peano.go, and
//! Ackermann's function.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::caps;
use mapped::on_fresh_task;
use morestack::stack::debug;

goasm::include! {
    "tests/asm/recursive_arithmetic_amd64.s";

    unsafe extern "ABI0" {
        safe fn add(x: u64, y: u64) -> u64 = "peano·add";
        safe fn mul(x: u64, y: u64) -> u64 = "peano·mul";
        safe fn factorial(n: u64) -> u64 = "peano·factorial";
        safe fn ackermann(m: u64, n: u64) -> u64;
    }
}

#[test]
fn peano_adds_and_multiplies() {
    for (x, y) in [(0, 0), (0, 1), (1, 0), (5, 7), (100, 250)] {
        assert_eq!(add(x, y), x + y);
        assert_eq!(mul(x, y), x * y);
        // SAFETY: numbers are all that they take, here and below.
        let mul = unsafe { mul::function() };
        assert_eq!(on_fresh_task(mul, (x, y)), x * y);
    }
}

#[test]
fn peano_computes_factorials() {
    // n! adds by a recursion of (n-1)! frames.
    let depth = caps::depth(40_320) as u64;
    let mut expected = 1;
    let mut n = 0;
    while expected <= depth {
        // SAFETY: as above.
        let factorial = unsafe { factorial::function() };
        assert_eq!(on_fresh_task(factorial, (n,)), expected, "{n}!");
        n += 1;
        expected *= n;
    }
    println!("up to {}!", n - 1);
}

#[test]
fn ackermann_is_right() {
    for n in 0..10 {
        assert_eq!(ackermann(0, n), n + 1);
        assert_eq!(ackermann(1, n), n + 2);
        assert_eq!(ackermann(2, n), 2 * n + 3);
    }
    // 172,233 calls, each of which copies the whole stack under `move`.
    let modes = debug::modes();
    let largest = if modes.move_always { if modes.fence { 2 } else { 4 } } else { 6 };
    for n in 0..=largest {
        // SAFETY: as above.
        let ackermann = unsafe { ackermann::function() };
        assert_eq!(on_fresh_task(ackermann, (3, n)), 2u64.pow(n as u32 + 3) - 3, "ackermann(3, {n})");
    }
}
