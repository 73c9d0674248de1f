//! A look at what a compiler makes, before anything is built with it.
//!
//! There is no list of compilers that do: a small crate goes through both passes, once per compiler, and what comes out is compared
//! with what the runtime and the verifier know. The verifier would find out, too, but not say that it is the compiler.

use crate::codegen::check::{self, Form};
use crate::codegen::unit::{self, THUNK_FEATURES};
use crate::codegen::{Generator, Settings, assembly, elf};
use crate::error::{Error, Result};
use crate::session::TARGET;
use crate::toolchain::Toolchain;
use crate::user_cache;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// One function for each thing that is looked at.
const SOURCE: &str = r#"
#![crate_type = "lib"]
unsafe extern "C-unwind" { fn outside(at: *mut u8); }
#[unsafe(no_mangle)] pub fn small_frame() { let mut bytes = [0_u8; 16]; unsafe { outside(bytes.as_mut_ptr()) } }
#[unsafe(no_mangle)] pub fn large_frame() { let mut bytes = [0_u8; 1000]; unsafe { outside(bytes.as_mut_ptr()) } }
#[unsafe(no_mangle)] pub fn indirect(f: &dyn Fn() -> u32) -> u32 { f() + 1 }
#[unsafe(no_mangle)] pub fn stack_arguments(a: [u64; 4], b: u64, c: u64, d: u64, e: u64, f: u64, g: &mut [u64; 4]) -> u64 {
    let mut bytes = [b as u8; 16];
    unsafe { outside(bytes.as_mut_ptr()) }
    *g = a;
    c + d + e + f
}
"#;

/// The functions of [`SOURCE`], and whether their frames are too large for the comparing form.
const FUNCTIONS: [(&str, bool); 4] =
    [("small_frame", false), ("large_frame", true), ("indirect", false), ("stack_arguments", false)];

const THUNK: &str = "__x86_indirect_thunk_r11";

/// Makes sure that `toolchain` makes what is expected.
///
/// # Errors
/// [`Error::Probe`] when it does not.
pub fn ensure(toolchain: &Toolchain) -> Result<()> {
    let parent = user_cache::directory(toolchain)?;
    user_cache::once(&parent, &format!("probed-{}", unit::RECIPE), |scratch| {
        probe(toolchain, scratch, 0)?;
        probe(toolchain, scratch, 3)
    })?;
    Ok(())
}

fn probe(toolchain: &Toolchain, scratch: &Path, optimize: u8) -> Result<()> {
    let object = generate(toolchain, scratch, optimize)?;
    let disagree = |expected: &str, found: String| {
        Err(Error::Probe { compiler: toolchain.version.clone(), expected: expected.into(), found })
    };
    let functions: BTreeMap<_, _> = elf::functions(&object)?.into_iter().map(|f| (f.name, f.code)).collect();
    for (name, is_large) in FUNCTIONS {
        let Some(code) = functions.get(name).map(|range| &object[range.clone()]) else {
            return disagree(&format!("a function `{name}`"), "none".into());
        };
        let start = || format!("`{name}` begins with {:02x?}", &code[..code.len().min(64)]);
        let Some(check) = check::parse(code) else {
            return disagree(
                "functions that begin with a check of %fs:0x70 and grow the stack by `__morestack`",
                start(),
            );
        };
        if matches!(check.form, Form::Subtract { .. }) != is_large {
            return disagree("frames below 256 bytes compared with RSP, others subtracted first", start());
        }
        if !code[check.body..].starts_with(&[0x55, 0x48, 0x89, 0xe5]) {
            return disagree("`push %rbp; mov %rsp, %rbp` behind the check", start());
        }
    }
    if let Some((function, why)) = assembly::unsuitable(&object)?.first_key_value() {
        return disagree(
            &format!("indirect calls by way of `{THUNK}`"),
            format!("`{function}`, of which is to be said: {why}"),
        );
    }
    for symbol in [THUNK, "__morestack"] {
        if !elf::refers_to(&object, symbol)? {
            return disagree(&format!("calls of `{symbol}`"), "none".into());
        }
    }
    Ok(())
}

fn generate(toolchain: &Toolchain, scratch: &Path, optimize: u8) -> Result<Vec<u8>> {
    let source = scratch.join("probe.rs");
    fs::write(&source, SOURCE).map_err(Error::file("write", &source))?;
    let mut command = Command::new(&toolchain.rustc);
    command
        .arg(&source)
        .args(["--crate-name", "probe", "--edition", "2024", "--target", TARGET])
        .arg("--out-dir")
        .arg(scratch);
    command.args(["--emit=obj,llvm-bc", "-C", "codegen-units=1", "-C", "force-frame-pointers=yes"]);
    command.args(["-C", &format!("target-feature={THUNK_FEATURES}"), "-C", &format!("opt-level={optimize}")]);
    let output = command.stdin(Stdio::null()).output().map_err(Error::run(&toolchain.rustc))?;
    if !output.status.success() {
        return Err(Error::Probe {
            compiler: toolchain.version.clone(),
            expected: "a small crate to compile with the flags of a split build".into(),
            found: String::from_utf8_lossy(&output.stderr).trim().to_string(),
        });
    }
    let read = |name: &str| {
        let path = scratch.join(name);
        fs::read(&path).map_err(Error::file("read", &path))
    };
    let lld = toolchain.lld();
    let generator = Generator::new(&lld, &toolchain.id, Settings { optimize, ..Settings::default() }, None);
    Ok(generator.generate("the probe", &read("probe.bc")?, &read("probe.o")?)?.object)
}
