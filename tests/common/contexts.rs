//! The places from which Rust can call mapped code, for tests of what must hold in each of them.

use morestack::sched::Scheduler;
use std::cell::OnceCell;
use std::sync::atomic::{AtomicUsize, Ordering};

goasm::include! {
    "tests/asm/contexts_amd64.s";

    unsafe extern "ABI0" {
        fn mapped_main(body: *const u8) -> u64 = "contexts·mapped_main";
    }
}

morestack::mapped_export! {
    #[unsafe(export_name = "contexts.body")]
    fn contexts_body(body: *const u8) -> u64 {
        // SAFETY: `everywhere` passes a `fn()`.
        let body = unsafe { std::mem::transmute::<*const u8, fn()>(body) };
        body();
        1
    }
}

/// Runs its function when its thread ends.
struct AtExit(fn(), &'static AtomicUsize);

impl Drop for AtExit {
    fn drop(&mut self) {
        (self.0)();
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static AT_EXIT: OnceCell<AtExit> = const { OnceCell::new() };
}

/// Runs `body` in a Rust task, below mapped code of a mapped task, on an OS thread outside any scheduler, in a task of a
/// scheduler inside another's task, and in the destructor of a thread-local: one that runs while the thread's own part of
/// this library still exists, and one that runs later.
pub fn everywhere(body: fn()) {
    println!("in a Rust task");
    let scheduler = Scheduler::new();
    scheduler.spawn(body).join_or_resume();

    println!("in a mapped task");
    // SAFETY: the address of a `fn()` is what it takes.
    let mapped_main = unsafe { mapped_main::function() };
    assert_eq!(scheduler.spawn_mapped(mapped_main, (body as *const u8,)).join_or_resume(), 1);

    println!("in a task inside a task");
    scheduler.spawn(move || Scheduler::new().spawn(body).join_or_resume()).join_or_resume();

    println!("on an OS thread");
    std::thread::spawn(body).join().unwrap();

    println!("in the destructors of thread-locals");
    static EARLY: AtomicUsize = AtomicUsize::new(0);
    static LATE: AtomicUsize = AtomicUsize::new(0);
    let before = (EARLY.load(Ordering::SeqCst), LATE.load(Ordering::SeqCst));
    let early = std::thread::spawn(move || {
        nothing();
        AT_EXIT.with(|at_exit| assert!(at_exit.set(AtExit(body, &EARLY)).is_ok()));
    });
    early.join().unwrap();
    // Thread-locals go in the reverse order of their first use.
    let late = std::thread::spawn(move || {
        AT_EXIT.with(|at_exit| assert!(at_exit.set(AtExit(body, &LATE)).is_ok()));
        nothing();
    });
    late.join().unwrap();
    let after = (EARLY.load(Ordering::SeqCst), LATE.load(Ordering::SeqCst));
    assert!(after.0 > before.0 && after.1 > before.1, "the destructors have not run");
}

/// Uses mapped code.
fn nothing() {
    fn nothing() {}
    let body: fn() = nothing;
    // SAFETY: as above.
    assert_eq!(unsafe { mapped_main(body as *const u8) }, 1);
}
