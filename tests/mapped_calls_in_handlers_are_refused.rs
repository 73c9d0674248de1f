//! A signal handler that calls mapped code, or switches tasks, would run over the frames that it has interrupted. Debug builds
//! end the process with a report that says so.

mod common;

use std::ffi::c_int;

use morestack::sched::{Scheduler, park, yield_now};

morestack::mapped_asm!(include_str!(concat!(env!("OUT_DIR"), "/tests/asm/interrupted.s")));

morestack::mapped! {
    unsafe extern "ABI0" {
        fn descend(k: u64, n: u64) -> u64 = "interrupted.descend";
        fn traps(k: u64) -> u64 = "interrupted.traps";
    }
}

extern "C" fn calls(_: c_int) {
    descend(1, 1);
}

extern "C" fn yields(_: c_int) {
    yield_now();
}

extern "C" fn parks(_: c_int) {
    park();
}

extern "C" fn runs(_: c_int) {
    Scheduler::new().spawn(|| ()).join().unwrap();
}

const HANDLERS: [(&str, extern "C" fn(c_int), &str); 4] = [
    ("calls", calls, "calls a mapped function in a signal handler"),
    ("yields", yields, "yields in a signal handler"),
    ("parks", parks, "parks in a signal handler"),
    ("runs", runs, "runs tasks in a signal handler"),
];

#[test]
fn with_a_report() {
    const NAME: &str = "with_a_report";
    if let Some(role) = common::role() {
        let (_, handler, _) = HANDLERS.iter().find(|(name, ..)| *name == role).unwrap();
        let scheduler = Scheduler::new();
        // SAFETY: it is not fit to run in mapped code, which is what this test is about: the process ends before harm is done.
        unsafe { libc::signal(libc::SIGTRAP, *handler as *const () as usize) };
        let _ = scheduler.builder().name("victim").spawn_mapped(traps::function(), (3,)).unwrap().join();
        return;
    }
    if !cfg!(debug_assertions) {
        println!("skipped: this build has no debug assertions");
        return;
    }
    for (role, _, message) in HANDLERS {
        let ended = common::run_child(NAME, role);
        assert_eq!(ended.signal, Some(libc::SIGABRT), "{role}: {ended:?}");
        let expected = format!("morestack: fatal: task 1 \"victim\" {message}");
        assert!(ended.stderr.contains(&expected), "{role}: {}", ended.stderr);
    }
}
