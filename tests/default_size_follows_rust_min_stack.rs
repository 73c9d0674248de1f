//! `RUST_MIN_STACK` means for big stacks what it means for std's threads: at least so many bytes.

mod common;

use common::{role, run_child_with};
use morestack::stack::StackError;
use morestack::stack::big::{BigStack, DEFAULT_SIZE, MIN_DEFAULT_SIZE, set_default_size};

#[test]
fn in_a_process_of_its_own() {
    let Some(role) = role() else { return };
    if role == "proposed" {
        set_default_size(8 << 20).unwrap();
    }
    match BigStack::new(None) {
        Ok(stack) => eprintln!("size {}", stack.size()),
        Err(error @ StackError::BadMinStack { .. }) => eprintln!("bad: {error}"),
        Err(error) => eprintln!("{error}"),
    }
}

/// What a child with this value of the variable says about the default size.
fn with(value: &str, role: &str) -> String {
    let ended = run_child_with("in_a_process_of_its_own", role, &[("RUST_MIN_STACK", value)]);
    ended.stderr.lines().find(|line| line.starts_with("size") || line.starts_with("bad")).expect(&ended.stderr).into()
}

fn size_with(value: &str, role: &str) -> usize {
    with(value, role).strip_prefix("size ").unwrap().parse().unwrap()
}

#[test]
fn if_it_is_a_number() {
    assert!((1_000_000..2_097_152).contains(&size_with("1000000", "plain")));
    assert!((20_000.max(MIN_DEFAULT_SIZE)..65_536.max(2 * MIN_DEFAULT_SIZE)).contains(&size_with("20000", "plain")));
    assert_eq!(size_with("lots", "plain"), DEFAULT_SIZE);
    assert_eq!(size_with("", "plain"), DEFAULT_SIZE);
}

#[test]
fn and_goes_before_what_the_program_proposes() {
    assert!(size_with("1000000", "proposed") < 2_097_152);
    assert!(size_with("", "proposed") >= 8 << 20);
}

#[test]
fn and_what_a_thread_has_at_least_if_it_is_less() {
    // In a split build the stacks serve foreign calls, and an unwinder needs more than a thread has at least.
    let least = if cfg!(morestack_split) { (1 << 20) - 4096 } else { libc::PTHREAD_STACK_MIN };
    assert_eq!(MIN_DEFAULT_SIZE, least);
    for small in ["0", "1", "4096"] {
        assert!((least..2 * least).contains(&size_with(small, "plain")));
    }
}

#[test]
fn and_is_refused_by_its_name_if_absurd() {
    let most = (1u64 << 40) - 4096;
    let expected = format!(
        "bad: RUST_MIN_STACK asks for stacks of 9000000000000000 bytes, but {most} are the most there is; lower it"
    );
    assert_eq!(with("9000000000000000", "plain"), expected);
}
