//! Running off a big stack ends in a message that says whose stack it was and what to change, and in SIGABRT.

mod common;

use common::{Ended, role, run_child};
use morestack::sigstack::{AltStack, prepare_process};
use morestack::stack::big::BigStack;
use morestack::stack::report::set_task_describer;

/// Touches the guard page of a fresh stack; does not return.
fn hit_the_guard(size: Option<usize>) {
    let stack = BigStack::new(size).unwrap();
    eprintln!("stack of {} bytes ({:#x}-{:#x})", stack.size(), stack.lo(), stack.hi());
    // SAFETY: none; this is the fault under test.
    unsafe { (stack.lo() as *mut u8).sub(1).write_volatile(1) };
}

/// The child printed the stack it hit, and died of a report naming the same one.
fn assert_reported(ended: &Ended, who: &str) {
    assert_eq!(ended.signal, Some(libc::SIGABRT), "{ended:?}");
    let stack = ended.stderr.lines().find(|line| line.starts_with("stack of")).expect("printed before the hit");
    let report = ended.stderr.lines().find(|line| line.starts_with("morestack: fatal: ")).expect("a report");
    assert!(report.starts_with(&format!("morestack: fatal: {who}")), "{report}");
    let rest = format!(" overflowed its {stack}; give it more with Builder::stack_size or RUST_MIN_STACK");
    assert!(report.ends_with(&rest), "{report}\n{rest}");
}

#[test]
fn with_the_task_and_the_size() {
    if role().is_some() {
        prepare_process();
        let _alternate = AltStack::install().unwrap();
        // SAFETY: it writes a constant.
        unsafe { set_task_describer(|out| out.write_str("task 7 \"parser\"").unwrap()) };
        return hit_the_guard(None);
    }
    assert_reported(&run_child("with_the_task_and_the_size", "child"), "task 7 \"parser\"");
}

#[test]
fn with_the_thread_where_there_are_no_tasks() {
    if role().is_some() {
        prepare_process();
        // On the small alternate stack that std gives its threads.
        let thread = std::thread::Builder::new().name("plain".into());
        thread.spawn(|| hit_the_guard(Some(1 << 20))).unwrap().join().unwrap();
        return;
    }
    assert_reported(&run_child("with_the_thread_where_there_are_no_tasks", "child"), "thread \"plain\" (");
}

#[cfg(feature = "corosensei")]
#[test]
fn when_a_recursion_gets_there() {
    fn recurse(depth: u64) -> u64 {
        let here = [depth; 16];
        if std::hint::black_box(&here)[0] == u64::MAX { 0 } else { recurse(depth + 1) + here[1] }
    }
    if role().is_some() {
        prepare_process();
        let _alternate = AltStack::install().unwrap();
        let stack = BigStack::new(None).unwrap();
        eprintln!("stack of {} bytes ({:#x}-{:#x})", stack.size(), stack.lo(), stack.hi());
        let mut coroutine = corosensei::Coroutine::<(), (), u64, BigStack>::with_stack(stack, |_, ()| recurse(0));
        coroutine.resume(());
        return;
    }
    assert_reported(&run_child("when_a_recursion_gets_there", "child"), "thread \"");
}
