//! `internal/bytealg`: `Count`, `Index`, `IndexByte`, `Compare`, `runtime.memequal`, and those for strings, against plain Rust.
//!
//! With and without what newer processors have: the routines ask at each call.

#![cfg(go)]

mod common;

use common::bytes::{Bytes, lengths};
use common::seed::{generator, seed};
use common::{Args, Deep, Words, has};
use goasm::{GoSlice, GoStr};
use rand::Rng;
use rand::rngs::SmallRng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

goasm::include! {
    "$OUT_DIR/internal/bytealg/count_amd64.s", package("internal/bytealg");

    unsafe extern "ABI0" {
        safe fn count(b: &[u8], c: u8) -> usize = "Count";
        safe fn count_string(s: &str, c: u8) -> usize = "CountString";
    }
}

goasm::include! {
    "$OUT_DIR/internal/bytealg/index_amd64.s", package("internal/bytealg");

    unsafe extern "ABI0" {
        /// # Safety
        /// `b` has two bytes or more, and no more than 31, or 63 with AVX2.
        fn index(a: &[u8], b: &[u8]) -> isize = "Index";
        /// # Safety
        /// As for `index`.
        fn index_string(a: &str, b: &str) -> isize = "IndexString";
    }
}

goasm::include! {
    "$OUT_DIR/internal/bytealg/indexbyte_amd64.s", package("internal/bytealg");

    unsafe extern "ABI0" {
        safe fn index_byte(b: &[u8], c: u8) -> isize = "IndexByte";
        safe fn index_byte_string(s: &str, c: u8) -> isize = "IndexByteString";
    }
}

goasm::include! {
    "$OUT_DIR/internal/bytealg/compare_amd64.s", package("internal/bytealg");

    unsafe extern "ABIInternal" {
        safe fn compare(a: &[u8], b: &[u8]) -> isize = "Compare";
        safe fn compare_string(a: &str, b: &str) -> isize = "runtime·cmpstring";
    }
}

goasm::include! {
    "$OUT_DIR/internal/bytealg/equal_amd64.s", package("internal/bytealg");

    unsafe extern "ABIInternal" {
        /// # Safety
        /// There are so many bytes at both addresses.
        fn equal(a: *const u8, b: *const u8, size: usize) -> bool = "runtime·memequal";
    }
}

goasm::include! {
    "asm/bytealg_amd64.s", include_dir("$OUT_DIR/internal/bytealg");

    unsafe extern "ABI0" {
        /// # Safety
        /// As for `equal`.
        fn equal_closure(a: *const u8, b: *const u8, size: usize) -> bool = "equalClosure";

        fn deep_count(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCount";
        fn deep_count_string(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCountString";
        fn deep_index(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepIndex";
        fn deep_index_string(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepIndexString";
        fn deep_index_byte(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepIndexByte";
        fn deep_index_byte_string(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepIndexByteString";
        fn deep_compare(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCompare";
        fn deep_compare_string(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepCompareString";
        fn deep_equal(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepEqual";
        fn deep_equal_closure(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepEqualClosure";

        /// # Safety
        /// The processor has what is said that it has.
        fn set_popcnt(has: bool) = "setPOPCNT";
        /// # Safety
        /// As for `set_popcnt`.
        fn set_sse42(has: bool) = "setSSE42";
        /// # Safety
        /// As for `set_popcnt`.
        fn set_avx2(has: bool) = "setAVX2";
    }
}

/// How often `Count` has gone on in Rust.
static GENERIC: AtomicU64 = AtomicU64::new(0);

morestack::mapped_export! {
    /// What `Count` jumps to without POPCNT.
    #[unsafe(export_name = "internal/bytealg.countGeneric")]
    fn count_generic(b: GoSlice<u8>, c: u8) -> usize {
        GENERIC.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's slice lives during the call.
        unsafe { b.as_slice() }.iter().filter(|byte| **byte == c).count()
    }
}

morestack::mapped_export! {
    /// What `CountString` jumps to without POPCNT.
    #[unsafe(export_name = "internal/bytealg.countGenericString")]
    fn count_generic_string(s: GoStr, c: u8) -> usize {
        GENERIC.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's string lives during the call.
        unsafe { s.as_str() }.bytes().filter(|byte| *byte == c).count()
    }
}

/// How long a text `Index` searches for at most, without and with AVX2.
const MAX_INDEX: [usize; 2] = [31, 63];

/// Runs a test without what newer processors have, then with it, as far as this one does. One at a time in this process, which they
/// share with the routines.
fn with_and_without(test: impl Fn(&mut SmallRng, usize)) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rng = generator(seed(), 0);
    let set = |sse42, avx2| {
        // SAFETY: it is only said to have what it has.
        unsafe {
            set_popcnt(sse42);
            set_sse42(sse42);
            set_avx2(avx2);
        }
    };
    set(false, false);
    test(&mut rng, MAX_INDEX[0]);
    if has!("sse4.2", "popcnt") {
        set(true, false);
        test(&mut rng, MAX_INDEX[0]);
    }
    if has!("sse4.2", "popcnt", "avx2") {
        set(true, true);
        test(&mut rng, MAX_INDEX[1]);
    }
}

/// A text of few different letters, so that what is looked for is often there, and often nearly.
fn text(rng: &mut SmallRng, len: usize) -> Bytes {
    let letters: Vec<u8> = (0..len).map(|_| if rng.random_ratio(1, 40) { b'b' } else { b'a' }).collect();
    Bytes::copied(rng, &letters)
}

fn str_of(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("letters")
}

#[test]
fn letters_are_counted() {
    with_and_without(|rng, _| {
        let (mut deep, mut deep_string) = (Deep::default(), Deep::default());
        for len in lengths(rng, 300) {
            let text = text(rng, len);
            for c in [b'a', b'b'] {
                let expected = text.iter().filter(|byte| **byte == c).count();
                assert_eq!(count(&text, c), expected, "{len} bytes");
                assert_eq!(count_string(str_of(&text), c), expected, "{len} bytes");
                let args = Args::new().slice(&raw const *text).word(c.into());
                // SAFETY: these are its arguments.
                let words = unsafe { deep.call(deep_count::function(), args) };
                assert_eq!(words[4] as usize, expected, "{len} bytes, deep in a stack");
                let args = Args::new().string(&raw const *text).word(c.into());
                // SAFETY: likewise.
                let words = unsafe { deep_string.call(deep_count_string::function(), args) };
                assert_eq!(words[3] as usize, expected, "{len} bytes, deep in a stack");
            }
        }
        deep.assert_grown_above();
        deep_string.assert_grown_above();
    });
    assert!(GENERIC.load(Ordering::Relaxed) > 0, "without POPCNT, Rust counts");
}

#[test]
fn letters_are_found() {
    with_and_without(|rng, _| {
        let (mut deep, mut deep_string) = (Deep::default(), Deep::default());
        for len in lengths(rng, 300) {
            let text = text(rng, len);
            for c in [b'a', b'b', b'c'] {
                let expected = text.iter().position(|byte| *byte == c).map_or(-1, |at| at as isize);
                assert_eq!(index_byte(&text, c), expected, "{len} bytes");
                assert_eq!(index_byte_string(str_of(&text), c), expected, "{len} bytes");
                let args = Args::new().slice(&raw const *text).word(c.into());
                // SAFETY: these are its arguments.
                let words = unsafe { deep.call(deep_index_byte::function(), args) };
                assert_eq!(words[4] as isize, expected, "{len} bytes, deep in a stack");
                let args = Args::new().string(&raw const *text).word(c.into());
                // SAFETY: likewise.
                let words = unsafe { deep_string.call(deep_index_byte_string::function(), args) };
                assert_eq!(words[3] as isize, expected, "{len} bytes, deep in a stack");
            }
        }
        deep.assert_grown_above();
        deep_string.assert_grown_above();
    });
}

#[test]
fn texts_are_found() {
    with_and_without(|rng, longest| {
        let (mut deep, mut deep_string) = (Deep::default(), Deep::default());
        for len in lengths(rng, 300) {
            let text = text(rng, len);
            let wanted = rng.random_range(2..=longest);
            let wanted = match len > wanted && rng.random() {
                true => {
                    let start = rng.random_range(0..len - wanted);
                    Bytes::copied(rng, &text[start..start + wanted])
                }
                false => self::text(rng, wanted),
            };
            let expected = text.windows(wanted.len()).position(|part| part == &*wanted).map_or(-1, |at| at as isize);
            let what = format!("{} in {len} bytes", wanted.len());
            // SAFETY: it is as long as it may be.
            assert_eq!(unsafe { index(&text, &wanted) }, expected, "{what}");
            // SAFETY: likewise.
            assert_eq!(unsafe { index_string(str_of(&text), str_of(&wanted)) }, expected, "{what}");
            let args = Args::new().slice(&raw const *text).slice(&raw const *wanted);
            // SAFETY: likewise, and these are its arguments.
            let words = unsafe { deep.call(deep_index::function(), args) };
            assert_eq!(words[6] as isize, expected, "{what}, deep in a stack");
            let args = Args::new().string(&raw const *text).string(&raw const *wanted);
            // SAFETY: likewise.
            let words = unsafe { deep_string.call(deep_index_string::function(), args) };
            assert_eq!(words[4] as isize, expected, "{what}, deep in a stack");
        }
        deep.assert_grown_above();
        deep_string.assert_grown_above();
    });
}

/// Two texts that are equal, or differ in one place or in their lengths.
fn pair(rng: &mut SmallRng, len: usize) -> (Bytes, Bytes) {
    let first = text(rng, len);
    let mut second = first.to_vec();
    if len > 0 && rng.random() {
        second[rng.random_range(0..len)] ^= 3;
    }
    if rng.random_ratio(1, 4) {
        second.truncate(rng.random_range(0..=len));
    }
    let second = Bytes::copied(rng, &second);
    if rng.random() { (first, second) } else { (second, first) }
}

#[test]
fn texts_are_compared() {
    with_and_without(|rng, _| {
        let (mut deep, mut deep_string) = (Deep::default(), Deep::default());
        for len in lengths(rng, 300).into_iter().flat_map(|len| [len; 3]) {
            let (a, b) = pair(rng, len);
            let expected = a.cmp(&*b) as isize;
            assert_eq!(compare(&a, &b), expected, "{len} bytes");
            assert_eq!(compare_string(str_of(&a), str_of(&b)), expected, "{len} bytes");
            assert_eq!(compare(&a, &a), 0, "{len} bytes, the same");
            let args = Args::new().slice(&raw const *a).slice(&raw const *b);
            // SAFETY: these are its arguments.
            let words = unsafe { deep.call(deep_compare::function(), args) };
            assert_eq!(words[6] as isize, expected, "{len} bytes, deep in a stack");
            let args = Args::new().string(&raw const *a).string(&raw const *b);
            // SAFETY: likewise.
            let words = unsafe { deep_string.call(deep_compare_string::function(), args) };
            assert_eq!(words[4] as isize, expected, "{len} bytes, deep in a stack");
        }
        deep.assert_grown_above();
        deep_string.assert_grown_above();
    });
}

#[test]
fn memory_is_equal_or_not() {
    with_and_without(|rng, _| {
        let (mut deep, mut deep_closure) = (Deep::default(), Deep::default());
        for len in lengths(rng, 300).into_iter().flat_map(|len| [len; 3]) {
            let (a, b) = pair(rng, len);
            let len = a.len().min(b.len());
            let expected = a[..len] == b[..len];
            for function in [equal, equal_closure] {
                // SAFETY: both have so many bytes.
                assert_eq!(unsafe { function(a.as_ptr(), b.as_ptr(), len) }, expected, "{len} bytes");
                // SAFETY: likewise.
                assert!(unsafe { function(a.as_ptr(), a.as_ptr(), len) }, "{len} bytes, the same");
            }
            let args = || Args::new().address(a.as_ptr()).address(b.as_ptr()).word(len as u64);
            // SAFETY: likewise, and these are its arguments.
            let words = unsafe { deep.call(deep_equal::function(), args()) };
            assert_eq!(words[3] as u8, u8::from(expected), "{len} bytes, deep in a stack");
            // SAFETY: likewise.
            let words = unsafe { deep_closure.call(deep_equal_closure::function(), args()) };
            assert_eq!(words[3] as u8, u8::from(expected), "{len} bytes, deep in a stack");
        }
        deep.assert_grown_above();
        deep_closure.assert_grown_above();
    });
}
