//! Writes the functions that the tests call: of each signature six, which take the same arguments and give a choice of them as results.
//!
//! | name | is | on the way |
//! |---|---|---|
//! | `s7` | ABI0 | Rust -> ABI0 |
//! | `r7` | ABIInternal | Rust -> ABIInternal |
//! | `sr7` | ABI0, calls `r7` | ABI0 -> ABIInternal |
//! | `rs7` | ABIInternal, calls `s7` | ABIInternal -> ABI0 |
//! | `sx7` | ABI0, calls `x7` | ABI0 -> Rust |
//! | `rx7` | ABIInternal, calls `x7` | ABIInternal -> Rust |
//!
//! The signatures come from a seed, `GOASM_BRIDGES_SEED`; the tests print it.

mod assembly;
mod kind;
mod rust;

use kind::Kind;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;
use std::{env, fs};

/// Of each number of arguments there is a signature, from none to this.
const MAX_ARGUMENTS: usize = 40;

/// And so many with any number of arguments.
const MORE: usize = 19;

/// A signature, and what its functions do.
struct Case {
    params: Vec<Kind>,
    /// Each result is one of the arguments.
    results: Vec<usize>,
    /// Bytes of the frame that each of the two callees has besides what it needs: most make the stack grow.
    frames: [u32; 2],
}

impl Case {
    fn random(rng: &mut SmallRng, params: usize) -> Case {
        let params: Vec<Kind> = (0..params).map(|_| Kind::random(rng, 2)).collect();
        let results = match params.len() {
            0 => 0,
            _ => [rng.random_range(0..4), rng.random_range(0..=MAX_ARGUMENTS)][usize::from(rng.random_bool(0.3))],
        };
        let results = (0..results).map(|_| rng.random_range(0..params.len())).collect();
        let frames = [(); 2].map(|()| [0, 64, 200, 1600, 6000][rng.random_range(0..5)]);
        Case { params, results, frames }
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=GOASM_BRIDGES_SEED");
    let seed = match env::var("GOASM_BRIDGES_SEED") {
        Ok(seed) => seed.parse().unwrap_or_else(|error| panic!("GOASM_BRIDGES_SEED={seed}: {error}")),
        // The same functions each time, so that nothing is built again for nothing.
        Err(_) => 1_u64,
    };
    println!("cargo::rustc-env=GOASM_BRIDGES_SEED={seed}");
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut cases: Vec<Case> = (0..=MAX_ARGUMENTS).map(|params| Case::random(&mut rng, params)).collect();
    for _ in 0..MORE {
        let params = rng.random_range(1..=MAX_ARGUMENTS);
        cases.push(Case::random(&mut rng, params));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    fs::write(out.join("bridges_amd64.s"), assembly::source(&cases)).expect("a file in OUT_DIR");
    fs::write(out.join("bridges.rs"), rust::source(&cases)).expect("a file in OUT_DIR");
}
