//! Link-time optimisation, in any form, is switched off with one warning.

mod common;
use common::{Project, stderr};

const LIBRARY: &str = "pub fn answer() -> u32 { 42 }";
const MAIN: &str = "fn main() { println!(\"{}\", part::answer()); }";

fn project() -> Project {
    let part = "[package]\nname = \"part\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    Project::new(&[("src/main.rs", MAIN), ("part/src/lib.rs", LIBRARY), ("part/Cargo.toml", part)])
        .manifest("[dependencies]\npart = { path = \"part\" }")
}

fn warns_once(project: &Project, arguments: &[&str]) {
    let output = project.run(arguments);
    let messages = stderr(&output);
    assert!(output.status.success(), "{messages}");
    assert_eq!(messages.matches("link-time optimisation is switched off").count(), 1, "{messages}");
    assert_eq!(common::stdout(&output), "42\n");
}

#[test]
fn of_a_profile() {
    for value in ["\"fat\"", "\"thin\"", "true"] {
        warns_once(&project().manifest(&format!("[profile.release]\nlto = {value}")), &["run", "--release"]);
    }
}

#[test]
fn of_flags() {
    warns_once(&project().env("RUSTFLAGS", "-Clinker-plugin-lto"), &["run", "--release"]);
}

#[test]
fn nothing_is_said_where_it_is_off() {
    let output = project().manifest("[profile.release]\nlto = \"off\"").run(&["run", "--release"]);
    assert!(output.status.success() && !stderr(&output).contains("warning"), "{}", stderr(&output));
}
