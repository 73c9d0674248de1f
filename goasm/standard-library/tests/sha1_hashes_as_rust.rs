//! `crypto/sha1`: `blockAVX2` and `blockSHANI` against RustCrypto's SHA-1.

#![cfg(go)]

mod common;

use common::bytes::{Bytes, lengths, padded};
use common::seed::{generator, seed};
use common::{Args, Deep, Driver, Words, has};
use morestack::sched::Scheduler;
use morestack::stack::layout::STACK_MIN;
use sha1::digest::consts::U64;
use sha1::digest::generic_array::GenericArray;
use sha1::{Digest, Sha1};

goasm::include! {
    "$OUT_DIR/crypto/sha1/sha1block_amd64.s", package("crypto/sha1");

    unsafe extern "ABI0" {
        /// # Safety
        /// The processor has AVX2, BMI1 and BMI2. There are two blocks of 64 bytes or a multiple of that, and behind them another 192
        /// bytes, because it reads ahead.
        fn block_avx2(dig: &mut [u32; 5], p: &[u8]) = "blockAVX2";
        /// # Safety
        /// The processor has SHA, SSSE3 and SSE4.1.
        fn block_shani(dig: &mut [u32; 5], p: &[u8]) = "blockSHANI";
    }
}

goasm::include! {
    "asm/sha1_amd64.s";

    unsafe extern "ABI0" {
        fn deep_avx2(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepBlockAVX2";
        fn deep_shani(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepBlockSHANI";
        /// As `block_avx2`, with the state in the function's own frame.
        ///
        /// # Safety
        /// As for `block_avx2`.
        fn block_in_frame(dig: *mut [u32; 5], p: &[u8]) -> (before: u64, after: u64) = "blockInFrame";
    }
}

const INITIAL: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

/// As many bytes of so many as `blockAVX2` may be given, as its documentation in Go has it. The rest is for another routine.
fn safe_for_avx2(len: usize) -> usize {
    if len < 256 { 0 } else { (len - 128) / 128 * 128 }
}

/// Checks the two ways to call a routine against Rust. `share` says how many bytes of the blocks the routine takes.
fn check(direct: unsafe fn(&mut [u32; 5], &[u8]), driver: Driver, share: fn(usize) -> usize) -> Deep {
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 600) {
        let message = Bytes::random(&mut rng, len);
        let blocks = padded(&message, u64::to_be_bytes);
        let blocks = Bytes::copied(&mut rng, &blocks);
        let (own, rest) = blocks.split_at(share(blocks.len()));
        if own.is_empty() {
            continue;
        }
        let expected = Sha1::digest(&*message);

        let mut state = INITIAL;
        // SAFETY: the processor can, and `share` leaves as much as is read ahead.
        unsafe { direct(&mut state, own) };
        assert_eq!(finished(state, rest), *expected, "{len} bytes");

        let mut state = INITIAL;
        let args = Args::new().address(&raw mut state).slice(own);
        // SAFETY: likewise, and these are its arguments.
        unsafe { deep.call(driver, args) };
        assert_eq!(finished(state, rest), *expected, "{len} bytes, deep in a stack");
    }
    deep
}

/// The hash, when Rust has taken the last blocks.
fn finished(mut state: [u32; 5], blocks: &[u8]) -> Vec<u8> {
    sha1::compress(&mut state, &blocks_of(blocks));
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Blocks as Rust's routine takes them.
fn blocks_of(bytes: &[u8]) -> Vec<GenericArray<u8, U64>> {
    bytes.chunks_exact(64).map(|block| *GenericArray::from_slice(block)).collect()
}

#[test]
fn hashes_with_avx2_are_those_of_rust() {
    if !has!("avx2", "bmi1", "bmi2") {
        return;
    }
    // SAFETY: the processor can.
    let driver = unsafe { deep_avx2::function() };
    check(block_avx2, driver, safe_for_avx2).assert_grown_inside();
}

#[test]
fn hashes_with_sha_instructions_are_those_of_rust() {
    if !has!("sha", "ssse3", "sse4.1") {
        return;
    }
    // SAFETY: the processor can.
    let driver = unsafe { deep_shani::function() };
    check(block_shani, driver, |len| len).assert_grown_above();
}

#[test]
fn a_state_in_a_frame_moves_with_it() {
    if !has!("avx2", "bmi1", "bmi2") {
        return;
    }
    let mut rng = generator(seed(), 1);
    for len in lengths(&mut rng, 600).into_iter().filter(|len| *len >= 256) {
        let blocks = Bytes::random(&mut rng, len / 64 * 64);
        let own = &blocks[..safe_for_avx2(blocks.len())];
        let (mut state, mut expected) = (INITIAL, INITIAL);
        sha1::compress(&mut expected, &blocks_of(own));
        let args = (&raw mut state, own.into());
        // SAFETY: the processor can, as much is left as is read ahead, and all of it lives until the task has ended.
        let (before, after) =
            Scheduler::new().spawn_mapped(unsafe { block_in_frame::function() }, args).join_or_resume();
        assert_eq!(state, expected, "{len} bytes");
        assert!(before == STACK_MIN as u64 && after > before, "the stack grew from {before} to {after}");
    }
}
