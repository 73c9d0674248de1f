//! Brings the assembly files of Go's standard library that the tests run to where `goasm::include!` finds them, with the headers
//! that Go's compiler makes for them. Where Go is not installed, the tests are skipped: they are compiled with `cfg(go)` only.

#[path = "../assembler/tests/common/go.rs"]
#[allow(dead_code)]
mod go;

use go::Go;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Packages and their files.
const FILES: [(&str, &str); 14] = [
    ("crypto/md5", "md5block_amd64.s"),
    ("crypto/sha1", "sha1block_amd64.s"),
    ("crypto/internal/fips140/sha256", "sha256block_amd64.s"),
    ("hash/crc32", "crc32_amd64.s"),
    ("internal/bytealg", "compare_amd64.s"),
    ("internal/bytealg", "count_amd64.s"),
    ("internal/bytealg", "equal_amd64.s"),
    ("internal/bytealg", "index_amd64.s"),
    ("internal/bytealg", "indexbyte_amd64.s"),
    ("math", "exp_amd64.s"),
    ("math", "floor_amd64.s"),
    ("math", "hypot_amd64.s"),
    ("math/big", "arith_amd64.s"),
    ("vendor/golang.org/x/crypto/chacha20poly1305", "chacha20poly1305_amd64.s"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../assembler/tests/common/go.rs");
    println!("cargo::rerun-if-changed=../../target/go");
    println!("cargo::rerun-if-env-changed=GOASM_GOROOT");
    let Some(go) = Go::find() else { return };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    for (package, name) in FILES {
        let dir = out.join(package);
        fs::create_dir_all(&dir).expect("a directory in OUT_DIR");
        let source = go.root().join("src").join(package).join(name);
        let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        if text.contains("\"go_asm.h\"") {
            copy(&go.header_dir(package).join("go_asm.h"), &dir.join("go_asm.h"));
        }
        if text.contains("\"asm_amd64.h\"") {
            copy(&go.include_dir().join("asm_amd64.h"), &dir.join("asm_amd64.h"));
        }
        fs::write(dir.join(name), text).expect("a file in OUT_DIR");
    }
    println!("cargo::rustc-cfg=go");
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}
