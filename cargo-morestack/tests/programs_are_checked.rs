//! What a split build makes: functions of the program and of std check their stack, optimised and not, and the program does what it
//! does in an ordinary build.

mod common;
use common::{Project, is_checked, run_program};

const MAIN: &str = r#"
use std::collections::HashMap;
#[inline(never)] fn recursive(n: u64) -> u64 { if n == 0 { 0 } else { recursive(n - 1) ^ n } }
#[inline(never)] fn large(n: u8) -> u32 { let mut a = [n; 5000]; std::hint::black_box(&mut a); a.iter().map(|b| u32::from(*b)).sum() }
fn main() {
    assert!(cfg!(morestack_split));
    let map: HashMap<String, u64> = (0..100).map(|i| (format!("{i:?}"), recursive(i))).collect();
    let caught = std::panic::catch_unwind(|| { let v: Vec<u32> = Vec::new(); v[std::env::args().count()] });
    let thread = std::thread::spawn(|| large(1)).join().unwrap();
    println!("{} {} {thread}", map.len(), caught.is_err());
}
"#;

#[test]
fn optimised() {
    let project = Project::program(MAIN);
    assert_eq!(project.succeed(&["run", "--release"]), "100 true 5000\n");
    let binary = project.made("release", "sample");
    for function in ["recursive", "large", "sample4main", "_RNvNtNtCs", "default_hook"] {
        assert!(is_checked(&binary, function), "{function}");
    }
}

#[test]
fn not_optimised() {
    let project = Project::program(MAIN);
    project.succeed(&["build"]);
    let binary = project.made("debug", "sample");
    assert_eq!(run_program(&binary), "100 true 5000\n");
    assert!(is_checked(&binary, "recursive") && is_checked(&binary, "large"));
}

#[test]
fn invoked_by_cargo() {
    let project = Project::program("fn main() { println!(\"{:?}\", std::env::args().nth(1)); }");
    assert_eq!(project.succeed(&["morestack", "run", "--", "--small-threads"]), "Some(\"--small-threads\")\n");
}
