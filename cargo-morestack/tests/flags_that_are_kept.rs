//! What a user has set stays set.

mod common;
use common::{Project, is_checked};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const MAIN: &str = r#"
#[inline(never)] fn sum(values: &[f32]) -> f32 { values.iter().sum() }
fn main() { println!("{} {}", sum(&[1.0, 2.0]), cfg!(target_feature = "avx2")) }
"#;

#[test]
fn target_cpu() {
    let project = Project::program(MAIN).env("RUSTFLAGS", "-Ctarget-cpu=native -Ctarget-feature=+sse3");
    assert!(project.succeed(&["run", "--release"]).starts_with("3 "));
    assert!(
        is_checked(&project.made("release", "sample"), "sum")
            || !is_checked(&project.made("release", "sample"), "main")
    );
}

#[test]
fn the_linker() {
    let project = Project::program(MAIN);
    let log = project.path("linker.log");
    project.write("linker", &format!("#!/bin/sh\necho \"$@\" >> '{}'\nexec cc \"$@\"\n", log.display()));
    let linker = project.path("linker");
    fs::set_permissions(&linker, fs::Permissions::from_mode(0o755)).expect("set");
    let flags = format!("-Clinker={} -Clink-arg=-Wl,--build-id=none", linker.display());
    let project = project.env("RUSTFLAGS", &flags);
    project.succeed(&["run"]);
    let log = fs::read_to_string(log).expect("the linker ran");
    assert!(log.contains("--build-id=none") && log.contains("--wrap=memcpy"), "{log}");
}

#[test]
fn the_linker_of_a_configuration_file() {
    let project = Project::program(MAIN);
    let config = "[target.x86_64-unknown-linux-gnu]\nlinker = \"gcc\"\nrustflags = [\"-Clink-arg=-fuse-ld=bfd\"]\n";
    project.write(".cargo/config.toml", config);
    project.succeed(&["run"]);
}

#[test]
fn the_target_directory() {
    let project = Project::program(MAIN);
    let binary = |directory: &str| project.path(directory).join("morestack/x86_64-unknown-linux-gnu/debug/sample");
    project.succeed(&["build", "--target-dir", "elsewhere"]);
    assert!(binary("elsewhere").exists());
    let mut command = project.command(&["build"]);
    command.env("CARGO_TARGET_DIR", project.path("variable"));
    assert!(common::finish(command).status.success());
    assert!(binary("variable").exists());
    project.write(".cargo/config.toml", "[build]\ntarget-dir = \"configured\"\n");
    project.succeed(&["build"]);
    assert!(binary("configured").exists());
    assert!(!project.path("target").exists());
}

#[test]
fn another_wrapper_is_left_out_with_a_note() {
    let output = Project::program(MAIN).env("RUSTC_WRAPPER", "/nonexistent/sccache").run(&["run"]);
    let messages = common::stderr(&output);
    assert!(output.status.success() && messages.contains("`/nonexistent/sccache` is left out"), "{messages}");
}

#[test]
fn another_wrapper_in_a_configuration_file_is_left_out_with_a_note() {
    let files = [("src/main.rs", MAIN), (".cargo/config.toml", "[build]\nrustc-wrapper = \"/nonexistent/sccache\"\n")];
    let output = Project::new(&files).run(&["run"]);
    let messages = common::stderr(&output);
    assert!(output.status.success() && messages.contains("`/nonexistent/sccache` is left out"), "{messages}");
}

#[test]
fn the_option_for_threads_reaches_the_program() {
    let project = Project::program("fn main() { println!(\"{:?}\", std::env::var(\"MORESTACK_SMALL_THREADS\")) }");
    assert_eq!(project.succeed(&["run", "--small-threads"]), "Ok(\"1\")\n");
    assert_eq!(project.succeed(&["run"]), "Err(NotPresent)\n");
}
