//! Child processes know nothing of how we treat signals: no mask, no handlers, no alternate stack; wherever they are spawned.

use std::process::Command;
use std::sync::{Mutex, OnceLock};

use morestack::sched::Scheduler;
use morestack::sigstack::{AltStack, prepare_process};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/children.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn spawns() = "children.spawns";
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "children.rust")]
    fn children_rust() {
        FROM_CALLBACKS.lock().unwrap().push(signals_of_a_child());
    }
}

/// What the children that mapped code spawned had to say.
static FROM_CALLBACKS: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

/// What a child says before anything has been started.
static BEFORE: OnceLock<Vec<String>> = OnceLock::new();

/// The lines about signals of a child's `/proc/self/status`.
fn signals_of_a_child() -> Vec<String> {
    let out = Command::new("cat").arg("/proc/self/status").output().unwrap();
    let status = String::from_utf8(out.stdout).unwrap();
    status
        .lines()
        .filter(|l| l.starts_with("SigBlk") || l.starts_with("SigIgn") || l.starts_with("SigCgt"))
        .map(String::from)
        .collect()
}

#[track_caller]
fn assert_clean(child: &[String]) {
    assert_eq!(child.len(), 3);
    assert_eq!(child, BEFORE.get().unwrap(), "as before the start");
    assert!(child.iter().filter(|l| !l.starts_with("SigIgn")).all(|l| l.ends_with("\t0000000000000000")), "{child:?}");
}

/// One test, because it begins before the start.
#[test]
fn and_no_handlers() {
    BEFORE.set(signals_of_a_child()).unwrap();
    prepare_process();
    {
        let _alternate = AltStack::install().unwrap();
        assert_clean(&signals_of_a_child());
    }
    // From Rust called by mapped code, outside any task.
    spawns();
    // From both kinds of tasks, several at a time.
    let scheduler = Scheduler::new();
    let tasks: Vec<_> =
        (0..3).map(|_| (scheduler.spawn(signals_of_a_child), scheduler.spawn_mapped(spawns::function(), ()))).collect();
    for (closure, mapped) in tasks {
        assert_clean(&closure.join().unwrap());
        mapped.join().unwrap();
    }
    let from_callbacks = FROM_CALLBACKS.lock().unwrap();
    assert_eq!(from_callbacks.len(), 4);
    from_callbacks.iter().for_each(|child| assert_clean(child));
}
