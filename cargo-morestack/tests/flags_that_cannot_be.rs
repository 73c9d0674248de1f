//! Flags, crate types and targets that a split build cannot have are refused by name, with what to do.

mod common;
use common::Project;

fn refused(project: &Project, arguments: &[&str], parts: &[&str]) {
    let messages = project.fail(arguments);
    for part in parts {
        assert!(messages.contains(part), "`{part}` is missing:\n{messages}");
    }
}

#[test]
fn flags() {
    for (flag, name) in [
        ("-Crelocation-model=static", "`-C relocation-model=static`"),
        ("-C relocation-model=dynamic-no-pic", "`-C relocation-model=dynamic-no-pic`"),
        ("-Ctarget-feature=+sse3,+crt-static", "`-C target-feature=+sse3,+crt-static`"),
        ("-Cprefer-dynamic", "`-C prefer-dynamic=yes`"),
        ("-Cforce-frame-pointers=no", "`-C force-frame-pointers=no`"),
        ("-Cforce-unwind-tables=no", "`-C force-unwind-tables=no`"),
        ("-Ccode-model=large", "`-C code-model=large`"),
        ("-Cllvm-args=-enable-shrink-wrap=true", "`-C llvm-args=-enable-shrink-wrap=true`"),
    ] {
        let project = Project::program("fn main() {}").env("RUSTFLAGS", flag);
        refused(&project, &["build"], &[name, "cannot be part of a split build", "RUSTFLAGS"]);
    }
}

#[test]
fn targets() {
    let project = Project::program("fn main() {}");
    refused(&project, &["build", "--target", "x86_64-unknown-linux-musl"], &["x86_64-unknown-linux-musl", "glibc"]);
    refused(&project, &["build", "--target=aarch64-unknown-linux-gnu"], &["aarch64-unknown-linux-gnu"]);
    project.succeed(&["build", "--target", "x86_64-unknown-linux-gnu"]);
    let project = project.env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown");
    refused(&project, &["build"], &["wasm32-unknown-unknown"]);
}

#[test]
fn targets_of_configuration_files() {
    let with = |setting: &str| {
        let config = format!("[build]\ntarget = {setting}\n");
        Project::new(&[("src/main.rs", "fn main() {}"), (".cargo/config.toml", &config)])
    };
    refused(&with("\"x86_64-unknown-linux-musl\""), &["build"], &["x86_64-unknown-linux-musl", "glibc"]);
    refused(&with("[\"x86_64-unknown-linux-gnu\", \"wasm32-wasip1\"]"), &["build"], &["wasm32-wasip1"]);
    // The command line counts more.
    let project = with("\"x86_64-unknown-linux-musl\"");
    project.succeed(&["build", "--target", "x86_64-unknown-linux-gnu"]);
}

#[test]
fn libraries_for_others() {
    for kind in ["cdylib", "dylib", "staticlib"] {
        let project = Project::new(&[("src/lib.rs", "")]).manifest(&format!("[lib]\ncrate-type = [\"{kind}\"]"));
        refused(&project, &["build"], &[kind, "cargo build", "--exclude"]);
    }
}

#[test]
fn a_library_for_others_beside_one_for_rust_is_left_out() {
    let files = [
        ("src/lib.rs", "pub fn answer() -> u32 { 42 }"),
        ("src/main.rs", "fn main() { println!(\"{}\", sample::answer()) }"),
    ];
    let project = Project::new(&files).manifest("[lib]\ncrate-type = [\"cdylib\", \"rlib\"]");
    let output = project.run(&["run"]);
    let messages = common::stderr(&output);
    assert_eq!(common::stdout(&output), "42\n", "{messages}");
    assert!(messages.contains("is built as a Rust library only"), "{messages}");
    assert!(!project.made("debug", "libsample.so").exists());
}

#[test]
fn unknown_subcommands() {
    let messages = Project::program("fn main() {}").fail(&["fly"]);
    assert!(messages.contains("fly") && messages.contains("--help"), "{messages}");
}
