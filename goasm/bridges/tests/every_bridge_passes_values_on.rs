//! Signatures at random, from 0 to 40 arguments: what goes through a bridge in any direction comes out as it was, while the stack grows
//! under the call and in the middle of it.

#[path = "../../../tests/common/seed.rs"]
mod seed;

mod sample;

use goasm::{GoSlice, GoStr, MappedFn};
use morestack::sched::Scheduler;
use morestack::task::{AbiArgs, AbiResults};
use rand::rngs::SmallRng;
use sample::Sample;

#[allow(unused_variables, clippy::all, reason = "written by the build script")]
mod bridges {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/bridges.rs"));
}

/// How often each signature's functions are called, with other values each time.
const ROUNDS: usize = 20;

/// Calls each function with the same arguments: from a fresh task, whose stack has 2 KB, and from here, where it has grown.
fn check<A, R>(functions: &[(&str, MappedFn<A, R>)], args: A, expected: fn(A) -> R, same: fn(&R, &R) -> bool)
where
    A: AbiArgs + Copy + 'static,
    R: AbiResults + 'static,
{
    let expected = expected(args);
    for (name, function) in functions {
        let got = Scheduler::new().spawn_mapped(*function, args).join_or_resume();
        assert!(same(&got, &expected), "{name}, on a fresh task");
        assert!(same(&function.call(args), &expected), "{name}");
    }
}

#[test]
fn in_all_directions() {
    let seed = seed::seed();
    println!("signatures: GOASM_BRIDGES_SEED={} at compile time", env!("GOASM_BRIDGES_SEED"));
    let mut rng = seed::generator(seed, 0);
    for _ in 0..ROUNDS {
        for case in bridges::CASES {
            case(&mut rng);
        }
    }
}
