//! The first copy of a process puts the handler in its place: from many threads at once, in a handler, in a forked child; each of them
//! survives its fault, and `errno` stays as it was.

mod common;

use common::{role, run_child};
use libc::c_int;
use morestack::safecopy;
use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a child that has come to its end.
const THROUGH: i32 = 42;

/// A copy that faults; whether it says so, and leaves `errno` alone.
fn survives() -> bool {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() = 77 };
    let fault = safecopy::copy_in(&mut [0; 40], ptr::without_provenance(0x1230));
    // SAFETY: as above.
    let errno = unsafe { *libc::__errno_location() };
    fault.is_err_and(|fault| fault.address == 0x1230) && errno == 77
}

static SURVIVED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_: c_int) {
    SURVIVED.store(survives(), Ordering::Relaxed);
}

/// Forks; whether the child survives.
fn in_a_forked_child() -> bool {
    let mut status = 0;
    // SAFETY: the child does what is async-signal-safe, and ends.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(if survives() { THROUGH } else { 1 }),
            child => assert_eq!(libc::waitpid(child, &mut status, 0), child),
        }
    }
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == THROUGH
}

#[test]
fn child() {
    let Some(role) = role() else { return };
    match role.as_str() {
        "threads" => {
            let all = Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        all.wait();
                        assert!(survives());
                    });
                }
            });
        }
        "handler" => {
            // SAFETY: the handler is async-signal-safe.
            unsafe {
                libc::signal(libc::SIGUSR1, on_signal as *const () as usize);
                libc::raise(libc::SIGUSR1);
            }
            assert!(SURVIVED.load(Ordering::Relaxed));
        }
        "fork" => assert!(in_a_forked_child() && survives()),
        "fork among first calls" => {
            let all = &Barrier::new(3);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        all.wait();
                        assert!(survives());
                    });
                }
                all.wait();
                assert!(in_a_forked_child());
            });
        }
        other => panic!("{other} is no role"),
    }
    std::process::exit(THROUGH);
}

fn ends_well(role: &str, times: usize) {
    for _ in 0..times {
        let ended = run_child("child", role);
        assert_eq!((ended.signal, ended.code), (None, Some(THROUGH)), "{role}: {ended:?}");
    }
}

#[test]
fn from_many_threads_at_once() {
    ends_well("threads", 10);
}

#[test]
fn in_a_handler() {
    ends_well("handler", 1);
}

#[test]
fn in_forked_children() {
    ends_well("fork", 1);
    ends_well("fork among first calls", 10);
}
