//! Functions with over-aligned frames, which LLVM gets wrong, do what they should.

mod common;
use common::Project;

/// Checks that locals are where they should be and keep their contents over a call, for alignments from 16 to 8192.
const MAIN: &str = r#"
use std::hint::black_box;
macro_rules! aligned {
    ($($name:ident $align:literal),*) => {
        $(#[inline(never)] fn $name(n: u8, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> u64 {
            #[repr(align($align))] struct Local([u8; 100]);
            let mut local = Local([n; 100]);
            let address = black_box(&mut local) as *mut Local as usize;
            assert_eq!(address % $align, 0, "alignment {}", $align);
            let deeper = if n == 0 { 0 } else { $name(n - 1, a, b, c, d, e, f, g) };
            assert!(local.0.iter().all(|byte| *byte == n), "alignment {}", $align);
            deeper + a + b + c + d + e + f + g
        })*
        fn main() { $(assert_eq!($name(20, 1, 2, 3, 4, 5, 6, 7), 21 * 28);)* println!("done") }
    };
}
aligned!(a16 16, a32 32, a64 64, a128 128, a256 256, a512 512, a1024 1024, a2048 2048, a4096 4096, a8192 8192);
"#;

#[test]
fn optimised() {
    assert_eq!(Project::program(MAIN).succeed(&["run", "--release"]), "done\n");
}

#[test]
fn not_optimised() {
    assert_eq!(Project::program(MAIN).succeed(&["run"]), "done\n");
}
