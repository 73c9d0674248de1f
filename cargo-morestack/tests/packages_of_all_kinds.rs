//! Workspaces, features, examples, tests, benchmarks, documentation tests, build scripts, procedural macros.

mod common;
use common::Project;

const MANIFEST: &str = r#"
[workspace]
members = ["app", "part", "derive"]
resolver = "3"
"#;
const APP: &str = r#"
[package]
name = "app"
version = "0.1.0"
edition = "2024"
[features]
loud = []
[dependencies]
part = { path = "../part" }
[[bench]]
name = "speed"
harness = false
"#;
const MAIN: &str = r#"
fn main() { println!("{} {}", part::name(), cfg!(feature = "loud")) }
#[test] fn in_a_program() { assert_eq!(part::name(), "part") }
"#;
const PART: &str = r#"
[package]
name = "part"
version = "0.1.0"
edition = "2024"
[dependencies]
derive = { path = "../derive" }
"#;
/// The build script tries out what the compiler can do, as published ones do.
const BUILD_SCRIPT: &str = r#"
use std::io::Write;
use std::process::{Command, Stdio};
fn main() {
    assert!(!cfg!(morestack_split));
    let rustc = std::env::var("RUSTC").unwrap();
    let wrapper = std::env::var("RUSTC_WRAPPER").ok();
    let target = std::env::var("TARGET").unwrap();
    let out = std::env::var("OUT_DIR").unwrap();
    let command = || match &wrapper {
        Some(wrapper) => { let mut command = Command::new(wrapper); command.arg(&rustc); command }
        None => Command::new(&rustc),
    };
    for words in [["-vV"].as_slice(), &["-V"], &["--version"], &["--version", "--verbose"]] {
        let version = command().args(words).output().unwrap();
        assert!(version.status.success());
        assert_eq!(version.stdout, Command::new(&rustc).args(words).output().unwrap().stdout);
    }
    for emit in ["llvm-ir", "metadata", "link"] {
        let mut child = command()
            .args(["--crate-name", "probe", "--crate-type=lib", "--target", &target, "--emit", emit, "--out-dir", &out, "-"])
            .stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"pub fn probe() {}").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{emit}: {}", String::from_utf8_lossy(&output.stderr));
    }
    println!("cargo::rustc-env=PART=part");
    println!("cargo::rustc-check-cfg=cfg(split)");
    if std::env::var_os("CARGO_CFG_MORESTACK_SPLIT").is_some() { println!("cargo::rustc-cfg=split"); }
}
"#;
const PART_LIBRARY: &str = r#"
//! A library.
/// ```
/// assert_eq!(part::name(), "part");
/// assert!(std::panic::catch_unwind(|| part::fail()).is_err());
/// ```
///
/// ```should_panic
/// part::fail();
/// ```
pub fn name() -> &'static str { env!("PART") }
pub fn fail() { panic!("as asked") }
#[cfg(not(split))] compile_error!("the build script was not told");
#[derive(derive::Nothing)] pub struct S;
#[test] fn in_a_library() { assert!(cfg!(morestack_split)) }
"#;
const DERIVE: &str =
    "[package]\nname = \"derive\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\nproc-macro = true\n";
const DERIVE_LIBRARY: &str = r#"
use proc_macro::TokenStream;
#[cfg(morestack_split)] compile_error!("a procedural macro runs in the compiler");
#[proc_macro_derive(Nothing)] pub fn nothing(_: TokenStream) -> TokenStream { TokenStream::new() }
"#;

fn project() -> Project {
    Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("app/Cargo.toml", APP),
        ("app/src/main.rs", MAIN),
        ("app/examples/short.rs", "fn main() { println!(\"example {}\", part::name()) }"),
        ("app/tests/outside.rs", "#[test] fn from_outside() { assert_eq!(part::name(), \"part\") }"),
        ("app/benches/speed.rs", "fn main() { println!(\"bench {}\", part::name()) }"),
        ("part/Cargo.toml", PART),
        ("part/build.rs", BUILD_SCRIPT),
        ("part/src/lib.rs", PART_LIBRARY),
        ("derive/Cargo.toml", DERIVE),
        ("derive/src/lib.rs", DERIVE_LIBRARY),
    ])
}

#[test]
fn everything_in_a_workspace() {
    let project = project();
    assert_eq!(project.succeed(&["run", "-p", "app"]), "part false\n");
    assert_eq!(project.succeed(&["run", "-p", "app", "--features", "loud"]), "part true\n");
    assert_eq!(project.succeed(&["run", "-p", "app", "--example", "short"]), "example part\n");
    assert!(project.succeed(&["bench"]).contains("bench part\n"));
    let tests = project.succeed(&["test"]);
    for test in ["in_a_program", "in_a_library", "from_outside"] {
        assert!(
            tests.contains(&format!("test {test} ... ok")) || tests.contains(&format!("{test} ... ok")),
            "{test}:\n{tests}"
        );
    }
    assert!(tests.contains("2 passed"), "documentation tests:\n{tests}");
    let only = project.succeed(&["test", "-p", "app", "--test", "outside"]);
    assert!(only.contains("from_outside ... ok") && !only.contains("in_a_library"), "{only}");
    project.succeed(&["check", "--workspace", "--all-targets"]);
}

#[test]
fn cleaning_removes_split_builds_only() {
    let project = Project::program("fn main() {}");
    project.succeed(&["build"]);
    project.write("target/debug/ordinary", "");
    project.succeed(&["clean"]);
    assert!(!project.path("target/morestack").exists() && project.path("target/debug/ordinary").exists());
    project.succeed(&["clean"]);
}
