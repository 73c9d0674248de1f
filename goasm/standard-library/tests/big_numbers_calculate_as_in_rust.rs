//! `math/big`: the loops below all arithmetic of numbers of any length, against num-bigint.

#![cfg(go)]

mod common;

use common::bytes::lengths;
use common::seed::{generator, seed};
use common::{Args, Deep, Driver, Words, has};
use num_bigint::BigUint;
use rand::Rng;
use rand::rngs::SmallRng;

goasm::include! {
    "$OUT_DIR/math/big/arith_amd64.s", package("math/big");

    // None is safe: the slices have to be of one length.
    unsafe extern "ABI0" {
        /// z = x + y
        fn add(z: &mut [u64], x: &[u64], y: &[u64]) -> (c: u64) = "addVV";
        /// z = x - y
        fn sub(z: &mut [u64], x: &[u64], y: &[u64]) -> (c: u64) = "subVV";
        /// z = x << s, 1 <= s <= 63
        fn lsh(z: &mut [u64], x: &[u64], s: u64) -> (c: u64) = "lshVU";
        /// z = x >> s, 1 <= s <= 63
        fn rsh(z: &mut [u64], x: &[u64], s: u64) -> (c: u64) = "rshVU";
        /// z = x * m + a
        fn mul_add(z: &mut [u64], x: &[u64], m: u64, a: u64) -> (c: u64) = "mulAddVWW";
        /// z = x + y * m + a. With ADX if it is said that it is there.
        fn add_mul(z: &mut [u64], x: &[u64], y: &[u64], m: u64, a: u64) -> (c: u64) = "addMulVVWW";
    }
}

goasm::include! {
    "asm/big_amd64.s";

    unsafe extern "ABI0" {
        fn deep_add(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepAdd";
        fn deep_sub(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepSub";
        fn deep_lsh(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepLsh";
        fn deep_rsh(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepRsh";
        fn deep_mul_add(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepMulAdd";
        fn deep_add_mul(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepAddMul";
        /// # Safety
        /// The processor has what is said that it has.
        fn set_adx(has: bool) = "setADX";
    }
}

/// Operands.
struct Case {
    x: Vec<u64>,
    y: Vec<u64>,
    m: u64,
    a: u64,
    s: u64,
}

impl Case {
    fn random(rng: &mut SmallRng, len: usize) -> Case {
        let [x, y] = [(); 2].map(|()| (0..len).map(|_| word(rng)).collect());
        Case { x, y, m: word(rng), a: word(rng), s: rng.random_range(1..64) }
    }
}

/// At every second time one at the edge, so that carries go far.
fn word(rng: &mut SmallRng) -> u64 {
    match rng.random_range(0..6) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        _ => rng.random(),
    }
}

/// The number with these digits, the lowest first.
fn number(words: &[u64]) -> BigUint {
    BigUint::new(words.iter().flat_map(|word| [*word as u32, (word >> 32) as u32]).collect())
}

/// A routine called straight from Rust: it fills the slice and returns the carry.
type Direct = fn(&mut [u64], &Case) -> u64;
/// Puts the arguments behind `z`: `x`, which may be elsewhere than in the case, and the others.
type Arguments = fn(Args, *const [u64], &Case) -> Args;
/// What comes out by Rust's arithmetic: the digits and the carry as one number, in the order of the words.
type Expected = fn(&Case) -> (Vec<u64>, u64);

/// Runs a routine straight, deep in a stack, and deep in a stack with `x` in the place of `z`.
fn check(direct: Direct, driver: Driver, arguments: Arguments, expected: Expected) {
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 150) {
        // Big ones are so many bytes.
        let len = if len < 10_000 { len } else { len.div_ceil(8) };
        let case = Case::random(&mut rng, len);
        let expected = expected(&case);
        let mut z = vec![0; len];
        let carry = direct(&mut z, &case);
        assert!((z, carry) == expected, "{len} words");

        // One word more, which has to stay.
        let guard: u64 = rng.random();
        let mut z = vec![guard; len + 1];
        let args = arguments(Args::new().slice(&raw mut z[..len]), &raw const case.x[..], &case);
        let carry = args.used();
        // SAFETY: these are its arguments, and the slices are of one length.
        let words = unsafe { deep.call(driver, args) };
        assert_eq!(z.pop(), Some(guard), "{len} words");
        assert!((z, words[carry]) == expected, "{len} words, deep in a stack");

        let mut z = case.x.clone();
        let place = &raw mut z[..];
        // SAFETY: likewise, and z may be x.
        let words = unsafe { deep.call(driver, arguments(Args::new().slice(place), place, &case)) };
        assert!((z, words[carry]) == expected, "{len} words, in place");
    }
    deep.assert_grown_above();
}

/// The lowest `len` words of a number, and the one above them.
fn digits(number: &BigUint, len: usize) -> (Vec<u64>, u64) {
    let mut digits = number.to_u64_digits();
    assert!(digits.len() <= len + 1, "the carry is a word");
    digits.resize(len + 1, 0);
    let top = digits.pop().unwrap_or_default();
    (digits, top)
}

#[test]
fn vectors_are_added() {
    check(
        // SAFETY: the slices are of one length.
        |z, case| unsafe { add(z, &case.x, &case.y) },
        // SAFETY: it is called with slices of one length.
        unsafe { deep_add::function() },
        |args, x, case| args.slice(x).slice(&raw const case.y[..]),
        |case| digits(&(number(&case.x) + number(&case.y)), case.x.len()),
    );
}

#[test]
fn vectors_are_subtracted() {
    check(
        // SAFETY: the slices are of one length.
        |z, case| unsafe { sub(z, &case.x, &case.y) },
        // SAFETY: it is called with slices of one length.
        unsafe { deep_sub::function() },
        |args, x, case| args.slice(x).slice(&raw const case.y[..]),
        |case| {
            let borrow = u64::from(number(&case.x) < number(&case.y));
            let borrowed = BigUint::from(borrow) << (64 * case.x.len());
            (digits(&(number(&case.x) + borrowed - number(&case.y)), case.x.len()).0, borrow)
        },
    );
}

#[test]
fn vectors_are_shifted_left() {
    check(
        // SAFETY: the slices are of one length.
        |z, case| unsafe { lsh(z, &case.x, case.s) },
        // SAFETY: it is called with slices of one length.
        unsafe { deep_lsh::function() },
        |args, x, case| args.slice(x).word(case.s),
        |case| digits(&(number(&case.x) << case.s), case.x.len()),
    );
}

#[test]
fn vectors_are_shifted_right() {
    check(
        // SAFETY: the slices are of one length.
        |z, case| unsafe { rsh(z, &case.x, case.s) },
        // SAFETY: it is called with slices of one length.
        unsafe { deep_rsh::function() },
        |args, x, case| args.slice(x).word(case.s),
        |case| {
            // What is shifted out is the top of a word.
            let shifted = (number(&case.x) << 64u32) >> case.s;
            let (mut words, top) = digits(&shifted, case.x.len());
            words.push(top);
            let out = words.remove(0);
            (words, out)
        },
    );
}

#[test]
fn vectors_are_multiplied_and_a_word_is_added() {
    check(
        // SAFETY: the slices are of one length.
        |z, case| unsafe { mul_add(z, &case.x, case.m, case.a) },
        // SAFETY: it is called with slices of one length.
        unsafe { deep_mul_add::function() },
        |args, x, case| args.slice(x).word(case.m).word(case.a),
        |case| digits(&(number(&case.x) * case.m + case.a), case.x.len()),
    );
}

#[test]
fn products_are_added_to_vectors() {
    let check = || {
        check(
            // SAFETY: the slices are of one length.
            |z, case| unsafe { add_mul(z, &case.x, &case.y, case.m, case.a) },
            // SAFETY: it is called with slices of one length.
            unsafe { deep_add_mul::function() },
            |args, x, case| args.slice(x).slice(&raw const case.y[..]).word(case.m).word(case.a),
            |case| digits(&(number(&case.x) + number(&case.y) * case.m + case.a), case.x.len()),
        );
    };
    check();
    if has!("adx", "bmi2") {
        // SAFETY: it has.
        unsafe { set_adx(true) };
        check();
    }
}
