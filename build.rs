//! Prepares the assembly files: each is copied to the output directory with line numbers put in, as `build/lines.rs`
//! explains, and read from there:
//!
//! ```text
//! global_asm!(include_str!(concat!(env!("OUT_DIR"), "/asm/x.s")), options(att_syntax));
//! ```
//!
//! `OUT_DIR` is known to the library, to its tests, benches and examples alike. The key `links` in Cargo.toml needs a
//! build script too.

#[path = "build/lines.rs"]
mod lines;

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The directory without which there is no library.
const LIBRARY: &str = "asm";

/// Directories that may be missing. Cargo is not told to watch for one that is, because it takes a missing path for a
/// changed one and would build everything anew each time. After making one of them, touch this file.
const OTHERS: [&str; 3] = ["tests/asm", "benches/asm", "examples/asm"];

fn main() {
    // Relative paths are right: cargo runs build scripts in the package's directory, and reads the paths below so.
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    for dir in [LIBRARY].into_iter().chain(OTHERS) {
        let exists = Path::new(dir).is_dir();
        if exists || dir == LIBRARY {
            // Cargo looks into directories, so a file that is added or changed is noticed as well.
            println!("cargo::rerun-if-changed={dir}");
        }
        // What an earlier run made of a file that is gone now must not be found any more.
        if let Err(error) = fs::remove_dir_all(out.join(dir))
            && error.kind() != io::ErrorKind::NotFound
        {
            panic!("cannot clear {dir} in the output directory: {error}");
        }
        if exists {
            copy_numbered(Path::new(dir), &out).unwrap_or_else(|error| panic!("assembly files in {dir}: {error}"));
        }
    }
    let macros = fs::read_to_string("asm/macros.s").unwrap_or_else(|error| panic!("asm/macros.s: {error}"));
    fs::write(out.join("macros.rs"), literal(&macros)).expect("the output directory can be written");
}

/// A Rust macro that stands for `text` as a string literal.
fn literal(text: &str) -> String {
    format!(
        "#[doc(hidden)]\n#[macro_export]\nmacro_rules! __assembly_macros {{\n    () => {{\n        {text:?}\n    }};\n}}\n"
    )
}

/// Copies each assembly file in `dir` and below to the same relative path in `out`, with line numbers.
fn copy_numbered(dir: &Path, out: &Path) -> io::Result<()> {
    fs::create_dir_all(out.join(dir))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            copy_numbered(&path, out)?;
        } else if path.to_string_lossy().ends_with("_amd64.s") {
            // Go's syntax, which goasm reads where it is.
        } else if path.extension().is_some_and(|extension| extension == "s") {
            fs::write(out.join(&path), lines::number_lines(&fs::read_to_string(&path)?))?;
        }
    }
    Ok(())
}
