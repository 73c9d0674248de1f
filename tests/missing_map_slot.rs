//! A mistake in a map is caught under `move,poison`: a function whose map lacks a pointer does not pass for right.

mod common;
#[path = "common/mapped.rs"]
mod mapped;

use common::{Ended, role, run_child_with};
use mapped::{by_name, on_fresh_task};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/missing_map_slot.s")));

/// In a child: calls the function that the role names.
fn call(name: &str) {
    // SAFETY: two of the three are wrong on purpose, which is why this is a process of its own.
    let function = unsafe { by_name::<(u64,), u64>(name) };
    let got = on_fresh_task(function, (42,));
    assert!(got == 42, "{name} returned {got:#x} instead of 42");
}

fn child(test: &str, name: &str) -> Option<Ended> {
    if role().as_deref() == Some(name) {
        call(name);
        return None;
    }
    if !cfg!(feature = "debug-modes") {
        println!("skipped: needs the feature debug-modes");
        return None;
    }
    Some(run_child_with(test, name, &[("MORESTACK_DEBUG", "move,poison")]))
}

#[test]
fn the_function_without_the_mistake_passes() {
    if let Some(ended) = child("the_function_without_the_mistake_passes", "missing.none") {
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.stderr);
    }
}

#[test]
fn a_stale_pointer_reads_poison() {
    if let Some(ended) = child("a_stale_pointer_reads_poison", "missing.first") {
        println!("seen: {}", ended.stderr.trim());
        assert_eq!(ended.code, Some(101), "the child noticed: {ended:?}");
        assert!(ended.stderr.contains("missing.first returned 0xfdfdfdfdfdfdfdfd instead of 42"), "{}", ended.stderr);
    }
}

#[test]
fn a_pointer_read_through_a_stale_pointer_faults() {
    if let Some(ended) = child("a_pointer_read_through_a_stale_pointer_faults", "missing.second") {
        println!("seen: signal {:?}, {}", ended.signal, ended.stderr.trim());
        assert_eq!(ended.signal, Some(libc::SIGSEGV), "poison is no address: {ended:?}");
    }
}
