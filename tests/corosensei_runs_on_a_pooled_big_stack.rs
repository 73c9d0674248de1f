//! corosensei's coroutines take their stacks from our pool.
#![cfg(feature = "corosensei")]

use corosensei::{Coroutine, CoroutineResult};
use morestack::stack::big::BigStack;

type OnBig = Coroutine<u32, u32, u32, BigStack>;

/// Yields the running sum of what it is sent, `rounds` times; then the address of one of its locals.
fn summing(rounds: usize) -> OnBig {
    OnBig::with_stack(BigStack::new(None).unwrap(), move |yielder, first| {
        let mut sum = first;
        for _ in 0..rounds {
            sum += yielder.suspend(sum);
        }
        sum
    })
}

#[test]
fn yields_and_returns() {
    let mut coroutine = summing(2);
    assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1));
    assert_eq!(coroutine.resume(2), CoroutineResult::Yield(3));
    assert_eq!(coroutine.resume(4), CoroutineResult::Return(7));
}

#[test]
fn runs_between_the_stacks_bounds_and_gives_it_back() {
    let stack = BigStack::new(None).unwrap();
    let (lo, hi) = (stack.lo(), stack.hi());
    let mut coroutine = Coroutine::<(), (), usize, BigStack>::with_stack(stack, |_, ()| {
        let local = 0u8;
        std::hint::black_box(&raw const local) as usize
    });
    let CoroutineResult::Return(local) = coroutine.resume(()) else { panic!("it does not yield") };
    assert!((lo..hi).contains(&local));
    let stack = coroutine.into_stack();
    assert_eq!((stack.lo(), stack.hi()), (lo, hi));
}

#[test]
fn unwinds_when_dropped_half_way() {
    let mut coroutine = summing(2);
    assert_eq!(coroutine.resume(5), CoroutineResult::Yield(5));
    drop(coroutine);
}
