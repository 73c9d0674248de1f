//! Flags that a split build cannot have, and those that it needs.

use super::args::{Arg, Args};
use super::kind::{self, Crate};
use crate::codegen::Settings;
use crate::codegen::unit::THUNK_FEATURES;
use crate::error::{Error, Result};
use crate::link::Strip;
use crate::session::Session;

/// Refuses flags under which code could not be verified. Better here, by name, than after linking.
///
/// # Errors
/// At the first such flag.
pub fn refuse(args: &Args) -> Result<()> {
    let refusal = |what: String, why, remedy| Err(Error::Refused { what, why, remedy });
    for arg in &args.0 {
        match arg {
            Arg::Codegen { key, value } => {
                let value = value.as_deref().unwrap_or("yes");
                let why = match (key.as_str(), value) {
                    ("relocation-model", "pic" | "pie" | "default") | ("code-model", "small") => continue,
                    ("relocation-model", _) => {
                        "calls into other libraries would be direct and could not be led to a big stack"
                    }
                    ("code-model", _) => "calls have forms that the verifier does not know",
                    ("prefer-dynamic", "yes" | "y" | "on" | "true") => "the std in the shared library has no checks",
                    ("force-frame-pointers", "no" | "n" | "off" | "false" | "non-leaf") => {
                        "stacks are moved along the chain of frame pointers"
                    }
                    ("force-unwind-tables", "no" | "n" | "off" | "false") => {
                        "a function on the stack is found by its entry in the unwind tables"
                    }
                    ("llvm-args", args) if changes_prologues(args) => {
                        "it changes how functions begin, which is what is checked"
                    }
                    ("target-feature", features) if features.split(',').any(|feature| feature == "+crt-static") => {
                        "a static libc calls checked functions before there is a thread control block to check against"
                    }
                    ("codegen-backend", _) => "the checks are put in by LLVM",
                    _ => continue,
                };
                return refusal(
                    format!("`-C {key}={value}`"),
                    why,
                    "take the flag out of RUSTFLAGS, cargo's configuration or the profile",
                );
            }
            Arg::Option { name, value } if name == "-Z" => {
                let value = value.to_string_lossy();
                let key = value.split('=').next().unwrap_or_default().replace('_', "-");
                if ["sanitizer", "codegen-backend", "plt", "retpoline", "retpoline-external-thunk", "cf-protection"]
                    .contains(&key.as_str())
                    || key.starts_with("patchable-function")
                    || key.starts_with("instrument")
                {
                    let why = "it changes how functions begin or call, which is what is checked";
                    return refusal(
                        format!("`-Z {value}`"),
                        why,
                        "take the flag out of RUSTFLAGS or cargo's configuration",
                    );
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// LLVM's options about frames, by words in their names.
fn changes_prologues(llvm_args: &str) -> bool {
    [
        "split-stack",
        "forceattrs",
        "frame-pointer",
        "realign",
        "stack-align",
        "shrink-wrap",
        "red-zone",
        "patchable",
        "xray",
    ]
    .iter()
    .any(|word| llvm_args.contains(word))
}

/// Changes the command line to that of the first pass. Returns what is to be stripped after verification.
///
/// # Errors
/// When the crate is of no type that can be part of a split build.
pub fn adapt(session: &Session, args: &mut Args, this: &Crate) -> Result<Strip> {
    if this.is_for_others() {
        return Err(Error::Refused {
            what: format!("the crate type `{}` of {}", args.crate_types().join(","), this.name),
            why: "what it is linked into knows nothing of stack checks, and brings no runtime for them",
            remedy: "build it with `cargo build`, or leave the package out with `--exclude` or `-p`",
        });
    }
    if let Some(kind) = kind::remove_types_for_others(args) {
        let text = format!("{} is built as a Rust library only: a `{kind}` cannot be part of a split build", this.name);
        session.warn_once(&format!("type-{}", this.name), &text);
    }
    // `-C lto=no` and `off` are no requests.
    let is_request = |value: &str| !matches!(value, "no" | "n" | "off" | "false");
    if args.codegen("lto").any(is_request) || args.codegen("linker-plugin-lto").any(is_request) {
        session.warn_once(
            "lto",
            "link-time optimisation is switched off in a split build: it would move code out of the objects that get the checks",
        );
    }
    if !args.codegen("lto").all(|value| !is_request(value)) {
        args.remove_codegen(&["lto"]);
    }
    args.remove_codegen(&["linker-plugin-lto"]);
    // Debug information goes into the objects, because the first pass's own ones are thrown away.
    args.remove_codegen(&["split-debuginfo"]);
    let strip = match args.codegen("strip").next_back() {
        Some("debuginfo") => Strip::DebugInfo,
        Some("symbols") => Strip::Symbols,
        _ => Strip::Nothing,
    };
    args.remove_codegen(&["strip"]);
    // To emit bitcode would mean one unit otherwise. These are the numbers that rustc would use.
    if args.codegen("codegen-units").next().is_none() {
        args.push_codegen("codegen-units", if args.codegen("incremental").next().is_some() { "256" } else { "16" });
    }
    if session.is_runtime {
        // A program may have the same crates, compiled otherwise: two sets of symbols instead of one with two meanings.
        args.push_codegen("metadata", "morestack-runtime");
    }
    args.push_codegen("force-frame-pointers", "yes");
    args.push_codegen("target-feature", THUNK_FEATURES);
    emit_bitcode(args);
    Ok(strip)
}

/// Adds bitcode to what is emitted, beside the objects.
fn emit_bitcode(args: &mut Args) {
    // `-o` names the one output and cannot with two.
    let output = args.option("-o").map(std::path::PathBuf::from);
    args.0.retain(|arg| !matches!(arg, Arg::Option { name, .. } if name == "-o"));
    let says = args.says_what_to_emit();
    let emits = args.0.iter_mut().filter_map(|arg| if let Arg::Emit(kinds) = arg { Some(kinds) } else { None });
    if !says {
        args.0.push(Arg::Emit(vec![("link".into(), output), ("llvm-bc".into(), None)]));
    } else if let Some(kinds) = emits.last() {
        if !kinds.iter().any(|(kind, _)| kind == "llvm-bc") {
            kinds.push(("llvm-bc".into(), None));
        }
        if let Some((_, path)) = kinds.iter_mut().find(|(kind, path)| kind == "link" && path.is_none()) {
            *path = output;
        }
    }
}

/// How the second pass generates code, given the flags of the first.
pub fn settings(args: &Args) -> Settings {
    let level = args.codegen("opt-level").next_back().unwrap_or(if args.has("-O") { "3" } else { "0" });
    let optimize = match level {
        "0" => 0,
        "1" => 1,
        "3" => 3,
        // 2, and the two levels for small code.
        _ => 2,
    };
    let llvm_args = args.codegen("llvm-args").flat_map(str::split_whitespace).map(String::from).collect();
    Settings { optimize, llvm_args }
}
