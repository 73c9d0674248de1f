//! The program that measures the split build runs its rows and compares itself with another build.

#[path = "common/server.rs"]
mod server;

use std::process::Command;

/// What it prints.
fn split(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(server::path_of(program)).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn rows_print_their_figures() {
    let lines = split("split", &["json_typed", "foreign"]);
    let figures: Vec<Vec<&str>> = lines.lines().map(|line| line.split(' ').collect()).collect();
    let [typed, foreign] = &*figures else { panic!("two lines: {lines}") };
    for (line, name) in [(typed, "json_typed"), (foreign, "foreign")] {
        assert_eq!((line.len(), line[0], line[2]), (3, name, "ns"), "{lines}");
        assert!(line[1].parse::<f64>().is_ok_and(|value| value > 0.0), "{lines}");
    }
}

/// The rows that make their own tasks: the deepest, and the one that runs a script.
#[test]
fn programs_that_grow_their_stacks_run() {
    split("split", &["growth", "hot_split"]);
}

#[test]
fn builds_are_compared() {
    let other = server::path_of("split_system");
    let other = other.to_str().expect("text");
    let kind = if cfg!(morestack_split) { "split" } else { "plain" };
    let lines = split("split", &["--against", other, "1", "foreign"]);
    let mut lines = lines.lines();
    assert_eq!(lines.next(), Some(&*format!("ours:   {kind} build, morestack::alloc")));
    assert_eq!(lines.next(), Some(&*format!("theirs: {kind} build, the system's allocator")));
    assert_eq!(lines.next(), Some("targets are for a split build against a plain one, so nothing is judged"));
    let figures: Vec<&str> = lines.next().expect("a line of figures").split_whitespace().collect();
    assert_eq!((figures[0], figures[3], figures[4], lines.next()), ("foreign", "ns", "x", None), "{figures:?}");
}
