//! `golang.org/x/crypto/chacha20poly1305`, as it comes with Go: `chacha20Poly1305Seal` and `chacha20Poly1305Open` against RustCrypto's.

#![cfg(go)]

mod common;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use common::bytes::{Bytes, lengths};
use common::seed::{generator, seed};
use common::{Args, Deep, Words, has};
use rand::Rng;
use rand::rngs::SmallRng;

goasm::include! {
    "$OUT_DIR/vendor/golang.org/x/crypto/chacha20poly1305/chacha20poly1305_amd64.s", package("vendor/golang.org/x/crypto/chacha20poly1305");

    unsafe extern "ABI0" {
        /// Encrypts, and puts 16 bytes of proof behind that.
        ///
        /// # Safety
        /// The processor has AVX2 and BMI2. `dst` is as long as `src` and the proof together. `key` is from `state`.
        fn seal(dst: &mut [u8], key: &[u32], src: &[u8], ad: &[u8]) = "chacha20Poly1305Seal";
        /// Decrypts, and says whether the 16 bytes behind `src` prove it.
        ///
        /// # Safety
        /// As for `seal`, but that `dst` is as long as `src`, behind which are 16 more bytes.
        fn open(dst: &mut [u8], key: &[u32], src: &[u8], ad: &[u8]) -> bool = "chacha20Poly1305Open";
    }
}

goasm::include! {
    "asm/chacha20poly1305_amd64.s";

    unsafe extern "ABI0" {
        fn deep_seal(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepSeal";
        fn deep_open(words: *mut Words, depth: u64) -> (first: u64, before: u64, after: u64) = "deepOpen";
    }
}

const PROOF: usize = 16;

/// A message, and what is to come out.
struct Case {
    state: [u32; 16],
    plain: Bytes,
    additional: Bytes,
    sealed: Bytes,
}

impl Case {
    fn random(rng: &mut SmallRng, len: usize) -> Case {
        let (key, nonce): ([u8; 32], [u8; 12]) = (rng.random(), rng.random());
        let plain = Bytes::random(rng, len);
        // Thirteen bytes, as TLS has, go a way of their own.
        let additional = match rng.random_range(0..4) {
            0 => 0,
            1 => 13,
            2 => rng.random_range(0..100),
            _ => rng.random_range(0..12_000),
        };
        let additional = Bytes::random(rng, additional);
        let payload = Payload { msg: &plain, aad: &additional };
        let sealed = ChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload).expect("not too long");
        Case { state: state(&key, &nonce), sealed: Bytes::copied(rng, &sealed), plain, additional }
    }

    /// The arguments, with the encrypted bytes or the plain ones as the third.
    fn args(&self, dst: *const [u8], src: *const [u8]) -> Args {
        Args::new().slice(dst).slice(&raw const self.state[..]).slice(src).slice(&raw const *self.additional)
    }
}

/// The matrix that the cipher starts with: RFC 8439, section 2.3.
fn state(key: &[u8; 32], nonce: &[u8; 12]) -> [u32; 16] {
    let bytes = [b"expand 32-byte k", key.as_slice(), &[0; 4], nonce].concat();
    let mut state = [0; 16];
    for (word, bytes) in state.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    }
    state
}

fn can_run() -> bool {
    has!("avx2", "bmi2")
}

#[test]
fn sealed_messages_are_those_of_rust() {
    if !can_run() {
        return;
    }
    let mut rng = generator(seed(), 0);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 1_200) {
        let case = Case::random(&mut rng, len);
        // Some bytes more, which have to stay.
        let mut dst = vec![0xa5; len + PROOF + 64];
        // SAFETY: the processor can, and the lengths are right.
        unsafe { seal(&mut dst[..len + PROOF], &case.state, &case.plain, &case.additional) };
        assert!(dst[..len + PROOF] == *case.sealed, "{len} bytes");
        assert_eq!(dst[len + PROOF..], [0xa5; 64], "{len} bytes");

        let mut dst = vec![0xa5; len + PROOF + 64];
        let args = case.args(&raw mut dst[..len + PROOF], &raw const *case.plain);
        // SAFETY: likewise, and these are its arguments.
        unsafe { deep.call(deep_seal::function(), args) };
        assert!(dst[..len + PROOF] == *case.sealed, "{len} bytes, deep in a stack");
        assert_eq!(dst[len + PROOF..], [0xa5; 64], "{len} bytes, deep in a stack");
    }
    deep.assert_grown_inside();
}

#[test]
fn messages_sealed_by_rust_are_opened_and_others_are_not() {
    if !can_run() {
        return;
    }
    let mut rng = generator(seed(), 1);
    let mut deep = Deep::default();
    for len in lengths(&mut rng, 1_200) {
        let case = Case::random(&mut rng, len);
        let mut dst = vec![0xa5; len + 64];
        // SAFETY: the processor can, and the lengths are right.
        let is_proven = unsafe { open(&mut dst[..len], &case.state, &case.sealed[..len], &case.additional) };
        assert!(is_proven && dst[..len] == *case.plain, "{len} bytes");
        assert_eq!(dst[len..], [0xa5; 64], "{len} bytes");

        let mut dst = vec![0xa5; len + 64];
        let args = case.args(&raw mut dst[..len], &raw const case.sealed[..len]);
        let result = args.used();
        // SAFETY: likewise, and these are its arguments.
        let words = unsafe { deep.call(deep_open::function(), args) };
        assert_eq!(words[result] as u8, 1, "{len} bytes, deep in a stack");
        assert!(dst[..len] == *case.plain, "{len} bytes, deep in a stack");
        assert_eq!(dst[len..], [0xa5; 64], "{len} bytes, deep in a stack");

        let mut forged = case.sealed.to_vec();
        let at = rng.random_range(0..forged.len());
        forged[at] ^= 1 << rng.random_range(0..8);
        // SAFETY: likewise.
        let is_proven = unsafe { open(&mut dst[..len], &case.state, &forged[..len], &case.additional) };
        assert!(!is_proven, "{len} bytes, one bit of byte {at} is wrong");
        let args = case.args(&raw mut dst[..len], &raw const forged[..len]);
        // SAFETY: likewise.
        let words = unsafe { deep.call(deep_open::function(), args) };
        assert_eq!(words[result] as u8, 0, "{len} bytes, one bit of byte {at} is wrong, deep in a stack");
    }
    deep.assert_grown_inside();
}
