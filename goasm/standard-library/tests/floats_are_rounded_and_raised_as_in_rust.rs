//! `math`: `archFloor`, `archCeil`, `archTrunc`, `archHypot` and `archExp` against Rust's, and a square root of our own in Go's syntax:
//! Go 1.27 has none in assembly any more, because its compiler knows the instruction.
//!
//! One number is all that these take; so instead of long inputs there are many.

#![cfg(go)]

mod common;

use common::seed::{generator, seed};
use common::{Args, Deep, Driver, Words, has};
use rand::Rng;
use rand::rngs::SmallRng;

goasm::include! {
    "$OUT_DIR/math/floor_amd64.s", package("math");

    unsafe extern "ABI0" {
        safe fn floor(x: f64) -> f64 = "archFloor";
        safe fn ceil(x: f64) -> f64 = "archCeil";
        safe fn trunc(x: f64) -> f64 = "archTrunc";
    }
}

goasm::include! {
    "$OUT_DIR/math/hypot_amd64.s", package("math");

    unsafe extern "ABI0" {
        safe fn hypot(p: f64, q: f64) -> f64 = "archHypot";
    }
}

goasm::include! {
    "$OUT_DIR/math/exp_amd64.s", package("math");

    unsafe extern "ABI0" {
        safe fn exp(x: f64) -> f64 = "archExp";
    }
}

goasm::include! {
    "asm/math_amd64.s";

    unsafe extern "ABI0" {
        safe fn sqrt(x: f64) -> f64;
        fn deep_floor(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepFloor";
        fn deep_ceil(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCeil";
        fn deep_trunc(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepTrunc";
        fn deep_exp(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepExp";
        fn deep_hypot(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepHypot";
        fn deep_sqrt(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepSqrt";
        /// # Safety
        /// The processor has FMA if that is said.
        fn set_fma(has: bool) = "setFMA";
    }
}

/// Numbers to try, and how many of them deep in a stack.
const NUMBERS: usize = 20_000;
const DEEP: usize = 500;

/// The numbers at which things change, with both signs.
fn special() -> Vec<f64> {
    let two_to_52 = (1u64 << 52) as f64;
    let positive = [
        0.0,
        0.5,
        1.0,
        1.5,
        2.5,
        two_to_52 - 0.5,
        two_to_52,
        2.0 * two_to_52,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::INFINITY,
    ];
    let nan = f64::from_bits(0x7ff8_0000_dead_beef);
    let near = |x: f64| [x, x.next_up(), x.next_down()];
    positive.into_iter().flat_map(near).chain([nan]).flat_map(|x| [x, -x]).collect()
}

/// Special numbers, any bits at all, and numbers of common size.
fn numbers(rng: &mut SmallRng) -> Vec<f64> {
    let mut numbers = special();
    while numbers.len() < NUMBERS {
        numbers.push(f64::from_bits(rng.random()));
        numbers.push(rng.random_range(-1e4..1e4));
    }
    numbers
}

type Function = fn(f64) -> f64;

/// Checks a function of one number, straight and deep in a stack.
fn check(direct: Function, driver: Driver, numbers: &[f64], is_right: impl Fn(f64, f64) -> bool) {
    let mut deep = Deep::default();
    for (index, x) in numbers.iter().copied().enumerate() {
        let y = direct(x);
        assert!(is_right(x, y), "f({x:e}) = {y:e}");
        if index < DEEP {
            // SAFETY: these are its arguments.
            let words = unsafe { deep.call(driver, Args::new().word(x.to_bits())) };
            assert_eq!(words[1], y.to_bits(), "f({x:e}), deep in a stack");
        }
    }
    deep.assert_grown_above();
}

#[test]
fn numbers_are_rounded() {
    let numbers = numbers(&mut generator(seed(), 0));
    // SAFETY: they are called with a number.
    let drivers = unsafe { [deep_floor::function(), deep_ceil::function(), deep_trunc::function()] };
    let pairs: [[Function; 2]; 3] = [[floor, f64::floor], [ceil, f64::ceil], [trunc, f64::trunc]];
    for ([go, rust], driver) in pairs.into_iter().zip(drivers) {
        // Signs of zeros, too. What is no number stays what it was.
        check(go, driver, &numbers, |x, y| y.to_bits() == if x.is_nan() { x } else { rust(x) }.to_bits());
    }
}

#[test]
fn square_roots_are_those_of_rust() {
    let numbers = numbers(&mut generator(seed(), 1));
    // SAFETY: it is called with a number.
    let driver = unsafe { deep_sqrt::function() };
    check(sqrt, driver, &numbers, |x, y| (y.is_nan() && x.sqrt().is_nan()) || y.to_bits() == x.sqrt().to_bits());
}

#[test]
fn hypotenuses_are_those_of_rust() {
    let mut rng = generator(seed(), 2);
    let mut deep = Deep::default();
    let (mut ps, mut qs) = (numbers(&mut rng), numbers(&mut rng));
    let special = special();
    ps.extend(special.iter().flat_map(|p| vec![*p; special.len()]));
    qs.extend(special.iter().cycle().take(special.len() * special.len()));
    for (index, (p, q)) in ps.into_iter().zip(qs).enumerate() {
        let y = hypot(p, q);
        assert!(is_hypot(p, q, y), "hypot({p:e}, {q:e}) = {y:e}");
        if index < DEEP {
            // SAFETY: these are its arguments.
            let words = unsafe { deep.call(deep_hypot::function(), Args::new().word(p.to_bits()).word(q.to_bits())) };
            assert_eq!(words[2], y.to_bits(), "hypot({p:e}, {q:e}), deep in a stack");
        }
    }
    deep.assert_grown_above();
}

/// What Go's documentation says of infinities and of what is no number; else Rust's within 4 units in the last place.
///
/// The routine is max * sqrt(1 + (min / max)^2). With five roundings by half a unit, of which the root halves the first three, it is
/// less than 3.25 units off, and Rust's less than one, the other way at worst.
fn is_hypot(p: f64, q: f64, y: f64) -> bool {
    if p.is_infinite() || q.is_infinite() {
        return y == f64::INFINITY;
    }
    if p.is_nan() || q.is_nan() {
        return y.is_nan();
    }
    is_near(y, p.hypot(q), 4)
}

/// Whether there are not more than so many numbers from one to the other. Neither is negative.
fn is_near(a: f64, b: f64, units: u64) -> bool {
    a.to_bits().abs_diff(b.to_bits()) <= units
}

#[test]
fn exponentials_are_those_of_rust() {
    let mut rng = generator(seed(), 3);
    let mut numbers = special();
    numbers.extend([-744.0, -745.13, -745.14, -746.0, -1e9, 709.0, FINITE, TOO_LARGE, 710.0, 1e9]);
    while numbers.len() < NUMBERS {
        numbers.push(rng.random_range(-750.0..FINITE));
        numbers.push(rng.random_range(-1.0..1.0));
    }
    // SAFETY: it is called with a number.
    let driver = unsafe { deep_exp::function() };
    check(exp, driver, &numbers, is_exp);
    if has!("avx", "fma") {
        // SAFETY: it has.
        unsafe { set_fma(true) };
        check(exp, driver, &numbers, is_exp);
    }
}

/// The routine gives infinity from 1023.5 times the logarithm of 2 on, where it rounds the exponent to 1024. That is between these two.
/// The largest number is e to the 709.78; Go's `math.Exp(709.44)` is `+Inf` on amd64 nevertheless.
const FINITE: f64 = 709.436;
const TOO_LARGE: f64 = 709.437;

/// What Go's documentation says of special numbers; else Rust's within 4 units in the last place.
///
/// The routine is not rounded correctly: it takes a series at a 16th of the rest, and squares four times, each of which doubles
/// the error so far and adds one. That begins small, because what is squared is the exponential less one. Go's own tests allow for
/// a relative error of 4e-16, which is up to 3.6 units; a million random numbers were off by 2 at most, and Rust's may be by one.
fn is_exp(x: f64, y: f64) -> bool {
    match x {
        _ if x.is_nan() => y.to_bits() == x.to_bits(),
        TOO_LARGE.. => y == f64::INFINITY,
        f64::NEG_INFINITY..-746.0 => y.to_bits() == 0,
        -1e-20..1e-20 => y == 1.0,
        _ => is_near(y, x.exp(), 4),
    }
}
